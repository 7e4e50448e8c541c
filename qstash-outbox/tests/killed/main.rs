//! Two writers and two relays, each a process that is killed at random, and a server whose answers get lost and which is away for
//! an hour: what is published is what was committed, each message once, in the order of its key.
//!
//! ```sh
//! .ci/services cargo test --release -p qstash-outbox --all-features --test killed -- 10000
//! ```
//!
//! The number is how many transactions there are. SQLite always has its turn, PostgreSQL where `QSTASH_TEST_POSTGRES_URL` names a server.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]
#![expect(clippy::print_stdout, reason = "a program that prints what it found")]

mod business;
mod database;
mod proxy;

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use qstash_client::{Client, Message, types::LogState};
use qstash_dev::DevServer;
use tokio::process::{Child, Command};

use crate::{
    business::{Settings, random},
    database::Database,
    proxy::Proxy,
};

/// How often a process is killed while there are transactions.
const KILLS: u64 = 24;
/// How long the next progress may take.
const PATIENCE: Duration = Duration::from_mins(5);
const HOUR: Duration = Duration::from_hours(1);

#[tokio::main]
async fn main() {
    let mut arguments = env::args().skip(1);
    match arguments.next().as_deref() {
        Some("child") => business::child(&arguments.collect::<Vec<_>>()).await,
        first => {
            // Whatever else is there is for other tests.
            let mut numbers = first.into_iter().map(str::to_owned).chain(arguments);
            let transactions = numbers.find_map(|argument| argument.parse().ok()).unwrap_or(240);
            for database in Database::all().await {
                run(&database, transactions).await;
            }
        }
    }
}

async fn run(database: &Database, transactions: u64) {
    let began = Instant::now();
    let server = DevServer::start().await.unwrap();
    let proxy = Proxy::before(server.address()).await;
    let settings = Settings {
        database: database.url.clone(),
        server: proxy.url(),
        token: server.token().to_owned(),
        clock: clock_file(&database.name),
        transactions,
    };
    business::prepare(database).await;
    let mut scene = Scene { server, proxy, settings, children: BTreeMap::new(), kills: 0 };
    // Something has to be in the log that is older than what follows.
    let client = Client::new(scene.server.url(), scene.server.token()).unwrap();
    client.publish(Message::to("http://127.0.0.1:9/").text("older").delay(24 * HOUR)).await.unwrap();
    scene.advance(Duration::from_mins(2)).await;

    for child in ["writer-0", "writer-1", "relay-0", "relay-1"] {
        scene.start(child);
    }
    scene.kill_while_there_are_transactions(database, transactions).await;
    scene.kill_relays_until_all_is_handed_over(database).await;
    let (kills, lost) = (scene.kills, scene.proxy.lost());
    assert!(kills >= KILLS);

    let mut log = scene.server.log().await;
    log.retain(|entry| entry.state == LogState::Created);
    log.reverse();
    let published =
        log.into_iter().skip(1).map(|entry| String::from_utf8(entry.delivery.body.to_vec()).unwrap());
    let published: Vec<_> = published.collect();
    let keys = business::check_order(&published);
    let mut sorted = published;
    sorted.sort_unstable();
    let mut committed = business::committed(database).await;
    committed.sort_unstable();
    assert!(sorted == committed, "published is what was committed, each once");
    assert_eq!(committed.len() as u64, transactions);
    println!(
        "{}: {transactions} transactions committed, {} messages published, each once, in the order of {keys} keys; \
         {kills} processes killed, {lost} answers lost, an hour without a server; {:.1} s",
        database.name,
        sorted.len(),
        began.elapsed().as_secs_f64(),
    );
}

struct Scene {
    server: DevServer,
    proxy: Proxy,
    settings: Settings,
    children: BTreeMap<&'static str, Child>,
    kills: u64,
}

impl Scene {
    fn start(&mut self, name: &'static str) {
        let program = env::current_exe().unwrap();
        let child =
            Command::new(program).arg("child").args(self.settings.arguments(name)).kill_on_drop(true).spawn();
        self.children.insert(name, child.unwrap());
    }

    /// Kills a process by force, and starts it again.
    async fn kill(&mut self, name: &'static str) {
        self.children.get_mut(name).unwrap().kill().await.unwrap();
        self.kills += 1;
        self.start(name);
    }

    /// Makes it later for the relays, and then for the server: a relay whose clock were behind would rely on ids that are forgotten.
    async fn advance(&self, by: Duration) {
        let before = business::read_clock(&self.settings.clock);
        let offset = before.duration_since(SystemTime::now()).unwrap_or_default() + by;
        // At once, for those who read it meanwhile.
        let new = self.settings.clock.with_extension("new");
        std::fs::write(&new, offset.as_millis().to_string()).unwrap();
        std::fs::rename(new, &self.settings.clock).unwrap();
        self.server.advance(by).await;
    }

    async fn kill_while_there_are_transactions(&mut self, database: &Database, transactions: u64) {
        for step in 1..=KILLS {
            wait_for(database, transactions * step / (KILLS + 1)).await;
            let names = ["writer-0", "writer-1", "relay-0", "relay-1"];
            self.kill(names[random(4)]).await;
            if step == KILLS / 2 {
                self.be_away_for_an_hour().await;
            }
        }
        wait_for(database, transactions).await;
    }

    /// Nothing is answered. What relays have under way is lost, and an hour old when the server is there again.
    async fn be_away_for_an_hour(&mut self) {
        self.proxy.set_away(true);
        self.kill("relay-0").await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        self.kill("relay-1").await;
        self.advance(HOUR).await;
        self.proxy.set_away(false);
    }

    async fn kill_relays_until_all_is_handed_over(&mut self, database: &Database) {
        let patience = Instant::now() + PATIENCE;
        for step in 0.. {
            let (waiting, dead) = business::backlog(database).await;
            assert_eq!(dead, 0, "nobody has to decide");
            if waiting == 0 {
                return;
            }
            assert!(Instant::now() < patience, "{waiting} messages are not handed over");
            if step % 40 == 39 && step < 400 {
                self.kill(["relay-0", "relay-1"][random(2)]).await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Waits until so many transactions are committed.
async fn wait_for(database: &Database, transactions: u64) {
    let patience = Instant::now() + PATIENCE;
    while business::count(database).await < transactions {
        assert!(Instant::now() < patience, "the writers do not get on");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn clock_file(name: &str) -> PathBuf {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("killed-{name}.clock"));
    std::fs::write(&file, "0").unwrap();
    file
}
