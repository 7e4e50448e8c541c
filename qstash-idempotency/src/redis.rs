//! Claims in Redis or Valkey. Needs the feature `redis`.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use ::redis::{
    Client, RedisError, Script, ServerErrorKind,
    aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig},
    cmd,
};

use crate::{ClaimKey, ClaimRequest, Reply, Store, StoreError, Transition};

/// Keeps claims in Redis or Valkey, version 5 or newer.
///
/// ```no_run
/// use qstash_idempotency::{Idempotent, redis::RedisStore};
///
/// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
/// let store = RedisStore::connect("redis://localhost", 4).await?;
/// let idempotent = Idempotent::new(store);
/// # Ok(())
/// # }
/// ```
///
/// Each transition is one script, and a delivery that is handled takes two: claim and finish. The clock of leases is that of the
/// server. A delivery and its token have keys with the same hash tag, so that a cluster keeps them on one node.
///
/// What Redis has acknowledged it may lose: by a failover, since replicas lag behind; by a crash, as `appendfsync` says; by eviction, unless
/// `maxmemory-policy` is `noeviction`. A claim that is lost is a second run of its handler; its fence does not come again.
#[derive(Clone)]
pub struct RedisStore<C = ConnectionManager> {
    connections: Arc<[C]>,
    next: Arc<AtomicUsize>,
    prefix: Arc<str>,
    scripts: Arc<Scripts>,
}

struct Scripts {
    claim: Script,
    renew: Script,
    release: Script,
    finish: Script,
    note: Script,
}

impl RedisStore {
    /// Connects so many times, each of which carries any number of deliveries at once and comes back by itself.
    ///
    /// # Errors
    ///
    /// The address is not one, or nobody answers there.
    pub async fn connect(url: &str, connections: usize) -> Result<Self, StoreError> {
        let client = Client::open(url)?;
        // A delivery is answered rather than held while the server is away; QStash tries again.
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_connection_timeout(Some(Duration::from_secs(1)))
            .set_response_timeout(Some(Duration::from_secs(5)));
        let mut managers = Vec::new();
        for _ in 0..connections.max(1) {
            managers.push(ConnectionManager::new_with_config(client.clone(), config.clone()).await?);
        }
        Self::new(managers)
    }
}

impl<C> RedisStore<C>
where
    C: ConnectionLike + Clone + Send + Sync + 'static,
{
    /// Takes connections of any kind that can be shared, such as those of a cluster or of sentinels, in turn.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn new(connections: impl IntoIterator<Item = C>) -> Result<Self, StoreError> {
        let connections: Arc<[C]> = connections.into_iter().collect();
        if connections.is_empty() {
            return Err(StoreError::failed("a store needs a connection"));
        }
        let scripts = Scripts {
            claim: Script::new(include_str!("redis/claim.lua")),
            renew: Script::new(include_str!("redis/renew.lua")),
            release: Script::new(include_str!("redis/release.lua")),
            finish: Script::new(include_str!("redis/finish.lua")),
            note: Script::new(include_str!("redis/note.lua")),
        };
        let (next, prefix) = (Arc::default(), Arc::from("qstash:claims:"));
        Ok(Self { connections, next, prefix, scripts: Arc::new(scripts) })
    }

    /// What the names of all keys begin with: `qstash:claims:` unless set. It must not have a brace.
    pub fn prefix(self, prefix: &str) -> Self {
        Self { prefix: prefix.into(), ..self }
    }

    /// The name of a key: its group in braces, which decides about its node, then the rest.
    fn name(&self, key: &ClaimKey) -> String {
        let (key, group) = (key.to_string(), 2 * key.group().len());
        format!("{}{{{}}}:{}", self.prefix, &key[..group], &key[group..])
    }

    async fn invoke(
        &self,
        script: &Script,
        keys: &[&ClaimKey],
        arguments: &[Argument<'_>],
    ) -> Result<Reply, StoreError> {
        let mut invocation = script.prepare_invoke();
        for key in keys {
            invocation.key(self.name(key));
        }
        for argument in arguments {
            match argument {
                Argument::Number(number) => invocation.arg(*number),
                Argument::Bytes(bytes) => invocation.arg(*bytes),
            };
        }
        let next = self.next.fetch_add(1, Ordering::Relaxed) % self.connections.len();
        let mut connection = self.connections[next].clone();
        let reply: Result<Vec<Vec<u8>>, _> = invocation.invoke_async(&mut connection).await;
        if reply.as_ref().is_err_and(takes_no_writes) {
            // It was demoted, and its address may lead to the one that leads now: the next connection finds out. What is under
            // way over this one is answered first.
            let _ = cmd("QUIT").query_async::<()>(&mut connection).await;
        }
        read(reply?).ok_or(StoreError::Disorder { what: "a script replied with something else" })
    }
}

/// Whether a server says that it only follows another one. Before version 7 that stands in the text of the error of a script.
fn takes_no_writes(error: &RedisError) -> bool {
    error.kind() == ServerErrorKind::ReadOnly.into()
        || error.detail().is_some_and(|text| text.contains("-READONLY "))
}

/// What a script is given.
enum Argument<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl From<Duration> for Argument<'_> {
    /// In milliseconds: at least one, since a key that is to live for none is an error, and at most a century.
    fn from(duration: Duration) -> Self {
        const CENTURY: u128 = 100 * 365 * 24 * 60 * 60 * 1000;
        Self::Number(u64::try_from(duration.as_millis().clamp(1, CENTURY)).unwrap_or(1))
    }
}

impl<C> Store for RedisStore<C>
where
    C: ConnectionLike + Clone + Send + Sync + 'static,
{
    async fn apply(&self, key: &ClaimKey, transition: &Transition) -> Result<Reply, StoreError> {
        use Argument::{Bytes, Number};

        let scripts = &self.scripts;
        match transition {
            Transition::Claim { lease, keep } => {
                let arguments = [(*lease).into(), (*keep.max(lease)).into()];
                self.invoke(&scripts.claim, &[key], &arguments).await
            }
            Transition::Complete { answer, keep } => {
                let arguments = [Number(0), (*keep).into(), Number(0), Bytes(answer)];
                self.invoke(&scripts.claim, &[key], &arguments).await
            }
            Transition::Renew { fence, lease, keep } => {
                let arguments = [Number(*fence), (*lease).into(), (*keep.max(lease)).into()];
                self.invoke(&scripts.renew, &[key], &arguments).await
            }
            Transition::Release { fence, keep } => {
                self.invoke(&scripts.release, &[key], &[Number(*fence), (*keep).into()]).await
            }
            Transition::Finish { fence, answer, keep } => {
                let arguments = [Number(*fence), (*keep).into(), Bytes(answer)];
                self.invoke(&scripts.finish, &[key], &arguments).await
            }
            Transition::Use { by, keep } => self.invoke(&scripts.note, &[key, by], &[(*keep).into()]).await,
        }
    }

    async fn sweep(&self, _limit: usize) -> Result<usize, StoreError> {
        // Redis forgets by itself.
        Ok(0)
    }

    async fn claim(&self, request: &ClaimRequest) -> Result<Reply, StoreError> {
        let ClaimRequest { key, token, lease, keep } = request;
        let Some(token) = token else {
            return self.apply(key, &Transition::Claim { lease: *lease, keep: *keep }).await;
        };
        let arguments = [(*lease).into(), (*keep.max(lease)).into(), token.keep.into()];
        self.invoke(&self.scripts.claim, &[key, &token.key], &arguments).await
    }
}

impl<C> fmt::Debug for RedisStore<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl From<RedisError> for StoreError {
    fn from(error: RedisError) -> Self {
        Self::failed(error)
    }
}

/// A reply is a word and at most one more thing.
fn read(reply: Vec<Vec<u8>>) -> Option<Reply> {
    let mut parts = reply.into_iter();
    let (word, rest) = (parts.next()?, parts.next());
    let number = || str::from_utf8(rest.as_deref()?).ok()?.parse().ok();
    Some(match &*word {
        b"claimed" => Reply::Claimed { fence: number()? },
        b"busy" => Reply::Busy { rest: Duration::from_millis(number()?) },
        b"done" => Reply::Done { answer: rest?.into() },
        b"accepted" => Reply::Accepted,
        b"refused" => Reply::Refused,
        _ => return None,
    })
}
