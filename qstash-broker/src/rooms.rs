//! The rooms: one for each rule of QStash, with what the rule needs to know.
//!
//! A room borrows the hall when a message has to move on, and knows no other room.

mod dead_letters;
mod flow_controls;
mod queues;
mod schedules;
mod url_groups;
mod windows;

pub(crate) use self::{
    dead_letters::DeadLetters,
    flow_controls::FlowControls,
    queues::Queues,
    schedules::Schedules,
    url_groups::{Recipients, UrlGroups},
    windows::Windows,
};
pub use self::{flow_controls::FlowChange, url_groups::EndpointKey};
