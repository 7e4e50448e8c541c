//! Bodies, header maps and times of a callback: the fields that may hold anything, and keep their mistakes to themselves.

use std::time::SystemTime;

use bytes::Bytes;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, value::RawValue};

use super::{FieldError, Kept, LazyHeaders};
use crate::{Headers, base64_bytes, timestamp};

/// How those fields are read whose mistakes are their own.
pub(super) trait Form: Default {
    type Body: Field<Kept<Bytes>>;
    type Headers: Field<LazyHeaders>;
    type Time: Field<Kept<Option<SystemTime>>>;
}

/// A value in the document, whatever it is.
pub(super) trait Field<T>: Default + for<'de> Deserialize<'de> {
    fn named(self, field: &'static str) -> T;
}

/// The fastest form, for bodies that are text, as nearly every one is: text need not be checked for UTF-8 before its base64
/// is undone.
#[derive(Default)]
pub(super) struct Usual;

impl Form for Usual {
    type Body = Lenient<Bytes>;
    type Headers = Raw;
    type Time = Lenient<Option<SystemTime>>;
}

/// The form that takes everything which is JSON.
#[derive(Default)]
pub(super) struct Odd;

impl Form for Odd {
    type Body = Raw;
    type Headers = Raw;
    type Time = Raw;
}

/// For every source that serde knows, such as the buffer of an untagged enum.
#[derive(Default)]
pub(super) struct AnySource;

impl Form for AnySource {
    type Body = OfAnyType;
    type Headers = Lenient<Headers>;
    type Time = Lenient<Option<SystemTime>>;
}

/// A value as it stands in the document.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Raw(Option<Box<RawValue>>);

impl Raw {
    fn json(&self) -> &str {
        self.0.as_ref().map_or("null", |json| json.get())
    }
}

impl Field<LazyHeaders> for Raw {
    fn named(self, field: &'static str) -> LazyHeaders {
        LazyHeaders::unread(field, self.0)
    }
}

impl Field<Kept<Bytes>> for Raw {
    fn named(self, field: &'static str) -> Kept<Bytes> {
        let body = base64_bytes::read_any(&mut serde_json::Deserializer::from_str(self.json()));
        let body = body.map_err(|error| FieldError::new(field, &error))?;
        body.map_err(|error| FieldError::new(field, &error))
    }
}

impl Field<Kept<Option<SystemTime>>> for Raw {
    fn named(self, field: &'static str) -> Kept<Option<SystemTime>> {
        let value = serde_json::from_str(self.json()).map_err(|error| FieldError::new(field, &error))?;
        timestamp::unix_millis_of(&value).map_err(|error| FieldError::new(field, &error))
    }
}

/// A value, or why it could not be decoded.
pub(super) struct Lenient<T>(Result<T, String>);

impl<T> Field<Kept<T>> for Lenient<T>
where
    Self: Default + for<'de> Deserialize<'de>,
{
    fn named(self, field: &'static str) -> Kept<T> {
        self.0.map_err(|problem| FieldError::new(field, &problem))
    }
}

impl Field<LazyHeaders> for Lenient<Headers> {
    fn named(self, field: &'static str) -> LazyHeaders {
        LazyHeaders::of(field, Field::<Kept<Headers>>::named(self, field))
    }
}

impl<T: Default> Default for Lenient<T> {
    fn default() -> Self {
        Self(Ok(T::default()))
    }
}

impl<'de> Deserialize<'de> for Lenient<Bytes> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text(Result<Bytes, base64_bytes::InvalidBase64>);

        impl<'de> Deserialize<'de> for Text {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                base64_bytes::read(deserializer).map(Self)
            }
        }

        let text = <Option<Text>>::deserialize(deserializer)?;
        Ok(text.map_or_else(Self::default, |Text(bytes)| Self(bytes.map_err(|error| error.to_string()))))
    }
}

/// A body that may be JSON of any type.
#[derive(Default)]
pub(super) struct OfAnyType(Lenient<Bytes>);

impl<'de> Deserialize<'de> for OfAnyType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = base64_bytes::read_any(deserializer)?;
        Ok(Self(Lenient(bytes.map_err(|error| error.to_string()))))
    }
}

impl Field<Kept<Bytes>> for OfAnyType {
    fn named(self, field: &'static str) -> Kept<Bytes> {
        self.0.named(field)
    }
}

impl<'de> Deserialize<'de> for Lenient<Headers> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Headers::read(deserializer).map(|headers| Self(headers.map_err(|error| error.to_string())))
    }
}

impl<'de> Deserialize<'de> for Lenient<Option<SystemTime>> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Any value first, so that one of the wrong shape is consumed and the document goes on behind it.
        let value = Value::deserialize(deserializer)?;
        Ok(Self(timestamp::unix_millis_of(&value).map_err(Into::into)))
    }
}
