//! The log: pages, filters, groups.

use std::time::Duration;

use qstash_broker::{PageRequest, Selector};
use qstash_types::LogState;

use crate::sim::{Sim, answered, message};

const ALL: PageRequest = PageRequest { after: None, count: 1000 };

fn with_traffic() -> Sim {
    let mut sim = Sim::new();
    sim.publish(message(&[("upstash-label", "good")]));
    sim.end(answered(200));
    sim.pass(Duration::from_secs(1));
    sim.publish(message(&[("upstash-label", "bad"), ("upstash-retries", "1")]));
    sim.end(answered(500));
    sim
}

fn states(sim: &Sim, filter: &Selector) -> Vec<String> {
    sim.broker.log_page(filter, ALL).0.iter().map(|entry| entry.state.to_string()).collect()
}

#[test]
fn entries_are_found_by_state_label_id_and_time() {
    let sim = with_traffic();
    let labels = |label: &str| Selector { labels: vec![label.to_owned()], ..Selector::default() };
    assert_eq!(states(&sim, &labels("good")), ["DELIVERED", "ACTIVE", "CREATED"]);
    let states_of = |states: &[LogState]| Selector { states: states.to_vec(), ..Selector::default() };
    assert_eq!(states(&sim, &states_of(&[LogState::Created])), ["CREATED", "CREATED"]);
    let in_progress = Selector { states: vec![LogState::InProgress], ..labels("bad") };
    assert_eq!(states(&sim, &in_progress), ["RETRY", "ERROR", "ACTIVE"]);
    assert_eq!(states(&sim, &Selector { from: Some(sim.now), ..Selector::default() }).len(), 4);
    let id = sim.broker.log().next().unwrap().message_id;
    assert_eq!(states(&sim, &Selector::messages([id.as_str(), "msg_x"])).len(), 4);
    assert!(states(&sim, &Selector::messages(["msg_x"])).is_empty());
}

#[test]
fn pages_follow_each_other_while_the_log_grows() {
    let mut sim = with_traffic();
    let all: Vec<_> = sim.broker.log().collect();
    let (mut entries, mut cursor) =
        sim.broker.log_page(&Selector::default(), PageRequest { after: None, count: 3 });
    while cursor.is_some() {
        sim.publish(message(&[]));
        let (more, next) = sim.broker.log_page(&Selector::default(), PageRequest { after: cursor, count: 3 });
        entries.extend(more);
        cursor = next;
    }
    assert_eq!(entries, all);
}

#[test]
fn entries_are_grouped_by_message_and_groups_are_paged() {
    let sim = with_traffic();
    let page = |after| sim.broker.log_by_message(&Selector::default(), PageRequest { after, count: 1 });
    let (first, cursor) = page(None);
    assert_eq!(first[0].1.len(), 4);
    assert!(first[0].1.iter().all(|entry| entry.message_id == first[0].0));
    let (second, end) = page(cursor);
    assert_eq!(second[0].1.len(), 3);
    assert_eq!(end, None);
}

#[test]
fn messages_are_paged_although_more_happens_to_them() {
    let mut sim = Sim::new();
    let receipts: Vec<_> = (0..6).map(|_| sim.publish(message(&[]))).collect();
    let mut seen = Vec::new();
    let mut cursor = None;
    for ended in 0.. {
        let page = PageRequest { after: cursor, count: 2 };
        let (groups, next) = sim.broker.log_by_message(&Selector::default(), page);
        seen.extend(groups.into_iter().map(|(id, _)| id));
        cursor = next;
        if cursor.is_none() {
            break;
        }
        // The oldest ones, which no page has shown yet.
        assert!(ended < 3);
        sim.pass(Duration::from_secs(1));
        sim.end(answered(200));
        sim.publish(message(&[]));
    }
    let mut expected: Vec<_> = receipts.into_iter().map(|receipt| receipt.message_id).collect();
    expected.reverse();
    assert_eq!(seen, expected);
}
