//! How the database reads and writes its file.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    io,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use redb::{StorageBackend, backends::FileBackend};

/// A file that is read as it is, and written in memory alone: to look at a file without touching it. The database begins to
/// write as soon as it is opened.
#[derive(Debug)]
pub(super) struct Trial {
    file: FileBackend,
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    length: u64,
    /// Pages that differ from those of the file, by their number.
    pages: BTreeMap<u64, Box<[u8]>>,
}

const PAGE: usize = 4096;
const PAGE_BYTES: u64 = PAGE as u64;

impl Trial {
    pub(super) fn new(file: FileBackend) -> io::Result<Self> {
        let written = Written { length: file.len()?, pages: BTreeMap::new() };
        Ok(Self { file, written: Mutex::new(written) })
    }

    /// Goes through the pages that a span of bytes lies in, with the place of each part in its page.
    fn each_part(
        offset: u64,
        length: usize,
        mut part: impl FnMut(u64, std::ops::Range<usize>, std::ops::Range<usize>) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut done = 0;
        while done < length {
            let place = offset + done as u64;
            let start = usize::try_from(place % PAGE_BYTES).map_err(io::Error::other)?;
            let count = (length - done).min(PAGE - start);
            part(place / PAGE_BYTES, start..start + count, done..done + count)?;
            done += count;
        }
        Ok(())
    }

    fn page(&self, number: u64) -> io::Result<Box<[u8]>> {
        let mut page = vec![0; PAGE];
        let start = number * PAGE_BYTES;
        let in_file = self.file.len()?.saturating_sub(start).min(PAGE_BYTES);
        self.file.read(start, &mut page[..usize::try_from(in_file).map_err(io::Error::other)?])?;
        Ok(page.into())
    }
}

impl StorageBackend for Trial {
    fn len(&self) -> io::Result<u64> {
        Ok(self.written.lock().unwrap_or_else(PoisonError::into_inner).length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if offset.checked_add(out.len() as u64).is_none_or(|end| end > written.length) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Self::each_part(offset, out.len(), |number, in_page, in_out| {
            let out = &mut out[in_out];
            match written.pages.get(&number) {
                Some(page) => out.copy_from_slice(&page[in_page]),
                None => out.copy_from_slice(&self.page(number)?[in_page]),
            }
            Ok(())
        })
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).length = length;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        Self::each_part(offset, data.len(), |number, in_page, in_data| {
            let page = match written.pages.entry(number) {
                Entry::Occupied(page) => page.into_mut(),
                Entry::Vacant(place) => place.insert(self.page(number)?),
            };
            page[in_page].copy_from_slice(&data[in_data]);
            Ok(())
        })
    }
}

/// A file that can be let go of while the database still believes in it. After an error of the disk the database is not closed:
/// that would write to the file, and panic.
#[derive(Clone, Debug)]
pub(super) struct Releasable(Arc<RwLock<Option<FileBackend>>>);

impl Releasable {
    pub(super) fn new(file: FileBackend) -> Self {
        Self(Arc::new(RwLock::new(Some(file))))
    }

    pub(super) fn release(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn with<T>(&self, act: impl FnOnce(&FileBackend) -> io::Result<T>) -> io::Result<T> {
        let file = self.0.read().unwrap_or_else(PoisonError::into_inner);
        file.as_ref().map_or_else(|| Err(io::Error::other("the file was let go of")), act)
    }
}

impl StorageBackend for Releasable {
    fn len(&self) -> io::Result<u64> {
        self.with(StorageBackend::len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.with(|file| file.read(offset, out))
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.with(|file| file.set_len(length))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.with(StorageBackend::sync_data)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.with(|file| file.write(offset, data))
    }

    fn close(&self) -> io::Result<()> {
        self.with(StorageBackend::close)
    }
}
