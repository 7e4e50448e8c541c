//! How the records of the API are read and written: one table for each type, in which every field has its name.
//!
//! Each field is read by itself, from its own piece of the document. A value that cannot be read therefore costs its own
//! field and no other, whatever is wrong with it, and is kept beside the record as an [odd field](OddFields).

mod codec;
mod fields;

pub use self::fields::OddFields;
pub(crate) use self::{
    codec::{
        Base64, Codec, IfTrue, List, NotEmpty, Plain, UnixMillis, UnixSeconds, WholeMillis, WholeSeconds,
    },
    fields::Fields,
};

use serde::ser::SerializeMap;

/// Several members of an object that are one value in Rust.
pub(crate) trait Members {
    type Value;

    /// The names that are read.
    const NAMES: &'static [&'static str];

    /// Reads the value.
    ///
    /// # Errors
    ///
    /// An id is missing, without which there is no record.
    fn read<E: serde::de::Error>(fields: &mut Fields) -> Result<Self::Value, E>;

    fn write<M: SerializeMap>(value: &Self::Value, map: &mut M) -> Result<(), M::Error>;
}

/// Makes the table of a type: `field: Codec("name")`, `field: Id("name")` for an id without which there is no record, or
/// `field: Type()` for a type that is itself [`Members`].
///
/// `Record { … }` is a whole record, with serde's traits and a field `odd`. `Names for Part { … }` is a part of records
/// that spell it alike.
macro_rules! record {
    ($record:ident { $($table:tt)* }) => {
        record!(@members $record => $record [odd] { $($table)* });

        impl serde::Serialize for $record {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap as _;

                let mut map = serializer.serialize_map(None)?;
                <Self as crate::record::Members>::write(self, &mut map)?;
                map.end()
            }
        }

        impl<'de> serde::Deserialize<'de> for $record {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                const NAMES: &[&str] = <$record as crate::record::Members>::NAMES;
                let mut fields = crate::record::Fields::of(stringify!($record), NAMES, deserializer)?;
                <Self as crate::record::Members>::read(&mut fields)
            }
        }
    };
    ($names:ident for $part:ident { $($table:tt)* }) => {
        pub(crate) struct $names;

        record!(@members $names => $part [] { $($table)* });
    };
    (@members $names:ident => $value:ident [$($odd:ident)?] { $($field:ident: $codec:ident($($name:literal)?),)+ }) => {
        impl crate::record::Members for $names {
            type Value = $value;

            const NAMES: &'static [&'static str] = {
                const GROUPS: &[&[&str]] = &[$(record!(@names $codec $($name)?)),+];
                const COUNT: usize = crate::record::count(GROUPS);
                const FLAT: [&str; COUNT] = crate::record::flat(GROUPS);
                &FLAT
            };

            fn read<E: serde::de::Error>(fields: &mut crate::record::Fields) -> Result<$value, E> {
                Ok($value {
                    $($field: record!(@read fields, $codec $($name)?),)+
                    $($odd: fields.odd(),)?
                })
            }

            fn write<M: serde::ser::SerializeMap>(value: &$value, map: &mut M) -> Result<(), M::Error> {
                $(record!(@write value.$field, map, $codec $($name)?);)+
                Ok(())
            }
        }
    };
    (@names $codec:ident $name:literal) => { &[$name] };
    (@names $members:ident) => { <$members as crate::record::Members>::NAMES };
    (@read $fields:ident, Id $name:literal) => { $fields.id($name)? };
    (@read $fields:ident, $codec:ident $name:literal) => {
        $fields.read::<crate::record::$codec, _>($name)
    };
    (@read $fields:ident, $members:ident) => {
        <$members as crate::record::Members>::read($fields)?
    };
    (@write $value:ident.$field:ident, $map:ident, Id $name:literal) => {
        $map.serialize_entry($name, &$value.$field)?
    };
    (@write $value:ident.$field:ident, $map:ident, $codec:ident $name:literal) => {
        <crate::record::$codec as crate::record::Codec<_>>::write(&$value.$field, $name, $map)?
    };
    (@write $value:ident.$field:ident, $map:ident, $members:ident) => {
        <$members as crate::record::Members>::write(&$value.$field, $map)?
    };
}
pub(crate) use record;

pub(crate) const fn count(groups: &[&[&str]]) -> usize {
    let (mut count, mut group) = (0, 0);
    while group < groups.len() {
        count += groups[group].len();
        group += 1;
    }
    count
}

/// The names of all groups in a row; iterators do not work in constants.
pub(crate) const fn flat<const COUNT: usize>(groups: &[&[&'static str]]) -> [&'static str; COUNT] {
    let mut flat = [""; COUNT];
    let (mut count, mut group) = (0, 0);
    while group < groups.len() {
        let mut name = 0;
        while name < groups[group].len() {
            flat[count] = groups[group][name];
            count += 1;
            name += 1;
        }
        group += 1;
    }
    flat
}
