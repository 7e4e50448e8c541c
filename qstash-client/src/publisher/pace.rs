//! How fast calls may be made.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::StatusCode;
use tokio::time::{Instant, sleep_until};

use crate::{
    Client, Error,
    batch::{Answer, answers},
    config::DEDUPLICATION_WINDOW,
    request::Call,
};

/// A server whose clock is behind names a time that is over.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);

/// The quotas of QStash are those of a day.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

/// When the next call may be made. All calls of a publisher share it.
#[derive(Clone, Default)]
pub(super) struct Pace(Arc<Mutex<Option<Instant>>>);

impl Pace {
    /// Makes the call of a batch as soon as no rate limit is in the way.
    pub(super) async fn send(
        self,
        call: Call,
        expected: usize,
        client: &Client,
    ) -> Result<Vec<Answer>, Error> {
        self.wait().await;
        let start = Instant::now();
        let mut may_be_done = false;
        loop {
            let answer = client.call(call.clone(), |body| answers(body, expected)).await;
            let error = match answer.map_err(|error| error.after_another(may_be_done)) {
                Ok(answers) => return Ok(answers),
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

/// How long to wait after a failure before the same call is made again, which may take as long as it is allowed to; absent
/// when it must not be.
fn pause(error: &Error, since_start: Duration, timeout: Duration) -> Option<Duration> {
    if error.status() != Some(StatusCode::TOO_MANY_REQUESTS) {
        return None;
    }
    let pause = error.retry_after().unwrap_or(Duration::from_secs(1)).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
    // An earlier attempt may have been accepted; QStash must still remember it when the last one of the next call arrives.
    let is_remembered = since_start + pause + timeout < DEDUPLICATION_WINDOW;
    (is_remembered || !error.is_ambiguous()).then_some(pause)
}
