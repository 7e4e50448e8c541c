//! The duration grammar of QStash headers: `30s`, `5m`, `1d10h30m`.

use std::time::Duration;

/// Reads a duration: one or more pairs of digits and a unit (`s`, `m`, `h` or `d`), or bare digits, which are seconds.
///
/// ```
/// use std::time::Duration;
///
/// assert_eq!(qstash_types::duration::parse("1h30m3s")?, Duration::from_secs(5403));
/// assert!(qstash_types::duration::parse("1.5h").is_err());
/// # Ok::<_, qstash_types::duration::InvalidDuration>(())
/// ```
///
/// # Errors
///
/// Anything else is refused: fractions, signs, blanks, other units, and sums beyond 2⁶⁴ seconds.
pub fn parse(text: &str) -> Result<Duration, InvalidDuration> {
    let mut seconds: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let number: u64 = number.parse().map_err(|_| InvalidDuration)?;
        let unit = match tail.bytes().next() {
            Some(b's') => 1,
            Some(b'm') => 60,
            Some(b'h') => 60 * 60,
            Some(b'd') => 24 * 60 * 60,
            None if number_is_whole(text, digits) => 1,
            _ => return Err(InvalidDuration),
        };
        seconds = number.checked_mul(unit).and_then(|s| seconds.checked_add(s)).ok_or(InvalidDuration)?;
        rest = tail.get(1..).unwrap_or_default();
    }
    if text.is_empty() { Err(InvalidDuration) } else { Ok(Duration::from_secs(seconds)) }
}

/// Only a text that is nothing but digits may leave the unit out; `1h30` is a mistake.
fn number_is_whole(text: &str, digits: usize) -> bool {
    text.len() == digits
}

/// Writes a duration in whole seconds, such as `5403s`, which every version of the service understands.
///
/// Parts of a second are rounded up: a caller who asks for 100 ms must not get none at all.
///
/// ```
/// use std::time::Duration;
///
/// assert_eq!(qstash_types::duration::to_text(Duration::from_millis(1500)), "2s");
/// ```
pub fn to_text(duration: Duration) -> String {
    format!("{}s", whole_seconds(duration))
}

/// The duration in seconds, rounded up.
pub fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0))
}

/// The duration in milliseconds, rounded down.
pub(crate) fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A text is not a duration.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a duration, expected digits with a unit such as 30s, 5m, 2h or 7d")]
pub struct InvalidDuration;
