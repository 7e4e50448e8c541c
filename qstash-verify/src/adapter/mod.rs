//! What every middleware around a [`Verifier`](crate::Verifier) does besides IO. Needs the feature `adapter`.
//!
//! For crates that put the verifier into a framework, as `qstash-axum` and `qstash-actix` do. Such a crate implements
//! [`RequestHead`] for the requests of its framework, reads the body into the [`Unread`](crate::Unread) that a [`Guard`]
//! gives out, and makes responses of statuses, headers and texts. What is refused, with which answer, and what is logged
//! about it, is decided here, so that it is the same everywhere.

mod guard;
mod handler;
mod head;
mod log;
mod observe;
mod refusal;
pub mod vocabulary;

pub use guard::{Guard, read_json, verified};
pub use handler::handler_types;
pub use head::RequestHead;
pub use log::{log_handler_error, log_outcome};
pub use observe::Processing;
pub use refusal::Refusal;
