use std::time::{Duration, SystemTime};

use qstash_client::{CallbackTarget, Message, types::QueueName};

use super::{StoredForm, fresh_label, lines};
use crate::OutboxError;

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

fn messages() -> [Message; 6] {
    let to = Message::to("https://example.com/hook?a=1&b=%20");
    [
        to.clone(),
        to.clone().json(&[1, 2]).retries(0).label("a").label("b").delay(Duration::from_millis(1500)),
        to.clone().body(vec![0xff, 0x00]).content_type("image/png").forward("x-raw", [0xe9, 0xff]),
        to.clone()
            .text("hi")
            .in_queue("emails")
            .forward("x", "1")
            .forward("x", "2")
            .forward("cookie", "a=\"b: c\""),
        Message::to_url_group("signups")
            .header("upstash-label", "raw")
            .header("upstash-new", "ü: x")
            .forward_all_headers(),
        to.callback(CallbackTarget::to("https://example.com/done").retries(2).forward("x", "3"))
            .failure_callback("https://example.com/failed")
            .not_before(SystemTime::UNIX_EPOCH + Duration::from_secs(90)),
    ]
}

#[test]
fn a_message_is_stored_as_the_lines_that_are_sent() {
    let [_, message, ..] = messages();
    let stored = StoredForm::write(&message, "outbox-1", NOW).unwrap();
    assert_eq!(stored.destination, "https://example.com/hook?a=1&b=%20");
    let mut lines: Vec<_> = str::from_utf8(&stored.headers).unwrap().lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "content-type: application/json",
            "upstash-deduplication-id: outbox-1",
            "upstash-label: a,b,outbox-1",
            "upstash-not-before: 2",
            "upstash-retries: 0",
        ]
    );
    assert_eq!(stored.body, b"[1,2]");
}

#[test]
fn a_stored_message_is_sent_as_it_was_staged() {
    for message in messages() {
        let stored = StoredForm::write(&message, &fresh_label(), NOW).unwrap();
        let read = stored.clone().read().unwrap();
        let parts = message.parts().unwrap();
        assert_eq!(read.destination, parts.destination);
        assert_eq!(read.body, parts.body);
        assert_eq!(read.options.queue, parts.options.queue);
        assert_eq!(read.options.settings, parts.options.settings);
        assert_eq!(read.options.callback, parts.options.callback);
        assert_eq!(read.fits_into_a_batch(), parts.fits_into_a_batch());
        let mut sent: Vec<_> =
            lines(&read.to_headers().unwrap()).split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
        let mut kept: Vec<_> = stored.headers.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
        sent.sort_unstable();
        kept.sort_unstable();
        assert_eq!(sent, kept);
    }
}

#[test]
fn a_label_that_was_written_as_a_plain_header_stays() {
    let [.., group, _] = messages();
    let stored = StoredForm::write(&group, "outbox-1", NOW).unwrap().read().unwrap();
    let labels: Vec<_> = stored.options.labels.iter().map(ToString::to_string).collect();
    assert_eq!(labels, ["raw", "outbox-1"]);
}

#[test]
fn a_mistake_is_an_error_when_the_message_is_staged() {
    let to = || Message::to("https://example.com");
    let mistakes = [
        (Message::to("example.com"), "destination"),
        (to().retry_delay("1 +"), "retry delay"),
        (to().in_queue("q").delay(Duration::from_secs(1)), "delay"),
        (to().in_queue("q").not_before(NOW), "not-before"),
        (to().in_queue("a b"), "queue"),
        (Message::to("https://example.com?upstash-x=1").body(vec![0xff]), "destination"),
        (to().forward("x".repeat(70_000), "1"), "forwarded header"),
    ];
    for (message, field) in mistakes {
        match StoredForm::write(&message, "outbox-1", NOW) {
            Err(OutboxError::Message(mistake)) => assert_eq!(mistake.field(), field),
            other => panic!("{field}: {:?}", other.err()),
        }
    }
    for message in [to().deduplication_id("mine"), to().deduplicate_by_content()] {
        let refused = StoredForm::write(&message, "outbox-1", NOW).err();
        assert!(matches!(refused, Some(OutboxError::Deduplication)));
    }
    let opted_out = StoredForm::write(&to().without_deduplication(), "outbox-1", NOW);
    assert!(opted_out.is_ok_and(|stored| stored.read().is_ok()));
}

#[test]
fn a_row_that_others_wrote_is_never_sent() {
    let row = |destination: &str, headers: &str| StoredForm {
        destination: destination.to_owned(),
        headers: headers.as_bytes().to_vec(),
        body: Vec::new(),
    };
    let rows = [
        row("", "upstash-deduplication-id: 1\n"),
        row("https://example.com", ""),
        row("https://example.com", "upstash-deduplication-id"),
        row("https://example.com", "a b: c\nupstash-deduplication-id: 1\n"),
        row("https://example.com", "upstash-deduplication-id: 1\nupstash-retries: many\n"),
    ];
    for row in rows {
        assert!(row.read().is_err());
    }
    let queue = row("https://example.com", "upstash-deduplication-id: 1\nupstash-queue-name: q\n");
    assert_eq!(queue.read().unwrap().options.queue, Some(QueueName::new("q").unwrap()));
}
