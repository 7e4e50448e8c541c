//! What a delivery costs with `Idempotent`, beside one that is only verified, and beside a handler that notes its message by hand.
//!
//! ```text
//! .ci/services cargo bench -p qstash-idempotency --all-features --bench cost
//! ```
//!
//! Needs Linux, and takes about a minute. Deliveries go straight into the service, without HTTP, so that the figures are about what is
//! added to it: the ratio to a bare delivery over HTTP is smaller. CPU is that of this process, which is the receiver, in all its
//! threads: what the servers spend is not in it. The ways take turns, with deliveries that were signed before; each figure is the
//! median of the rounds, and each ratio that of the ratios within a round. Round trips are counted in a pass of their own.
//!
//! The PostgreSQL server of `.ci/services` runs with `fsync=off`, so its commits wait for no disk; neither do those of Redis. On a server
//! that does wait, the throughput of both columns falls to what its disk can do.

#![expect(clippy::print_stdout, reason = "figures are printed")]
#![expect(clippy::cast_precision_loss, reason = "counts and times are far below 2^52")]
#![expect(clippy::unwrap_used, reason = "a bench fails where it unwraps")]

mod cpu;
#[path = "../../tests/suite/deliveries.rs"]
#[expect(dead_code, reason = "the suite uses all of it")]
mod deliveries;
#[path = "../../tests/suite/proxy.rs"]
#[expect(dead_code, reason = "the suite uses all of it")]
mod proxy;
mod ways;

use std::{env, time::Instant};

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
};
use futures_util::{StreamExt, stream};
use tower::ServiceExt;

use crate::{deliveries::Attempt, proxy::Proxy, ways::Way};

/// How many times the ways take turns.
const ROUNDS: usize = 11;
/// How many deliveries a round has.
const DELIVERIES: usize = 1000;
/// How many of them are under way at the same time.
const AT_ONCE: u32 = 16;
/// How many deliveries the round trips are counted over.
const COUNTED: usize = 50;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (Ok(postgres), Ok(redis)) = (env::var("QSTASH_TEST_POSTGRES_URL"), env::var("QSTASH_TEST_REDIS_URL"))
    else {
        println!("NOTHING WAS MEASURED: run it by `.ci/services`, which starts PostgreSQL and Redis");
        return;
    };
    let trips = trips(&postgres, &redis).await;

    let servers = ways::Servers::new(&postgres, &redis, AT_ONCE).await;
    let mut ways = Vec::new();
    for way in Way::ALL {
        ways.push((way, servers.receiver(way).await, Vec::new()));
    }
    // The first round is to prepare statements and to warm caches.
    for round in 0..=ROUNDS {
        for (way, receiver, rounds) in &mut ways {
            let spent = spend(receiver, &format!("{way:?} {round}")).await;
            if round > 0 {
                rounds.push(spent);
            }
        }
    }
    servers.clean().await;

    let rounds = |wanted: Way| &ways.iter().find(|(way, ..)| *way == wanted).unwrap().2;
    println!("| | CPU | over bare | round trips | deliveries per second | of those by hand |");
    println!("|---|--:|--:|--:|--:|--:|");
    for (way, _, own) in &ways {
        let ratio = |of: fn(&Spent) -> f64, to: Way| {
            median(own.iter().zip(rounds(to)).map(|(own, other)| of(own) / of(other)))
        };
        println!(
            "| {way} | {:.0} µs | {:.2} | {} | {:.0} | {:.2} |",
            median(own.iter().map(|spent| spent.micros)),
            ratio(|spent| spent.micros, Way::Bare),
            trips
                .iter()
                .find(|(counted, _)| counted == way)
                .map_or("–".to_owned(), |(_, n)| format!("{n:.1}")),
            median(own.iter().map(|spent| spent.per_second)),
            ratio(|spent| spent.per_second, Way::ByHand),
        );
    }
    println!("\n{ROUNDS} rounds of {DELIVERIES} deliveries, {AT_ONCE} at once; PostgreSQL without fsync.");
}

/// What a round took for each delivery.
struct Spent {
    /// CPU, in microseconds.
    micros: f64,
    per_second: f64,
}

async fn spend(receiver: &Router, name: &str) -> Spent {
    let requests: Vec<_> = (0..DELIVERIES).map(|number| delivery(name, number)).collect();
    let (started, cpu) = (Instant::now(), cpu::nanos());
    stream::iter(requests)
        .map(|request| deliver(receiver, request))
        .buffer_unordered(AT_ONCE as usize)
        .count()
        .await;
    let (cpu, elapsed) = (cpu::nanos() - cpu, started.elapsed());
    Spent {
        micros: cpu as f64 / 1000.0 / DELIVERIES as f64,
        per_second: DELIVERIES as f64 / elapsed.as_secs_f64(),
    }
}

fn delivery(name: &str, number: usize) -> Request<Body> {
    let attempt = Attempt::new(&format!("msg_{name}_{number}"), &format!("{{\"order\": {number}}}"));
    let headers = attempt.headers();
    let request =
        headers.fold(Request::post(attempt.path), |request, (name, value)| request.header(name, value));
    request.body(Body::from(attempt.body.clone())).unwrap()
}

async fn deliver(receiver: &Router, request: Request<Body>) {
    let answer = receiver.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

/// Round trips for each delivery, of the ways whose store is a server: one after the other, over one connection.
async fn trips(postgres: &str, redis: &str) -> Vec<(Way, f64)> {
    let (postgres, postgres_url) = Proxy::before(postgres, 5432).await;
    let (redis, redis_url) = Proxy::before(redis, 6379).await;
    let servers = ways::Servers::new(&postgres_url, &redis_url, 1).await;
    let mut trips = Vec::new();
    for way in Way::ALL.into_iter().filter(|way| way.is_remote()) {
        let receiver = servers.receiver(way).await;
        let name = format!("{way:?} trips");
        // Statements are prepared and scripts are loaded when they are used first, and the first claim begins to sweep.
        deliver(&receiver, delivery(&name, 0)).await;
        let count = || postgres.postgres_statements() + redis.redis_commands();
        let before = count();
        for number in 1..=COUNTED {
            deliver(&receiver, delivery(&name, number)).await;
        }
        trips.push((way, (count() - before) as f64 / COUNTED as f64));
    }
    servers.clean().await;
    trips
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
