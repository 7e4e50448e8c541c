//! Queues, call by call.

use http::Method;
use qstash_client::{Message, queues::QueueSettings};

use crate::support::{Script, ok};

fn sent(server: &Script) -> (Method, String, String) {
    let request = server.request();
    let target = request.uri().path_and_query().unwrap().to_string();
    (request.method().clone(), target, String::from_utf8(request.body().to_vec()).unwrap())
}

#[tokio::test]
async fn every_verb_of_a_queue_is_one_call() {
    let server = Script::new([ok("")]);
    let settings = QueueSettings::new().parallelism(5.try_into().unwrap()).running();
    server.client().queue("emails").upsert(settings).await.unwrap();
    let body = r#"{"queueName":"emails","parallelism":5,"paused":false}"#;
    assert_eq!(sent(&server), (Method::POST, "/v2/queues".into(), body.into()));

    let record = r#"{"name":"emails","createdAt":1623345678001,"updatedAt":1623345678001,"parallelism":5,"lag":100,"paused":false}"#;
    let server = Script::new([ok(record)]);
    let queue = server.client().queue("emails").get().await.unwrap();
    assert_eq!((queue.name.as_str(), queue.parallelism, queue.lag, queue.paused), ("emails", 5, 100, false));
    assert_eq!(sent(&server), (Method::GET, "/v2/queues/emails".into(), String::new()));

    let server = Script::new([ok("")]);
    server.client().queue("emails").delete().await.unwrap();
    assert_eq!(sent(&server), (Method::DELETE, "/v2/queues/emails".into(), String::new()));

    let server = Script::new([ok("")]);
    server.client().queue("emails").pause().await.unwrap();
    assert_eq!(sent(&server), (Method::POST, "/v2/queues/emails/pause".into(), String::new()));

    let server = Script::new([ok("")]);
    server.client().queue("emails").resume().await.unwrap();
    assert_eq!(sent(&server), (Method::POST, "/v2/queues/emails/resume".into(), String::new()));

    let server = Script::new([ok(r#"[{"name":"emails","new":1}]"#)]);
    assert_eq!(server.client().queues().list().await.unwrap().len(), 1);
    assert_eq!(sent(&server), (Method::GET, "/v2/queues".into(), String::new()));

    let server = Script::default();
    server.client().queue("emails").enqueue(Message::to("https://h/x").text("hi")).await.unwrap();
    assert_eq!(sent(&server), (Method::POST, "/v2/enqueue/emails/https://h/x".into(), "hi".into()));
}

#[tokio::test]
async fn a_name_that_is_none_is_refused_before_anything_is_sent() {
    for name in ["", " ", "..", "a/b"] {
        let server = Script::default();
        let queue = server.client().queue(name);
        let error = queue.delete().await.unwrap_err();
        assert!(error.to_string().starts_with("invalid queue"), "{error}");
        queue.enqueue(Message::to("https://h")).await.unwrap_err();
        assert!(server.requests().is_empty());
    }
}
