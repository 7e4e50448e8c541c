//! The members of an object, each as its own piece of JSON.

use std::fmt;

use serde::{
    Deserializer,
    de::{self, DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::Codec;

/// The fields of a record whose values could not be read, as the document has them.
///
/// The record holds what could be read of them: nothing of a single value, the readable elements of a list or an object.
///
/// ```
/// use qstash_types::QueueRecord;
///
/// let queue: QueueRecord = serde_json::from_str(r#"{"name": "emails", "lag": "many", "parallelism": 2}"#)?;
/// assert_eq!((queue.parallelism, queue.lag), (2, 0));
/// assert_eq!(queue.odd.get("lag"), Some(r#""many""#));
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct OddFields(Vec<(&'static str, Box<str>)>);

impl OddFields {
    /// The JSON of a field by its name on the wire; `None` if it was read, or not there.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(own, _)| *own == name).map(|(_, json)| json)
    }

    /// The names on the wire, and the JSON, of all of them.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, json)| (*name, &**json))
    }

    /// Whether every field could be read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for OddFields {
    /// Shows the names alone: values may be credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// What an object holds for the names of a record.
pub(crate) struct Fields {
    names: &'static [&'static str],
    /// In the order of the names.
    values: Vec<Option<Box<RawValue>>>,
    /// The place behind the name that was asked for last: fields are asked for in the order of the names.
    next: usize,
    odd: Vec<(&'static str, Box<str>)>,
}

impl Fields {
    /// Takes the fields with these names out of an object. Of two with one name the second counts.
    pub(crate) fn of<'de, D: Deserializer<'de>>(
        record: &'static str,
        names: &'static [&'static str],
        deserializer: D,
    ) -> Result<Self, D::Error> {
        deserializer.deserialize_struct(record, names, Object { record, names })
    }

    /// Reads an id, without which there is no record.
    pub(crate) fn id<T: DeserializeOwned, E: de::Error>(&mut self, name: &'static str) -> Result<T, E> {
        let json = self.take(name).ok_or_else(|| E::missing_field(name))?;
        serde_json::from_str(json.get()).map_err(|error| E::custom(format_args!("{name}: {error}")))
    }

    /// Reads a field. `null` is the same as none.
    pub(crate) fn read<C: Codec<T>, T>(&mut self, name: &'static str) -> T {
        let Some(json) = self.take(name) else { return C::absent() };
        C::read(json.get()).unwrap_or_else(|readable| {
            self.odd.push((name, json.get().into()));
            readable
        })
    }

    /// Leaves a field unread that means nothing without another one.
    pub(crate) fn leave(&mut self, name: &'static str) {
        if let Some(json) = self.take(name).filter(|json| !matches!(json.get(), "0" | r#""""#)) {
            self.odd.push((name, json.get().into()));
        }
    }

    /// What could not be read so far.
    pub(crate) fn odd(&mut self) -> OddFields {
        OddFields(std::mem::take(&mut self.odd))
    }

    fn take(&mut self, name: &'static str) -> Option<Box<RawValue>> {
        let is_it = |own: &&str| *own == name;
        let index = match self.names[self.next..].iter().position(is_it) {
            Some(index) => self.next + index,
            None => self.names.iter().position(is_it)?,
        };
        self.next = index + 1;
        self.values[index].take().filter(|json| json.get() != "null")
    }
}

struct Object {
    record: &'static str,
    names: &'static [&'static str],
}

impl<'de> Visitor<'de> for Object {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the object of a {}", self.record)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut values = vec![None; self.names.len()];
        while let Some(index) = map.next_key_seed(Name(self.names))? {
            match index {
                Some(index) => values[index] = Some(map.next_value()?),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Fields { names: self.names, values, next: 0, odd: Vec::new() })
    }
}

/// Reads a name as its place among the known ones.
struct Name(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Option<usize>, E> {
        Ok(self.0.iter().position(|own| *own == name))
    }
}
