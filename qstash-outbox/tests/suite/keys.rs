//! Order: one message of a key after the other, whoever sends them.

#[cfg(feature = "postgres")]
use qstash_client::Message;
use qstash_outbox::OutboxDatabase;

#[cfg(feature = "postgres")]
use crate::bench::message;
use crate::{
    bench::{Bench, on_every_database},
    transport::{Line, Mode},
};

on_every_database! {
    messages_of_a_key_are_accepted_in_the_order_of_staging_by_any_number_of_relays
    a_batch_has_one_message_of_a_key_at_the_most
    a_key_that_is_being_worked_on_is_left_alone_by_others
}

async fn messages_of_a_key_are_accepted_in_the_order_of_staging_by_any_number_of_relays<
    DB: OutboxDatabase,
>(
    bench: Bench<DB>,
) {
    for number in 0..20 {
        for key in ["a", "b", "c"] {
            bench.stage_in_order(key, &[&format!("{key} {number:02}")]).await;
        }
        bench.stage(&[&format!("alone {number:02}")]).await;
    }
    let relays = [bench.relay().batch(2), bench.relay().batch(3), bench.relay()];
    // Those that others work on are not waited for.
    while bench.backlog().await != (0, 0) {
        let [first, second, third] = &relays;
        let (first, second, third) = tokio::join!(first.run_once(), second.run_once(), third.run_once());
        for report in [first, second, third] {
            report.unwrap();
        }
    }
    let accepted = bench.accepted().await;
    assert_eq!(accepted.len(), 80);
    for key in ["a", "b", "c"] {
        let in_order: Vec<_> =
            accepted.iter().filter(|body| body.starts_with(key) && body.len() == 4).collect();
        assert!(in_order.len() == 20 && in_order.is_sorted(), "{in_order:?}");
    }
}

async fn a_batch_has_one_message_of_a_key_at_the_most<DB: OutboxDatabase>(bench: Bench<DB>) {
    bench.stage_in_order("a", &["1", "2", "3"]).await;
    bench.stage(&["x", "y"]).await;
    let line = Line::default();
    bench.relay_by(&line).run_once().await.unwrap();
    assert_eq!(line.calls.load(std::sync::atomic::Ordering::SeqCst), 3);
    let accepted = bench.accepted().await;
    assert_eq!([&accepted[3], &accepted[4]], ["2", "3"]);
}

async fn a_key_that_is_being_worked_on_is_left_alone_by_others<DB: OutboxDatabase>(bench: Bench<DB>) {
    bench.stage_in_order("a", &["a1", "a2"]).await;
    let line = Line::new(Mode::HoldsCalls);
    let slow = bench.relay_by(&line);
    let (report, ()) = tokio::join!(slow.run_once(), async {
        line.holds.notified().await;
        bench.stage_in_order("b", &["b1"]).await;
        assert_eq!(bench.relay().run_once().await.unwrap().accepted, 1);
        assert_eq!(bench.accepted().await, ["b1"]);
        line.set(Mode::Open);
    });
    assert_eq!(report.unwrap().accepted, 2);
    assert_eq!(bench.accepted().await, ["b1", "a1", "a2"]);
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_transaction_that_commits_late_does_not_bring_a_dead_message_of_its_key_back_to_life() {
    let Some(pool) = crate::bench::postgres().await else { return };
    let bench = Bench::new(pool).await;
    let mut late = bench.pool.begin().await.unwrap();
    bench.outbox.stage_in_order(&mut late, "a", &message("late")).await.unwrap();
    let mut early = bench.pool.begin().await.unwrap();
    let to_nobody = Message::to_url_group("nobody").text("to nobody");
    bench.outbox.stage_in_order(&mut early, "a", &to_nobody).await.unwrap();
    early.commit().await.unwrap();
    assert_eq!(bench.relay().run_once().await.unwrap().died, 1);

    late.commit().await.unwrap();
    let report = bench.relay().run_once().await.unwrap();
    assert_eq!((report.accepted, report.died), (1, 0));
    assert_eq!(bench.backlog().await, (0, 1));
}
