//! URL groups, call by call.

use http::Method;
use qstash_client::{MessageOptions, url_groups::Endpoint};

use crate::support::{Script, ok};

fn sent(server: &Script) -> (Method, String, String) {
    let request = server.request();
    let target = request.uri().path_and_query().unwrap().to_string();
    (request.method().clone(), target, String::from_utf8(request.body().to_vec()).unwrap())
}

#[tokio::test]
async fn every_verb_of_a_url_group_is_one_call() {
    let server = Script::new([ok("")]);
    let endpoints =
        [Endpoint::new("https://a.example/1?b=2").name("one"), Endpoint::new("https://b.example")];
    server.client().url_group("team").upsert(endpoints).await.unwrap();
    let body =
        r#"{"endpoints":[{"url":"https://a.example/1?b=2","name":"one"},{"url":"https://b.example"}]}"#;
    assert_eq!(sent(&server), (Method::POST, "/v2/topics/team/endpoints".into(), body.into()));

    let server = Script::new([ok("")]);
    server.client().url_group("team").remove(["https://b.example"]).await.unwrap();
    let body = r#"{"endpoints":[{"url":"https://b.example"}]}"#;
    assert_eq!(sent(&server), (Method::DELETE, "/v2/topics/team/endpoints".into(), body.into()));

    let server = Script::new([ok("")]);
    server.client().url_group("team").remove_named(["one", "two"]).await.unwrap();
    let body = r#"{"endpoints":[{"name":"one"},{"name":"two"}]}"#;
    assert_eq!(sent(&server), (Method::DELETE, "/v2/topics/team/endpoints".into(), body.into()));

    let record = r#"{"name":"my-group","createdAt":1623345678001,"updatedAt":1623345678001,
        "endpoints":[{"name":"endpoint1","url":"https://example.com/1"},{"url":"https://example.com/2"}],"new":1}"#;
    let server = Script::new([ok(record)]);
    let group = server.client().url_group("my-group").get().await.unwrap();
    assert_eq!((group.name.as_str(), &*group.endpoints[1].url), ("my-group", "https://example.com/2"));
    assert_eq!(sent(&server), (Method::GET, "/v2/topics/my-group".into(), String::new()));

    let server = Script::new([ok("")]);
    server.client().url_group("team").delete().await.unwrap();
    assert_eq!(sent(&server), (Method::DELETE, "/v2/topics/team".into(), String::new()));

    let server = Script::new([ok(r#"[{"name":"team"}]"#)]);
    assert_eq!(server.client().url_groups().list().await.unwrap().len(), 1);
    assert_eq!(sent(&server), (Method::GET, "/v2/topics".into(), String::new()));
}

#[tokio::test]
async fn the_defaults_of_a_group_are_the_headers_of_a_publish() {
    let server = Script::new([ok("")]);
    let defaults =
        MessageOptions::new().retries(3).forward("x-a", "1").forward("x-a", "2").forward_all_headers();
    server.client().url_group("team").set_defaults(&defaults).await.unwrap();
    let body = r#"{"headers":{"Upstash-Forward-X-A":["1","2"],"Upstash-Header-Forward":["true"],"Upstash-Retries":["3"]}}"#;
    assert_eq!(sent(&server), (Method::PATCH, "/v2/topics/team".into(), body.into()));
}

#[tokio::test]
async fn what_would_do_harm_is_refused_before_anything_is_sent() {
    let server = Script::default();
    let client = server.client();
    let team = client.url_group("team");
    let errors = [
        team.upsert([]).await.unwrap_err(),
        team.remove([""; 0]).await.unwrap_err(),
        team.remove_named([""; 0]).await.unwrap_err(),
        team.upsert([Endpoint::new("a.example")]).await.unwrap_err(),
        team.upsert([Endpoint::new("https://a.example/../x")]).await.unwrap_err(),
        team.upsert([Endpoint::new("https://a.example").name("")]).await.unwrap_err(),
        team.remove(["a.example"]).await.unwrap_err(),
        team.remove_named(["a\nb"]).await.unwrap_err(),
        team.set_defaults(&MessageOptions::new().forward("x", b"\xff")).await.unwrap_err(),
    ];
    let fields = [
        "endpoints",
        "endpoints",
        "endpoints",
        "endpoint URL",
        "endpoint URL",
        "endpoint name",
        "endpoint URL",
        "endpoint name",
        "header",
    ];
    for (error, field) in errors.iter().zip(fields) {
        assert!(error.to_string().starts_with(&format!("invalid {field}: ")), "{error}");
    }
    for name in ["", "..", "a/b"] {
        let error = client.url_group(name).delete().await.unwrap_err();
        assert!(error.to_string().starts_with("invalid URL group: "), "{error}");
    }
    assert!(server.requests().is_empty());
}
