//! The time zone that an expression names.

#[cfg(feature = "cron")]
use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::InvalidCron;

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Zone {
    name: String,
    /// Absent for a zone that the database does not know.
    #[cfg(feature = "cron")]
    pub(super) rules: Option<TimeZone>,
}

impl Zone {
    /// A zone whose name has been checked as far as it can be.
    #[cfg(feature = "cron")]
    pub(super) fn checked(name: &str) -> Result<Self, InvalidCron> {
        let rules = TimeZoneDatabase::bundled().get(name).ok();
        // The service looks a name up letter by letter, the database in any case.
        let known = rules.as_ref().and_then(TimeZone::iana_name).map(str::to_owned);
        let name = known.ok_or_else(|| InvalidCron::TimeZone(name.to_owned()))?;
        Ok(Self { name, rules })
    }

    /// A zone whose name has been checked as far as it can be: there is no database.
    #[cfg(not(feature = "cron"))]
    pub(super) fn checked(name: &str) -> Result<Self, InvalidCron> {
        Self::unchecked(name)
    }

    /// A zone of any name that consists of legal characters.
    pub(super) fn unchecked(name: &str) -> Result<Self, InvalidCron> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+-".contains(&byte);
        if name.is_empty() || !name.bytes().all(legal) {
            return Err(InvalidCron::TimeZone(name.to_owned()));
        }
        Ok(Self {
            name: name.to_owned(),
            #[cfg(feature = "cron")]
            rules: None,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }
}
