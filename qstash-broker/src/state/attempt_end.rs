//! How attempts end.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::{LONGEST_BODY, compact};

/// How an attempt ended.
#[derive(Clone, Debug)]
pub enum AttemptEnd {
    /// The destination answered.
    Answered(Response),
    /// It did not; this is why.
    Failed(String),
}

/// What a destination answered.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, perhaps cut off.
    pub body: Bytes,
}

impl Response {
    /// A response whose headers do not hold on to the buffer that they were read into.
    pub fn new(status: StatusCode, headers: &HeaderMap, body: Bytes) -> Self {
        Self { status, headers: compact::headers(headers), body }
    }
}

impl AttemptEnd {
    /// The response, if there was one.
    pub fn response(&self) -> Option<&Response> {
        match self {
            AttemptEnd::Answered(response) => Some(response),
            AttemptEnd::Failed(_) => None,
        }
    }
}

impl fmt::Display for AttemptEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AttemptEnd::Answered(response) => {
                write!(f, "the destination answered {}", response.status.as_u16())?;
                if response.body.len() < LONGEST_BODY {
                    return Ok(());
                }
                write!(f, ", and of its body no more than {LONGEST_BODY} bytes are kept")
            }
            AttemptEnd::Failed(reason) => f.write_str(reason),
        }
    }
}
