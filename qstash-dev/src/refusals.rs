//! The calls that were refused last, for the page.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use http::Method;
use serde::Serialize;

use crate::reply::Refusal;

/// How many are remembered.
const MOST_REFUSALS: usize = 200;
/// How much of a path or of a reason is remembered, in characters.
const LONGEST_TEXT: usize = 1024;

/// A call that was refused.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RefusedCall {
    /// In milliseconds, by the clock of the machine: it is no event of a message.
    time: u64,
    status: u16,
    method: String,
    path: String,
    error: String,
}

/// Remembers calls that were refused, the newest first.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<VecDeque<RefusedCall>>);

impl Refusals {
    pub(crate) fn add(&self, method: &Method, path: &str, refusal: &Refusal) {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let call = RefusedCall {
            time: u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
            status: refusal.status().as_u16(),
            method: start_of(method.as_str()),
            path: start_of(path),
            error: start_of(refusal.error()),
        };
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.push_front(call);
        calls.truncate(MOST_REFUSALS);
    }

    pub(crate) fn all(&self) -> Vec<RefusedCall> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

fn start_of(text: &str) -> String {
    text.chars().take(LONGEST_TEXT).collect()
}
