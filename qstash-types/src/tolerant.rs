//! Values that the service writes in more than one way: `null`, `""` and `0` where there is none.

use std::{borrow::Cow, num::NonZeroU32};

use serde::{Deserialize, Deserializer};

use crate::Label;

/// Reads a value; `null` is the default.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads an optional text; `null` and `""` are none.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(<Option<String>>::deserialize(deserializer)?.filter(|text| !text.is_empty()))
}

/// Reads an optional limit; `null` and zero are none.
pub(crate) fn limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NonZeroU32>, D::Error> {
    Ok(<Option<u32>>::deserialize(deserializer)?.and_then(NonZeroU32::new))
}

/// Reads a list of labels, short of empty ones; `null` is none.
pub(crate) fn labels<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Label>, D::Error> {
    let texts: Vec<Cow<'de, str>> = or_default(deserializer)?;
    let labels = texts
        .iter()
        .filter(|text| !text.is_empty())
        .map(|text| Label::deserialize(serde::de::value::StrDeserializer::new(text)));
    labels.collect()
}
