//! What a call tells those who watch: a span (feature `tracing`), the place of its message in a trace (`otel`), and numbers
//! (`metrics`). Nothing without these features.

#[cfg(feature = "otel")]
mod context;
mod facts;
#[cfg(feature = "metrics")]
mod numbers;
#[cfg(any(feature = "tracing", feature = "metrics"))]
mod reason;
#[cfg(any(feature = "tracing", feature = "metrics"))]
mod resource;
#[cfg(not(all(feature = "otel", feature = "metrics")))]
mod silent;
#[cfg(feature = "tracing")]
mod span;

#[cfg(not(feature = "otel"))]
use self::silent as context;
#[cfg(not(feature = "metrics"))]
use self::silent as numbers;
#[cfg(not(feature = "tracing"))]
use self::silent as span;

use std::{mem, time::Duration};

use http::StatusCode;

pub(crate) use self::{
    context::{Created, TraceHeaders},
    facts::Facts,
    numbers::{Way, describe, handed_over},
    span::{message_id, with_current_span},
};
use self::{numbers::CallNumbers, span::CallSpan};
use crate::{Error, request::Call};

/// One call, while it is watched.
pub(crate) struct Observation {
    span: CallSpan,
    numbers: CallNumbers,
}

impl Observation {
    /// Begins to watch a call, and gives its message the headers by which deliveries belong to the same trace.
    pub(crate) fn begin(call: &mut Call) -> Self {
        let span = CallSpan::new(call);
        let mut facts = mem::take(&mut call.facts);
        if let Some(message) = call.message() {
            facts.place(|| span.headers_for(message));
        }
        call.facts = facts;
        Self { span, numbers: CallNumbers::new(call) }
    }

    /// Runs the call inside of its span, and notes how it ends.
    pub(crate) async fn around<T>(
        mut self,
        call: impl AsyncFnOnce(&Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let end = self.span.around(call(&self)).await;
        if let Err(error) = &end {
            self.span.failed(error);
        }
        self.numbers.ended(end.as_ref().err());
        end
    }

    pub(crate) fn attempted(&self, attempts: u32) {
        self.span.attempted(attempts);
    }

    pub(crate) fn answered(&self, status: StatusCode) {
        self.span.answered(status);
    }

    pub(crate) fn repeated(&self, failure: &Error, wait: Duration) {
        self.span.repeated(failure, wait);
        self.numbers.repeated(failure);
    }
}
