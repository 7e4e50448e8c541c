//! When a schedule fires.

mod error;
mod field;
#[cfg(feature = "cron")]
mod times;
mod zone;

use std::{fmt, str::FromStr};

pub use error::InvalidCron;
use field::Field;
use zone::Zone;

/// An expression of five fields, `minute hour day month weekday`, in UTC unless it names a time zone.
///
/// A field is `*`, a number, a range, a step (`*/5`, `10-30/5`) or a list of them; months and weekdays have their names
/// too, and Sunday is 0 and 7. If day and weekday are both restricted, either will do. An expression that never fires,
/// such as one for 30 February, is refused.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use qstash_types::Cron;
///
/// let weekdays = "0 4 * * MON-FRI".parse::<Cron>()?.time_zone("America/New_York")?;
/// assert_eq!(weekdays.to_string(), "CRON_TZ=America/New_York 0 4 * * MON-FRI");
///
/// // 1 January 1970 is a Thursday.
/// let first = SystemTime::UNIX_EPOCH + Duration::from_secs(9 * 3600);
/// # #[cfg(feature = "cron")]
/// assert_eq!(weekdays.after(SystemTime::UNIX_EPOCH).next(), Some(first));
/// # Ok::<_, qstash_types::InvalidCron>(())
/// ```
///
/// # Time zones
///
/// With the feature `cron`, a name is looked up in a copy of the time zone database that is compiled in, and there is
/// `after`, which says when the expression fires. A zone that is younger than the copy can be named by
/// [`unchecked_time_zone`](Self::unchecked_time_zone). Without the feature, nothing but the characters of a name is checked.
#[derive(Clone, PartialEq, Eq)]
pub struct Cron {
    /// The fields as they were given, with one space between them.
    text: String,
    zone: Option<Zone>,
    minutes: Field,
    hours: Field,
    days: Field,
    months: Field,
    weekdays: Field,
}

impl Cron {
    /// The time zone whose clocks the fields follow, by its name in the IANA database, such as `Europe/Berlin`.
    ///
    /// Header: `Upstash-Cron`, the prefix `CRON_TZ=`.
    ///
    /// # Errors
    ///
    /// A name that the database does not know is refused. Without the feature `cron`, only a name with illegal characters is
    /// refused.
    pub fn time_zone(self, name: &str) -> Result<Self, InvalidCron> {
        Ok(Self { zone: Some(Zone::checked(name)?), ..self })
    }

    /// A time zone that the service knows and the database here does not know yet. Nothing can be said about the times at
    /// which the expression fires then.
    ///
    /// Header: `Upstash-Cron`, the prefix `CRON_TZ=`.
    ///
    /// # Errors
    ///
    /// A name is made of ASCII letters, digits, `/`, `_`, `+` and `-`.
    pub fn unchecked_time_zone(self, name: &str) -> Result<Self, InvalidCron> {
        Ok(Self { zone: Some(Zone::unchecked(name)?), ..self })
    }

    /// Whether there is any day that the fields allow.
    fn fires(&self) -> bool {
        const LENGTHS: [u8; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let months = (1..=12).zip(LENGTHS).filter(|&(month, _)| self.months.has(month));
        self.either() || months.into_iter().any(|(_, length)| (1..=length).any(|day| self.days.has(day)))
    }

    /// Whether one of day and weekday is enough.
    fn either(&self) -> bool {
        !self.days.is_any() && !self.weekdays.is_any()
    }
}

impl FromStr for Cron {
    type Err = InvalidCron;

    fn from_str(text: &str) -> Result<Self, InvalidCron> {
        let mut words: Vec<_> = text.split_whitespace().collect();
        let zone = words.first().and_then(|word| word.strip_prefix("CRON_TZ="));
        if zone.is_some() {
            words.remove(0);
        }
        let [minutes, hours, days, months, weekdays] = words[..] else {
            return Err(InvalidCron::Fields(words.len()));
        };
        let cron = Self {
            text: words.join(" "),
            zone: None,
            minutes: field::MINUTE.parse(minutes)?,
            hours: field::HOUR.parse(hours)?,
            days: field::DAY.parse(days)?,
            months: field::MONTH.parse(months)?,
            weekdays: field::WEEKDAY.parse(weekdays)?.with_one_sunday(),
        };
        match zone {
            _ if !cron.fires() => Err(InvalidCron::Never),
            Some(name) => cron.time_zone(name),
            None => Ok(cron),
        }
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(zone) = &self.zone {
            write!(f, "CRON_TZ={} ", zone.name())?;
        }
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cron({:?})", self.to_string())
    }
}

impl TryFrom<&str> for Cron {
    type Error = InvalidCron;

    fn try_from(text: &str) -> Result<Self, InvalidCron> {
        text.parse()
    }
}

impl TryFrom<String> for Cron {
    type Error = InvalidCron;

    fn try_from(text: String) -> Result<Self, InvalidCron> {
        text.parse()
    }
}

impl TryFrom<&String> for Cron {
    type Error = InvalidCron;

    fn try_from(text: &String) -> Result<Self, InvalidCron> {
        text.parse()
    }
}
