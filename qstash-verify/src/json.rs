//! A strict view of one JSON object: UTF-8, nothing behind it, no name twice. Its values are left as they are written.

use std::borrow::Cow;

use serde::de::IgnoredAny;

/// The values of the named members, in the order of the names; `None` in total unless the document is one object whose
/// names are unique.
///
/// Other members are skipped, whatever they hold: numbers beyond a double, and escapes that stand for no character.
pub(crate) fn members<'a, const N: usize>(
    document: &'a [u8],
    names: [&'static str; N],
) -> Option<[Option<Value<'a>>; N]> {
    let mut reader = Reader { text: str::from_utf8(document).ok()?, at: 0 };
    let mut values = [None; N];
    let mut others = Vec::new();
    let mut next = 0;
    reader.mark(b'{')?;
    if reader.mark(b'}').is_none() {
        loop {
            let name = reader.value()?.text()?;
            reader.mark(b':')?;
            let value = reader.value()?;
            // Members mostly come in the order of the names.
            match (next..N).chain(0..next).find(|index| names[*index] == name) {
                None => others.push(name),
                Some(index) if values[index].is_some() => return None,
                Some(index) => {
                    values[index] = Some(value);
                    next = index + 1;
                }
            }
            if reader.mark(b',').is_none() {
                break reader.mark(b'}')?;
            }
        }
    }
    others.sort_unstable();
    let is_unique = others.windows(2).all(|pair| pair[0] != pair[1]);
    (is_unique && reader.peek().is_none()).then_some(values)
}

/// One value of a document.
#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    /// A string without escapes, without its quotes.
    Text(&'a str),
    /// Anything, as it is written.
    Raw(&'a str),
}

impl<'a> Value<'a> {
    /// The value as a string.
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Raw(raw) => serde_json::from_str(raw).ok().map(Cow::Owned),
        }
    }

    /// The value as a number; one that a double cannot represent is none.
    pub(crate) fn number(self) -> Option<f64> {
        match self {
            Self::Text(_) => None,
            // Every number of JSON is one of Rust, and no other value of JSON is.
            Self::Raw(raw) => raw.parse().ok().filter(|number: &f64| number.is_finite()),
        }
    }

    /// Whether the value says "nothing": `null`, an empty string, an empty list.
    pub(crate) fn is_empty(self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Raw(raw) => raw == "null" || serde_json::from_str::<[(); 0]>(raw).is_ok(),
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    /// How much of it is read.
    at: usize,
}

impl<'a> Reader<'a> {
    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.text.as_bytes().get(self.at).copied()
    }

    /// Steps over a punctuation mark.
    fn mark(&mut self, mark: u8) -> Option<()> {
        let is_next = self.peek()? == mark;
        self.at += usize::from(is_next);
        is_next.then_some(())
    }

    /// Steps over a value. What QStash writes is recognised here; everything else is left to `serde_json`, which skips
    /// without recursion, so that depth costs no stack.
    fn value(&mut self) -> Option<Value<'a>> {
        self.peek()?;
        let rest = &self.text[self.at..];
        if let Some(text) = plain_text(rest) {
            self.at += text.len() + 2;
            return Some(Value::Text(text));
        }
        let len = integer_len(rest).or_else(|| any_len(rest))?;
        self.at += len;
        Some(Value::Raw(&rest[..len]))
    }
}

/// The content of the string that the text starts with, if nothing in it is escaped.
fn plain_text(text: &str) -> Option<&str> {
    let text = text.strip_prefix('"')?;
    let end = text.bytes().position(|byte| matches!(byte, b'"' | b'\\' | ..b' '))?;
    text[end..].starts_with('"').then(|| &text[..end])
}

/// The length of the whole number without sign that the text starts with.
fn integer_len(text: &str) -> Option<usize> {
    let len = text.bytes().take_while(u8::is_ascii_digit).count();
    let is_whole = matches!(text.as_bytes().get(len), Some(b',' | b'}'));
    let has_leading_zero = len > 1 && text.starts_with('0');
    (len > 0 && is_whole && !has_leading_zero).then_some(len)
}

/// The length of the value that the text starts with.
fn any_len(text: &str) -> Option<usize> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    values.next()?.ok()?;
    Some(values.byte_offset())
}
