//! A receiver: a process with a service, which notes in a file what its handlers do.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    sync::{Arc, OnceLock},
    thread,
    time::{Duration, SystemTime},
};

use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::post,
};
use qstash_axum::{HandlerError, KeySet, Outcome, Signed, SigningKey, Verifier, VerifySignature};
use qstash_idempotency::{
    Claim, Idempotent, REPLAYED, Store, Turn, postgres::PostgresStore, redis::RedisStore,
};
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::{net::TcpListener, task::block_in_place};

use crate::trial::Kind;

/// The variable with the settings of a receiver, as [`Settings::text`] writes them.
pub(crate) const SETTINGS: &str = "QSTASH_TEST_RECEIVER";

/// Long enough for a machine with other work to renew in time.
pub(crate) const LEASE: Duration = Duration::from_secs(4);

pub(crate) struct Settings {
    pub(crate) kind: Kind,
    /// Where the store is.
    pub(crate) server: String,
    /// The table, or the prefix of the keys.
    pub(crate) name: String,
    /// The signing key.
    pub(crate) key: String,
    /// Where QStash finds the receivers.
    pub(crate) origin: String,
    /// Where to note what handlers do.
    pub(crate) history: String,
}

impl Settings {
    pub(crate) fn text(&self) -> String {
        let Self { kind, server, name, key, origin, history } = self;
        [kind.word(), server, name, key, origin, history].join("\n")
    }

    fn read(text: &str) -> Self {
        let mut lines = text.lines().map(str::to_owned);
        let kind = Kind::of(&lines.next().unwrap());
        let mut next = || lines.next().unwrap();
        Self { kind, server: next(), name: next(), key: next(), origin: next(), history: next() }
    }
}

/// Notes that survive the process: each is one write to the end of a file.
#[derive(Clone)]
struct Notes(Arc<File>);

impl Notes {
    fn note(&self, what: char, message: u32) {
        let line = format!("{what} {message} {} {}\n", run_id(), now());
        (&*self.0).write_all(line.as_bytes()).unwrap();
    }
}

pub(crate) fn now() -> u128 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_micros()
}

/// Tells processes apart.
fn run_id() -> u32 {
    static ID: OnceLock<u32> = OnceLock::new();
    *ID.get_or_init(std::process::id)
}

/// Says that a handler has ended before its time, unless it is told otherwise.
struct Ended<'a> {
    notes: &'a Notes,
    message: u32,
    how: char,
}

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.notes.note(self.how, self.message);
    }
}

pub(crate) fn run(settings: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(serve(Settings::read(settings)));
}

async fn serve(settings: Settings) {
    let history = OpenOptions::new().append(true).create(true).open(&settings.history).unwrap();
    let notes = Notes(Arc::new(history));
    let key = SigningKey::new(&*settings.key).unwrap();
    let keys = KeySet::new([("test", key)]);
    let verifier = Verifier::builder(keys).origin(&settings.origin).build().unwrap();
    let app = match settings.kind {
        Kind::PostgresTransactional => {
            let pool = pool(&settings.server).await;
            let store = PostgresStore::open_table(pool.clone(), &settings.name).await.unwrap();
            let effects = format!("{}_effects", settings.name);
            let state = (pool, effects);
            Router::new()
                .route("/work", post(work_in_transaction))
                .with_state(state)
                .layer(layer(store).transactional())
        }
        Kind::PostgresLeased => {
            let store =
                PostgresStore::open_table(pool(&settings.server).await, &settings.name).await.unwrap();
            leased(layer(store), &notes)
        }
        Kind::RedisLeased => {
            let store = RedisStore::connect(&settings.server, 4).await.unwrap().prefix(&settings.name);
            leased(layer(store), &notes)
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let line = format!("LISTENING {}\n", listener.local_addr().unwrap());
    std::io::stdout().write_all(line.as_bytes()).unwrap();
    axum::serve(listener, app.layer(VerifySignature::new(verifier))).await.unwrap();
}

async fn pool(url: &str) -> PgPool {
    PgPoolOptions::new().max_connections(24).test_before_acquire(false).connect(url).await.unwrap()
}

fn layer<S: Store>(store: S) -> Idempotent<S> {
    Idempotent::new(store).lease(LEASE).wait(LEASE + Duration::from_secs(2))
}

fn leased<S: Store>(layer: Idempotent<S>, notes: &Notes) -> Router {
    Router::new()
        .route("/work", post(work))
        .with_state(notes.clone())
        .layer(layer)
        // Outside: what it has answered, it has kept.
        .layer(from_fn_with_state(notes.clone(), note_answer))
}

async fn work(State(notes): State<Notes>, Signed(message): Signed<u32>) -> Outcome {
    notes.note('B', message);
    let mut ended = Ended { notes: &notes, message, how: 'D' };
    // Most are short; some take longer than their lease.
    let millis = if message.is_multiple_of(500) { 6000 } else { message * 7919 % 40 };
    let work = Duration::from_millis(u64::from(millis));
    if message % 3 == 1 {
        // Work that cannot be dropped: after a stop it comes to its end, whoever has the claim by then.
        block_in_place(|| thread::sleep(work));
    } else {
        tokio::time::sleep(work).await;
    }
    ended.how = 'E';
    Outcome::done()
}

async fn note_answer(State(notes): State<Notes>, request: Request, next: Next) -> Response {
    let message = request.extensions().get::<qstash_axum::Verified>().unwrap().json().unwrap();
    let response = next.run(request).await;
    if response.status().is_success() {
        notes.note(if response.headers().contains_key(REPLAYED) { 'R' } else { 'A' }, message);
    }
    response.into_response()
}

async fn work_in_transaction(
    State((pool, effects)): State<(PgPool, String)>,
    claim: Claim<PostgresStore>,
    Signed(message): Signed<i32>,
) -> Result<Outcome, HandlerError> {
    let mut transaction = pool.begin().await?;
    if claim.in_transaction(&mut transaction).await? == Turn::Again {
        return Ok(Outcome::done());
    }
    let insert = sqlx::AssertSqlSafe(format!("INSERT INTO {effects} VALUES ($1)"));
    sqlx::query(insert).bind(message).execute(&mut *transaction).await?;
    // In the middle of the work, where a kill hurts most.
    tokio::time::sleep(Duration::from_millis(u64::from(message.unsigned_abs() * 7919 % 40))).await;
    transaction.commit().await?;
    Ok(Outcome::done())
}
