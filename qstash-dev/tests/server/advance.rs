//! Time that passes because a test says so.

use std::{
    future,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use qstash_dev::DevServer;
use qstash_types::LogState;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::{Notify, mpsc},
    time::timeout,
};

use crate::{
    client::{call, get, publish},
    destination::{Destination, read, response},
};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn fails_at(path: &'static str) -> impl Fn(&crate::destination::Received) -> Vec<u8> + Clone {
    move |request| response(if request.path() == path { 500 } else { 200 }, "")
}

async fn hanging() -> Destination {
    Destination::serving(async |mut stream| {
        read(&mut stream).await;
        future::pending::<()>().await;
    })
    .await
}

#[tokio::test]
async fn days_of_retries_with_their_callbacks_pass_in_no_time() {
    let started = Instant::now();
    let server = DevServer::start().await.unwrap();
    let destination = Destination::start(fails_at("/hook")).await;
    publish(&server, &destination.url("/hook"))
        .header("Upstash-Retries", "6")
        .header("Upstash-Callback", &destination.url("/done"))
        .header("Upstash-Failure-Callback", &destination.url("/failed"))
        .accepted()
        .await;
    server.advance(3 * DAY).await;
    assert_eq!(destination.count("/hook"), 7);
    assert_eq!(destination.count("/done"), 7);
    assert_eq!(destination.count("/failed"), 1);
    assert_eq!(server.dead_letters().await.len(), 1);
    // Whatever else the machine does meanwhile.
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
}

#[tokio::test]
async fn every_instant_is_visited_and_each_attempt_happens_at_its_own_time() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::answering(500).await;
    publish(&server, &destination.url("/"))
        .header("Upstash-Retries", "3")
        .header("Upstash-Retry-Delay", "600000")
        .accepted()
        .await;
    server.advance(HOUR).await;
    let mut log = server.log().await;
    log.reverse();
    let started: Vec<_> =
        log.iter().filter(|entry| entry.state == LogState::Active).filter_map(|entry| entry.time).collect();
    assert_eq!(started.len(), 4);
    for pair in started.windows(2) {
        let wait = pair[1].duration_since(pair[0]).unwrap();
        assert!(wait >= Duration::from_secs(600) && wait < Duration::from_secs(605), "{wait:?}");
    }
}

#[tokio::test]
async fn nothing_happens_before_its_time() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::answering(200).await;
    publish(&server, &destination.url("/")).header("Upstash-Delay", "2h").accepted().await;
    server.advance(HOUR).await;
    server.settled().await;
    assert!(destination.received().is_empty());
    server.advance(HOUR).await;
    assert_eq!(destination.received().len(), 1);
}

#[tokio::test]
async fn what_is_in_flight_is_waited_for_before_time_goes_on() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::answering(200).await;
    publish(&server, &destination.url("/")).header("Upstash-Timeout", "1s").accepted().await;
    server.advance(HOUR).await;
    assert_eq!(server.log().await[0].state, LogState::Delivered);
}

#[tokio::test]
async fn a_destination_that_hangs_times_out_inside_the_span() {
    let server = DevServer::builder().patience(Duration::from_millis(50)).start().await.unwrap();
    let destination = hanging().await;
    publish(&server, &destination.url("/"))
        .header("Upstash-Timeout", "30s")
        .header("Upstash-Retries", "2")
        .header("Upstash-Retry-Delay", "1000")
        .accepted()
        .await;
    server.advance(HOUR).await;
    server.settled().await;
    let log = server.log().await;
    let states: Vec<_> = log.iter().rev().map(|entry| entry.state.as_str()).collect();
    let attempt = ["ACTIVE", "ERROR", "RETRY"];
    assert_eq!(states, [&["CREATED"][..], &attempt, &attempt, &["ACTIVE", "ERROR", "FAILED"]].concat());
    let errors: Vec<_> = log.iter().filter_map(|entry| entry.error.as_deref()).collect();
    assert_eq!(errors, ["no response within 30s"; 3]);
}

#[tokio::test]
async fn a_destination_that_hangs_beyond_the_span_holds_nobody_else_up() {
    let server = DevServer::builder().patience(Duration::from_millis(500)).start().await.unwrap();
    let (hanging, failing) = (hanging().await, Destination::answering(500).await);
    publish(&server, &hanging.url("/")).accepted().await;
    publish(&server, &failing.url("/")).header("Upstash-Retry-Delay", "1000").accepted().await;
    server.advance(Duration::from_secs(60)).await;
    assert_eq!(failing.received().len(), 4);
    assert_eq!(server.dead_letters().await.len(), 1);
}

#[tokio::test]
async fn an_attempt_that_one_advance_has_given_up_on_is_waited_for_again_by_the_next() {
    let server = DevServer::builder().patience(Duration::from_millis(500)).start().await.unwrap();
    let answers = Arc::new(Notify::new());
    let answered = answers.clone();
    let destination = Destination::serving(move |mut stream| {
        let answered = answered.clone();
        async move {
            read(&mut stream).await;
            answered.notified().await;
            stream.write_all(&response(200, "")).await.unwrap();
        }
    })
    .await;
    publish(&server, &destination.url("/")).header("Upstash-Timeout", "30m").accepted().await;
    server.advance(Duration::from_secs(1)).await;
    tokio::join!(server.advance(HOUR), async { answers.notify_one() });
    assert_eq!(server.log().await[0].state, LogState::Delivered);
}

#[tokio::test]
async fn an_attempt_that_timed_out_no_longer_holds_its_connection() {
    let server = DevServer::builder().patience(Duration::from_millis(50)).start().await.unwrap();
    let (closed, mut was_closed) = mpsc::unbounded_channel();
    let destination = Destination::serving(move |mut stream| {
        let closed = closed.clone();
        async move {
            read(&mut stream).await;
            // A connection ends here only when the server lets go of it.
            closed.send(stream.read(&mut [0]).await.unwrap_or(0)).unwrap();
        }
    })
    .await;
    publish(&server, &destination.url("/"))
        .header("Upstash-Timeout", "30s")
        .header("Upstash-Retries", "0")
        .accepted()
        .await;
    server.advance(HOUR).await;
    let seen = timeout(Duration::from_secs(10), was_closed.recv()).await;
    assert_eq!(seen, Ok(Some(0)));
}

#[tokio::test]
async fn all_of_time_can_pass() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::answering(200).await;
    publish(&server, &destination.url("/")).header("Upstash-Delay", "365d").accepted().await;
    server.advance(Duration::MAX).await;
    server.advance(Duration::MAX).await;
    assert_eq!(destination.received().len(), 1);
}

#[tokio::test]
async fn two_who_want_it_later_at_once_both_get_it() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::answering(200).await;
    publish(&server, &destination.url("/")).header("Upstash-Delay", "1h").accepted().await;
    tokio::join!(server.advance(2 * HOUR), server.advance(HOUR));
    assert_eq!(destination.received().len(), 1);
}

#[tokio::test]
async fn settled_waits_for_what_is_due_and_not_for_what_is_not() {
    let server = DevServer::start().await.unwrap();
    server.settled().await;
    let destination = Destination::start(fails_at("/hook")).await;
    publish(&server, &destination.url("/hook"))
        .header("Upstash-Callback", &destination.url("/done"))
        .accepted()
        .await;
    server.settled().await;
    assert_eq!(destination.count("/hook"), 1);
    assert_eq!(destination.count("/done"), 1);
}

#[tokio::test]
async fn the_time_of_publishing_moves_with_the_clock_so_that_waits_are_long() {
    let millis = |time: SystemTime| {
        u64::try_from(time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis()).unwrap()
    };
    let server = DevServer::start().await.unwrap();
    let destination = Destination::answering(200).await;
    let now = millis(SystemTime::now());
    for delay in ["0s", "1h"] {
        publish(&server, &destination.url("/"))
            .header("Upstash-Delay", delay)
            .header("Upstash-Forward-Qstash-Published-At", &now.to_string())
            .accepted()
            .await;
        server.settled().await;
    }
    server.advance(HOUR).await;
    let seen = destination.received();
    let seen: Vec<u64> =
        seen.iter().map(|request| request.header("qstash-published-at").unwrap().parse().unwrap()).collect();
    let after = millis(SystemTime::now());
    let hour = millis(SystemTime::UNIX_EPOCH + HOUR);
    assert!((now - 1..=now).contains(&seen[0]), "{now} {seen:?}");
    assert!((now - hour - 1..=after - hour).contains(&seen[1]), "{now} {seen:?}");
}

/// A schedule that fires every minute, into a queue that stands still: an advance has nothing to wait for.
async fn with_something_every_minute() -> DevServer {
    let server = DevServer::start().await.unwrap();
    call(&server, "POST", "/v2/queues/q/pause").send().await;
    let scheduled = call(&server, "POST", "/v2/schedules/http://127.0.0.1:9/")
        .header("Upstash-Cron", "* * * * *")
        .header("Upstash-Queue-Name", "q");
    assert_eq!(scheduled.send().await.status, 200);
    server
}

async fn ahead(server: &DevServer) -> u64 {
    get(server, "/dev/clock").send().await.json()["ahead"].as_u64().unwrap()
}

#[tokio::test]
async fn a_long_advance_lets_others_have_their_turn_and_stops_when_its_caller_leaves() {
    let server = with_something_every_minute().await;
    let advance = {
        let decade = call(&server, "POST", "/dev/clock").body(r#"{"advance": "3650d"}"#);
        tokio::spawn(decade.send())
    };
    let mut reached = 0;
    while reached == 0 {
        reached = ahead(&server).await;
    }
    while ahead(&server).await == reached {}
    advance.abort();
    // It may have been in the middle of a step.
    let mut before = reached;
    loop {
        let now = ahead(&server).await;
        if now == before {
            break;
        }
        before = now;
    }
    assert!(Duration::from_millis(before) < 3650 * DAY, "{before}");
}
