//! Bytes that travel as base64 text inside JSON.
//!
//! For `#[serde(with = "base64_bytes")]` on a [`Bytes`] field. Text is read in the standard and the URL-safe alphabet,
//! padded or not, straight from the JSON document into the bytes that are kept; it is written in the standard alphabet
//! with padding.

use std::{fmt, sync::LazyLock};

use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurposeConfig},
};
use bytes::Bytes;
use serde::{
    Deserialize, Deserializer, Serializer,
    de::{self, IgnoredAny},
};

use crate::{
    base64_engine::{self, Engine},
    mistakes::mistakes,
};

const fn config(padding: DecodePaddingMode) -> GeneralPurposeConfig {
    // Unused bits of the last character carry no data; nothing is gained by losing a body over them.
    GeneralPurposeConfig::new().with_decode_padding_mode(padding).with_decode_allow_trailing_bits(true)
}

const PADDED: GeneralPurposeConfig = config(DecodePaddingMode::RequireCanonical);
const UNPADDED: GeneralPurposeConfig = config(DecodePaddingMode::RequireNone);

static STANDARD_PADDED: LazyLock<Engine> = LazyLock::new(|| base64_engine::standard(PADDED));
static STANDARD_UNPADDED: LazyLock<Engine> = LazyLock::new(|| base64_engine::standard(UNPADDED));
static URL_SAFE_PADDED: LazyLock<Engine> = LazyLock::new(|| base64_engine::url_safe(PADDED));
static URL_SAFE_UNPADDED: LazyLock<Engine> = LazyLock::new(|| base64_engine::url_safe(UNPADDED));

/// Decodes base64 text in either alphabet. Padding is all there or not there at all.
///
/// # Errors
///
/// Text that is not base64 is refused; the error names the place.
pub fn decode(text: &[u8]) -> Result<Bytes, InvalidBase64> {
    let (usual, url_safe) = if text.last() == Some(&b'=') {
        (&STANDARD_PADDED, &URL_SAFE_PADDED)
    } else {
        (&STANDARD_UNPADDED, &URL_SAFE_UNPADDED)
    };
    // Looking for the characters that tell the alphabets apart would cost more than a decoding that stops there.
    let decoded = usual.decode(text).or_else(|error| url_safe.decode(text).map_err(|_| error));
    // A vector with room to spare would need a second allocation for its owner.
    let bytes = decoded.map(|bytes| Bytes::from(bytes.into_boxed_slice()));
    bytes.map_err(|error| InvalidBase64(error.to_string().into()))
}

/// Encodes bytes in the standard alphabet with padding.
pub fn encode(bytes: &[u8]) -> String {
    STANDARD_PADDED.encode(bytes)
}

/// A text is not base64.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("not base64: {0}")]
pub struct InvalidBase64(Box<str>);

impl InvalidBase64 {
    fn no_text() -> Self {
        Self("it is not a text".into())
    }
}

/// Writes bytes as base64 text.
///
/// # Errors
///
/// Those of the serializer.
pub fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&encode(bytes))
}

/// Reads base64 text into bytes; `null` gives no bytes.
///
/// # Errors
///
/// A value that is not text, and text that is not base64.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    struct Text(Bytes);

    impl<'de> Deserialize<'de> for Text {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            read(deserializer)?.map(Self).map_err(de::Error::custom)
        }
    }

    Ok(<Option<Text>>::deserialize(deserializer)?.map_or_else(Bytes::new, |Text(bytes)| bytes))
}

/// Reads a text and keeps the error of an undecodable one apart from the errors of the document.
pub(crate) fn read<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Result<Bytes, InvalidBase64>, D::Error> {
    // As bytes rather than as text: serde_json then skips the UTF-8 check, which costs as much as the decoding.
    deserializer.deserialize_bytes(Visitor)
}

/// Reads a value of any type. If it is not base64 text, that is an inner error, and the document goes on behind it. `null`
/// gives no bytes.
/// Slower than [`read`].
pub(crate) fn read_any<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Result<Bytes, InvalidBase64>, D::Error> {
    deserializer.deserialize_any(Visitor)
}

struct Visitor;

impl<'de> de::Visitor<'de> for Visitor {
    type Value = Result<Bytes, InvalidBase64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("base64 text")
    }

    fn visit_bytes<E: de::Error>(self, text: &[u8]) -> Result<Self::Value, E> {
        Ok(decode(text))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(decode(text.as_bytes()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Ok(Bytes::new()))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        IgnoredAny.visit_seq(seq).map(|_| Err(InvalidBase64::no_text()))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        IgnoredAny.visit_map(map).map(|_| Err(InvalidBase64::no_text()))
    }

    mistakes! {
        InvalidBase64::no_text();
        visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64
    }
}
