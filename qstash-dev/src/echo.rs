//! A destination that is always there: `/echo` answers what its URL tells it to, so that a first message succeeds, or fails, with
//! nothing else on the machine.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header, request::Parts};
use qstash_types::duration;

use crate::{
    query,
    reply::{Refusal, Reply, whole},
};

/// Where it is.
pub(crate) const PATH: &str = "/echo";
/// How much of a body is sent back. Longer ones are cut off.
pub(crate) const LONGEST_ECHO: usize = 64 * 1024;
/// How long an answer can be made to take. Whoever connects can have the server hold one.
const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// What is to be answered.
pub(crate) struct Echo {
    status: StatusCode,
    /// In place of the body that arrives.
    body: Option<Bytes>,
    pub(crate) delay: Duration,
}

impl Echo {
    /// Reads `status`, `delay` and `body` from the query.
    pub(crate) fn of(head: &Parts) -> Result<Self, Refusal> {
        let mut echo = Self { status: StatusCode::OK, body: None, delay: Duration::ZERO };
        for pair in query::pairs(head.uri.query()) {
            let text = str::from_utf8(&pair.value).ok();
            let bad = |expected| Refusal::bad_request(format_args!("{}: expected {expected}", pair.name));
            match &*pair.name {
                "status" => {
                    // Browsers and proxies wait for more behind 1xx.
                    let status =
                        text.and_then(|text| text.parse::<u16>().ok()).filter(|status| *status >= 200);
                    let status = status.and_then(|status| StatusCode::from_u16(status).ok());
                    echo.status = status.ok_or_else(|| bad("a status from 200 to 999"))?;
                }
                "delay" => {
                    let delay = text.and_then(|text| duration::parse(text).ok());
                    let delay = delay.filter(|delay| *delay <= LONGEST_DELAY);
                    echo.delay = delay.ok_or_else(|| bad("a span of a minute at most, such as 5s"))?;
                }
                "body" => echo.body = Some(pair.value.into()),
                _ => {}
            }
        }
        Ok(echo)
    }

    pub(crate) fn reply(self, body: Bytes) -> Reply {
        let mut reply = whole(self.body.unwrap_or(body));
        *reply.status_mut() = self.status;
        let headers = reply.headers_mut();
        // Whatever a stranger sends here, no browser takes it for a page.
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        reply
    }
}
