//! The times at which an expression fires.

use std::{iter, time::SystemTime};

use jiff::{
    Timestamp, ToSpan as _,
    civil::{Date, DateTime},
    tz::{AmbiguousOffset, TimeZone},
};

use super::Cron;

/// How far ahead an expression is looked for: 29 February may be the same weekday again after forty years.
const HORIZON_YEARS: i32 = 41;
/// Clocks are never changed by more than this.
const LARGEST_SHIFT_HOURS: i32 = 3;

impl Cron {
    /// The times at which the expression fires, from the first one after the given time on, until the year 9999.
    ///
    /// Where clocks go forward, a time that does not exist is moved along, and where they go back, a time that comes
    /// twice counts once; an expression for every hour follows the hours as they pass. There are no times for an
    /// [unchecked time zone](Self::unchecked_time_zone).
    pub fn after(&self, time: SystemTime) -> impl Iterator<Item = SystemTime> + use<'_> {
        const UTC: &TimeZone = &TimeZone::UTC;
        let zone = self.zone.as_ref().map_or(Some(UTC), |zone| zone.rules.as_ref());
        let start = Timestamp::try_from(time).ok();
        let first = start.and_then(|start| self.next(zone?, start));
        iter::successors(first, move |&time| self.next(zone?, time))
            .map_while(|time| SystemTime::try_from(time).ok())
    }

    fn next(&self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        let local = zone.to_datetime(after);
        let mut date = local.date();
        let horizon = date.checked_add(HORIZON_YEARS.years()).unwrap_or(Date::MAX);
        // A time that was moved along may belong to the day before.
        date = date.yesterday().unwrap_or(date);
        while date <= horizon {
            if self.includes(date)
                && let Some(next) = self.first_on(zone, date, after, local)
            {
                return Some(next);
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    fn includes(&self, date: Date) -> bool {
        let day = self.days.has(date.day().unsigned_abs());
        let weekday = self.weekdays.has(date.weekday().to_sunday_zero_offset().unsigned_abs());
        let month = self.months.has(date.month().unsigned_abs());
        month && if self.either() { day || weekday } else { day && weekday }
    }

    /// The first time on this day that lies after the given one, which is shown by local clocks as `local`.
    fn first_on(&self, zone: &TimeZone, date: Date, after: Timestamp, local: DateTime) -> Option<Timestamp> {
        let shift = LARGEST_SHIFT_HOURS.hours();
        let earliest = local.checked_sub(shift).unwrap_or(local);
        let mut first: Option<(Timestamp, DateTime)> = None;
        for hour in (0..24).filter(|&hour: &i8| self.hours.has(hour.unsigned_abs())) {
            for minute in (0..60).filter(|&minute: &i8| self.minutes.has(minute.unsigned_abs())) {
                let time = date.at(hour, minute, 0, 0);
                if time < earliest {
                    continue;
                }
                if let Some((found, latest)) = first
                    && time > latest
                {
                    return Some(found);
                }
                for instant in
                    self.instants(zone, time).into_iter().flatten().filter(|&instant| instant > after)
                {
                    if first.is_none_or(|(found, _)| instant < found) {
                        first = Some((instant, time.checked_add(shift).unwrap_or(time)));
                    }
                }
            }
        }
        first.map(|(found, _)| found)
    }

    /// The instants at which local clocks show this time, as far as the expression is meant to fire then.
    fn instants(&self, zone: &TimeZone, time: DateTime) -> [Option<Timestamp>; 2] {
        let ambiguous = zone.to_ambiguous_timestamp(time);
        let every_hour = self.hours.is_any() && (0..24).all(|hour| self.hours.has(hour));
        match ambiguous.offset() {
            AmbiguousOffset::Gap { .. } if every_hour => [None, None],
            AmbiguousOffset::Fold { .. } if every_hour => [ambiguous.earlier().ok(), ambiguous.later().ok()],
            _ => [ambiguous.compatible().ok(), None],
        }
    }
}
