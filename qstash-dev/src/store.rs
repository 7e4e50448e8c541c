//! What outlives the process: everything that must not be lost, in one file of the data folder.

mod backend;
mod commits;

use std::{
    borrow::Cow,
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io, mem,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use qstash_broker::{Effect, Record, Time};
use qstash_types::SigningKeys;
use redb::{
    Builder, Database, ReadableDatabase as _, ReadableTable, StorageBackend as _, TableDefinition,
    WriteTransaction, backends::FileBackend,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::task::spawn_blocking;

use self::{
    backend::{Releasable, Trial},
    commits::Commits,
};
use crate::StartError;

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
    /// How many commits there were.
    pub(super) const COMMITS: &str = "commits";
}

/// A file with a different number was written by another version, which may have meant something else.
const FORM: u64 = 1;

/// What is open, until it is closed.
#[derive(Debug)]
pub(crate) struct Store(Mutex<Option<Open>>);

#[derive(Debug)]
struct Open {
    database: Database,
    file: Releasable,
    commits: Commits,
    /// The number of the last commit.
    number: u64,
    /// Held as long as this server uses the folder.
    _lock: File,
}

/// What a folder remembers.
#[derive(Debug)]
pub(crate) struct Memory {
    /// How many servers there were before this one.
    pub(crate) starts: u64,
    /// The latest time that any of them has seen.
    pub(crate) time: Time,
    pub(crate) keys: KeptKeys,
    pub(crate) records: Vec<Record>,
}

impl Memory {
    pub(crate) fn of_nothing(keys: KeptKeys) -> Self {
        Self { starts: 0, time: Time::default(), keys, records: Vec::new() }
    }
}

/// Signing keys, and those that were given at the start, if any: rotations change the ones in force.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct KeptKeys {
    pub(crate) given: Option<SigningKeys>,
    pub(crate) in_force: SigningKeys,
}

impl KeptKeys {
    pub(crate) fn new(given: Option<SigningKeys>, fresh: SigningKeys) -> Self {
        Self { in_force: given.clone().unwrap_or(fresh), given }
    }

    /// The stored keys if nothing else was given since they were stored, so that rotations stay in force; otherwise these.
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
        let (open, memory) = opened.unwrap_or_else(|_| Err(nonsense())).map_err(|problem| match problem {
            Problem::InUse => StartError::DataInUse { folder: place },
            Problem::Io(source) => StartError::Data { folder: place, source },
            Problem::Damaged(problem) => StartError::DataDamaged { folder: place, problem },
        })?;
        Ok((Arc::new(Self(Mutex::new(Some(open)))), memory))
    }

    /// Keeps and forgets what the effects say: all of it, or nothing.
    pub(crate) fn commit<A>(&self, now: Time, effects: &[Effect<A>]) -> Result<(), NotKept> {
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
                    Effect::Answer(_) | Effect::Send(_) | Effect::Abandon(_) | Effect::Log(_) => {}
                }
            }
            put(transaction, name::TIME, &now)
        })
    }

    /// Forgets all records, at this time. The signing keys stay.
    pub(crate) fn clear(&self, now: Time) -> Result<(), NotKept> {
        self.write(|transaction| {
            transaction.delete_table(RECORDS)?;
            transaction.open_table(RECORDS)?;
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
        let mut place = self.0.lock().map_err(|_| NotKept::BROKEN)?;
        let mut open = place.take().ok_or(NotKept(Cow::Borrowed("the file is closed")))?;
        match open.transact(write) {
            Ok(()) => {
                *place = Some(open);
                Ok(())
            }
            Err(error) => {
                open.abandon();
                Err(NotKept(error.to_string().into()))
            }
        }
    }
}

impl Open {
    /// Whatever is written is on the disk when this returns. The second phase lets a file that was altered later be told from
    /// one whose last commit was broken off.
    fn transact(
        &mut self,
        write: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), redb::Error> {
        let number = self.number + 1;
        let mut transaction = self.database.begin_write()?;
        transaction.set_two_phase_commit(true);
        write(&transaction)?;
        put(&transaction, name::COMMITS, &number)?;
        transaction.commit()?;
        self.number = number;
        self.commits.write(number).map_err(redb::Error::Io)
    }

    /// Lets go of a file that cannot be written. To close the database would write to it, and panic over that.
    fn abandon(self) {
        self.file.release();
        mem::forget(self.database);
    }
}

fn open(folder: &Path, keys: KeptKeys) -> Result<(Open, Memory), Problem> {
    let lock = lock(folder)?;
    let (path, fresh) = (folder.join(FILE), folder.join(FRESH_FILE));
    let written = Commits::read(&folder.join(commits::FILE))?;
    if !path.try_exists()? {
        if written.is_some() {
            return Err(Problem::Damaged(format!("{FILE} is not there; {}", way_on(folder))));
        }
        // It gets its name when it is complete, so that an empty file is never a fresh one.
        drop(builder().create_file(open_file(&fresh)?)?);
        fs::rename(fresh, &path)?;
        sync_names(folder)?;
    }
    let (memory, number) = look(&path, keys)?;
    if let Some(written) = written
        && number < written
    {
        let lost = written - number;
        return Err(Problem::Damaged(format!("the last {lost} commits are not there; {}", way_on(folder))));
    }

    // Nothing was written until here.
    let file = Releasable::new(FileBackend::new(open_file(&path)?)?);
    let database = builder().create_with_backend(file.clone())?;
    let commits = Commits::new(open_file(&folder.join(commits::FILE))?);
    let mut open = Open { database, file, commits, number, _lock: lock };
    let begun = open.transact(|transaction| {
        transaction.open_table(RECORDS)?;
        put(transaction, name::FORM, &FORM)?;
        put(transaction, name::STARTS, &(memory.starts + 1))?;
        put(transaction, name::KEYS, &memory.keys)
    });
    match begun {
        Ok(()) => Ok((open, memory)),
        Err(error) => {
            open.abandon();
            Err(error.into())
        }
    }
}

/// What to do about commits that are lost.
fn way_on(folder: &Path) -> String {
    format!("bring back what was there, or remove {} to go on without", folder.join(commits::FILE).display())
}

/// Reads all of a file, and checks all of it, without changing anything. Returns the number of its last commit as well.
fn look(path: &Path, keys: KeptKeys) -> Result<(Memory, u64), Problem> {
    let file = FileBackend::new(open_file(path)?)?;
    if file.len()? == 0 {
        // The database would take it for a fresh one.
        return Err(Problem::Damaged("it is empty".to_owned()));
    }
    let mut database = builder().create_with_backend(Trial::new(file)?)?;
    database.check_integrity()?;
    // Of a file that nothing was committed to there are no tables.
    let transaction = database.begin_write()?;
    transaction.open_table(RECORDS)?;
    transaction.open_table(SERVER)?;
    transaction.commit()?;
    Ok(read(&database, keys)?)
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// Makes the folder if there is none. Only its owner can read it.
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

fn read(database: &Database, keys: KeptKeys) -> Result<(Memory, u64), redb::Error> {
    let transaction = database.begin_read()?;
    let server = transaction.open_table(SERVER)?;
    let form = get(&server, name::FORM)?.unwrap_or(FORM);
    if form != FORM {
        return Err(redb::Error::Corrupted(format!("another version has written it, in form {form}")));
    }
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
    Ok((memory, get(&server, name::COMMITS)?.unwrap_or_default()))
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

fn json(value: &impl Serialize) -> Result<String, redb::Error> {
    serde_json::to_string(value).map_err(|error| redb::Error::Io(error.into()))
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, redb::Error> {
    serde_json::from_str(text).map_err(|error| redb::Error::Corrupted(error.to_string()))
}
