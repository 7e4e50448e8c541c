//! What is decided before the body is read, and after.

use std::{sync::Once, time::SystemTime};

use qstash_types::Help;
use serde::de::DeserializeOwned;
use tracing::{Level, enabled};

use super::{Processing, Refusal, RequestHead, log::log_refusal, observe};
use crate::{LogLevel, RefusalLog, Unread, Verified, Verifier, VerifyError};

/// A verifier and what it has logged: what all services of one middleware share.
#[derive(Debug)]
pub struct Guard {
    verifier: Verifier,
    refusals: RefusalLog,
}

impl Guard {
    /// Takes the verifier that decides, and warns in the log of what its settings leave open.
    pub fn new(verifier: Verifier) -> Self {
        if !verifier.checks_origin() {
            tracing::warn!(
                "no origin is set, so deliveries to the same path of any other service are accepted: set QSTASH_RECEIVER_URL or \
                 `origin` to the URL that QStash calls ({})",
                Help::NoOrigin
            );
        }
        for warning in verifier.warnings() {
            tracing::warn!("{warning}");
        }
        observe::describe();
        Self { verifier, refusals: RefusalLog::new() }
    }

    /// Decides by the head of a request. Takes the length that the framework knows of the body, in bytes, 0 if it knows
    /// none.
    ///
    /// # Errors
    ///
    /// Every [`VerifyError`] but [`BodyMismatch`](VerifyError::BodyMismatch).
    pub fn authenticate(&self, head: &impl RequestHead, body_len: u64) -> Result<Unread, VerifyError> {
        let mut unread = self.verifier.authenticate(&head.presented(), self.verifier.now())?;
        unread.content_length(head.content_length().max(body_len))?;
        Ok(unread)
    }

    /// The time on the verifier's clock.
    pub fn now(&self) -> SystemTime {
        self.verifier.now()
    }

    /// Begins to watch what is done with a verified delivery. With the feature `otel` that is a span, which continues the trace
    /// of the publisher if the delivery names it, and with the feature `metrics` a count and a duration.
    pub fn process(&self, head: &impl RequestHead, verified: &Verified) -> Processing {
        Processing::begin(&self.verifier, head, verified)
    }

    /// Logs and counts a refusal. Takes what was read of the body.
    pub fn log(&self, refusal: &Refusal, head: &impl RequestHead, body: &[u8]) {
        observe::refused(refusal);
        let Refusal::Unverified(error) = refusal else {
            // A body is read only after a known key has signed the head.
            return log_refusal(refusal, ALWAYS, None, head);
        };
        let level = self.refusals.level(error, self.verifier.now());
        // A guess takes longer than the refusal, so it is made only if the event is enabled.
        let is_read = match level {
            LogLevel::Warn { .. } => enabled!(Level::WARN),
            LogLevel::Debug => enabled!(Level::DEBUG),
        };
        let diagnosis = is_read.then(|| self.verifier.diagnose(error, &head.presented(), body));
        log_refusal(refusal, level, diagnosis.flatten(), head);
    }
}

/// The level of a refusal that only the holder of a known key can cause.
const ALWAYS: LogLevel = LogLevel::Warn { suppressed: 0 };

/// What the middleware has left in the request for its handler.
///
/// # Errors
///
/// [`Refusal::Unprotected`] if it has left nothing, which is logged once for the whole process.
pub fn verified(found: Option<&Verified>) -> Result<&Verified, Refusal> {
    static ONCE: Once = Once::new();
    found.ok_or(Refusal::Unprotected).inspect_err(|refusal| {
        observe::refused(refusal);
        // It is a mistake of the program and not of a request.
        ONCE.call_once(|| {
            tracing::error!(
                "a handler takes `Signed` or `Delivery` on a route without `VerifySignature`: add that after the route, by `.layer` \
                 in axum and by `.wrap` in actix-web ({})",
                Help::NoMiddleware
            );
        });
    })
}

/// Reads JSON from what the middleware has left in the request, and logs why that fails.
///
/// # Errors
///
/// Those of [`verified`], and [`Refusal::Json`] if the body is not JSON of that form.
pub fn read_json<T: DeserializeOwned + 'static>(
    found: Option<&Verified>,
    head: &impl RequestHead,
) -> Result<T, Refusal> {
    let json = verified(found)?.json().map_err(Refusal::from);
    json.inspect_err(|refusal| {
        observe::refused(refusal);
        log_refusal(refusal, ALWAYS, None, head);
    })
}
