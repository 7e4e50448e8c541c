//! What the processes do, and what is asked of the database afterwards.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use qstash_client::{Client, Message, RetryPolicy};
use qstash_outbox::{Outbox, OutboxDatabase, Relay};
use sqlx::Pool;

use crate::database::{Database, Sql, on};

/// How many keys there are.
const KEYS: u64 = 20;

/// What a process is told.
pub(crate) struct Settings {
    pub(crate) database: String,
    pub(crate) server: String,
    pub(crate) token: String,
    /// A file with what the clock is ahead, in milliseconds.
    pub(crate) clock: PathBuf,
    pub(crate) transactions: u64,
}

impl Settings {
    pub(crate) fn arguments(&self, name: &str) -> [String; 6] {
        let clock = self.clock.to_str().unwrap().to_owned();
        let transactions = self.transactions.to_string();
        [name.to_owned(), self.database.clone(), self.server.clone(), self.token.clone(), clock, transactions]
    }
}

/// A process.
pub(crate) async fn child(arguments: &[String]) {
    let [name, url, server, token, clock, transactions] = arguments else { panic!("{arguments:?}") };
    let database = Database::open(url).await;
    let (role, number) = name.split_once('-').unwrap();
    match role {
        "writer" => on!(database, pool => write(pool, number, transactions.parse().unwrap()).await),
        _ => on!(database, pool => relay(pool, server, token, clock.into()).await),
    }
}

pub(crate) async fn prepare(database: &Database) {
    on!(*database, pool => migrate(pool).await);
}

async fn migrate<DB: OutboxDatabase + Sql>(pool: &Pool<DB>) {
    Outbox::migrate(pool.clone()).await.unwrap();
    let mut connection = pool.acquire().await.unwrap();
    DB::execute(&mut connection, "CREATE TABLE business (content text PRIMARY KEY)").await;
}

/// Each transaction has a number, of which every other one belongs to this writer. It goes on behind the last one that was committed.
async fn write<DB: OutboxDatabase + Sql>(pool: &Pool<DB>, writer: &str, transactions: u64) {
    let outbox = Outbox::open(pool.clone()).await.unwrap();
    let done =
        DB::texts(pool, &format!("SELECT content FROM business WHERE content LIKE '%/{writer}/%'")).await;
    let next = u64::try_from(done.len()).unwrap();
    let own = if writer == "0" { transactions.div_ceil(2) } else { transactions / 2 };
    for number in next..own {
        if random(10) == 0 {
            transact(pool, &outbox, &format!("key-0/{writer}/rolled back"), false).await;
        }
        let key = number % KEYS;
        transact(pool, &outbox, &format!("key-{key}/{writer}/{number:06}"), true).await;
    }
    // Until it is killed, or all has come to its end.
    std::future::pending::<()>().await;
}

async fn transact<DB: OutboxDatabase + Sql>(
    pool: &Pool<DB>,
    outbox: &Outbox<DB>,
    content: &str,
    commits: bool,
) {
    let mut transaction = DB::begin_to_write(pool).await;
    DB::execute(&mut transaction, &format!("INSERT INTO business VALUES ('{content}')")).await;
    let message = Message::to("http://127.0.0.1:9/").text(content).delay(Duration::from_hours(24 * 30));
    let key = content.split('/').next().unwrap();
    outbox.stage_in_order(&mut transaction, key, &message).await.unwrap();
    if commits {
        transaction.commit().await.unwrap();
    } else {
        transaction.rollback().await.unwrap();
    }
}

async fn relay<DB: OutboxDatabase>(pool: &Pool<DB>, server: &str, token: &str, clock: PathBuf) {
    let client = Client::builder().base_url(server).token(token).retry(RetryPolicy::never()).build().unwrap();
    Relay::new(Outbox::open(pool.clone()).await.unwrap(), client)
        .deadline(Duration::from_millis(700))
        .poll(Duration::from_millis(20))
        .backoff(Duration::from_millis(20), Duration::from_millis(500))
        .clock(move || read_clock(&clock))
        .run()
        .await;
}

pub(crate) fn read_clock(file: &Path) -> SystemTime {
    let ahead = std::fs::read_to_string(file).unwrap().parse().unwrap();
    SystemTime::now() + Duration::from_millis(ahead)
}

pub(crate) async fn committed(database: &Database) -> Vec<String> {
    on!(*database, pool => Sql::texts(pool, "SELECT content FROM business").await)
}

pub(crate) async fn count(database: &Database) -> u64 {
    let count = "SELECT CAST(count(*) AS text) FROM business";
    on!(*database, pool => Sql::texts(pool, count).await)[0].parse().unwrap()
}

/// How many messages wait, and how many are dead.
pub(crate) async fn backlog(database: &Database) -> (u64, u64) {
    let backlog = on!(*database, pool => Outbox::open(pool.clone()).await.unwrap().backlog().await.unwrap());
    (backlog.waiting, backlog.dead)
}

/// Whether the messages that a writer staged under a key, one transaction after the other, are in their order. Returns how many keys
/// there are.
pub(crate) fn check_order(published: &[String]) -> usize {
    let mut last: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for content in published {
        let mut parts = content.split('/');
        let (key, writer, number) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        let before = last.insert((key, writer), number);
        assert!(before < Some(number), "{content} came after {before:?}");
    }
    last.keys().map(|(key, _)| key).collect::<std::collections::BTreeSet<_>>().len()
}

/// A number below a limit.
pub(crate) fn random(limit: u32) -> usize {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).unwrap();
    usize::try_from(u32::from_ne_bytes(bytes) % limit).unwrap()
}
