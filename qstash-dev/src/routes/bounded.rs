//! JSON of strangers, read one level at a time.
//!
//! A tree of values takes up dozens of times as much memory as its text: a zero and a comma become a value of 32 bytes. So lists
//! and objects are read as pieces of their text, no more of them than there may be, and each piece as what it has to be.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// A piece of a text: a value of any kind.
pub(super) type Piece<'a> = &'a RawValue;

/// A list of no more than so many entries.
pub(super) struct List<T, const MOST: usize>(pub(super) Vec<T>);

/// An object of no more than so many members, in their order.
pub(super) struct Object<T, const MOST: usize>(pub(super) Vec<(String, T)>);

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for List<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ListVisitor(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for Object<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ListVisitor<T, const MOST: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for ListVisitor<T, MOST> {
    type Value = List<T, MOST>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = seq.next_element()? {
            entries.push(entry);
            check::<_, MOST>(entries.len())?;
        }
        Ok(List(entries))
    }
}

struct ObjectVisitor<T, const MOST: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for ObjectVisitor<T, MOST> {
    type Value = Object<T, MOST>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
            check::<_, MOST>(members.len())?;
        }
        Ok(Object(members))
    }
}

fn check<E: serde::de::Error, const MOST: usize>(count: usize) -> Result<(), E> {
    if count > MOST { Err(E::custom(format_args!("more than {MOST}"))) } else { Ok(()) }
}
