//! Records on stdout: aligned for people, or a line of JSON each for programs.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    time::SystemTime,
};

use jiff::Timestamp;
use serde::Serialize;

/// Prints a text and a line break.
pub(super) fn line(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.write_all(b"\n")
}

/// Prints a record as JSON: in one line, or for a person. JSON escapes those control characters alone that ASCII has before
/// the blank; terminals know others.
pub(super) fn record(record: &impl Serialize, in_one_line: bool) -> io::Result<()> {
    let text =
        if in_one_line { serde_json::to_string(record) } else { serde_json::to_string_pretty(record) }?;
    if text.chars().all(|character| matches!(character, '\n' | ' '..='~')) {
        return line(&text);
    }
    let escaped = text.chars().fold(String::with_capacity(text.len()), |mut escaped, character| {
        match character {
            '\u{7f}'..='\u{9f}' => {
                write!(escaped, "\\u{:04x}", u32::from(character))
                    .expect("writing to a string does not fail");
            }
            character => escaped.push(character),
        }
        escaped
    });
    line(&escaped)
}

/// Prints a line: the record as JSON, or what a person wants to know of it.
pub(super) fn one<T: Serialize>(record: &T, json: bool, text: impl FnOnce(&T) -> String) -> io::Result<()> {
    if json { self::record(record, true) } else { line(&text(record)) }
}

/// Prints a list, with a title over each column if it is for a person.
pub(super) fn list<T: Serialize, const COLUMNS: usize>(
    records: &[T],
    json: bool,
    titles: [&str; COLUMNS],
    row: impl Fn(&T) -> [String; COLUMNS],
) -> io::Result<()> {
    if json {
        return records.iter().try_for_each(|record| self::record(record, true));
    }
    let rows: Vec<_> = records.iter().map(row).collect();
    let titles = titles.map(str::to_owned);
    let width = |column: usize| {
        rows.iter().chain([&titles]).map(|row| row[column].chars().count()).max().unwrap_or_default()
    };
    let widths: [usize; COLUMNS] = std::array::from_fn(width);
    [&titles].into_iter().chain(&rows).try_for_each(|row| line(&aligned(row, &widths)))
}

/// The columns of a line, each padded to its width but the last.
pub(super) fn aligned(row: &[String], widths: &[usize]) -> String {
    let mut text = String::new();
    for (cell, width) in row.iter().zip(widths) {
        write!(text, "{cell:width$}  ").expect("writing to a string does not fail");
    }
    text.truncate(text.trim_end().len());
    text
}

/// A time to the millisecond, in UTC.
pub(super) fn time(time: Option<SystemTime>) -> String {
    let time = time.and_then(|time| Timestamp::try_from(time).ok());
    time.map_or_else(|| "-".to_owned(), |time| format!("{time:.3}"))
}

/// A text of a stranger: characters that would begin another line, or tell a terminal what to do, are escaped.
pub(crate) fn plain(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut plain, character| {
        if character.is_control() {
            plain.extend(character.escape_default());
        } else {
            plain.push(character);
        }
        plain
    })
}

/// A body as text, line by line, or how long it is if it is none.
pub(super) fn text(body: &[u8]) -> String {
    match std::str::from_utf8(body) {
        Ok(text) => text.lines().map(plain).collect::<Vec<_>>().join("\n"),
        Err(_) => format!("({} bytes that are no text)", body.len()),
    }
}
