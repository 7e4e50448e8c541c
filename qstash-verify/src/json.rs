//! A strict view of one JSON object: UTF-8, nothing behind it, no name twice. Its values are left as they are written.

use std::borrow::Cow;

use serde::de::IgnoredAny;

/// The values of the named members, in the order of the names; `None` in total unless the document is one object whose
/// names are unique.
///
/// Other members are skipped, whatever they hold: numbers beyond a double, and escapes that stand for no character.
pub(crate) fn members<'a, const N: usize>(
    document: &'a str,
    names: [&'static str; N],
) -> Option<[Option<Value<'a>>; N]> {
    let mut reader = Reader { text: document, at: 0 };
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
    /// A whole number that a double represents exactly. Times are such numbers.
    Integer(f64),
    /// Anything, as it is written.
    Raw(&'a str),
}

impl<'a> Value<'a> {
    /// The value as a string.
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Integer(_) => None,
            Self::Raw(raw) => serde_json::from_str(raw).ok().map(Cow::Owned),
        }
    }

    /// The value as a number, if a double can represent it.
    pub(crate) fn number(self) -> Option<f64> {
        match self {
            Self::Text(_) => None,
            Self::Integer(integer) => Some(integer),
            // Every number of JSON is one of Rust, and no other value of JSON is.
            Self::Raw(raw) => raw.parse().ok().filter(|number: &f64| number.is_finite()),
        }
    }

    /// Whether the value says "nothing": `null`, an empty string, an empty list.
    pub(crate) fn is_empty(self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Integer(_) => false,
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
    /// The next byte that is not white space.
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
        let (value, behind) = if let Some((text, behind)) = plain_text(rest) {
            (Value::Text(text), behind)
        } else if let Some((integer, behind)) = plain_integer(rest) {
            (Value::Integer(integer), behind)
        } else {
            let (raw, behind) = rest.split_at(any_len(rest)?);
            (Value::Raw(raw), behind)
        };
        self.at += rest.len() - behind.len();
        Some(value)
    }
}

/// The content of the string that the text starts with, if nothing in it is escaped, and what comes behind it.
pub(crate) fn plain_text(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix('"')?;
    let (plain, behind) = text.split_at(plain_len(text.as_bytes()));
    Some((plain, behind.strip_prefix('"')?))
}

/// How many bytes come before the first quote, backslash or control character, or before the end.
fn plain_len(text: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH_BITS: u64 = ONES << 7;

    // Eight bytes at a time. A byte is below `n` if its subtraction borrows and its own high bit is clear; a borrow that goes on
    // into the next byte can only mark bytes behind the first one that is marked rightly.
    let below = |bytes: u64, n: u8| bytes.wrapping_sub(ONES * u64::from(n)) & !bytes & HIGH_BITS;
    let equal = |bytes: u64, byte: u8| below(bytes ^ (ONES * u64::from(byte)), 1);
    let (words, rest) = text.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let bytes = u64::from_le_bytes(*word);
        let marked = equal(bytes, b'"') | equal(bytes, b'\\') | below(bytes, b' ');
        if marked != 0 {
            return index * 8 + marked.trailing_zeros() as usize / 8;
        }
    }
    let is_plain = |byte: &u8| !matches!(byte, b'"' | b'\\' | ..b' ');
    words.len() * 8 + rest.iter().take_while(|byte| is_plain(byte)).count()
}

/// The whole number without sign that the text starts with, if it is a small member of an object, and what comes behind it.
#[expect(clippy::cast_precision_loss, reason = "a small number loses none")]
pub(crate) fn plain_integer(text: &str) -> Option<(f64, &str)> {
    let (mut integer, mut len) = (0_i64, 0);
    for digit in text.bytes().take_while(u8::is_ascii_digit) {
        integer = integer.wrapping_mul(10).wrapping_add(i64::from(digit - b'0'));
        len += 1;
    }
    let has_leading_zero = len > 1 && text.starts_with('0');
    let is_small = (1..=MAX_DIGITS).contains(&len) && !has_leading_zero;
    let behind = &text[len..];
    (is_small && behind.starts_with([',', '}'])).then_some((integer as f64, behind))
}

/// A double represents every whole number of so many digits.
const MAX_DIGITS: usize = 15;

/// The length of the value that the text starts with.
fn any_len(text: &str) -> Option<usize> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    values.next()?.ok()?;
    Some(values.byte_offset())
}
