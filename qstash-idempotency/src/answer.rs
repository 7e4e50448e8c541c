//! What a handler answered, kept whole or not at all.

use bytes::{Buf, BufMut, Bytes};

/// What a handler answered: kept to be answered again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAnswer {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case, and values. A name may come more than once.
    pub headers: Vec<(String, Bytes)>,
    /// All bytes of the body, or nothing if it was not kept.
    pub body: Option<Bytes>,
}

/// Says that an answer is that of an earlier attempt. Its value is `true`.
pub const REPLAYED: &str = "idempotent-replayed";

/// Says that only the status of an earlier answer is known. Its value is `not-kept`.
pub const BODY: &str = "idempotent-body";

/// The status that ends a message for good.
const PERMANENT: u16 = 489;

impl StoredAnswer {
    /// A status alone, whose body was not kept.
    pub fn without_body(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: None }
    }

    pub(crate) fn text(status: u16, text: &'static str) -> Self {
        let plain = ("content-type".to_owned(), Bytes::from_static(b"text/plain; charset=utf-8"));
        Self { status, headers: vec![plain], body: Some(Bytes::from_static(text.as_bytes())) }
    }

    pub(crate) fn with_header(mut self, name: &str, value: impl Into<Bytes>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Whether an answer with this status ends the work on a delivery: 2xx and 489.
    pub fn is_final(status: u16) -> bool {
        (200..300).contains(&status) || status == PERMANENT
    }

    /// This answer as that of an earlier attempt, with the headers that say so.
    ///
    /// Where the body was not kept, a short text says that: an empty body would reach callbacks as what the handler
    /// answered.
    pub(crate) fn replayed(self) -> Self {
        let answer = if self.body.is_some() {
            self
        } else {
            // What described the body goes with it.
            let headers =
                self.headers.into_iter().filter(|(name, _)| !name.starts_with("content-")).collect();
            let Self { headers: plain, body, .. } =
                Self::text(self.status, "handled before; the answer was not kept");
            let headers: Vec<_> = [headers, plain].concat();
            Self { status: self.status, headers, body }.with_header(BODY, "not-kept")
        };
        answer.with_header(REPLAYED, "true")
    }

    /// Writes the answer as the bytes that stores keep.
    pub fn to_bytes(&self) -> Bytes {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len() + 8).sum();
        let body = self.body.as_deref().unwrap_or_default();
        let mut bytes = Vec::with_capacity(headers + body.len() + 8);
        bytes.put_u8(FORM);
        bytes.put_u16(self.status);
        bytes.put_u8(u8::from(self.body.is_some()));
        bytes.put_u32(u32::try_from(self.headers.len()).unwrap_or(u32::MAX));
        for (name, value) in &self.headers {
            for part in [name.as_bytes(), value] {
                bytes.put_u32(u32::try_from(part.len()).unwrap_or(u32::MAX));
                bytes.put_slice(part);
            }
        }
        bytes.put_slice(body);
        bytes.into()
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote; nothing if these bytes are something else.
    pub fn from_bytes(mut bytes: Bytes) -> Option<Self> {
        if bytes.try_get_u8().ok()? != FORM {
            return None;
        }
        let status = bytes.try_get_u16().ok().filter(|status| (100..1000).contains(status))?;
        let has_body = bytes.try_get_u8().ok()?;
        let mut headers = Vec::new();
        for _ in 0..bytes.try_get_u32().ok()? {
            let name = String::from_utf8(part(&mut bytes)?.into()).ok()?;
            headers.push((name, part(&mut bytes)?));
        }
        let body = match has_body {
            0 if bytes.is_empty() => None,
            1 => Some(bytes),
            _ => return None,
        };
        Some(Self { status, headers, body })
    }
}

/// The first byte, which another form would have otherwise.
const FORM: u8 = 1;

fn part(bytes: &mut Bytes) -> Option<Bytes> {
    let len = usize::try_from(bytes.try_get_u32().ok()?).ok()?;
    (len <= bytes.len()).then(|| bytes.split_to(len))
}
