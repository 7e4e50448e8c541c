//! How long a destination asks to be left alone.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header};

use crate::state::Time;

/// The headers that may ask for it; the first usable one counts.
const NAMES: [&str; 4] =
    ["retry-after", "x-ratelimit-reset", "x-ratelimit-reset-requests", "x-ratelimit-reset-tokens"];
/// A header that asks for more is not taken seriously.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The wait that the headers of a response ask for.
pub(super) fn requested(headers: &HeaderMap, now: Time) -> Option<Duration> {
    // A date is meant by the destination's clock, which broker time may have left behind.
    let now = date(headers, header::DATE.as_str()).unwrap_or_else(|| now.into());
    NAMES.iter().find_map(|name| {
        let text = text(headers, name)?;
        let wait = seconds(text)
            .or_else(|| span(text))
            .or_else(|| Some(date(headers, name)?.duration_since(now).unwrap_or_default()))?;
        (wait <= LONGEST).then_some(wait)
    })
}

fn seconds(text: &str) -> Option<Duration> {
    text.parse().ok().map(Duration::from_secs)
}

fn date(headers: &HeaderMap, name: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text(headers, name)?).ok()
}

/// The value of a header, which need not be ASCII: `µs` is a unit.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    str::from_utf8(headers.get(name)?.as_bytes()).ok().map(str::trim)
}

/// Reads a duration in the grammar of the Go language: `6m5s`, `1.5h`, `300ms`.
fn span(text: &str) -> Option<Duration> {
    let mut sum = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let (number, tail) = rest.split_at(rest.find(|c: char| c != '.' && !c.is_ascii_digit())?);
        let (unit, tail) =
            tail.split_at(tail.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(tail.len()));
        let seconds = number.parse::<f64>().ok()? * seconds_per(unit)?;
        sum = sum.checked_add(Duration::try_from_secs_f64(seconds).ok()?)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(sum)
}

fn seconds_per(unit: &str) -> Option<f64> {
    Some(match unit {
        "h" => 3600.0,
        "m" => 60.0,
        "s" => 1.0,
        "ms" => 1e-3,
        "us" | "µs" | "μs" => 1e-6,
        "ns" => 1e-9,
        _ => return None,
    })
}
