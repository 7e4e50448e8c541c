//! The header `traceparent`.

use std::{fmt, num::NonZero, str::FromStr};

/// A span, as the header `traceparent` names it: [W3C Trace Context](https://www.w3.org/TR/trace-context/), 3.2.
///
/// No signature covers it: whoever can send or alter a request can name any span.
///
/// ```
/// use qstash_types::TraceParent;
///
/// let parent: TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse()?;
/// assert_eq!(parent.span_id.get(), 0xb7ad_6b71_6920_3331);
/// assert!(parent.is_sampled());
/// # Ok::<_, qstash_types::InvalidTraceParent>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace.
    pub trace_id: NonZero<u128>,
    /// The span within it.
    pub span_id: NonZero<u64>,
    /// The flags. Bits without a meaning are dropped when they are read.
    pub flags: u8,
}

/// The trace is being recorded.
const SAMPLED: u8 = 1;
/// The trace id is random enough to be sampled by: level 2 of the specification.
const RANDOM: u8 = 2;

/// The length of version 0, in bytes.
const LENGTH: usize = 55;

impl TraceParent {
    /// Whether the span's trace is being recorded.
    pub fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }
}

impl fmt::Display for TraceParent {
    /// Writes version 0.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trace_id, span_id, flags } = self;
        write!(f, "00-{trace_id:032x}-{span_id:016x}-{flags:02x}")
    }
}

impl FromStr for TraceParent {
    type Err = InvalidTraceParent;

    /// Reads version 0, and of later versions the part that is the same in all of them.
    fn from_str(text: &str) -> Result<Self, InvalidTraceParent> {
        read(text).ok_or(InvalidTraceParent)
    }
}

fn read(text: &str) -> Option<TraceParent> {
    let (known, rest) = text.split_at_checked(LENGTH)?;
    let mut fields = known.split('-');
    let version = u8::try_from(hexadecimal(fields.next()?, 2)?).ok()?;
    let trace_id = NonZero::new(hexadecimal(fields.next()?, 32)?)?;
    let span_id = NonZero::new(u64::try_from(hexadecimal(fields.next()?, 16)?).ok()?)?;
    let flags = u8::try_from(hexadecimal(fields.next()?, 2)?).ok()?;
    let is_readable = match version {
        0 => rest.is_empty(),
        u8::MAX => false,
        _ => rest.is_empty() || rest.starts_with('-'),
    };
    is_readable.then_some(TraceParent { trace_id, span_id, flags: flags & (SAMPLED | RANDOM) })
}

/// Reads a number of so many digits, of which none is a capital letter.
fn hexadecimal(digits: &str, length: usize) -> Option<u128> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_number = digits.len() == length && digits.bytes().all(is_digit);
    is_number.then(|| u128::from_str_radix(digits, 16).ok()).flatten()
}

/// The text is no `traceparent`.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent: expected two digits, a trace id, a span id and flags in lower-case hexadecimal")]
pub struct InvalidTraceParent;
