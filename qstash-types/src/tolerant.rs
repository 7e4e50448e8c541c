//! Values that the service writes in more than one way: `null`, `""` and `0` where there is none.

use std::{borrow::Cow, num::NonZeroU32};

use serde::{Deserialize, Deserializer};

use crate::Label;

/// Methods of a visitor whose value is a `Result`: what they are given is a mistake of the field, not of the document.
macro_rules! mistakes {
    ($mistake:expr; $($method:ident: $value:ty),+) => {$(
        fn $method<E: serde::de::Error>(self, _: $value) -> Result<Self::Value, E> {
            Ok(Err($mistake))
        }
    )+};
}
pub(crate) use mistakes;

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

/// The address of a caller. Descriptions of the API have two spellings, so that an answer may have both.
pub(crate) mod caller_ip {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Fields {
        #[serde(rename = "callerIP", default, deserialize_with = "super::text")]
        #[serde(skip_serializing_if = "Option::is_none")]
        usual: Option<String>,
        #[serde(rename = "callerIp", default, deserialize_with = "super::text", skip_serializing)]
        other: Option<String>,
    }

    #[expect(clippy::ref_option, reason = "serde passes the field by reference")]
    pub(crate) fn serialize<S: Serializer>(
        address: &Option<String>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        Fields { usual: address.clone(), other: None }.serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<String>, D::Error> {
        let Fields { usual, other } = Fields::deserialize(deserializer)?;
        Ok(usual.or(other))
    }
}
