//! One trial: publishes, makes trouble, waits until all is done, and checks what became of it.

use std::{
    env, fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::LazyLock,
    time::{Duration, Instant},
};

use qstash_client::{Client, Message};
use qstash_dev::{DevServer, Fault};
use qstash_idempotency::postgres::PostgresStore;
use qstash_verify::{SigningKey, SigningKeys};
use sqlx::{AssertSqlSafe, PgPool, Row};
use tokio::time::sleep;

use crate::{
    balancer::Balancer,
    history::{self, Interruption},
    receiver::{LEASE, SETTINGS, Settings, now},
};

const RECEIVERS: usize = 3;
const KILLS_OF_EACH: usize = 20;
const STOPS: usize = 4;

/// How long QStash waits for an answer. A receiver that is stopped is stopped for longer, so that others take over what it has.
const TIMEOUT: Duration = Duration::from_secs(8);

static MESSAGES: LazyLock<usize> = LazyLock::new(|| match env::var("QSTASH_TEST_MESSAGES") {
    Ok(number) => number.parse().unwrap(),
    Err(_) if cfg!(debug_assertions) => 1000,
    Err(_) => 10_000,
});

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    PostgresTransactional,
    PostgresLeased,
    RedisLeased,
}

impl Kind {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::PostgresTransactional => "postgres, transactional",
            Self::PostgresLeased => "postgres, leased",
            Self::RedisLeased => "redis, leased",
        }
    }

    pub(crate) fn of(word: &str) -> Self {
        let all = [Self::PostgresTransactional, Self::PostgresLeased, Self::RedisLeased];
        all.into_iter().find(|kind| kind.word() == word).unwrap()
    }
}

/// A folder that is gone on drop.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A receiver process, ended on drop.
struct Receiver {
    child: Child,
    /// Open as long as the process writes to it.
    _stdout: BufReader<ChildStdout>,
}

impl Receiver {
    /// Starts this program as a receiver, and waits until it listens.
    fn start(settings: &Settings, balancer: &Balancer, place: usize) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["receiver_process", "--exact", "--nocapture"])
            .env(SETTINGS, settings.text())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let address = stdout.by_ref().lines().find_map(|line| {
            line.unwrap().rsplit_once("LISTENING ").map(|(_, address)| address.parse().unwrap())
        });
        balancer.set(place, Some(address.expect("the receiver starts")));
        Self { child, _stdout: stdout }
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// `kill -9`.
    fn kill(mut self) -> Interruption {
        let earliest = now();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        Interruption { process: self.child.id(), earliest, latest: now() }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

/// Plays a trial against a server, and says what was seen.
pub(crate) async fn trial(kind: Kind, server: &str) -> String {
    let mut trial = Trial::start(kind, server).await;
    publish(&trial.qstash, &trial.balancer.origin).await;
    let (mut last_change, mut last_done) = (Instant::now(), 0);
    loop {
        let done = trial.done().await;
        if done != last_done {
            (last_change, last_done) = (Instant::now(), done);
        }
        if done == *MESSAGES && trial.left.iter().all(|left| *left == 0) {
            break;
        }
        assert!(last_change.elapsed() < Duration::from_mins(3), "{kind:?} stands still at {done}");
        trial.fault(done);
        trial.kill(done);
        trial.stop(done).await;
        sleep(Duration::from_millis(20)).await;
    }
    trial.end().await
}

struct Trial {
    kind: Kind,
    started: Instant,
    settings: Settings,
    history: PathBuf,
    qstash: DevServer,
    balancer: Balancer,
    receivers: Vec<Receiver>,
    /// For the trials whose store it is.
    database: Option<PgPool>,
    kills: Vec<Interruption>,
    stops: Vec<Interruption>,
    /// How often each receiver is still to be killed.
    left: [usize; RECEIVERS],
    faults: usize,
    dice: Dice,
    _folder: Folder,
}

impl Trial {
    async fn start(kind: Kind, server: &str) -> Self {
        let started = Instant::now();
        let name = format!("qstash_trial_{}_{}", std::process::id(), kind as u8);
        let folder = Folder(Path::new(env!("CARGO_TARGET_TMPDIR")).join(&name));
        fs::create_dir_all(&folder.0).unwrap();
        let history = folder.0.join("history");
        let key = format!("sig_{name}");
        let signing_key = SigningKey::new(&*key).unwrap();
        let keys = SigningKeys::new(signing_key.clone(), signing_key);
        let qstash = DevServer::builder().signing_keys(keys).start().await.unwrap();
        let balancer = Balancer::start(RECEIVERS).await;
        let database = match kind {
            Kind::RedisLeased => None,
            Kind::PostgresTransactional | Kind::PostgresLeased => Some(prepare(server, &name).await),
        };
        let origin = balancer.origin.clone();
        let settings = Settings {
            kind,
            server: server.to_owned(),
            name,
            key,
            origin,
            history: history.display().to_string(),
        };
        let receivers = (0..RECEIVERS).map(|place| Receiver::start(&settings, &balancer, place)).collect();
        Self {
            kind,
            started,
            settings,
            history,
            qstash,
            balancer,
            receivers,
            database,
            kills: Vec::new(),
            stops: Vec::new(),
            left: [KILLS_OF_EACH; RECEIVERS],
            faults: 0,
            dice: Dice(1),
            _folder: folder,
        }
    }

    /// How many messages have had their effect.
    async fn done(&self) -> usize {
        match (&self.database, self.kind) {
            (Some(pool), Kind::PostgresTransactional) => effects(pool, &self.settings.name).await.0,
            _ => history::answered(&self.history),
        }
    }

    /// Of a hundred deliveries, five come twice, five are not acknowledged, one is late and one is overtaken.
    fn fault(&mut self, done: usize) {
        while self.faults < done / 20 {
            self.faults += 1;
            self.qstash.fault(Fault::DuplicatedDelivery);
            self.qstash.fault(Fault::LostAcknowledgement);
            if self.faults.is_multiple_of(5) {
                self.qstash.fault(Fault::LateDelivery);
                self.qstash.fault(Fault::OvertakenDelivery);
            }
        }
    }

    /// Kills a receiver and starts it anew, so that the kills are spread over the work, and the rest comes at its end.
    fn kill(&mut self, done: usize) {
        let all = KILLS_OF_EACH * RECEIVERS;
        if self.kills.len() == all || (self.kills.len() * *MESSAGES >= done * all && done < *MESSAGES) {
            return;
        }
        let place = loop {
            let place = self.dice.roll(RECEIVERS);
            if self.left[place] > 0 {
                break place;
            }
        };
        self.left[place] -= 1;
        self.balancer.set(place, None);
        self.kills.push(self.receivers.remove(place).kill());
        self.receivers.insert(place, Receiver::start(&self.settings, &self.balancer, place));
    }

    /// Stops a receiver beyond the lease of everything that it has, and lets it go on.
    async fn stop(&mut self, done: usize) {
        if self.stops.len() < STOPS && self.stops.len() * *MESSAGES < done * STOPS {
            let receiver = &self.receivers[self.dice.roll(RECEIVERS)];
            let earliest = now();
            receiver.signal("-STOP");
            sleep(TIMEOUT + LEASE).await;
            receiver.signal("-CONT");
            self.stops.push(Interruption { process: receiver.child.id(), earliest, latest: now() });
        }
    }

    /// Checks what became of it.
    async fn end(self) -> String {
        self.qstash.settled().await;
        assert!(self.qstash.dead_letters().await.is_empty(), "no message is lost");
        drop(self.receivers);
        let name = &self.settings.name;
        let mut told = String::new();
        if let Some(pool) = &self.database {
            let (messages, effects) = effects(pool, name).await;
            if self.kind == Kind::PostgresTransactional {
                assert_eq!((messages, effects), (*MESSAGES, *MESSAGES), "each message has one effect");
                told = format!("{effects} effects of {messages} messages, each once");
            }
            let drop = format!("DROP TABLE {name}, {name}_effects");
            sqlx::raw_sql(AssertSqlSafe(drop)).execute(pool).await.unwrap();
        }
        if self.kind != Kind::PostgresTransactional {
            let summary = history::check(&self.history, &self.kills, &self.stops);
            assert_eq!(summary.messages, *MESSAGES);
            told = summary.to_string();
        }
        let (kills, stops, faults) =
            (self.kills.len(), self.stops.len(), 2 * (self.faults + self.faults / 5));
        let (kind, time) = (self.kind.word(), self.started.elapsed());
        format!("{kind}: {told}; {kills} kills, {stops} stops, {faults} faults, {time:.0?}")
    }
}

async fn prepare(server: &str, name: &str) -> PgPool {
    let pool = PgPool::connect(server).await.unwrap();
    PostgresStore::migrate_table(pool.clone(), name).await.unwrap();
    let create = format!("CREATE TABLE {name}_effects (message int)");
    sqlx::raw_sql(AssertSqlSafe(create)).execute(&pool).await.unwrap();
    pool
}

/// How many messages have effects, and how many effects there are.
async fn effects(pool: &PgPool, name: &str) -> (usize, usize) {
    let count = format!("SELECT count(DISTINCT message), count(*) FROM {name}_effects");
    let row = sqlx::query(AssertSqlSafe(count)).fetch_one(pool).await.unwrap();
    let number = |place| usize::try_from(row.get::<i64, _>(place)).unwrap();
    (number(0), number(1))
}

async fn publish(qstash: &DevServer, origin: &str) {
    let client = Client::new(qstash.url(), qstash.token()).unwrap();
    for first in (0..*MESSAGES).step_by(100) {
        let messages = (first..(*MESSAGES).min(first + 100)).map(|number| {
            Message::to(format!("{origin}/work"))
                .json(&number)
                .retries(50)
                .retry_delay(Duration::from_millis(200))
                .timeout(TIMEOUT)
        });
        let outcome = client.batch(messages).await.unwrap();
        assert!(outcome.results().iter().all(Result::is_ok));
    }
}
