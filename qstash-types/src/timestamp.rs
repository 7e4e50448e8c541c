//! Points in time on the wire: Unix milliseconds in JSON, Unix seconds in headers and in a few JSON fields.
//!
//! Each module is for `#[serde(with = "…")]` on a field. They read a number or a text of digits, since the service has
//! sent both, and write a number.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serializer, de};
use serde_json::{Number, Value};

use crate::digits;

/// Unix milliseconds.
pub mod unix_millis {
    use super::{Deserializer, Instants, Serializer, SystemTime};

    const UNIT: Instants = Instants { per_second: 1_000 };

    /// Writes whole milliseconds.
    ///
    /// # Errors
    ///
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(UNIT.count(*time))
    }

    /// Reads a number or a text of digits.
    ///
    /// # Errors
    ///
    /// Anything that is not a whole number of milliseconds.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SystemTime, D::Error> {
        UNIT.read(deserializer)
    }
}

/// A JSON value as a time in Unix milliseconds; `null` counts as absent.
pub(crate) fn unix_millis_of(value: &Value) -> Result<Option<SystemTime>, &'static str> {
    if value.is_null() { Ok(None) } else { Instants { per_second: 1_000 }.of(value).map(Some) }
}

/// Unix seconds.
pub mod unix_seconds {
    use super::{Deserializer, Instants, Serializer, SystemTime};

    const UNIT: Instants = Instants { per_second: 1 };

    /// Writes whole seconds.
    ///
    /// # Errors
    ///
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(UNIT.count(*time))
    }

    /// Reads a number or a text of digits.
    ///
    /// # Errors
    ///
    /// Anything that is not a whole number of seconds.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SystemTime, D::Error> {
        UNIT.read(deserializer)
    }
}

/// Optional Unix milliseconds, for `#[serde(default, with = "…", skip_serializing_if = "Option::is_none")]`.
pub mod optional_unix_millis {
    use super::{Deserialize, Deserializer, Millis, Serializer, SystemTime, unix_millis};

    /// Writes whole milliseconds, or `null`.
    ///
    /// # Errors
    ///
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(time: &Option<SystemTime>, serializer: S) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => unix_millis::serialize(time, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// Reads a number, a text of digits, or `null`.
    ///
    /// # Errors
    ///
    /// Anything else.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SystemTime>, D::Error> {
        Ok(<Option<Millis>>::deserialize(deserializer)?.map(|Millis(time)| time))
    }
}

/// A time that is read as [`unix_millis`].
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Millis(#[serde(with = "unix_millis")] pub(crate) SystemTime);

/// Whole Unix seconds of a time, rounded up: what `Upstash-Not-Before` says must not lie before what was asked for.
pub(crate) fn whole_seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, crate::duration::whole_seconds)
}

/// A whole number, however it is written: JSON knows no difference between `5`, `5.0` and `5e0`.
fn whole(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let number = number.as_f64().filter(|number| number.fract() == 0.0)?;
        format!("{number:.0}").parse().ok()
    })
}

/// Counts the units between the epoch and a time, and back.
#[derive(Clone, Copy)]
struct Instants {
    per_second: u32,
}

impl Instants {
    fn count(self, time: SystemTime) -> i64 {
        let units = |span: Duration| {
            i64::try_from(span.as_nanos() * u128::from(self.per_second) / 1_000_000_000).unwrap_or(i64::MAX)
        };
        match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => units(after),
            Err(before) => -units(before.duration()),
        }
    }

    /// Goes through a JSON value, so that numbers are found in whatever form `serde_json` is built to keep them.
    fn read<'de, D: Deserializer<'de>>(self, deserializer: D) -> Result<SystemTime, D::Error> {
        self.of(&Value::deserialize(deserializer)?).map_err(de::Error::custom)
    }

    fn of(self, value: &Value) -> Result<SystemTime, &'static str> {
        let count = match value {
            Value::Number(number) => whole(number),
            Value::String(text) => digits::parse(text),
            _ => None,
        };
        let time = count.and_then(|count| self.time(count));
        time.ok_or("not a Unix time as a whole number or as text")
    }

    fn time(self, count: i64) -> Option<SystemTime> {
        let per_second = u64::from(self.per_second);
        let magnitude = count.unsigned_abs();
        let nanos = (magnitude % per_second) * (1_000_000_000 / per_second);
        let span = Duration::from_secs(magnitude / per_second) + Duration::from_nanos(nanos);
        let epoch = SystemTime::UNIX_EPOCH;
        if count < 0 { epoch.checked_sub(span) } else { epoch.checked_add(span) }
    }
}
