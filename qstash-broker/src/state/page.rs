//! Parts of listings.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Time;

/// A part of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// What the page before ended with.
    pub after: Option<Cursor>,
    /// How many entries it may have.
    pub count: usize,
}

impl PageRequest {
    /// Cuts the page out of everything there is, the newest first, and says where it ends if another one follows.
    pub(crate) fn cut<T>(self, all: impl Iterator<Item = (Cursor, T)>) -> (Vec<T>, Option<Cursor>) {
        let mut rest =
            all.skip_while(|(place, _)| self.after.is_some_and(|after| *place >= after)).peekable();
        let mut page = Vec::new();
        let mut end = None;
        while page.len() < self.count
            && let Some((place, entry)) = rest.next()
        {
            end = Some(place);
            page.push(entry);
        }
        (page, end.filter(|_| rest.peek().is_some()))
    }
}

/// A place in a listing: a time, and a number that makes it unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cursor(pub Time, pub u64);

impl Cursor {
    /// Before everything that happened later than this time.
    pub fn at(time: Time) -> Self {
        Self(time, u64::MAX)
    }

    /// Reads what [`Display`](fmt::Display) wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let (time, number) = text.split_once('-')?;
        Some(Self(Time::new(time.parse().ok()?), number.parse().ok()?))
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0.since_epoch(), self.1)
    }
}
