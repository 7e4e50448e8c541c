//! How a server is described, and started.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use qstash_broker::Capacity;
use qstash_types::{Host, Region, SigningKeys, without_secrets};
use tokio::{sync::watch, task::JoinSet};

use super::{DevServer, StartError, listen};
use crate::{
    CanceledSpelling,
    account::Account,
    api::{self, Offer, Service},
    body::Bodies,
    call::Tenant,
    cors,
    deliver::Courier,
    fault::{AimedFault, Faults},
    gate::{Door, Gate},
    keyring::Keyring,
    otlp::{self, Collector},
    outgoing::{Internet, Outgoing},
    refusals::Refusals,
    secret,
    store::{KeptKeys, Memory, Store},
    worker::Worker,
};

/// How many connections a port may have unless something else is wanted.
const MOST_CONNECTIONS: usize = 1024;

/// A description of a [`DevServer`], with a default for everything.
pub struct DevServerBuilder {
    listen: SocketAddr,
    token: Option<String>,
    read_only_token: Option<String>,
    signing_keys: Option<SigningKeys>,
    users: Users,
    hosts: Vec<String>,
    mapped: Vec<(String, String)>,
    internet: Internet,
    region: Region,
    seed: Option<u64>,
    data: Option<PathBuf>,
    canceled: CanceledSpelling,
    faults: Faults,
    patience: Duration,
    longest_wait: Duration,
    capacity: Capacity,
    connections: usize,
    control: Option<bool>,
    metrics_public: bool,
    otlp: Option<String>,
}

/// Who is served.
#[derive(Clone, Copy, Debug)]
enum Users {
    One,
    Published,
}

impl DevServerBuilder {
    pub(super) fn new() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            token: None,
            read_only_token: None,
            signing_keys: None,
            users: Users::One,
            hosts: Vec::new(),
            mapped: Vec::new(),
            internet: Internet::Refused,
            region: Region::EuCentral1,
            seed: None,
            data: None,
            canceled: CanceledSpelling::default(),
            faults: Faults::default(),
            patience: Duration::from_secs(2),
            longest_wait: Duration::from_secs(10),
            capacity: Capacity::default(),
            connections: MOST_CONNECTIONS,
            control: None,
            metrics_public: false,
            otlp: None,
        }
    }

    /// Listens on this address. The default is a free port of 127.0.0.1.
    pub fn listen(mut self, address: impl Into<SocketAddr>) -> Self {
        self.listen = address.into();
        self
    }

    /// Wants this token from API calls. The default is a fresh one.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Takes this token from API calls that only read. The default follows from the other token.
    pub fn read_only_token(mut self, token: impl Into<String>) -> Self {
        self.read_only_token = Some(token.into());
        self
    }

    /// Signs deliveries with these keys. The default are fresh ones.
    pub fn signing_keys(mut self, keys: SigningKeys) -> Self {
        self.signing_keys = Some(keys);
        self
    }

    /// Serves the [published development users](Account::published) in place of one account with a token and keys of its
    /// own, and answers web pages of the vendor's console, as the official development server does.
    ///
    /// Each user has its own messages, queues, schedules, logs and keys. What [`DevServer`] tells is about the default
    /// user; time is the same for all.
    pub fn published_users(mut self) -> Self {
        self.users = Users::Published;
        self
    }

    /// Takes requests whose `Host` header has this name or address, with any port. Those of this machine need not be named.
    pub fn allow_host(mut self, name: impl Into<String>) -> Self {
        self.hosts.push(name.into());
        self
    }

    /// Connects to `target`, such as `http://127.0.0.1:3000`, when a message is for this host: a name or an address, with
    /// or without a port, or `*` for every host that is not this machine.
    ///
    /// Only the connection goes elsewhere, and is a plain one even for an `https` URL. The URL of the message, the
    /// subject of its token, its log and its `Host` header stay what they are.
    pub fn map_host(mut self, host: impl Into<String>, target: impl Into<String>) -> Self {
        self.mapped.push((host.into(), target.into()));
        self
    }

    /// Calls hosts that are neither this machine nor [mapped](Self::map_host). The default is to refuse them as if the
    /// connection had failed.
    pub fn allow_internet(mut self) -> Self {
        self.internet = Internet::Allowed;
        self
    }

    /// Says in `Upstash-Region` that deliveries come from this region, as a receiver wants to know that has keys for several. The
    /// default is the first one of QStash, `eu-central-1`.
    pub fn region(mut self, region: Region) -> Self {
        self.region = region;
        self
    }

    /// Makes the ids of messages from this seed, so that a test sees the same ones in each run. The default is a fresh
    /// one.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Keeps everything but the log in this folder, which is made if there is none, and goes on from what is in there.
    /// The default is to keep everything in memory.
    ///
    /// What a call is answered has been written and synced before, so that not even the end of the process by force
    /// loses it; attempts that were running then are made again. A schedule that has missed times meanwhile runs once
    /// to make up for all of them. Time never goes back, even if it was [moved](DevServer::advance) before. Rotated
    /// signing keys stay in force, unless [others](Self::signing_keys) are given than before; tokens are not kept.
    ///
    /// One server at a time can use a folder; [`DevServer::shutdown`] gives it back before it returns. If it cannot be
    /// written any more, because the disk is full perhaps, calls that change something are answered 500 from then on, and
    /// nothing is delivered until a server is started anew.
    pub fn data(mut self, folder: impl Into<PathBuf>) -> Self {
        self.data = Some(folder.into());
        self
    }

    /// Spells the state of cancelled messages this way in the log of the API.
    pub fn canceled_spelling(mut self, spelling: CanceledSpelling) -> Self {
        self.canceled = spelling;
        self
    }

    /// Limits the memory, in bytes, of what callers have the server keep: messages that wait, schedules, queues, URL groups,
    /// flow-control keys and deduplication windows. Calls that need more are refused. The log and the dead letter queue may each
    /// take up a sixteenth of this in addition; beyond, their oldest entries are dropped. The limit is for each account, of which
    /// [published users](Self::published_users) have one each. The default is 4 GiB.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.capacity.memory = bytes;
        self
    }

    /// How many attempts an account may have running at the same time; at least one. Others wait. An eighth is kept for hosts
    /// that have none running, and one host alone has half of the rest. Each may hold an answer of 10 MiB for a moment. The
    /// default is 256.
    pub fn attempts(mut self, most: usize) -> Self {
        self.capacity.attempts = NonZeroUsize::new(most).unwrap_or(NonZeroUsize::MIN);
        self
    }

    /// How many connections a port may have at the same time; at least one. When there are as many, the oldest gives way over
    /// which no token was shown; when all have shown one, others wait. The default is 1024.
    pub fn connections(mut self, most: usize) -> Self {
        self.connections = most.max(1);
        self
    }

    /// Shows `/metrics` to whoever asks: numbers, and the names of queues. Of several accounts it is the first one without a token.
    /// The default is to want a token, of which the read-only one will do.
    pub fn metrics_public(mut self) -> Self {
        self.metrics_public = true;
        self
    }

    /// Sends spans to the collector with this base URL, such as `http://127.0.0.1:4318`, by OTLP as JSON over HTTP: the acceptance of
    /// each message, its waits, its attempts and its callbacks, in the trace whose `traceparent` was forwarded with the message. A
    /// collector that is away slows nothing down; what it does not take is lost. The URL has neither user information nor a query.
    /// The default is to send none.
    pub fn otlp(mut self, collector: impl Into<String>) -> Self {
        self.otlp = Some(collector.into());
        self
    }

    /// Lets something go wrong: once and at the first occasion, unless it is aimed.
    pub fn fault(self, fault: impl Into<AimedFault>) -> Self {
        self.faults.add(fault.into());
        self
    }

    /// Lets [`DevServer::advance`] wait this long, in real time, for an attempt in flight. The default is two seconds;
    /// a day is the most.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience.min(Duration::from_secs(24 * 60 * 60));
        self
    }

    /// Whether who has the token can move time, set faults and reset the server by HTTP, under `/dev/`. The default is that an account with a token
    /// of its own can, and the [published users](Self::published_users) cannot.
    pub fn control(mut self, control: bool) -> Self {
        self.control = Some(control);
        self
    }

    /// Lets [`DevServer::wait_for`] wait this long, in real time. The default is ten seconds.
    pub fn longest_wait(mut self, limit: Duration) -> Self {
        self.longest_wait = limit;
        self
    }

    /// Starts the server.
    ///
    /// # Errors
    ///
    /// See [`StartError`].
    pub async fn start(self) -> Result<DevServer, StartError> {
        let seed = self.seed.map_or_else(secret::seed, Ok)?;
        let outgoing = Arc::new(self.outgoing()?);
        if let Some(name) = self.hosts.iter().find(|name| !is_host(name)) {
            return Err(StartError::AllowHost { name: name.clone() });
        }
        let collector = self.collector()?;
        let (listener, address) = listen(self.listen).await?;
        let faults = self.faults.clone();

        let open = watch::Sender::new(None);
        let mut workers = JoinSet::new();
        let tracer = collector.map(|collector| otlp::start(&mut workers, collector));
        let (mut accounts, mut stores) = (Vec::new(), Vec::new());
        let mut doors = Vec::new();
        for (number, account) in (0..).zip(self.accounts()?) {
            let chosen = self.signing_keys.is_some().then(|| account.signing_keys.clone());
            let keys = KeptKeys::new(chosen, account.signing_keys.clone());
            let (store, memory) = match self.folder(number) {
                Some(folder) => {
                    Store::open(folder, keys).await.map(|(store, memory)| (Some(store), memory))?
                }
                None => (None, Memory::of_nothing(keys)),
            };
            let keys = Keyring::new(memory.keys.clone(), store.clone());
            let keeps = store.is_some();
            stores.extend(store.clone());
            let courier = Courier::new(keys.clone(), self.region, faults.clone(), outgoing.clone());
            let worker = Worker::spawn(
                &mut workers,
                open.clone(),
                seed.wrapping_add(number),
                self.capacity,
                (store, memory),
                courier,
                tracer.clone(),
            );
            let tenant = Tenant { keys, worker, keeps, canceled: self.canceled };
            doors.push(Door::new(&account, tenant.clone())?);
            accounts.push((account, tenant));
        }
        let guests: &[_] = match self.users {
            Users::One => &[],
            Users::Published => &[cors::CONSOLE],
        };
        let gate = Gate {
            doors,
            guests,
            hosts: self.hosts,
            port: address.port(),
            metrics_public: self.metrics_public,
        };
        let control = self.control.unwrap_or(matches!(self.users, Users::One));
        let (patience, most_connections) = (self.patience, self.connections);
        let service = Arc::new(Service {
            gate,
            faults,
            refusals: Refusals::default(),
            control,
            patience,
            most_connections,
            bodies: Bodies::default(),
        });
        let mut listeners = JoinSet::new();
        listeners.spawn(api::serve(listener, Offer::Everything, service.clone(), open.subscribe()));
        Ok(DevServer {
            address,
            url: format!("http://{}", reachable(address)),
            accounts,
            longest_wait: self.longest_wait,
            service,
            stores,
            open,
            listeners,
            workers,
        })
    }

    /// Where the data of an account is kept, if it is.
    fn folder(&self, account: u64) -> Option<PathBuf> {
        let folder = self.data.as_ref()?;
        Some(match self.users {
            Users::One => folder.clone(),
            Users::Published => folder.join(format!("user-{}", account + 1)),
        })
    }

    fn collector(&self) -> Result<Option<Collector>, StartError> {
        let Some(url) = &self.otlp else { return Ok(None) };
        let collector = Collector::new(url);
        collector.map(Some).map_err(|problem| StartError::Collector { url: without_secrets(url), problem })
    }

    fn outgoing(&self) -> Result<Outgoing, StartError> {
        let mut outgoing = Outgoing::new(self.internet);
        for (host, target) in &self.mapped {
            outgoing.map(host, target).map_err(|problem| StartError::MapHost {
                host: host.clone(),
                target: target.clone(),
                problem,
            })?;
        }
        Ok(outgoing)
    }

    fn accounts(&self) -> Result<Vec<Account>, StartError> {
        if let Users::Published = self.users {
            return Ok(Account::published().into());
        }
        let token = self.token.clone().map_or_else(secret::token, Ok)?;
        let mut account =
            Account::new(token, self.signing_keys.clone().map_or_else(secret::signing_keys, Ok)?);
        if let Some(token) = &self.read_only_token {
            account.read_only_token.clone_from(token);
        }
        Ok(vec![account])
    }
}

/// Whether this can be the name in a `Host` header.
fn is_host(name: &str) -> bool {
    Host::parse(name).is_ok()
}

/// The address to call: a server that listens on every interface is called on this machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        ip if ip.is_unspecified() => (Ipv4Addr::LOCALHOST, address.port()).into(),
        _ => address,
    }
}

impl fmt::Debug for DevServerBuilder {
    /// Leaves out the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevServerBuilder").field("listen", &self.listen).finish_non_exhaustive()
    }
}
