//! Calls wait while a rate limit holds them back.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::StatusCode;
use tokio::time::{Instant, sleep_until};

use crate::{
    Client, Error,
    batch::{ItemReply, answers},
    builder::DEDUPLICATION_WINDOW,
    client::Answered,
    request::Call,
};

/// A server whose clock is behind names a time that has passed.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);

/// The quotas of QStash are those of a day.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

/// Closed until a rate limit is over. All calls of a publisher share it.
#[derive(Clone, Default)]
pub(super) struct RateLimitGate(Arc<Mutex<Option<Instant>>>);

impl RateLimitGate {
    /// Makes the call of a batch as soon as the gate is open.
    pub(super) async fn send(
        self,
        call: Call,
        expected: usize,
        client: &Client,
    ) -> Result<Answered<Vec<ItemReply>>, Error> {
        self.wait().await;
        let start = Instant::now();
        let mut may_be_done = false;
        loop {
            let answer = client.call_noting(call.clone(), |body| answers(body, expected)).await;
            let error = match answer.map_err(|error| error.after_another(may_be_done)) {
                Ok(Answered { answer, may_be_a_repetition }) => {
                    let may_be_a_repetition = may_be_a_repetition || may_be_done;
                    return Ok(Answered { answer, may_be_a_repetition });
                }
                Err(error) => error,
            };
            let Some(pause) = pause(&error, start.elapsed(), client.inner.timeout) else {
                return Err(error);
            };
            may_be_done = error.is_ambiguous();
            self.hold(pause);
            self.wait().await;
        }
    }

    async fn wait(&self) {
        while let Some(end) = self.end().filter(|end| *end > Instant::now()) {
            sleep_until(end).await;
        }
    }

    fn hold(&self, pause: Duration) {
        let end = Instant::now() + pause;
        let mut own = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *own = (*own).max(Some(end));
    }

    fn end(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long to wait after a failure before the same call is made again; `None` when it must not be made again.
fn pause(error: &Error, since_start: Duration, timeout: Duration) -> Option<Duration> {
    if error.status() != Some(StatusCode::TOO_MANY_REQUESTS) {
        return None;
    }
    let pause = error.retry_after().unwrap_or(Duration::from_secs(1)).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
    // An earlier attempt may have been accepted; QStash must still remember it when the last one of the next call arrives.
    let is_remembered = since_start + pause + timeout < DEDUPLICATION_WINDOW;
    (is_remembered || !error.is_ambiguous()).then_some(pause)
}
