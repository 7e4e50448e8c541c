//! Relays that run, and end.

use std::time::Duration;

use qstash_outbox::OutboxDatabase;
use tokio::sync::oneshot;

use crate::{
    bench::{Bench, on_every_database},
    transport::{Line, Mode},
};

on_every_database! {
    a_relay_finds_what_is_staged_while_it_runs
    a_relay_that_nobody_tells_asks
    a_relay_that_is_ended_notes_what_is_under_way_and_gives_everything_back
}

async fn a_relay_finds_what_is_staged_while_it_runs<DB: OutboxDatabase>(bench: Bench<DB>) {
    let relay = bench.relay().poll(Duration::from_millis(10));
    tokio::select! {
        () = relay.run() => panic!("it runs for ever"),
        () = async {
            for number in 0..5 {
                bench.stage(&[&number.to_string()]).await;
                while bench.accepted().await.len() <= number {
                    tokio::task::yield_now().await;
                }
            }
        } => {}
    }
    assert_eq!(bench.accepted().await, ["0", "1", "2", "3", "4"]);
}

async fn a_relay_that_nobody_tells_asks<DB: OutboxDatabase>(mut bench: Bench<DB>) {
    bench.outbox = bench.outbox.without_notify();
    let relay = bench.relay().poll(Duration::from_millis(10));
    tokio::select! {
        () = relay.run() => panic!("it runs for ever"),
        () = stage_and_find(&bench) => {}
    }
}

/// Stages messages one after the other, each when the relay has noted that the one before is accepted, and found no other.
async fn stage_and_find<DB: OutboxDatabase>(bench: &Bench<DB>) {
    for number in 0..3 {
        bench.stage(&[&number.to_string()]).await;
        while bench.backlog().await != (0, 0) {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(bench.accepted().await, ["0", "1", "2"]);
}

async fn a_relay_that_is_ended_notes_what_is_under_way_and_gives_everything_back<DB: OutboxDatabase>(
    bench: Bench<DB>,
) {
    bench.stage_in_order("a", &["1", "2"]).await;
    let line = Line::new(Mode::HoldsAnswers);
    let (end, ended) = oneshot::channel::<()>();
    let relay = bench.relay_by(&line);
    tokio::join!(relay.run_until(ended), async {
        line.holds.notified().await;
        end.send(()).unwrap();
        line.set(Mode::Open);
    });
    assert_eq!(bench.backlog().await, (1, 0));
    assert_eq!(bench.relay().run_once().await.unwrap().accepted, 1, "without waiting for a lease");
    assert_eq!(bench.accepted().await, ["1", "2"]);
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn postgres_wakes_relays_when_a_transaction_commits() {
    let Some(pool) = crate::bench::postgres().await else { return };
    let bench = Bench::new(pool).await;
    let relay = bench.relay().poll(Duration::from_hours(1));
    // The first may be found before the relay listens, and the second then; the third finds it asleep.
    let told = stage_and_find(&bench);
    tokio::select! {
        () = relay.run() => panic!("it runs for ever"),
        told = tokio::time::timeout(Duration::from_mins(1), told) => told.unwrap(),
    }
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_connection_that_tells_relays_may_break() {
    use crate::bench::message;
    use qstash_outbox::{Outbox, Relay};
    let Some(pool) = crate::bench::postgres().await else { return };
    let bench = Bench::new(pool).await;
    // By its name the connection is found that listens for this table.
    let schema: String = sqlx::query_scalar("SELECT current_schema()").fetch_one(&bench.pool).await.unwrap();
    let outbox = Outbox::migrate_table(bench.pool.clone(), &schema).await.unwrap();
    let relay = Relay::new(outbox.clone(), bench.client()).poll(Duration::from_hours(1));
    let told = async {
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' || $1 || '%'";
        for number in 0..3 {
            while sqlx::query_scalar::<_, i64>(end).bind(&schema).fetch_one(&bench.pool).await.unwrap() == 0 {
            }
            let mut transaction = bench.pool.begin().await.unwrap();
            outbox.stage(&mut transaction, &message(&number.to_string())).await.unwrap();
            transaction.commit().await.unwrap();
            while bench.accepted().await.len() <= number {
                tokio::task::yield_now().await;
            }
        }
    };
    tokio::select! {
        () = relay.run() => panic!("it runs for ever"),
        told = tokio::time::timeout(Duration::from_mins(1), told) => told.unwrap(),
    }
}
