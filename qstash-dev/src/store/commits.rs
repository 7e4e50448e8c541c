//! How many commits there were, in a file of its own beside the database.
//!
//! The database keeps the commit before the last one, and goes back to it if the last one was broken off. A single bit of its
//! header says which of the two it is, and no checksum covers that bit. So the number of commits stands inside, and is written
//! here after each of them: what is inside is never less, unless a commit is lost.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, Write as _},
    path::Path,
};

use sha2::{Digest as _, Sha256};

pub(super) const FILE: &str = "commits";
const NUMBER: usize = size_of::<u64>();

/// The file.
#[derive(Debug)]
pub(super) struct Commits(File);

impl Commits {
    pub(super) fn new(file: File) -> Self {
        Self(file)
    }

    /// The number that was written last. None if there is nothing, or nothing whole: then the next one repairs it.
    pub(super) fn read(path: &Path) -> io::Result<Option<u64>> {
        let mut text = Vec::new();
        match File::open(path) {
            Ok(file) => file.take(64).read_to_end(&mut text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(number) = text.first_chunk::<NUMBER>().map(|bytes| u64::from_le_bytes(*bytes)) else {
            return Ok(None);
        };
        Ok((text == row(number)).then_some(number))
    }

    /// Writes a number. It need not be on the disk: after a loss of power a smaller one does no harm.
    pub(super) fn write(&mut self, number: u64) -> io::Result<()> {
        self.0.rewind()?;
        self.0.write_all(&row(number))
    }
}

/// The number, and a checksum.
fn row(number: u64) -> [u8; 2 * NUMBER] {
    let number = number.to_le_bytes();
    let digest: [u8; 32] = Sha256::digest(number).into();
    let mut row = [0; 2 * NUMBER];
    row[..NUMBER].copy_from_slice(&number);
    row[NUMBER..].copy_from_slice(&digest[..NUMBER]);
    row
}
