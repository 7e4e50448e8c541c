//! Flow-control keys, call by call.

use std::time::{Duration, SystemTime};

use qstash_client::types::FlowLimits;

use crate::support::{Script, ok};

const RECORD: &str = r#"{"flowControlKey":"k","waitListSize":7,"parallelismMax":5,"parallelismCount":1,"rateMax":10,
    "rateCount":3,"ratePeriod":60,"ratePeriodStart":1708000000,"isPaused":true,"isPinnedParallelism":false,
    "isPinnedRate":true,"new":1}"#;

fn target(server: &Script) -> String {
    let request = server.request();
    format!("{} {}", request.method(), request.uri().path_and_query().unwrap())
}

#[tokio::test]
async fn a_key_is_read_with_its_limits_and_how_far_they_are_used_up() {
    let server = Script::new([ok(RECORD)]);
    let record = server.client().flow_control("k").get().await.unwrap();
    assert_eq!(
        (record.wait_list_size, record.parallelism_max, record.rate_max, record.rate_count),
        (7, 5, 10, 3)
    );
    assert_eq!(record.rate_period, Some(Duration::from_secs(60)));
    assert_eq!(record.rate_period_start, Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_708_000_000)));
    assert!(record.paused && record.rate_pinned && !record.parallelism_pinned);
    assert_eq!(target(&server), "GET /v2/flowControl/k");
}

#[tokio::test]
async fn a_key_of_free_text_is_one_segment_of_the_path() {
    let server = Script::new([ok("")]);
    server.client().flow_control("a/b c?d").pause().await.unwrap();
    assert_eq!(target(&server), "POST /v2/flowControl/a%2Fb%20c%3Fd/pause");
}

#[tokio::test]
async fn limits_are_pinned_one_by_one_or_together() {
    let none = FlowLimits::default();
    for (limits, query) in [
        (none.parallelism(5), "parallelism=5"),
        (none.rate(10), "rate=10"),
        (none.rate(10).period(Duration::from_millis(59_001)), "rate=10&period=60"),
        (none.parallelism(5).rate(10).period(Duration::from_secs(3600)), "parallelism=5&rate=10&period=3600"),
    ] {
        let server = Script::new([ok("")]);
        server.client().flow_control("k").pin(limits).await.unwrap();
        assert_eq!(target(&server), format!("POST /v2/flowControl/k/pin?{query}"));
    }
    for limits in [none, none.period(Duration::from_secs(1)), none.rate(1).period(Duration::ZERO)] {
        let server = Script::default();
        let error = server.client().flow_control("k").pin(limits).await.unwrap_err();
        assert!(error.to_string().starts_with("invalid flow control"), "{error}");
        assert!(server.requests().is_empty());
    }
}

#[tokio::test]
async fn every_other_verb_of_a_key_is_one_call() {
    let server = Script::new([ok("")]);
    server.client().flow_control("k").resume().await.unwrap();
    assert_eq!(target(&server), "POST /v2/flowControl/k/resume");

    let server = Script::new([ok("")]);
    server.client().flow_control("k").unpin().await.unwrap();
    assert_eq!(target(&server), "POST /v2/flowControl/k/unpin?parallelism=true&rate=true");

    let server = Script::new([ok("")]);
    server.client().flow_control("k").unpin_parallelism().await.unwrap();
    assert_eq!(target(&server), "POST /v2/flowControl/k/unpin?parallelism=true");

    let server = Script::new([ok("")]);
    server.client().flow_control("k").unpin_rate().await.unwrap();
    assert_eq!(target(&server), "POST /v2/flowControl/k/unpin?rate=true");

    let server = Script::new([ok("")]);
    server.client().flow_control("k").reset_rate().await.unwrap();
    assert_eq!(target(&server), "POST /v2/flowControl/k/resetRate");
}

#[tokio::test]
async fn keys_are_listed_and_searched() {
    let server = Script::new([ok(r#"[{"flowControlKey":"k"},{"flowControlKey":"l"}]"#)]);
    assert_eq!(server.client().flow_controls().list().await.unwrap().len(), 2);
    assert_eq!(target(&server), "GET /v2/flowControl");

    let server = Script::new([ok("[]")]);
    assert!(server.client().flow_controls().search("open ai").await.unwrap().is_empty());
    assert_eq!(target(&server), "GET /v2/flowControl?search=open%20ai");
}

#[tokio::test]
async fn the_parallelism_of_the_account_is_read() {
    let server = Script::new([ok(r#"{"parallelismMax":500,"parallelismCount":3}"#)]);
    let parallelism = server.client().global_parallelism().await.unwrap();
    assert_eq!((parallelism.parallelism_max, parallelism.parallelism_count), (500, 3));
    assert_eq!(target(&server), "GET /v2/globalParallelism");
}
