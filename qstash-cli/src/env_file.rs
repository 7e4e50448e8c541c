//! A file of variables that other programs read: Docker, systemd, shells and libraries for `.env` files.

use std::{
    ffi::OsString,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::Path,
};

/// Sets variables in a file, which is made if there is none. Every other line stays as it is. A program that reads the
/// file meanwhile sees all of the old text or all of the new one.
///
/// # Errors
///
/// The file cannot be read, or its folder cannot be written to. The file is as it was.
pub(crate) fn set(path: &Path, variables: &[(&str, &str)]) -> io::Result<()> {
    // A link stays one.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let before = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        read => read?,
    };
    let mut name = OsString::from(".");
    name.push(path.file_name().ok_or(io::ErrorKind::InvalidFilename)?);
    name.push(format!(".{:016x}", getrandom::u64().map_err(io::Error::other)?));
    let draft = path.with_file_name(name);
    let written = write(&draft, &with_variables(&before, variables)).and_then(|()| {
        if let Ok(metadata) = fs::metadata(path) {
            fs::set_permissions(&draft, metadata.permissions())?;
        }
        fs::rename(&draft, path)
    });
    if written.is_err() {
        // A draft that stays behind does no harm.
        let _ = fs::remove_file(&draft);
    }
    written
}

/// The text with these variables: each where it was set first, or else at the end.
fn with_variables(before: &[u8], variables: &[(&str, &str)]) -> Vec<u8> {
    let mut missing = variables.to_vec();
    let mut text = Vec::with_capacity(before.len());
    for line in before.split_inclusive(|byte| *byte == b'\n') {
        match variables.iter().find(|(name, _)| sets(line, name)) {
            None => text.extend_from_slice(line),
            Some(variable) => {
                if let Some(first) = missing.iter().position(|left| left == variable) {
                    let (name, value) = missing.remove(first);
                    text.extend_from_slice(format!("{name}={value}\n").as_bytes());
                }
            }
        }
    }
    if !missing.is_empty() && !text.is_empty() && !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    for (name, value) in missing {
        text.extend_from_slice(format!("{name}={value}\n").as_bytes());
    }
    text
}

/// Whether a line sets a variable, with `export` before it or without.
fn sets(line: &[u8], name: &str) -> bool {
    let line = line.trim_ascii_start();
    let line = line.strip_prefix(b"export ").map_or(line, <[u8]>::trim_ascii_start);
    line.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.trim_ascii_start().starts_with(b"="))
}

fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.write(true).create_new(true).open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_lines_are_replaced_where_they_are_and_foreign_ones_stay_byte_for_byte() {
        let variables = [("QSTASH_URL", "http://h"), ("QSTASH_TOKEN", "new")];
        for (before, after) in [
            ("", "QSTASH_URL=http://h\nQSTASH_TOKEN=new\n"),
            ("A=1", "A=1\nQSTASH_URL=http://h\nQSTASH_TOKEN=new\n"),
            (
                "# QSTASH_URL=x\r\nA=1\r\n export QSTASH_TOKEN = \"old\"\nMY_QSTASH_URL=x\nQSTASH_URLS=x\nQSTASH_TOKEN=older\n\n",
                "# QSTASH_URL=x\r\nA=1\r\nQSTASH_TOKEN=new\nMY_QSTASH_URL=x\nQSTASH_URLS=x\n\nQSTASH_URL=http://h\n",
            ),
            ("QSTASH_URL=http://h\nQSTASH_TOKEN=new\n", "QSTASH_URL=http://h\nQSTASH_TOKEN=new\n"),
        ] {
            assert_eq!(String::from_utf8(with_variables(before.as_bytes(), &variables)).unwrap(), after);
        }
        assert_eq!(with_variables(b"\xff=\xfe\n", &[]), b"\xff=\xfe\n");
    }
}
