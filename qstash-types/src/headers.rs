//! Header maps as QStash writes them into JSON.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeMap};
use serde_json::{Value, value::RawValue};

use crate::{header::canonical, mistakes::mistakes};

/// The headers of a request or response, as QStash stores and shows them.
///
/// Names compare without regard to case, and their order makes no difference, as in HTTP. Values are lists, because a header
/// may be repeated. Names and values that HTTP does not allow are kept as well: this is a record, not a
/// request.
#[derive(Clone, Default)]
pub struct Headers(Vec<(String, Vec<String>)>);

impl Headers {
    /// Records a header map, with names in the service's spelling (`Content-Type`) and bytes outside UTF-8 replaced.
    pub fn record(map: &http::HeaderMap) -> Self {
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        map.keys()
            .map(|name| (canonical(name.as_str()), map.get_all(name).iter().map(text).collect()))
            .collect()
    }

    /// The first value of a header.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .filter(|(own, _)| own.eq_ignore_ascii_case(name))
            .flat_map(|(_, values)| values)
            .next()
            .map(String::as_str)
    }

    /// Every value of a header.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(own, _)| own.eq_ignore_ascii_case(name))
            .flat_map(|(_, values)| values.iter().map(String::as_str))
    }

    /// Every name with its values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.iter().map(|(name, values)| (name.as_str(), values.as_slice()))
    }

    /// Whether there is no header.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        let agree = |name: &str| self.get_all(name).eq(other.get_all(name));
        self.iter().chain(other.iter()).all(|(name, _)| agree(name))
    }
}

impl Eq for Headers {}

impl fmt::Debug for Headers {
    /// Shows the names alone: values may be credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl FromIterator<(String, Vec<String>)> for Headers {
    fn from_iter<I: IntoIterator<Item = (String, Vec<String>)>>(headers: I) -> Self {
        Self(headers.into_iter().collect())
    }
}

impl Serialize for Headers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, values) in &self.0 {
            map.serialize_entry(name, values)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Headers {
    /// Reads an object whose values are lists of text, text, or `null`; the service has sent all three.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Entries(headers) = Entries::<Values>::deserialize(deserializer)?;
        Ok(headers.into_iter().map(|(name, Values(values))| (name, values)).collect())
    }
}

impl Headers {
    /// Reads as much of a JSON value as is readable.
    ///
    /// # Errors
    ///
    /// The readable part, if there is another one.
    pub(crate) fn readable(json: &str) -> Result<Self, Self> {
        serde_json::from_str(json).or_else(|_| Self::piecewise(json))
    }

    /// The slower way, entry by entry.
    fn piecewise(json: &str) -> Result<Self, Self> {
        let Ok(Entries(entries)) = serde_json::from_str::<Entries<Box<RawValue>>>(json) else {
            return Err(Self::default());
        };
        let mut is_odd = false;
        let mut readable_values = |json: &RawValue| {
            if let Ok(Values(values)) = serde_json::from_str(json.get()) {
                return values;
            }
            is_odd = true;
            let elements: Vec<Box<RawValue>> = serde_json::from_str(json.get()).unwrap_or_default();
            elements.iter().filter_map(|element| serde_json::from_str(element.get()).ok()).collect()
        };
        let headers = entries.into_iter().map(|(name, json)| (name, readable_values(&json))).collect();
        if is_odd { Err(headers) } else { Ok(headers) }
    }
}

impl Headers {
    /// Reads a value of any type. If it is not a header map, that is an inner error, and the document goes on behind it.
    pub(crate) fn read<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Result<Self, serde_json::Error>, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Result<Headers, serde_json::Error>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of header names and values")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
                Ok(Ok(Headers::default()))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                // Every entry as it comes: names may be repeated, and what is wrong with one must not end the document.
                let mut headers = Ok(Vec::new());
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    headers = headers.and_then(|mut headers| {
                        headers.push((name, Values::deserialize(value)?.0));
                        Ok(headers)
                    });
                }
                Ok(headers.map(Headers))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while seq.next_element::<de::IgnoredAny>()?.is_some() {}
                Ok(Err(de::Error::invalid_type(de::Unexpected::Seq, &self)))
            }

            mistakes! {
                de::Error::invalid_type(de::Unexpected::Other("single value"), &Visitor);
                visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// The entries of an object as they come: names may be repeated.
struct Entries<T>(Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Visitor<T> {
            type Value = Entries<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of header names and values")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Entries<T>, E> {
                Ok(Entries(Vec::new()))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Entries<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_any(Visitor(PhantomData))
    }
}

/// The value side of a header map.
struct Values(Vec<String>);

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Values;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a header value or a list of them")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Values, E> {
                Ok(Values(Vec::new()))
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Values, E> {
                self.visit_string(value.to_owned())
            }

            fn visit_string<E: de::Error>(self, value: String) -> Result<Values, E> {
                Ok(Values(vec![value]))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Values, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = seq.next_element::<Cow<'de, str>>()? {
                    values.push(value.into_owned());
                }
                Ok(Values(values))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}
