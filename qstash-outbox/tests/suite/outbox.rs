//! Staging, and what a person sees of it.

use std::time::Duration;

use qstash_client::Message;
use qstash_outbox::{OutboxDatabase, OutboxError};

use crate::bench::{Bench, MINUTE, message, on_every_database};

on_every_database! {
    a_message_is_published_if_and_only_if_its_transaction_commits
    a_mistake_leaves_the_transaction_as_it_was
    a_delay_counts_from_the_time_of_staging
    a_body_that_is_not_text_is_sent_as_it_is
    the_log_finds_a_message_by_the_label_that_staging_returned
    a_message_that_is_refused_for_good_is_dead_and_holds_up_its_own_key_alone
    a_dead_message_is_sent_when_a_person_says_so
}

async fn a_message_is_published_if_and_only_if_its_transaction_commits<DB: OutboxDatabase>(bench: Bench<DB>) {
    let mut transaction = bench.pool.begin().await.unwrap();
    bench.outbox.stage(&mut transaction, &message("committed")).await.unwrap();
    transaction.commit().await.unwrap();
    let mut transaction = bench.pool.begin().await.unwrap();
    bench.outbox.stage(&mut transaction, &message("rolled back")).await.unwrap();
    transaction.rollback().await.unwrap();
    assert_eq!(bench.backlog().await, (1, 0));
    assert_eq!(bench.relay().run_once().await.unwrap().accepted, 1);
    assert_eq!(bench.accepted().await, ["committed"]);
    assert_eq!(bench.backlog().await, (0, 0));
    assert_eq!(bench.relay().run_once().await.unwrap().accepted, 0);
}

async fn a_mistake_leaves_the_transaction_as_it_was<DB: OutboxDatabase>(bench: Bench<DB>) {
    let mut transaction = bench.pool.begin().await.unwrap();
    let wrong = bench.outbox.stage(&mut transaction, &Message::to("nowhere else")).await;
    assert!(matches!(wrong, Err(OutboxError::Message(_))));
    for key in ["", "a\0b", &"k".repeat(256)] {
        let wrong = bench.outbox.stage_in_order(&mut transaction, key, &message("")).await;
        assert!(matches!(wrong, Err(OutboxError::Key)));
    }
    bench.outbox.stage(&mut transaction, &message("right")).await.unwrap();
    transaction.commit().await.unwrap();
    bench.relay().run_once().await.unwrap();
    assert_eq!(bench.accepted().await, ["right"]);
}

async fn a_delay_counts_from_the_time_of_staging<DB: OutboxDatabase>(bench: Bench<DB>) {
    let mut transaction = bench.pool.begin().await.unwrap();
    let message = Message::to("http://127.0.0.1:9/").delay(10 * MINUTE);
    bench.outbox.stage(&mut transaction, &message).await.unwrap();
    transaction.commit().await.unwrap();
    let staged = std::time::SystemTime::now();
    bench.advance(6 * MINUTE).await;
    bench.relay().run_once().await.unwrap();
    let log = bench.server.log().await;
    let waiting = bench.client().message(&log[0].message_id).get().await.unwrap();
    let not_before = waiting.not_before.unwrap();
    let delay = not_before.duration_since(staged).unwrap();
    assert!((9 * MINUTE + MINUTE / 2..10 * MINUTE + Duration::from_secs(2)).contains(&delay), "{delay:?}");
}

async fn a_body_that_is_not_text_is_sent_as_it_is<DB: OutboxDatabase>(bench: Bench<DB>) {
    let mut transaction = bench.pool.begin().await.unwrap();
    let bytes = vec![0xff, 0x00, 0x0a];
    bench.outbox.stage(&mut transaction, &message("").body(bytes.clone())).await.unwrap();
    bench.outbox.stage(&mut transaction, &message("text")).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(bench.relay().run_once().await.unwrap().accepted, 2);
    let log = bench.server.log().await;
    assert!(log.iter().any(|entry| entry.delivery.body == bytes));
}

async fn the_log_finds_a_message_by_the_label_that_staging_returned<DB: OutboxDatabase>(bench: Bench<DB>) {
    let mut transaction = bench.pool.begin().await.unwrap();
    let label = bench.outbox.stage(&mut transaction, &message("x").label("mine")).await.unwrap();
    transaction.commit().await.unwrap();
    bench.stage(&["y"]).await;
    bench.relay().run_once().await.unwrap();
    let found = bench.client().logs().label(&label).list().await.unwrap();
    assert_eq!(found.items.len(), 1);
    let labels: Vec<_> = found.items[0].delivery.labels.iter().map(ToString::to_string).collect();
    assert_eq!(labels, ["mine", label.as_str()]);
}

async fn stage_to_nobody<DB: OutboxDatabase>(bench: &Bench<DB>) {
    let mut transaction = bench.pool.begin().await.unwrap();
    let to_nobody = Message::to_url_group("nobody").text("to nobody");
    bench.outbox.stage_in_order(&mut transaction, "a", &to_nobody).await.unwrap();
    transaction.commit().await.unwrap();
}

async fn a_message_that_is_refused_for_good_is_dead_and_holds_up_its_own_key_alone<DB: OutboxDatabase>(
    bench: Bench<DB>,
) {
    bench.stage_in_order("a", &["a1"]).await;
    stage_to_nobody(&bench).await;
    bench.stage_in_order("a", &["a2"]).await;
    bench.stage_in_order("b", &["b1", "b2"]).await;
    bench.stage(&["alone"]).await;
    let report = bench.relay().run_once().await.unwrap();
    assert_eq!((report.accepted, report.died), (4, 1));
    let dead = bench.outbox.dead(0).await.unwrap();
    assert_eq!((dead.len(), dead[0].key.as_deref(), &*dead[0].destination), (1, Some("a"), "nobody"));
    assert!(dead[0].reason.contains("404") && dead[0].reason.contains("nobody"), "{}", dead[0].reason);
    assert!(bench.outbox.dead(dead[0].id).await.unwrap().is_empty());
    bench.advance(MINUTE).await;
    // What is staged behind it, under other keys, is found all the same.
    bench.stage_in_order("c", &["c1"]).await;
    bench.stage(&["alone too"]).await;
    assert_eq!(bench.relay().run_once().await.unwrap().accepted, 2);
    assert_eq!(bench.backlog().await, (1, 1));

    assert!(bench.outbox.discard(dead[0].id).await.unwrap());
    assert!(!bench.outbox.discard(dead[0].id).await.unwrap());
    assert_eq!(bench.relay().run_once().await.unwrap().accepted, 1);
    assert_eq!(bench.accepted().await.last().unwrap(), "a2");
}

async fn a_dead_message_is_sent_when_a_person_says_so<DB: OutboxDatabase>(bench: Bench<DB>) {
    stage_to_nobody(&bench).await;
    bench.stage_in_order("a", &["behind"]).await;
    bench.relay().run_once().await.unwrap();
    let dead = bench.outbox.dead(0).await.unwrap()[0].id;
    let endpoints = [qstash_client::url_groups::Endpoint::new("http://127.0.0.1:9/")];
    bench.client().url_group("nobody").upsert(endpoints).await.unwrap();
    assert!(bench.outbox.requeue(dead).await.unwrap());
    assert!(!bench.outbox.requeue(dead).await.unwrap(), "it is not dead any more");
    assert!(!bench.outbox.discard(dead).await.unwrap());
    assert_eq!(bench.relay().run_once().await.unwrap().accepted, 2);
    assert_eq!(bench.accepted().await, ["to nobody", "behind"]);
}
