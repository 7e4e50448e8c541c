//! Errors as text, for people.

/// The text of an error whose type is of no use to anybody.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Text(pub(super) String);

/// Foreign texts are kept up to this many characters: a proxy may answer with a whole page.
const LONGEST: usize = 1000;

/// A foreign text on one line, without control characters, and cut.
pub(super) fn one_line(text: &str) -> String {
    text.trim().chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
