//! What outlives the process: everything that must not be lost, in one file of the data folder.

use std::{
    borrow::Cow,
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io, mem,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use qstash_types::SigningKeys;
use redb::{Builder, Database, ReadableDatabase as _, ReadableTable, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::task::spawn_blocking;

use crate::{
    StartError,
    broker::{Effect, Millis, Record},
};

const FILE: &str = "qstash.redb";
/// The same before there is anything in it.
const FRESH_FILE: &str = "qstash.redb.new";
/// Locked by the server that uses the folder.
const LOCK: &str = "lock";
/// How much of the file may be in memory. Records are read once, at the start.
const CACHE_BYTES: usize = 32 * 1024 * 1024;
/// By the serialised key: the serialised record, the body of its message, and that of its response.
const RECORDS: TableDefinition<'_, &str, (&str, &[u8], &[u8])> = TableDefinition::new("records");
/// What is known of the server itself, by name, serialised.
const SERVER: TableDefinition<'_, &str, &str> = TableDefinition::new("server");

/// The names in the table of the server.
mod name {
    /// Which form the tables have.
    pub(super) const FORM: &str = "form";
    /// How often a server was started on them.
    pub(super) const STARTS: &str = "starts";
    /// What time it was at the last commit.
    pub(super) const TIME: &str = "time";
    pub(super) const KEYS: &str = "keys";
}

/// A file with a different number was written by another version, which may have meant something else.
const FORM: u64 = 1;

/// The file, and the lock of the folder, until they are closed.
#[derive(Debug)]
pub(crate) struct Store(Mutex<Option<(Database, File)>>);

/// What a folder remembers.
#[derive(Debug)]
pub(crate) struct Memory {
    /// How many servers there were before this one.
    pub(crate) starts: u64,
    /// The latest time that any of them has seen.
    pub(crate) time: Millis,
    pub(crate) keys: KeptKeys,
    pub(crate) records: Vec<Record>,
}

impl Memory {
    pub(crate) fn of_nothing(keys: KeptKeys) -> Self {
        Self { starts: 0, time: Millis::default(), keys, records: Vec::new() }
    }
}

/// Signing keys, and what they were before their rotations if somebody has chosen them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct KeptKeys {
    pub(crate) given: Option<SigningKeys>,
    pub(crate) in_force: SigningKeys,
}

impl KeptKeys {
    pub(crate) fn new(given: Option<SigningKeys>, fresh: SigningKeys) -> Self {
        Self { in_force: given.clone().unwrap_or(fresh), given }
    }

    /// These keys, unless there are others already that only rotations have changed since somebody has chosen them.
    fn unless(self, kept: Option<Self>) -> Self {
        let texts = |keys: &SigningKeys| [keys.current.expose().to_owned(), keys.next.expose().to_owned()];
        match kept {
            Some(kept)
                if self.given.is_none()
                    || self.given.as_ref().map(texts) == kept.given.as_ref().map(texts) =>
            {
                kept
            }
            _ => self,
        }
    }
}

/// Something could not be kept, and nothing will be any more: what is in the file and what is in memory differ.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the data folder cannot be written until the server is started anew: {0}")]
pub(crate) struct NotKept(Cow<'static, str>);

impl NotKept {
    pub(crate) const BROKEN: Self = Self(Cow::Borrowed("the store broke down"));
}

/// What is wrong with a folder.
enum Problem {
    InUse,
    Io(io::Error),
    Damaged(String),
}

impl<E: Into<redb::Error>> From<E> for Problem {
    fn from(error: E) -> Self {
        match error.into() {
            redb::Error::DatabaseAlreadyOpen => Self::InUse,
            redb::Error::Io(error) if is_about_content(&error) => Self::Damaged(error.to_string()),
            redb::Error::Io(error) => Self::Io(error),
            redb::Error::Corrupted(problem) => Self::Damaged(problem),
            other => Self::Damaged(other.to_string()),
        }
    }
}

/// Whether a file could be read, and it is the content that is not what was expected.
fn is_about_content(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}

impl Store {
    /// Opens the store of a folder, which is made if there is none, and reads all of it.
    pub(crate) async fn open(folder: PathBuf, keys: KeptKeys) -> Result<(Arc<Self>, Memory), StartError> {
        let place = folder.clone();
        let opened = spawn_blocking(move || open(&folder, keys)).await;
        // Content that makes no sense at all makes the library panic.
        let nonsense = || Problem::Damaged("its structure makes no sense".to_owned());
        let (database, lock, memory) =
            opened.unwrap_or_else(|_| Err(nonsense())).map_err(|problem| match problem {
                Problem::InUse => StartError::DataInUse { folder: place },
                Problem::Io(source) => StartError::Data { folder: place, source },
                Problem::Damaged(problem) => StartError::DataDamaged { folder: place, problem },
            })?;
        Ok((Arc::new(Self(Mutex::new(Some((database, lock))))), memory))
    }

    /// Keeps and forgets what the effects say: all of it, or nothing.
    pub(crate) fn commit(&self, now: Millis, effects: &[Effect]) -> Result<(), NotKept> {
        self.write(|transaction| {
            let mut records = transaction.open_table(RECORDS)?;
            for effect in effects {
                match effect {
                    Effect::Keep(record) => {
                        let [body, response_body] = record.bodies();
                        let row = (&*json(record)?, &*body, &*response_body);
                        records.insert(&*json(&record.key())?, row)?;
                    }
                    Effect::Forget(key) => drop(records.remove(&*json(key)?)?),
                    Effect::Answer { .. } | Effect::Deliver(_) | Effect::Abandon(_) | Effect::Log(_) => {}
                }
            }
            put(transaction, name::TIME, &now)
        })
    }

    pub(crate) fn commit_keys(&self, keys: &KeptKeys) -> Result<(), NotKept> {
        self.write(|transaction| put(transaction, name::KEYS, keys))
    }

    /// Closes the file, after the commit that is under way.
    pub(crate) fn close(&self) {
        drop(self.0.lock().map(|mut open| open.take()));
    }

    fn write(&self, write: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>) -> Result<(), NotKept> {
        let mut open = self.0.lock().map_err(|_| NotKept::BROKEN)?;
        let (database, lock) = open.take().ok_or(NotKept(Cow::Borrowed("the file is closed")))?;
        match transact(&database, write) {
            Ok(()) => {
                *open = Some((database, lock));
                Ok(())
            }
            Err(error) => {
                abandon(database);
                Err(NotKept(error.to_string().into()))
            }
        }
    }
}

fn open(folder: &Path, keys: KeptKeys) -> Result<(Database, File, Memory), Problem> {
    let lock = lock(folder)?;
    let (path, fresh) = (folder.join(FILE), folder.join(FRESH_FILE));
    if !path.try_exists()? {
        // It gets its name when it is complete, so that an empty file is never a fresh one.
        drop(builder().create_file(open_file(&fresh)?)?);
        fs::rename(fresh, &path)?;
        sync_names(folder)?;
    }
    let mut database = builder().open(path)?;
    match go_on(&mut database, keys) {
        Ok(memory) => Ok((database, lock, memory)),
        Err(problem) => {
            abandon(database);
            Err(problem)
        }
    }
}

fn go_on(database: &mut Database, keys: KeptKeys) -> Result<Memory, Problem> {
    // All of it is read now anyway, so whatever has become of it is seen now.
    database.check_integrity()?;
    transact(database, |transaction| {
        transaction.open_table(RECORDS)?;
        let form = get(&transaction.open_table(SERVER)?, name::FORM)?.unwrap_or(FORM);
        if form == FORM {
            put(transaction, name::FORM, &FORM)
        } else {
            Err(redb::Error::Corrupted(format!("another version has written it, in form {form}")))
        }
    })?;
    let memory = read(database, keys)?;
    transact(database, |transaction| {
        put(transaction, name::STARTS, &(memory.starts + 1))?;
        put(transaction, name::KEYS, &memory.keys)
    })?;
    Ok(memory)
}

/// Leaves a file as it is that is damaged or cannot be written: closing it would write to it, and panic over that.
fn abandon(database: Database) {
    mem::forget(database);
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// Makes the folder if there is none. Nobody but the user who has started the server needs to see what is in there.
fn lock(folder: &Path) -> Result<File, Problem> {
    let mut directory = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut directory, 0o700);
    directory.recursive(true).create(folder)?;
    let lock = open_file(&folder.join(LOCK))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(Problem::InUse),
        // The file has a lock of its own, as far as the system knows of any.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(lock),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.read(true).write(true).create(true).truncate(false).open(path)
}

/// Makes sure that a new file is still found after a loss of power.
fn sync_names(folder: &Path) -> io::Result<()> {
    // Elsewhere a folder cannot be opened as a file, and its names need no such care.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

fn read(database: &Database, keys: KeptKeys) -> Result<Memory, redb::Error> {
    let transaction = database.begin_read()?;
    let server = transaction.open_table(SERVER)?;
    let mut memory = Memory {
        starts: get(&server, name::STARTS)?.unwrap_or_default(),
        time: get(&server, name::TIME)?.unwrap_or_default(),
        keys: keys.unless(get(&server, name::KEYS)?),
        records: Vec::new(),
    };
    for row in transaction.open_table(RECORDS)?.iter()? {
        let (_, row) = row?;
        let (record, body, response_body) = row.value();
        let record: Record = from_json(record)?;
        memory.records.push(record.with_bodies([body, response_body].map(Bytes::copy_from_slice)));
    }
    Ok(memory)
}

fn get<T: DeserializeOwned>(
    server: &impl ReadableTable<&'static str, &'static str>,
    name: &str,
) -> Result<Option<T>, redb::Error> {
    server.get(name)?.map(|text| from_json(text.value())).transpose()
}

fn put(transaction: &WriteTransaction, name: &str, value: &impl Serialize) -> Result<(), redb::Error> {
    transaction.open_table(SERVER)?.insert(name, &*json(value)?)?;
    Ok(())
}

/// Whatever is written is on the disk when this returns. The second phase lets a file that was altered later be told from one
/// whose last commit was broken off.
fn transact(
    database: &Database,
    write: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_two_phase_commit(true);
    write(&transaction)?;
    Ok(transaction.commit()?)
}

fn json(value: &impl Serialize) -> Result<String, redb::Error> {
    serde_json::to_string(value).map_err(|error| redb::Error::Io(error.into()))
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, redb::Error> {
    serde_json::from_str(text).map_err(|error| redb::Error::Corrupted(error.to_string()))
}
