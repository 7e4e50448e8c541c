//! What is known of a call for those who watch it, beside what it sends.

use qstash_types::{HeaderSink, InvalidHeader};

use super::{Created, TraceHeaders};
use crate::message::MessageParts;

/// What a call carries for its span.
#[derive(Clone, Default)]
pub(crate) struct Facts {
    /// Whether its message is to be the same whenever it is sent.
    is_untraced: bool,
    /// The place of its message in a trace.
    trace: TraceHeaders,
    /// How many messages it hands over; none if it is no batch.
    #[cfg(feature = "tracing")]
    pub(super) batch_size: usize,
    /// Where the messages of a batch were made.
    #[cfg(feature = "otel")]
    pub(super) links: Vec<opentelemetry::trace::SpanContext>,
}

impl Facts {
    /// Those of a call whose message must not vary.
    pub(crate) fn untraced() -> Self {
        Self { is_untraced: true, ..Self::default() }
    }

    /// Adds a message to those of a batch.
    #[cfg_attr(not(feature = "tracing"), expect(clippy::unused_self, reason = "nobody watches"))]
    #[cfg_attr(not(feature = "otel"), expect(clippy::needless_pass_by_value, reason = "nobody keeps it"))]
    pub(crate) fn add(&mut self, created: Created) {
        #[cfg(feature = "tracing")]
        {
            self.batch_size += 1;
        }
        #[cfg(feature = "otel")]
        self.links.extend(created.span);
        #[cfg(not(feature = "otel"))]
        let Created { .. } = created;
    }

    /// Sets the place of the message in a trace, if the message may vary.
    pub(super) fn place(&mut self, headers: impl FnOnce() -> TraceHeaders) {
        if !self.is_untraced {
            self.trace = headers();
        }
    }

    /// Writes the headers that the message does not have itself.
    pub(crate) fn write_to(
        &self,
        message: &MessageParts,
        sink: &mut impl HeaderSink,
    ) -> Result<(), InvalidHeader> {
        self.trace.write_to(message, sink)
    }
}
