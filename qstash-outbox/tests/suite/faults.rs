//! Lost answers, crashes, and a server that is away.

use std::time::Duration;

use qstash_client::{Client, RetryPolicy};
use qstash_dev::Fault;
use qstash_outbox::OutboxDatabase;

use crate::{
    bench::{Bench, DEADLINE, MINUTE, on_every_database},
    transport::{Line, Mode},
};

on_every_database! {
    a_lost_answer_makes_no_second_message
    a_relay_that_crashes_after_sending_is_followed_by_one_that_makes_no_second_message
    a_relay_that_crashes_before_sending_is_followed_by_one_that_sends
    a_lease_lasts_until_twice_the_deadline_is_over
    a_relay_that_has_lost_its_lease_changes_nothing
    after_an_hour_a_message_that_was_accepted_is_found_in_the_log
    after_an_hour_a_message_that_was_not_accepted_is_sent
    a_message_is_dead_when_the_log_does_not_reach_back
    a_log_of_a_known_length_is_believed
    a_server_that_is_away_for_an_hour_kills_nothing_and_orders_nothing_anew
    a_wrong_token_kills_nothing
    what_a_server_asks_for_is_kept
}

/// A relay that sends, or does not, and is gone before it notes that.
async fn crash<DB: OutboxDatabase>(bench: &Bench<DB>, mode: Mode) {
    let line = Line::new(mode);
    let relay = bench.relay_by(&line);
    tokio::select! {
        report = relay.run_once() => panic!("{report:?}"),
        () = line.holds.notified() => {}
    }
}

async fn a_lost_answer_makes_no_second_message<DB: OutboxDatabase>(bench: Bench<DB>) {
    bench.stage_in_order("a", &["1", "2"]).await;
    bench.server.fault(Fault::LostConnection);
    let report = bench.relay().run_once().await.unwrap();
    assert_eq!((report.accepted, report.postponed), (0, 1));
    assert_eq!(bench.accepted().await, ["1"]);
    assert_eq!(bench.relay().run_once().await.unwrap().accepted, 0, "not at once");
    bench.advance(Duration::from_secs(1)).await;
    assert_eq!(bench.relay().run_once().await.unwrap().accepted, 2);
    assert_eq!(bench.accepted().await, ["1", "2"]);
}

async fn a_relay_that_crashes_after_sending_is_followed_by_one_that_makes_no_second_message<
    DB: OutboxDatabase,
>(
    bench: Bench<DB>,
) {
    bench.stage_in_order("a", &["1", "2"]).await;
    crash(&bench, Mode::HoldsAnswers).await;
    assert_eq!(bench.accepted().await, ["1"]);
    bench.advance(2 * DEADLINE).await;
    assert_eq!(bench.relay().run_once().await.unwrap().accepted, 2);
    assert_eq!(bench.accepted().await, ["1", "2"]);
}

async fn a_relay_that_crashes_before_sending_is_followed_by_one_that_sends<DB: OutboxDatabase>(
    bench: Bench<DB>,
) {
    bench.stage(&["1", "2"]).await;
    crash(&bench, Mode::HoldsCalls).await;
    bench.advance(2 * DEADLINE).await;
    assert_eq!(bench.relay().run_once().await.unwrap().accepted, 2);
    assert_eq!(bench.accepted().await.len(), 2);
}

async fn a_lease_lasts_until_twice_the_deadline_is_over<DB: OutboxDatabase>(bench: Bench<DB>) {
    bench.stage(&["1"]).await;
    crash(&bench, Mode::HoldsCalls).await;
    bench.advance(DEADLINE).await;
    assert_eq!(bench.relay().run_once().await.unwrap().accepted, 0);
    bench.advance(DEADLINE).await;
    assert_eq!(bench.relay().run_once().await.unwrap().accepted, 1);
}

async fn a_relay_that_has_lost_its_lease_changes_nothing<DB: OutboxDatabase>(bench: Bench<DB>) {
    bench.stage_in_order("a", &["1", "2", "3"]).await;
    let line = Line::new(Mode::HoldsAnswers);
    let slow = bench.relay_by(&line);
    let other_line = Line::default();
    let other = bench.relay_by(&other_line);
    let (report, ()) = tokio::join!(slow.run_once(), async {
        line.holds.notified().await;
        bench.advance(2 * DEADLINE).await;
        other_line.set(Mode::HoldsAnswers);
        let (report, ()) = tokio::join!(other.run_once(), async {
            // The other one is about to take note of the same message.
            other_line.holds.notified().await;
            line.set(Mode::Open);
            while bench.backlog().await != (3, 0) {}
            other_line.set(Mode::Open);
        });
        assert_eq!(report.unwrap().accepted, 3);
    });
    assert_eq!(report.unwrap().accepted, 0, "what the slow one knows comes too late");
    assert_eq!(bench.accepted().await, ["1", "2", "3"]);
    assert_eq!(bench.backlog().await, (0, 0));
}

async fn after_an_hour_a_message_that_was_accepted_is_found_in_the_log<DB: OutboxDatabase>(bench: Bench<DB>) {
    bench.stage_in_order("a", &["1", "2"]).await;
    crash(&bench, Mode::HoldsAnswers).await;
    bench.advance(60 * MINUTE).await;
    assert_eq!(bench.relay().run_once().await.unwrap().accepted, 2);
    assert_eq!(bench.accepted().await, ["1", "2"]);
    assert_eq!(bench.backlog().await, (0, 0));
}

async fn after_an_hour_a_message_that_was_not_accepted_is_sent<DB: OutboxDatabase>(bench: Bench<DB>) {
    bench.stage(&["old"]).await;
    bench.relay().run_once().await.unwrap();
    bench.advance(2 * MINUTE).await;
    bench.stage_in_order("a", &["1", "2"]).await;
    crash(&bench, Mode::HoldsCalls).await;
    bench.advance(60 * MINUTE).await;
    assert_eq!(bench.relay().run_once().await.unwrap().accepted, 2);
    assert_eq!(bench.accepted().await, ["old", "1", "2"]);
}

async fn a_message_is_dead_when_the_log_does_not_reach_back<DB: OutboxDatabase>(bench: Bench<DB>) {
    bench.stage_in_order("a", &["1", "2"]).await;
    bench.stage(&["other"]).await;
    crash(&bench, Mode::HoldsCalls).await;
    bench.advance(60 * MINUTE).await;
    bench.stage(&["new"]).await;
    let report = bench.relay().run_once().await.unwrap();
    assert_eq!((report.accepted, report.died), (1, 2));
    let dead = bench.outbox.dead(0).await.unwrap();
    assert!(dead[0].reason.contains("does not reach back"), "{}", dead[0].reason);
    assert_eq!(bench.backlog().await, (1, 2), "what follows in its key waits");
    bench.outbox.requeue(dead[0].id).await.unwrap();
    bench.outbox.discard(dead[1].id).await.unwrap();
    assert_eq!(bench.relay().run_once().await.unwrap().accepted, 2);
    assert_eq!(bench.accepted().await, ["new", "1", "2"]);
}

async fn a_log_of_a_known_length_is_believed<DB: OutboxDatabase>(bench: Bench<DB>) {
    bench.stage(&["1"]).await;
    crash(&bench, Mode::HoldsCalls).await;
    bench.advance(60 * MINUTE).await;
    let relay = bench.relay().log_retention(61 * MINUTE + MINUTE / 2);
    assert_eq!(relay.run_once().await.unwrap().accepted, 1);
    bench.stage(&["2"]).await;
    crash(&bench, Mode::HoldsCalls).await;
    bench.advance(24 * 60 * MINUTE).await;
    // Nothing is in the log that is as old, and it is longer ago than the log is kept for certain.
    let relay = bench.relay().log_retention(23 * 60 * MINUTE).log_margin(Duration::ZERO);
    let report = relay.run_once().await.unwrap();
    assert_eq!((report.accepted, report.died), (1, 0), "but the log says so itself");
}

async fn a_server_that_is_away_for_an_hour_kills_nothing_and_orders_nothing_anew<DB: OutboxDatabase>(
    bench: Bench<DB>,
) {
    bench.stage_in_order("a", &["1", "2"]).await;
    let line = Line::new(Mode::Refuses);
    for _ in 0..60 {
        let report = bench.relay_by(&line).run_once().await.unwrap();
        assert_eq!((report.accepted, report.died), (0, 0));
        bench.advance(MINUTE).await;
    }
    bench.stage_in_order("a", &["3"]).await;
    line.set(Mode::Open);
    let calls = line.calls.load(std::sync::atomic::Ordering::SeqCst);
    assert_eq!(calls, 60);
    assert_eq!(bench.relay_by(&line).run_once().await.unwrap().accepted, 3);
    assert_eq!(bench.accepted().await, ["1", "2", "3"]);
    // Nothing was looked for in the log: what certainly did not arrive is not aged.
    assert_eq!(line.calls.load(std::sync::atomic::Ordering::SeqCst), calls + 3);
}

async fn a_wrong_token_kills_nothing<DB: OutboxDatabase>(bench: Bench<DB>) {
    bench.stage(&["1", "2"]).await;
    let builder = Client::builder().base_url(bench.server.url()).token("wrong");
    let report =
        bench.relay_with(builder.retry(RetryPolicy::never()).build().unwrap()).run_once().await.unwrap();
    assert_eq!((report.accepted, report.postponed, report.died), (0, 2, 0));
    bench.advance(MINUTE).await;
    assert_eq!(bench.relay().run_once().await.unwrap().accepted, 2);
}

async fn what_a_server_asks_for_is_kept<DB: OutboxDatabase>(bench: Bench<DB>) {
    bench.stage(&["1"]).await;
    for fault in [Fault::TooManyRequests, Fault::InternalError] {
        bench.server.fault(fault);
        let report = bench.relay().run_once().await.unwrap();
        assert_eq!((report.accepted, report.postponed, report.died), (0, 1, 0), "{fault:?}");
        bench.advance(MINUTE).await;
    }
    assert_eq!(bench.relay().run_once().await.unwrap().accepted, 1);
    assert_eq!(bench.accepted().await, ["1"]);
}
