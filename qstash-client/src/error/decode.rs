//! Answers that are not understood.

use std::error::Error as StdError;

use http::StatusCode;

use super::{
    History,
    text::{Text, one_line},
};
use crate::api::Api;

/// QStash answered with success, but in a way that the client does not understand.
#[derive(thiserror::Error)]
#[error("{message}")]
pub struct DecodeError {
    status: StatusCode,
    message: String,
    source: Option<Text>,
    may_be_done: bool,
    pub(super) history: History,
}

/// What is wrong with the body of an answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("the answer of QStash was not understood")]
    NotUnderstood(#[from] serde_json::Error),
    #[error("the URL group has no endpoints")]
    NoEndpoints,
    #[error("QStash answered with a cursor that it was given before, so the listing does not end")]
    SameCursor,
    #[error("QStash answered for {found} messages of a batch of {expected}")]
    AnswerCount { expected: usize, found: usize },
}

impl DecodeError {
    /// Takes what was wrong with an answer of an API. The cause may quote the answer, and the answer the token.
    pub(crate) fn new(status: StatusCode, fault: &Fault, api: &Api) -> Self {
        let cause = fault.source().map(|cause| Text(one_line(&api.without_token(&cause.to_string()))));
        Self {
            status,
            message: fault.to_string(),
            source: cause,
            // The server said that it has carried out the call; only for a group without endpoints there was nothing to do.
            may_be_done: !matches!(fault, Fault::NoEndpoints),
            history: History::default(),
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn is_ambiguous(&self) -> bool {
        self.may_be_done
    }
}
