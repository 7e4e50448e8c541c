//! What a middleware tells those who watch: a span for each delivery (feature `otel`), and numbers (`metrics`). Nothing
//! without these features.

#[cfg(feature = "metrics")]
mod numbers;
#[cfg(feature = "otel")]
mod parent;
#[cfg(not(all(feature = "otel", feature = "metrics")))]
mod silent;
#[cfg(feature = "otel")]
mod span;
#[cfg(any(feature = "otel", feature = "metrics"))]
mod wait;

#[cfg(not(feature = "metrics"))]
use self::silent as numbers;
#[cfg(not(feature = "otel"))]
use self::silent as span;

use self::{numbers::DeliveryNumbers, span::DeliverySpan};
use super::RequestHead;
use crate::{Verified, Verifier};

pub(super) use self::numbers::{describe, refused};

/// The handling of a verified delivery, while it is watched: from its proof to the status of its response.
///
/// Made by [`Guard::process`](super::Guard::process). When it is dropped before its end, the delivery was given up, as when the
/// connection closes.
#[derive(Debug)]
#[must_use = "a delivery is watched until it has a response"]
pub struct Processing {
    span: DeliverySpan,
    numbers: DeliveryNumbers,
    is_open: bool,
}

impl Processing {
    pub(super) fn begin(verifier: &Verifier, head: &impl RequestHead, proof: &Verified) -> Self {
        Self {
            span: DeliverySpan::new(verifier, head, proof),
            numbers: DeliveryNumbers::new(verifier, head),
            is_open: true,
        }
    }

    /// Does a part of the work in the span of the delivery: calls the service, or polls its future.
    pub fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        self.span.enter(work)
    }

    /// Ends with the status of the response; without one if the service failed otherwise.
    pub fn end(mut self, status: Option<u16>) {
        self.conclude(status.map_or(Ending::Failed, Ending::Answered));
    }

    fn conclude(&mut self, ending: Ending) {
        self.is_open = false;
        self.span.end(ending);
        self.numbers.end(ending);
    }
}

impl Drop for Processing {
    fn drop(&mut self) {
        if self.is_open {
            self.conclude(Ending::GivenUp);
        }
    }
}

/// How the handling of a delivery ended.
#[derive(Clone, Copy)]
enum Ending {
    /// With a response of this status.
    Answered(
        #[cfg_attr(
            not(any(feature = "otel", feature = "metrics")),
            expect(dead_code, reason = "nobody watches")
        )]
        u16,
    ),
    /// With an error of the service.
    Failed,
    /// Before there was a response.
    GivenUp,
}

#[cfg(any(feature = "otel", feature = "metrics"))]
impl Ending {
    /// What it means for the message, in a word of a short list (`docs/observability.md`).
    fn outcome(self) -> &'static str {
        match self {
            Self::Answered(200..=299) => "done",
            Self::Answered(489) => "non_retryable",
            Self::Answered(_) => "retry",
            Self::Failed => "failed",
            Self::GivenUp => "given_up",
        }
    }
}
