//! What callers of the API want done, and what they are answered.

mod dead_letters;
mod messages;
mod now;
mod settings;

pub use self::{
    dead_letters::{DeleteDeadLetters, DeletedDeadLetters, RetriedDeadLetters, RetryDeadLetters},
    messages::{Cancel, Publish},
    now::{DeliverNow, RunSchedule},
    settings::{
        ChangeFlowControl, DeleteQueue, DeleteSchedule, DeleteUrlGroup, PutEndpoints, PutQueue, PutSchedule,
        RemoveEndpoints, SetDefaults, SetSchedule,
    },
};
