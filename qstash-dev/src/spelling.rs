//! How the API spells the one state that QStash has two spellings of.

use qstash_types::{LogEntry, LogState};

/// How the log of the API spells the state of a cancelled message. Filters take both spellings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CanceledSpelling {
    /// `CANCELED`, the one that official SDKs know.
    #[default]
    OneL,
    /// `CANCELLED`, the one of the official documentation.
    TwoLs,
}

impl CanceledSpelling {
    /// Has the entries show it.
    pub(crate) fn apply<'a>(self, entries: impl IntoIterator<Item = &'a mut LogEntry>) {
        if self == Self::TwoLs {
            for entry in entries.into_iter().filter(|entry| entry.state == LogState::Canceled) {
                entry.state = LogState::Unknown("CANCELLED".into());
            }
        }
    }
}
