//! The regions of hosted QStash.

use std::{fmt, str::FromStr};

/// A region of hosted QStash. Regions share nothing: tokens, signing keys and messages are per region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Region {
    /// `eu-central-1`, the default.
    EuCentral1,
    /// `us-east-1`.
    UsEast1,
}

impl Region {
    /// Every region, for code that walks them all.
    pub const ALL: [Region; 2] = [Region::EuCentral1, Region::UsEast1];

    /// The region as environment variables spell it: `EU_CENTRAL_1`, as in `EU_CENTRAL_1_QSTASH_TOKEN`.
    pub fn variable_prefix(self) -> &'static str {
        match self {
            Region::EuCentral1 => "EU_CENTRAL_1",
            Region::UsEast1 => "US_EAST_1",
        }
    }

    /// The base URL of the region's API.
    pub fn base_url(self) -> &'static str {
        match self {
            Region::EuCentral1 => "https://qstash-eu-central-1.upstash.io",
            Region::UsEast1 => "https://qstash-us-east-1.upstash.io",
        }
    }
}

impl fmt::Display for Region {
    /// Writes the spelling of the `Upstash-Region` header, such as `EU-CENTRAL-1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Region::EuCentral1 => "EU-CENTRAL-1",
            Region::UsEast1 => "US-EAST-1",
        })
    }
}

impl FromStr for Region {
    type Err = UnknownRegion;

    /// Reads a region in any letter case, with `-` or `_` between its parts.
    fn from_str(text: &str) -> Result<Self, UnknownRegion> {
        let same = |spelling: &str| {
            text.len() == spelling.len()
                && text.bytes().zip(spelling.bytes()).all(|(given, wanted)| {
                    given.eq_ignore_ascii_case(&wanted) || (given == b'-' && wanted == b'_')
                })
        };
        Region::ALL.into_iter().find(|region| same(region.variable_prefix())).ok_or(UnknownRegion)
    }
}

/// A text named no region that QStash has.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown region, expected US_EAST_1 or EU_CENTRAL_1")]
pub struct UnknownRegion;
