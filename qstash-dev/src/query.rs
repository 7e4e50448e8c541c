//! The query of a request: parameters of the API, and of the destination that it names.

/// One `name=value`.
#[derive(Debug)]
pub(crate) struct Pair<'a> {
    /// As it was sent.
    pub(crate) raw: &'a str,
    /// Decoded, in lower case.
    pub(crate) name: String,
    /// Decoded.
    pub(crate) value: Vec<u8>,
}

impl Pair<'_> {
    /// Whether it is the token of the call.
    pub(crate) fn is_token(&self) -> bool {
        self.name == "qstash_token"
    }

    /// Whether it stands for a header of the call.
    pub(crate) fn is_header(&self) -> bool {
        self.name.starts_with("upstash-")
    }
}

/// The pairs of a query, empty ones included.
pub(crate) fn pairs(query: Option<&str>) -> impl Iterator<Item = Pair<'_>> {
    query.into_iter().flat_map(|query| query.split('&')).map(|raw| {
        let (name, value) = raw.split_once('=').unwrap_or((raw, ""));
        let name = String::from_utf8_lossy(&form_decoded(name)).to_ascii_lowercase();
        Pair { raw, name, value: form_decoded(value) }
    })
}

fn form_decoded(text: &str) -> Vec<u8> {
    percent_decoded(&text.replace('+', " "))
}

/// Undoes percent-encoding. A `%` without two hexadecimal digits stands for itself.
pub(crate) fn percent_decoded(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = tail.first_chunk::<2>().filter(|_| *first == b'%').and_then(|digits| byte(*digits));
        decoded.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    decoded
}

fn byte(digits: [u8; 2]) -> Option<u8> {
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high? * 16 + low?).ok()
}
