//! Claims in Redis, on the server that `QSTASH_TEST_REDIS_URL` names.

use std::{
    env, process,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use qstash_idempotency::{
    ClaimKey, ClaimRequest, Idempotent, Reply, Store,
    contract::{self, Bench},
    redis::RedisStore,
};
use redis::{AsyncCommands, Client, aio::MultiplexedConnection};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

use crate::{axum_app::App, deliveries::Attempt, left_out::left_out, proxy::Proxy, words::refusal};

/// Alters keys as time would.
struct Keys {
    store: RedisStore,
    prefix: String,
    connection: MultiplexedConnection,
}

fn prefix() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    format!("qstash-test:{}:{time}:{}:", process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

impl Keys {
    async fn new() -> Option<Arc<Self>> {
        let Ok(url) = env::var("QSTASH_TEST_REDIS_URL") else {
            left_out("Redis");
            return None;
        };
        let prefix = prefix();
        let store = RedisStore::connect(&url, 3).await.unwrap().prefix(&prefix);
        let connection = Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap();
        Some(Arc::new(Self { store, prefix, connection }))
    }

    fn name(&self, key: &ClaimKey) -> String {
        let key = key.to_string();
        format!("{}{{{}}}:{}", self.prefix, &key[..16], &key[16..])
    }
}

impl Bench for Keys {
    type Store = RedisStore;

    fn store(&self) -> &RedisStore {
        &self.store
    }

    async fn end_lease(&self, key: &ClaimKey) {
        let _: () = self.connection.clone().hset(self.name(key), "until", 0).await.unwrap();
    }

    async fn end_record(&self, key: &ClaimKey) {
        let _: () = self.connection.clone().del(self.name(key)).await.unwrap();
    }
}

fn claim(number: u8, lease: Duration, keep: Duration) -> ClaimRequest {
    ClaimRequest::new(ClaimKey::from_bytes([number; 32]), lease, keep)
}

#[tokio::test]
async fn every_order_of_two_actors_is_as_the_model_says() {
    let Some(keys) = Keys::new().await else { return };
    println!("Redis: {}", contract::check(keys, 2, 5, 16).await);
}

#[tokio::test]
async fn every_order_of_three_actors_is_as_the_model_says() {
    let Some(keys) = Keys::new().await else { return };
    println!("Redis: {}", contract::check(keys, 3, 5, 16).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_that_claim_at_once_gets_it() {
    let Some(keys) = Keys::new().await else { return };
    contract::check_races(keys, 16, 100).await;
}

#[tokio::test]
async fn leases_and_records_are_over_when_the_clock_of_the_server_says_so() {
    let Some(keys) = Keys::new().await else { return };
    for (lease, keep) in [(200, 3_600_000), (200, 200)] {
        let request = claim(u8::from(keep == 200), Duration::from_millis(lease), Duration::from_millis(keep));
        let started = Instant::now();
        assert!(matches!(keys.store.claim(&request).await, Ok(Reply::Claimed { .. })));
        while !matches!(keys.store.claim(&request).await.unwrap(), Reply::Claimed { .. }) {
            assert!(started.elapsed() < Duration::from_secs(20), "the lease ends");
        }
        assert!(started.elapsed() >= Duration::from_millis(199), "and not before");
    }
}

#[tokio::test]
async fn all_that_is_kept_goes_by_itself() {
    let Some(keys) = Keys::new().await else { return };
    let app = App::new(Idempotent::new(keys.store.clone()), async |call| {
        (axum::http::StatusCode::from_u16(if call == 0 { 500 } else { 200 }).unwrap(), "answer")
    });
    let first = Attempt::new("msg_1", "{}");
    for attempt in [first.clone(), first.next()] {
        app.send(&attempt).await;
    }
    let mut connection = keys.connection.clone();
    let names: Vec<String> = connection.keys(format!("{}*", keys.prefix)).await.unwrap();
    assert_eq!(names.len(), 3, "the delivery and two tokens");
    for name in names {
        let left: i64 = connection.ttl(&name).await.unwrap();
        assert!(left > 3600, "{name}: {left} s");
    }
}

#[tokio::test]
async fn a_delivery_and_its_tokens_are_on_one_node_of_a_cluster() {
    let Some(keys) = Keys::new().await else { return };
    let app = App::new(Idempotent::new(keys.store.clone()), async |_| "handled");
    let first = Attempt::new("msg_1", "{}");
    for attempt in [first.clone(), first.next()] {
        app.send(&attempt).await;
    }
    let mut connection = keys.connection.clone();
    let names: Vec<String> = connection.keys(format!("{}*", keys.prefix)).await.unwrap();
    assert_eq!(names.len(), 3, "{names:?}");
    // A node has all keys whose part between the first braces is the same.
    let tags: std::collections::BTreeSet<_> =
        names.iter().map(|name| &name[name.find('{').unwrap()..name.find('}').unwrap()]).collect();
    assert_eq!(tags.len(), 1, "{names:?}");
}

#[tokio::test]
async fn a_delivery_that_is_handled_takes_two_round_trips() {
    let Ok(url) = env::var("QSTASH_TEST_REDIS_URL") else { return left_out("Redis") };
    let (proxy, url) = Proxy::before(&url, 6379).await;
    let store = RedisStore::connect(&url, 1).await.unwrap().prefix(&prefix());
    let app = App::new(Idempotent::new(store), async |_| "handled");
    // Scripts are loaded when they are used first.
    app.send(&Attempt::new("msg_0", "{}")).await;
    let before = proxy.redis_commands();
    for number in 1..=10 {
        assert_eq!(app.send(&Attempt::new(&format!("msg_{number}"), "{}")).await.status.as_u16(), 200);
    }
    assert_eq!(proxy.redis_commands() - before, 20);
}

#[tokio::test]
async fn a_server_that_is_gone_is_a_store_in_trouble_until_it_is_back() {
    let Ok(url) = env::var("QSTASH_TEST_REDIS_URL") else { return left_out("Redis") };
    let (proxy, url) = Proxy::before(&url, 6379).await;
    let store = RedisStore::connect(&url, 1).await.unwrap().prefix(&prefix());
    let app = App::new(Idempotent::new(store), async |_| "handled");
    assert_eq!(app.send(&Attempt::new("msg_1", "{}")).await.status.as_u16(), 200);
    proxy.break_all();
    let second = Attempt::new("msg_2", "{}");
    let started = Instant::now();
    while app.send(&second.next()).await.status.as_u16() != 200 {
        assert!(started.elapsed() < Duration::from_secs(20), "it comes back");
    }
    assert_eq!(app.calls(), 2);
    assert!(RedisStore::connect("redis://127.0.0.1:1", 1).await.is_err());
    assert!(RedisStore::connect("not an address", 1).await.is_err());
}

#[tokio::test]
async fn a_server_that_takes_no_writes_is_a_store_in_trouble() {
    let Some(keys) = Keys::new().await else { return };
    // Another type of value in the way is refused by the server, as a write on a replica is.
    let key = ClaimKey::from_bytes([7; 32]);
    let _: () = keys.connection.clone().set_ex(keys.name(&key), "text", 60).await.unwrap();
    let told = refusal(keys.store.claim(&claim(7, contract::LEASE, contract::KEEP)).await);
    assert!(told.starts_with("the store of claims failed: "), "{told}");
}

/// A server that has been demoted as far as connections know that were there before, and leads for those that come after them: the
/// number of commands that it has refused as a replica.
async fn demoted() -> (String, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let refused = Arc::new(AtomicU32::new(0));
    let count = refused.clone();
    tokio::spawn(async move {
        for number in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            let refused = count.clone();
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                while let Some(name) = command(&mut stream).await {
                    let answer = match &*name {
                        "EVALSHA" | "EVAL" if number == 0 => {
                            refused.fetch_add(1, Ordering::Relaxed);
                            "-READONLY You can't write against a read only replica.\r\n"
                        }
                        "EVALSHA" | "EVAL" => "*2\r\n$7\r\nclaimed\r\n$1\r\n1\r\n",
                        _ => "+OK\r\n",
                    };
                    stream.write_all(answer.as_bytes()).await.unwrap();
                    if name == "QUIT" {
                        return;
                    }
                }
            });
        }
    });
    (url, refused)
}

/// The name of the next command, in capitals.
async fn command(stream: &mut BufReader<TcpStream>) -> Option<String> {
    async fn number(stream: &mut BufReader<TcpStream>) -> Option<usize> {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        line.get(1..)?.trim_end().parse().ok()
    }

    let parts = number(stream).await?;
    let mut name = None;
    for _ in 0..parts {
        let mut part = vec![0; number(stream).await? + 2];
        stream.read_exact(&mut part).await.ok()?;
        name.get_or_insert_with(|| String::from_utf8_lossy(&part).trim_end().to_ascii_uppercase());
    }
    name
}

#[tokio::test]
async fn a_server_that_has_come_to_follow_another_is_left_for_the_one_that_leads() {
    let (url, refused) = demoted().await;
    let store = RedisStore::connect(&url, 1).await.unwrap();
    let request = claim(1, contract::LEASE, contract::KEEP);
    let started = Instant::now();
    while store.claim(&request).await.is_err() {
        assert!(started.elapsed() < Duration::from_secs(20), "it comes back");
    }
    assert_eq!(refused.load(Ordering::Relaxed), 1);
}
