//! Bad input and bad company: each refusal has its status, says what is wrong, and leaves nothing behind.

use qstash_dev::DevServer;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::client::{Call, call, get, publish};

#[tokio::test]
async fn a_publish_that_cannot_be_carried_out_is_refused_by_the_name_of_its_fault() {
    const LOCAL: &str = "http://127.0.0.1:9/";
    const INVALID_SCHEME: &str =
        "invalid destination url: endpoint has invalid scheme, add http:// or https://";
    const INVALID_PORT: &str = "invalid destination url: the port of the URL is not a number up to 65535";
    type Case = (&'static str, &'static [(&'static str, &'static str)], u16, &'static str);
    let cases: &[Case] = &[
        ("", &[], 400, "a non-empty destination must be provided"),
        ("example.com/hook", &[], 400, INVALID_SCHEME),
        ("ftp://example.com", &[], 400, INVALID_SCHEME),
        ("http://", &[], 400, "invalid destination url: the URL has no valid host"),
        ("http://localhost:x/", &[], 400, INVALID_PORT),
        ("http://[::1]:70000/", &[], 400, INVALID_PORT),
        ("http://u@localhost:-1/", &[], 400, INVALID_PORT),
        ("http%3A%2F%2F127.0.0.1%2F%FF", &[], 400, "invalid destination url: not UTF-8"),
        ("my-group", &[], 404, "topic my-group not found"),
        (LOCAL, &[("Upstash-Retries", "many")], 400, "upstash-retries: "),
        (LOCAL, &[("Upstash-Retries", "-1")], 400, "upstash-retries: "),
        (LOCAL, &[("Upstash-Delay", "soon")], 400, "upstash-delay: "),
        (LOCAL, &[("Upstash-Not-Before", "tomorrow")], 400, "upstash-not-before: "),
        (LOCAL, &[("Upstash-Timeout", "1.5s")], 400, "upstash-timeout: "),
        (LOCAL, &[("Upstash-Method", "TRACE")], 400, "upstash-method: "),
        (LOCAL, &[("Upstash-Retry-Delay", "1 +")], 400, "upstash-retry-delay: "),
        (LOCAL, &[("Upstash-Callback", "example.com")], 400, "upstash-callback: "),
        (LOCAL, &[("Upstash-Failure-Callback", "/x")], 400, "upstash-failure-callback: "),
        (
            LOCAL,
            &[("Upstash-Callback", LOCAL), ("Upstash-Callback-Retries", "x")],
            400,
            "upstash-callback-retries: ",
        ),
        (LOCAL, &[("Upstash-Flow-Control-Key", "k")], 400, "upstash-flow-control-value: "),
        (LOCAL, &[("Upstash-Redact-Fields", "everything")], 400, "upstash-redact-fields: "),
        (LOCAL, &[("Upstash-Header-Forward", "maybe")], 400, "upstash-header-forward: "),
        (LOCAL, &[("Upstash-Deduplication-Id", "a:b")], 400, "DeduplicationId cannot contain ':'"),
        (LOCAL, &[("Upstash-Retries", "1000")], 412, "quota maxRetries exceeded: 999 at the most"),
        (
            LOCAL,
            &[("Upstash-Callback", LOCAL), ("Upstash-Callback-Retries", "1000")],
            412,
            "quota maxRetries exceeded: 999 at the most",
        ),
        (LOCAL, &[("Upstash-Delay", "366d")], 412, "quota maxDelay exceeded: 31536000 at the most"),
        (
            LOCAL,
            &[("Upstash-Not-Before", "9007199254740993")],
            412,
            "quota maxDelay exceeded: 31536000 at the most",
        ),
        (
            LOCAL,
            &[("Upstash-Cron", "* * * * *")],
            400,
            "Upstash-Cron: schedules are created at /v2/schedules",
        ),
        (LOCAL, &[("Upstash-Callback-Delay", "5s")], 400, "Upstash-Callback-Delay: "),
        (LOCAL, &[("Upstash-Failure-Callback-Delay", "5s")], 400, "Upstash-Failure-Callback-Delay: "),
        ("http://127.0.0.1:9/?upstash-retries=x", &[], 400, "upstash-retries: "),
        ("http://127.0.0.1:9/?upstash-label=a%0Ab", &[], 400, "upstash-label: "),
        ("http://127.0.0.1:9/?upstash-for%20ward=a", &[], 400, "upstash-for ward: "),
    ];
    let server = DevServer::start().await.unwrap();
    for (destination, headers, status, error) in cases {
        let call = headers
            .iter()
            .fold(publish(&server, destination), |call, (name, value)| call.header(name, value));
        let answer = call.send().await;
        assert_eq!(answer.status, *status, "{destination} {headers:?}");
        assert!(answer.error().starts_with(error), "{destination} {headers:?}: {}", answer.error());
    }
    assert!(server.log().await.is_empty());
}

#[tokio::test]
async fn the_right_token_is_needed_for_every_call() {
    let server = DevServer::start().await.unwrap();
    let token = server.token().to_owned();
    let anonymous = |target: &str| get(&server, target).without("Authorization");
    let calls = [
        anonymous("/v2/keys"),
        anonymous("/v2/keys?qstash_token="),
        anonymous("/v2/keys?qstash_token=wrong"),
        anonymous("/v2/keys").header("Authorization", "Bearer wrong"),
        anonymous("/v2/keys").header("Authorization", "Bearer "),
        anonymous("/v2/keys").header("Authorization", &token),
        anonymous("/v2/keys").header("Authorization", &format!("Basic {token}")),
        anonymous("/v2/keys").header("Authorization", &format!("Bearer {}", &token[1..])),
        anonymous("/v2/keys").header("Authorization", &format!("Bearer {token}x")),
        anonymous(&format!("/v2/keys?qstash_token={token}")).header("Authorization", "Bearer wrong"),
        anonymous("/v2/nothing"),
        publish(&server, "http://127.0.0.1:9/").without("Authorization").body("x".repeat(100_000)),
    ];
    for call in calls {
        let answer = call.send().await;
        assert_eq!(answer.status, 401);
        assert!(answer.error().starts_with("Authorization: "));
    }
    assert!(server.log().await.is_empty());
}

#[tokio::test]
async fn the_token_may_stand_in_the_header_or_in_the_query() {
    let server = DevServer::start().await.unwrap();
    let token = server.token().to_owned();
    let encoded: Vec<_> = token.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let encoded = encoded.concat();
    let anonymous = |target: &str| get(&server, target).without("Authorization");
    let calls = [
        anonymous("/v2/keys").header("Authorization", &format!("bearer {token}")),
        anonymous(&format!("/v2/keys?qstash_token={token}")),
        anonymous(&format!("/v2/keys?a=1&qstash_token={encoded}")),
    ];
    for call in calls {
        assert_eq!(call.send().await.status, 200);
    }
}

#[tokio::test]
async fn only_names_of_this_machine_are_served() {
    let server = DevServer::start().await.unwrap();
    let with_host = |host: &str| get(&server, "/v2/keys").without("Host").header("Host", host);
    for host in [
        "localhost",
        "localhost.",
        "127.0.0.1:1",
        "127.8.8.8",
        "127.1",
        "0.0.0.0:3000",
        "[::1]:8080",
        "[::]",
        "[::ffff:127.0.0.1]",
        "LocalHost:3000",
        "a.localhost",
    ] {
        assert_eq!(with_host(host).send().await.status, 200, "{host}");
    }
    for host in [
        "example.com",
        "127.0.0.1.example.com",
        "localhost.example.com",
        "192.168.0.1",
        "[::1]example.com",
        "example.com@localhost",
        "localhost:x",
        "x y",
    ] {
        let answer = with_host(host).send().await;
        assert_eq!(answer.status, 403, "{host}");
        assert!(answer.error().starts_with("Host: "));
    }
    assert_eq!(get(&server, "/v2/keys").without("Host").send().await.status, 403);
    assert_eq!(with_host("localhost").header("Host", "example.com").send().await.status, 403);
    assert_eq!(get(&server, "http://example.com/v2/keys").send().await.status, 403);
    assert_eq!(get(&server, "http://localhost/v2/keys").send().await.status, 200);
}

#[tokio::test]
async fn a_name_that_the_owner_allows_is_served_and_no_part_of_it() {
    let server = DevServer::builder().allow_host("QStash").allow_host("192.168.0.1").start().await.unwrap();
    let with_host = |host: &str| get(&server, "/v2/keys").without("Host").header("Host", host);
    for host in ["qstash", "qstash:8080", "QSTASH:1", "192.168.0.1:8080", "localhost"] {
        assert_eq!(with_host(host).send().await.status, 200, "{host}");
    }
    for host in ["qstash.example.com", "a.qstash", "192.168.0.2", "example.com"] {
        assert_eq!(with_host(host).send().await.status, 403, "{host}");
    }
    let page = |origin: &str| with_host("qstash:9090").header("Origin", origin);
    assert_eq!(page("http://qstash:9090").send().await.status, 200);
    for origin in ["http://qstash:9091", "https://qstash:9090", "http://example.com:9090"] {
        assert_eq!(page(origin).send().await.status, 403, "{origin}");
    }
    for name in ["", "*", "a b", "qstash:8080", "http://qstash"] {
        let error = DevServer::builder().allow_host(name).start().await.unwrap_err();
        assert_eq!(error.to_string(), format!("{name:?} is no name of a host"));
    }
}

#[tokio::test]
async fn a_form_that_a_page_has_a_browser_send_publishes_nothing() {
    let server = DevServer::start().await.unwrap();
    let form = || {
        publish(&server, "http://127.0.0.1:9/")
            .without("Authorization")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body("qstash_token=x&a=b")
    };
    assert_eq!(form().send().await.status, 401);
    assert_eq!(form().header("Origin", "https://example.com").send().await.status, 403);
    assert_eq!(form().header("Origin", "null").send().await.status, 403);
    assert!(server.log().await.is_empty());
}

#[tokio::test]
async fn web_pages_are_not_served() {
    let server = DevServer::start().await.unwrap();
    let port = server.address().port();
    let from = |origin: &str| get(&server, "/v2/keys").header("Origin", origin);
    for own in [format!("http://127.0.0.1:{port}"), format!("http://localhost:{port}")] {
        assert_eq!(from(&own).send().await.status, 200, "{own}");
    }
    let strangers = [
        "null".to_owned(),
        "https://example.com".to_owned(),
        "http://localhost".to_owned(),
        format!("https://localhost:{port}"),
        format!("http://localhost:{}", port.wrapping_add(1)),
        format!("http://localhost:{port}.example.com"),
        format!("http://example.com:{port}"),
    ];
    for stranger in strangers {
        let answer = from(&stranger).send().await;
        assert_eq!(answer.status, 403, "{stranger}");
        assert!(answer.error().starts_with("Origin: "));
    }
}

#[tokio::test]
async fn unknown_paths_are_not_found() {
    let server = DevServer::start().await.unwrap();
    for target in [
        "/assets/",
        "/dev",
        "/v2",
        "/v2/",
        "/v3/keys",
        "/v2/unknown",
        "/v2/keys/x",
        "//v2/keys",
        "/v2/messages/a/b",
        "*",
    ] {
        let answer = get(&server, target).send().await;
        assert_eq!(answer.status, 404, "{target}");
        assert!(answer.error().ends_with(" not found"), "{}", answer.error());
    }
}

#[tokio::test]
async fn a_schedule_and_a_retry_are_held_to_the_limits_of_a_message() {
    let server = DevServer::start().await.unwrap();
    let targets = ["/v2/schedules/http://127.0.0.1:9/", "/v2/dlq/retry"];
    for (name, value, error) in [
        ("Upstash-Retries", "1000", "quota maxRetries exceeded: 999 at the most"),
        ("Upstash-Delay", "366d", "quota maxDelay exceeded: 31536000 at the most"),
    ] {
        for target in targets {
            let call = call(&server, "POST", target).header("Upstash-Cron", "* * * * *").header(name, value);
            let answer = call.send().await;
            assert_eq!((answer.status, answer.error().as_str()), (412, error), "{target}");
        }
    }
}

#[tokio::test]
async fn a_wrong_method_is_refused_by_naming_the_right_one() {
    let server = DevServer::start().await.unwrap();
    let cases = [
        ("GET", "/v2/publish/http://127.0.0.1:9/", "POST"),
        ("POST", "/v2/keys", "GET"),
        ("POST", "/v2/messages/msg_1", "GET, DELETE"),
        ("GET", "/v2/messages", "DELETE"),
        ("PUT", "/v2/dlq", "GET, DELETE"),
        ("POST", "/v2/logs", "GET"),
        ("POST", "/v2/events", "GET"),
        ("GET", "/v2/flowControl/k/pin", "POST"),
    ];
    for (method, target, allowed) in cases {
        let answer = call(&server, method, target).send().await;
        assert_eq!(answer.status, 405, "{method} {target}");
        assert_eq!(answer.error(), format!("only {allowed} is allowed here"));
        assert!(answer.head.contains(&format!("allow: {}", allowed.to_ascii_lowercase())));
    }
    for (method, target) in [("GET", "/v2/flowControl/k/odd"), ("PUT", "/v2/queues/q/odd")] {
        assert_eq!(call(&server, method, target).send().await.status, 404, "no method makes {target} exist");
    }
}

#[tokio::test]
async fn a_body_of_ten_mebibytes_is_a_message_and_a_longer_one_is_not() {
    const LIMIT: usize = 10 * 1024 * 1024;
    let server = DevServer::start().await.unwrap();
    let delayed = || publish(&server, "http://127.0.0.1:9/").header("Upstash-Delay", "1h");
    assert_eq!(delayed().body(vec![b'x'; LIMIT]).send().await.status, 200);
    for excess in [1, LIMIT / 2] {
        let answer = delayed().body(vec![b'x'; LIMIT + excess]).send().await;
        assert_eq!(answer.status, 413);
        assert_eq!(answer.error(), "the body is longer than 10485760 bytes");
    }
    assert_eq!(server.log().await.len(), 1);
}

#[tokio::test]
async fn a_client_that_asks_first_hears_that_a_body_is_too_long_before_it_sends_it() {
    let server = DevServer::start().await.unwrap();
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let (host, token) = (server.address(), server.token());
    let head = format!(
        "POST /v2/publish/http://127.0.0.1:9/ HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: 10485761\r\nExpect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.ends_with(r#"{"error":"the body is longer than 10485760 bytes"}"#), "{answer}");
}

#[tokio::test]
async fn too_many_headers_are_refused_and_the_server_goes_on() {
    let server = DevServer::start().await.unwrap();
    let many = (0..1000).fold(get(&server, "/v2/keys"), |call: Call, n| call.header(&format!("X-{n}"), "x"));
    assert_eq!(many.send().await.status, 431);
    assert_eq!(get(&server, "/v2/keys").send().await.status, 200);
}

#[tokio::test]
async fn a_token_that_could_not_be_sent_is_refused_at_the_start() {
    for token in ["", " ", "a b", "a\n", "ä"] {
        let error = DevServer::builder().token(token).start().await.unwrap_err();
        assert_eq!(error.to_string(), "the token must be visible ASCII characters without white space");
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_that_names_it() {
    let first = DevServer::start().await.unwrap();
    let error = DevServer::builder().listen(first.address()).start().await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot listen on {} (errors.md#listen)", first.address()));
}
