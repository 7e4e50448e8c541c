//! The calls of those that watch, where nobody does: they are compiled to nothing.

#![expect(clippy::unused_self, reason = "the same calls as with the features")]

#[cfg(not(feature = "otel"))]
pub(crate) use context::{Created, TraceHeaders};
#[cfg(not(feature = "metrics"))]
pub(crate) use numbers::{CallNumbers, Way, describe, handed_over};
#[cfg(not(feature = "tracing"))]
pub(crate) use span::{CallSpan, message_id, with_current_span};

#[cfg(not(feature = "tracing"))]
mod span {
    use std::time::Duration;

    use http::StatusCode;
    use qstash_types::MessageId;

    use crate::{Error, message::MessageParts, observe::TraceHeaders, request::Call};

    pub(crate) struct CallSpan;

    impl CallSpan {
        pub(crate) fn new(_: &Call) -> Self {
            Self
        }

        pub(crate) async fn around<F: Future>(&self, call: F) -> F::Output {
            call.await
        }

        pub(crate) fn headers_for(&self, _: &MessageParts) -> TraceHeaders {
            TraceHeaders
        }

        pub(crate) fn attempted(&self, _: u32) {}
        pub(crate) fn answered(&self, _: StatusCode) {}
        pub(crate) fn repeated(&self, _: &Error, _: Duration) {}
        pub(crate) fn failed(&self, _: &Error) {}
    }

    pub(crate) fn with_current_span<F: Future>(work: F) -> F {
        work
    }

    pub(crate) fn message_id(_: &MessageId) {}
}

#[cfg(not(feature = "otel"))]
mod context {
    use qstash_types::{HeaderSink, InvalidHeader};

    use crate::message::MessageParts;

    #[derive(Clone, Default)]
    pub(crate) struct TraceHeaders;

    pub(crate) struct Created {
        pub(crate) headers: TraceHeaders,
    }

    impl TraceHeaders {
        #[cfg(feature = "tracing")]
        pub(crate) fn of_call(_: &tracing::Span, _: &MessageParts) -> Self {
            Self
        }

        #[expect(clippy::unnecessary_wraps, reason = "the same call as with the feature")]
        pub(crate) fn write_to(
            &self,
            _: &MessageParts,
            _: &mut impl HeaderSink,
        ) -> Result<(), InvalidHeader> {
            Ok(())
        }
    }

    impl Created {
        pub(crate) fn new(_: &MessageParts) -> Self {
            Self { headers: TraceHeaders }
        }
    }
}

#[cfg(not(feature = "metrics"))]
mod numbers {
    use crate::{Error, Published, request::Call};

    #[derive(Clone, Copy)]
    pub(crate) enum Way {
        Publish,
        Enqueue,
        Batch,
    }

    pub(crate) struct CallNumbers;

    impl CallNumbers {
        pub(crate) fn new(_: &Call) -> Self {
            Self
        }

        pub(crate) fn repeated(&self, _: &Error) {}
        pub(crate) fn ended(&mut self, _: Option<&Error>) {}
    }

    pub(crate) fn describe() {}

    pub(crate) fn handed_over<E>(_: Way, _: Result<&Published, &E>) {}
}
