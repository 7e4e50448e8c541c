//! The forms that single fields have in JSON.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use serde::{Deserialize, Serialize, Serializer, de::DeserializeOwned, ser::SerializeMap};
use serde_json::value::RawValue;

use crate::{
    Headers, LogState, MessageId, RunState, base64_bytes,
    duration::{whole_millis, whole_seconds},
    timestamp::{unix_millis, unix_seconds},
};

/// How a field is read and written.
pub(crate) trait Codec<T> {
    /// What there is without the field.
    fn absent() -> T;

    /// Reads a value that is not `null`.
    ///
    /// # Errors
    ///
    /// What is readable of a value that is wrong.
    fn read(json: &str) -> Result<T, T>;

    fn write<M: SerializeMap>(value: &T, name: &'static str, map: &mut M) -> Result<(), M::Error>;
}

/// The form that serde gives the type. An absent optional value is left out when it is written; `""`
/// is read as an absent one.
pub(crate) struct Plain;

/// Headers, or nothing at all.
pub(crate) struct NotEmpty;

/// `true`, or nothing at all.
pub(crate) struct IfTrue;

/// Whole Unix milliseconds.
pub(crate) struct UnixMillis;

/// Whole Unix seconds.
pub(crate) struct UnixSeconds;

/// A duration in whole milliseconds; zero means absent.
pub(crate) struct WholeMillis;

/// A duration in whole seconds; zero means absent.
pub(crate) struct WholeSeconds;

/// Bytes in base64; none for an empty body.
pub(crate) struct Base64;

/// A list, of which each element is read by itself.
pub(crate) struct List;

/// What serde reads, where nothing can be said about a part of it.
fn whole<T: DeserializeOwned>(json: &str, absent: T) -> Result<T, T> {
    serde_json::from_str(json).map_err(|_| absent)
}

macro_rules! plain {
    ($($type:ty = $absent:expr),+) => {$(
        impl Codec<$type> for Plain {
            fn absent() -> $type {
                $absent
            }

            fn read(json: &str) -> Result<$type, $type> {
                whole(json, $absent)
            }

            fn write<M: SerializeMap>(value: &$type, name: &'static str, map: &mut M) -> Result<(), M::Error> {
                map.serialize_entry(name, value)
            }
        }
    )+};
}

plain!(String = String::new(), bool = false, u32 = 0, u64 = 0, LogState = LogState::Unknown("".into()));

impl<T: DeserializeOwned + Serialize> Codec<Option<T>> for Plain {
    fn absent() -> Option<T> {
        None
    }

    fn read(json: &str) -> Result<Option<T>, Option<T>> {
        if json == r#""""# { Ok(None) } else { whole(json, None) }
    }

    fn write<M: SerializeMap>(value: &Option<T>, name: &'static str, map: &mut M) -> Result<(), M::Error> {
        value.as_ref().map_or(Ok(()), |value| map.serialize_entry(name, value))
    }
}

impl Codec<Headers> for Plain {
    fn absent() -> Headers {
        Headers::default()
    }

    fn read(json: &str) -> Result<Headers, Headers> {
        Headers::readable(json)
    }

    fn write<M: SerializeMap>(value: &Headers, name: &'static str, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry(name, value)
    }
}

impl Codec<Headers> for NotEmpty {
    fn absent() -> Headers {
        Headers::default()
    }

    fn read(json: &str) -> Result<Headers, Headers> {
        Plain::read(json)
    }

    fn write<M: SerializeMap>(value: &Headers, name: &'static str, map: &mut M) -> Result<(), M::Error> {
        if value.is_empty() { Ok(()) } else { Plain::write(value, name, map) }
    }
}

impl Codec<BTreeMap<MessageId, RunState>> for Plain {
    fn absent() -> BTreeMap<MessageId, RunState> {
        BTreeMap::new()
    }

    fn read(json: &str) -> Result<BTreeMap<MessageId, RunState>, BTreeMap<MessageId, RunState>> {
        let Ok(pieces) = serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(json) else {
            return Err(BTreeMap::new());
        };
        let count = pieces.len();
        let read = |(id, state): (String, Box<RawValue>)| {
            let id = serde_json::from_value(id.into()).ok()?;
            Some((id, serde_json::from_str(state.get()).ok()?))
        };
        let states: BTreeMap<_, _> = pieces.into_iter().filter_map(read).collect();
        if states.len() == count { Ok(states) } else { Err(states) }
    }

    fn write<M: SerializeMap>(
        value: &BTreeMap<MessageId, RunState>,
        name: &'static str,
        map: &mut M,
    ) -> Result<(), M::Error> {
        if value.is_empty() { Ok(()) } else { map.serialize_entry(name, value) }
    }
}

impl Codec<bool> for IfTrue {
    fn absent() -> bool {
        false
    }

    fn read(json: &str) -> Result<bool, bool> {
        whole(json, false)
    }

    fn write<M: SerializeMap>(value: &bool, name: &'static str, map: &mut M) -> Result<(), M::Error> {
        if *value { map.serialize_entry(name, value) } else { Ok(()) }
    }
}

macro_rules! times {
    ($($codec:ident: $module:ident),+) => {$(
        impl Codec<Option<SystemTime>> for $codec {
            fn absent() -> Option<SystemTime> {
                None
            }

            fn read(json: &str) -> Result<Option<SystemTime>, Option<SystemTime>> {
                let time = $module::deserialize(&mut serde_json::Deserializer::from_str(json));
                time.map(Some).map_err(|_| None)
            }

            fn write<M: SerializeMap>(
                value: &Option<SystemTime>,
                name: &'static str,
                map: &mut M,
            ) -> Result<(), M::Error> {
                struct Written(SystemTime);

                impl Serialize for Written {
                    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                        $module::serialize(&self.0, serializer)
                    }
                }

                value.map_or(Ok(()), |time| map.serialize_entry(name, &Written(time)))
            }
        }
    )+};
}

times!(UnixMillis: unix_millis, UnixSeconds: unix_seconds);

macro_rules! durations {
    ($($codec:ident: $count:ident, $duration:path;)+) => {$(
        impl Codec<Option<Duration>> for $codec {
            fn absent() -> Option<Duration> {
                None
            }

            fn read(json: &str) -> Result<Option<Duration>, Option<Duration>> {
                let units: Option<u64> = Plain::read(json).map_err(|_| None)?;
                Ok(units.filter(|units| *units > 0).map($duration))
            }

            fn write<M: SerializeMap>(
                value: &Option<Duration>,
                name: &'static str,
                map: &mut M,
            ) -> Result<(), M::Error> {
                Plain::write(&value.map($count), name, map)
            }
        }
    )+};
}

durations! {
    WholeMillis: whole_millis, Duration::from_millis;
    WholeSeconds: whole_seconds, Duration::from_secs;
}

impl Codec<Bytes> for Base64 {
    fn absent() -> Bytes {
        Bytes::new()
    }

    fn read(json: &str) -> Result<Bytes, Bytes> {
        base64_bytes::deserialize(&mut serde_json::Deserializer::from_str(json)).map_err(|_| Bytes::new())
    }

    fn write<M: SerializeMap>(value: &Bytes, name: &'static str, map: &mut M) -> Result<(), M::Error> {
        if value.is_empty() { Ok(()) } else { map.serialize_entry(name, &base64_bytes::encode(value)) }
    }
}

impl<T: for<'de> Deserialize<'de> + Serialize> Codec<Vec<T>> for List {
    fn absent() -> Vec<T> {
        Vec::new()
    }

    fn read(json: &str) -> Result<Vec<T>, Vec<T>> {
        if let Ok(list) = serde_json::from_str(json) {
            return Ok(list);
        }
        let Ok(pieces) = serde_json::from_str::<Vec<Box<RawValue>>>(json) else { return Err(Vec::new()) };
        let count = pieces.len();
        let readable: Vec<T> =
            pieces.iter().filter_map(|piece| serde_json::from_str(piece.get()).ok()).collect();
        if readable.len() == count { Ok(readable) } else { Err(readable) }
    }

    fn write<M: SerializeMap>(value: &Vec<T>, name: &'static str, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry(name, value)
    }
}
