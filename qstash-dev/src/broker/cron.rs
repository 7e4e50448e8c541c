//! When a schedule fires.

use std::{fmt, str::FromStr};

use jiff::{
    Timestamp, ToSpan as _,
    civil::{Date, DateTime},
    tz::{AmbiguousOffset, TimeZone},
};

use super::Millis;

/// An expression of five fields, `minute hour day month weekday`, perhaps behind `CRON_TZ=` and the name of a time zone.
///
/// A field is `*`, a number, a range, a step (`*/5`, `10-30/5`) or a list of them; months and weekdays have their names
/// too. If day and weekday are both restricted, either will do. Where clocks go forward, a time that does not exist is
/// moved along, and where they go back, a time that comes twice counts once; an expression for every hour follows the
/// hours as they pass.
#[derive(Clone, PartialEq)]
pub struct Cron {
    text: String,
    zone: TimeZone,
    minutes: Field,
    hours: Field,
    days: Field,
    months: Field,
    weekdays: Field,
}

/// The values that a field allows, one bit each.
#[derive(Clone, Copy, PartialEq)]
struct Field {
    values: u64,
    /// Whether it begins with `*`, and so restricts nothing by itself.
    any: bool,
}

/// How far ahead an expression is looked for: leap days may be eight years apart.
const HORIZON_YEARS: i32 = 9;
/// Clocks are never changed by more than this.
const LARGEST_SHIFT_HOURS: i32 = 3;

impl Cron {
    /// The expression as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The first time after this one, if there is any.
    pub fn next(&self, after: Millis) -> Option<Millis> {
        let after = Timestamp::from_millisecond(i64::try_from(after.since_epoch()).ok()?).ok()?;
        let local = self.zone.to_datetime(after);
        let mut date = local.date();
        let horizon = date.checked_add(HORIZON_YEARS.years()).unwrap_or(Date::MAX);
        // A time that was moved along may belong to the day before.
        date = date.yesterday().unwrap_or(date);
        while date <= horizon {
            if self.includes(date)
                && let Some(next) = self.first_on(date, after, local)
            {
                let millis = u64::try_from(next.as_millisecond()).ok()?;
                return (millis < Millis::LAST.since_epoch()).then(|| Millis::new(millis));
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    fn includes(&self, date: Date) -> bool {
        let day = self.days.has(date.day());
        let weekday = self.weekdays.has(date.weekday().to_sunday_zero_offset());
        let either = !self.days.any && !self.weekdays.any;
        self.months.has(date.month()) && if either { day || weekday } else { day && weekday }
    }

    /// The first time on this day that lies after the given one, which is shown by local clocks as `local`.
    fn first_on(&self, date: Date, after: Timestamp, local: DateTime) -> Option<Timestamp> {
        let shift = LARGEST_SHIFT_HOURS.hours();
        let earliest = local.checked_sub(shift).unwrap_or(local);
        let mut first: Option<(Timestamp, DateTime)> = None;
        for hour in (0..24).filter(|&hour| self.hours.has(hour)) {
            for minute in (0..60).filter(|&minute| self.minutes.has(minute)) {
                let time = date.at(hour, minute, 0, 0);
                if time < earliest {
                    continue;
                }
                if let Some((found, latest)) = first
                    && time > latest
                {
                    return Some(found);
                }
                for instant in self.instants(time).into_iter().flatten().filter(|&instant| instant > after) {
                    if first.is_none_or(|(found, _)| instant < found) {
                        first = Some((instant, time.checked_add(shift).unwrap_or(time)));
                    }
                }
            }
        }
        first.map(|(found, _)| found)
    }

    /// The instants at which local clocks show this time, as far as the expression is meant to fire then.
    fn instants(&self, time: DateTime) -> [Option<Timestamp>; 2] {
        let ambiguous = self.zone.to_ambiguous_timestamp(time);
        let every_hour = self.hours.any && self.hours.values == u64::MAX >> (64 - 24);
        match ambiguous.offset() {
            AmbiguousOffset::Gap { .. } if every_hour => [None, None],
            AmbiguousOffset::Fold { .. } if every_hour => [ambiguous.earlier().ok(), ambiguous.later().ok()],
            _ => [ambiguous.compatible().ok(), None],
        }
    }
}

impl FromStr for Cron {
    type Err = InvalidCron;

    fn from_str(text: &str) -> Result<Self, InvalidCron> {
        let text = text.trim();
        let (zone, fields) = match text.strip_prefix("CRON_TZ=") {
            Some(rest) => {
                let (name, fields) = rest.split_once(char::is_whitespace).ok_or(InvalidCron::Fields)?;
                let zone = jiff::tz::TimeZoneDatabase::bundled().get(name);
                (zone.map_err(|_| InvalidCron::Zone(name.to_owned()))?, fields)
            }
            None => (TimeZone::UTC, text),
        };
        let fields: Vec<_> = fields.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields[..] else {
            return Err(InvalidCron::Fields);
        };
        let mut weekdays = Field::parse(weekdays, 0, 7, &WEEKDAYS)?;
        // Sunday has two numbers.
        weekdays.values |= weekdays.values >> 7 & 1;
        let cron = Self {
            text: text.to_owned(),
            zone,
            minutes: Field::parse(minutes, 0, 59, &[])?,
            hours: Field::parse(hours, 0, 23, &[])?,
            days: Field::parse(days, 1, 31, &[])?,
            months: Field::parse(months, 1, 12, &MONTHS)?,
            weekdays,
        };
        if cron.next(Millis::new(0)).is_none() { Err(InvalidCron::Never) } else { Ok(cron) }
    }
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

impl Field {
    fn parse(text: &str, lowest: u8, highest: u8, names: &[&str]) -> Result<Self, InvalidCron> {
        let invalid = || InvalidCron::Field(text.to_owned());
        let value = |text: &str| {
            let place = names.iter().position(|name| text.eq_ignore_ascii_case(name));
            let value = match place {
                Some(place) => u8::try_from(place).ok()? + lowest,
                None if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok()?,
                None => return None,
            };
            (lowest..=highest).contains(&value).then_some(value)
        };
        let mut values = 0;
        for part in text.split(',') {
            let (range, step) =
                part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
            let (from, to) = match range.split_once('-') {
                _ if range == "*" => (lowest, highest),
                Some((from, to)) => (value(from).ok_or_else(invalid)?, value(to).ok_or_else(invalid)?),
                None => {
                    let only = value(range).ok_or_else(invalid)?;
                    (only, if step.is_some() { highest } else { only })
                }
            };
            let step = match step {
                Some(step) => step.parse().ok().filter(|&step: &usize| step > 0).ok_or_else(invalid)?,
                None => 1,
            };
            if from > to {
                return Err(invalid());
            }
            values |= (from..=to).step_by(step).fold(0, |values, value| values | 1 << value);
        }
        Ok(Self { values, any: text.starts_with('*') })
    }

    fn has(self, value: i8) -> bool {
        self.values >> value & 1 == 1
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cron({:?})", self.text)
    }
}

/// A text is not a cron expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCron {
    /// There are not five fields.
    #[error("expected five fields: minute hour day month weekday")]
    Fields,
    /// A field breaks the grammar, or holds a value out of range.
    #[error("{0:?} is not a field of a cron expression")]
    Field(String),
    /// There is no such time zone.
    #[error("unknown time zone {0:?}")]
    Zone(String),
    /// There is no such time.
    #[error("the expression never fires")]
    Never,
}
