//! The page at `/`, and what it reads beyond the API.

use std::time::Duration;

use qstash_dev::DevServer;
use qstash_types::LogState;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpSocket, TcpStream},
};

use crate::{
    client::{Answer, Call, call, get, publish},
    destination::{Destination, response},
};

fn file(server: &DevServer, path: &str) -> Call {
    get(server, path).without("Authorization")
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    let mut lines = answer.head.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(own, _)| *own == name).map_or("", |(_, value)| value)
}

#[tokio::test]
async fn the_page_needs_no_token_and_may_load_nothing_but_its_own_files() {
    let server = DevServer::start().await.unwrap();
    let page = file(&server, "/").send().await;
    assert_eq!(page.status, 200);
    assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
    assert!(page.text().contains(r#"src="/assets/app.js""#));
    let script = file(&server, "/assets/app.js").send().await;
    assert_eq!(header(&script, "content-type"), "text/javascript; charset=utf-8");
    for answer in [&page, &script] {
        let policy = header(answer, "content-security-policy");
        for directive in
            ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "trusted-types 'none'"]
        {
            assert!(policy.contains(directive), "{policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"), "{policy}");
        assert_eq!(header(answer, "x-content-type-options"), "nosniff");
        assert_eq!(header(answer, "referrer-policy"), "no-referrer");
        assert_eq!(header(answer, "access-control-allow-origin"), "");
        assert!(!answer.text().contains(server.token()));
    }
}

#[tokio::test]
async fn the_link_to_the_page_carries_the_token_where_browsers_keep_it() {
    let server = DevServer::builder().token("a+b/c=%41\"<>").start().await.unwrap();
    let (url, token) = (server.url(), "a%2Bb%2Fc%3D%2541%22%3C%3E");
    assert_eq!(server.page_url(), format!("{url}/#token={token}"));
}

#[tokio::test]
async fn every_file_that_the_page_names_is_there() {
    let server = DevServer::start().await.unwrap();
    let mut found = vec!["/".to_owned()];
    let mut looked_at = 0;
    while let Some(path) = found.get(looked_at).cloned() {
        looked_at += 1;
        let answer = file(&server, &path).send().await;
        assert_eq!(answer.status, 200, "{path}");
        let text = answer.text();
        let quoted = text.split('"').filter(|part| part.starts_with("/assets/") || part.starts_with("./"));
        for part in quoted {
            let path = part.replacen("./", "/assets/", 1);
            if !found.contains(&path) {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 5, "{found:?}");
}

#[tokio::test]
async fn the_page_is_served_under_names_of_this_machine_alone() {
    let server = DevServer::start().await.unwrap();
    for path in ["/", "/assets/app.js"] {
        let rebound = file(&server, path).without("Host").header("Host", "rebound.example").send().await;
        assert_eq!(rebound.status, 403, "{path}");
        let local = file(&server, path).without("Host").header("Host", "localhost:1").send().await;
        assert_eq!(local.status, 200, "{path}");
    }
}

#[tokio::test]
async fn files_are_only_read_and_there_are_no_others() {
    let server = DevServer::start().await.unwrap();
    let posted = call(&server, "POST", "/").send().await;
    assert_eq!((posted.status, header(&posted, "allow")), (405, "get, head"));
    for path in ["/assets/", "/assets/app.rs", "/assets/../app.js", "/assets/%61pp.js", "/index.html", "//"] {
        assert_eq!(get(&server, path).send().await.status, 404, "{path}");
        assert_eq!(file(&server, path).send().await.status, 401, "{path}");
    }
}

#[tokio::test]
async fn what_the_page_reads_needs_the_token() {
    let server = DevServer::start().await.unwrap();
    for path in ["/dev/feed", "/dev/dlq", "/dev/messages/msg_1"] {
        assert_eq!(get(&server, path).without("Authorization").send().await.status, 401, "{path}");
        let foreign = get(&server, path).header("Origin", "http://evil.example").send().await;
        assert_eq!(foreign.status, 403, "{path}");
        assert_eq!(call(&server, "POST", path).send().await.status, 405, "{path}");
    }
    assert_eq!(get(&server, "/dev/other").send().await.status, 404);
}

/// Reads the feed line by line.
struct Feed(BufReader<TcpStream>);

impl Feed {
    async fn open(server: &DevServer) -> Self {
        Self::over(TcpStream::connect(server.address()).await.unwrap(), server).await
    }

    async fn over(mut stream: TcpStream, server: &DevServer) -> Self {
        let (host, token) = (server.address(), server.token());
        let head = format!("Host: {host}\r\nAuthorization: Bearer {token}\r\nConnection: close");
        let request = format!("GET /dev/feed HTTP/1.1\r\n{head}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        Self(BufReader::new(stream))
    }

    /// The next line of JSON. Everything else frames the chunks of the answer.
    async fn next(&mut self) -> Option<Value> {
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).await.unwrap() == 0 {
                return None;
            }
            if line.starts_with('{') {
                return Some(serde_json::from_str(&line).unwrap());
            }
        }
    }

    async fn states(&mut self, count: usize) -> Vec<String> {
        let mut states = Vec::new();
        for _ in 0..count {
            states.push(self.next().await.unwrap()["state"].as_str().unwrap().to_owned());
        }
        states
    }
}

#[tokio::test]
async fn the_feed_tells_the_past_and_then_what_happens() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::answering(200).await;
    let first = publish(&server, &destination.url("/first")).header("Upstash-Label", "a").accepted().await;
    server.settled().await;

    let mut feed = Feed::open(&server).await;
    assert_eq!(feed.next().await.unwrap()["past"], 3);
    let created = feed.next().await.unwrap();
    assert_eq!(created["messageId"], first);
    assert_eq!(created["url"], destination.url("/first"));
    assert_eq!(created["labels"], json!(["a"]));
    assert_eq!(feed.states(1).await, ["ACTIVE"]);
    let delivered = feed.next().await.unwrap();
    assert_eq!((&delivered["state"], &delivered["responseStatus"]), (&json!("DELIVERED"), &json!(200)));
    assert!(delivered.get("error").is_none() && delivered.get("body").is_none());

    let second = publish(&server, &destination.url("/second")).accepted().await;
    let created = feed.next().await.unwrap();
    assert_eq!((&created["messageId"], &created["state"]), (&json!(second), &json!("CREATED")));
    assert_eq!(feed.states(2).await, ["ACTIVE", "DELIVERED"]);
}

#[tokio::test]
async fn the_feed_says_when_the_next_attempt_is_due_and_when_time_was_skipped() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::answering(503).await;
    let mut feed = Feed::open(&server).await;
    let start = feed.next().await.unwrap();
    assert_eq!(start["past"], 0);
    publish(&server, &destination.url("/")).accepted().await;
    feed.states(2).await;
    let error = feed.next().await.unwrap();
    let times = ["time", "nextDeliveryTime"].map(|name| error[name].as_u64().unwrap());
    assert_eq!(times[1] - times[0], 12_182);
    assert_eq!(error["error"], "the destination answered 503");
    assert_eq!(feed.states(1).await, ["RETRY"]);

    server.advance(Duration::from_secs(5)).await;
    let later = feed.next().await.unwrap()["now"].as_u64().unwrap();
    assert!(later >= start["now"].as_u64().unwrap() + 5000);
}

#[tokio::test]
async fn the_feed_ends_with_the_server() {
    let server = DevServer::start().await.unwrap();
    let mut feed = Feed::open(&server).await;
    feed.next().await.unwrap();
    drop(server);
    assert_eq!(feed.next().await, None);
}

#[tokio::test]
async fn a_server_finishes_although_a_page_listens() {
    let server = DevServer::start().await.unwrap();
    let mut feed = Feed::open(&server).await;
    feed.next().await.unwrap();
    server.finish().await;
    assert_eq!(feed.next().await, None);
}

#[tokio::test]
async fn one_page_too_many_is_told_so_and_a_closed_one_makes_room() {
    let server = DevServer::start().await.unwrap();
    let mut feeds = Vec::new();
    for _ in 0..32 {
        let mut feed = Feed::open(&server).await;
        feed.next().await.unwrap();
        feeds.push(feed);
    }
    assert_eq!(get(&server, "/dev/feed").send().await.status, 429);
    feeds.clear();
    while Feed::open(&server).await.next().await.is_none_or(|line| line.get("past").is_none()) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_reader_that_does_not_keep_up_is_dropped_and_nobody_else_is_held_up() {
    let server = DevServer::start().await.unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut slow = Feed::over(socket.connect(server.address()).await.unwrap(), &server).await;
    slow.next().await.unwrap();
    // Fans out, so that few calls fill every buffer on the way.
    let endpoint = |number| json!({ "url": format!("http://127.0.0.1:9/{number}{}", "x".repeat(3000)) });
    let endpoints = json!({ "endpoints": (0..100).map(endpoint).collect::<Vec<_>>() });
    let group = call(&server, "POST", "/v2/topics/all/endpoints");
    assert_eq!(group.body(endpoints.to_string()).send().await.status, 200);
    for _ in 0..70 {
        assert_eq!(publish(&server, "all").header("Upstash-Delay", "1h").send().await.status, 200);
    }
    let mut lines = 0;
    let mut chunk = vec![0; 64 * 1024];
    while lines < 7000 {
        match slow.0.read(&mut chunk).await.unwrap() {
            0 => break,
            length => lines += chunk[..length].split(|byte| *byte == b'{').count() - 1,
        }
    }
    assert!(lines < 7000, "{lines}");
    let mut feed = Feed::open(&server).await;
    assert_eq!(feed.next().await.unwrap()["past"], 7000);
}

#[tokio::test]
async fn a_message_is_told_with_its_attempts_responses_and_callbacks() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::start(|request| match request.path() {
        "/done" => response(200, ""),
        _ => response(200, "rendered"),
    })
    .await;
    let id = publish(&server, &destination.url("/render"))
        .header("Upstash-Callback", &destination.url("/done"))
        .header("Upstash-Forward-X-Tenant", "42")
        .body("a job")
        .accepted()
        .await;
    server.settled().await;

    let story = get(&server, &format!("/dev/messages/{id}")).send().await.json();
    assert_eq!(story["message"]["messageId"], id);
    assert_eq!(story["message"]["body"], "a job");
    assert_eq!(story["message"]["header"]["X-Tenant"], json!(["42"]));
    let events = story["events"].as_array().unwrap();
    let states: Vec<_> = events.iter().map(|event| &event["state"]).collect();
    assert_eq!(states, ["CREATED", "ACTIVE", "DELIVERED"]);
    assert_eq!(events[2]["responseStatus"], 200);
    assert_eq!(events[2]["responseBody"], "cmVuZGVyZWQ=");

    let [callback] = &story["callbacks"].as_array().unwrap()[..] else { panic!("{story}") };
    let path = format!("/dev/messages/{}", callback.as_str().unwrap());
    let callback = get(&server, &path).send().await.json();
    assert_eq!(callback["callbackOf"], id);
    assert_eq!(callback["message"]["url"], destination.url("/done"));
    assert_eq!(get(&server, "/dev/messages/msg_unknown").send().await.status, 404);

    let log = get(&server, &format!("/v2/logs?messageId={id}&state=DELIVERED")).send().await.json();
    assert!(
        log["logs"][0].get("responseBody").is_none(),
        "the API of QStash keeps responses of failures alone"
    );
}

/// A destination may answer with what it was sent.
#[tokio::test]
async fn what_is_redacted_is_hidden_wherever_messages_and_answers_are_shown() {
    let server = DevServer::start().await.unwrap();
    for (status, what) in [(200, "body"), (500, "header"), (500, "body,header[Authorization]")] {
        let destination = Destination::start(move |received| {
            let body = String::from_utf8(received.body.clone()).unwrap();
            let secret = received.header("authorization").unwrap();
            let answer =
                format!("HTTP/1.1 {status} x\r\nX-Echo: {secret}\r\nContent-Length: {}\r\n\r\n", body.len());
            (answer + &body).into_bytes()
        })
        .await;
        let id = publish(&server, &destination.url("/"))
            .header("Upstash-Redact-Fields", what)
            .header("Upstash-Forward-Authorization", if what == "body" { "plain" } else { "canary-secret" })
            .header("Upstash-Callback", &destination.url("/done"))
            .header(
                "Upstash-Callback-Forward-Authorization",
                if what == "body" { "plain" } else { "canary-secret" },
            )
            .header("Upstash-Retries", "0")
            .body(if what == "header" { "plain" } else { "canary-body" })
            .accepted()
            .await;
        server.settled().await;
        for place in [&*format!("/dev/messages/{id}"), "/dev/dlq", "/v2/logs", "/v2/events", "/v2/dlq"] {
            let text = get(&server, place).send().await.text();
            assert!(!text.contains("canary"), "{what} {place}: {text}");
        }
        let story = get(&server, &format!("/dev/messages/{id}")).send().await.json();
        let answered =
            story["events"].as_array().unwrap().iter().find(|event| event["responseStatus"] == status);
        let body = answered.unwrap()["responseBody"].as_str().unwrap();
        let body = qstash_types::base64_bytes::decode(body.as_bytes()).unwrap();
        assert!(body.starts_with(b"REDACTED:") && body.len() == 73, "{answered:?}");
    }
    assert!(server.dead_letters().await.iter().all(|letter| !format!("{letter:?}").contains("canary")));
}

#[tokio::test]
async fn dead_letters_are_listed_in_short() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::start(|_| response(500, "a long answer")).await;
    let id = publish(&server, &destination.url("/")).header("Upstash-Retries", "0").accepted().await;
    server.settled().await;
    let list = get(&server, "/dev/dlq").send().await.json();
    let [entry] = &list["messages"].as_array().unwrap()[..] else { panic!("{list}") };
    assert_eq!((&entry["messageId"], &entry["url"]), (&json!(id), &json!(destination.url("/"))));
    assert_eq!(entry["error"], "the destination answered 500");
    let target = format!("/v2/dlq/retry/{}", entry["dlqId"].as_str().unwrap());
    assert_eq!(call(&server, "POST", &target).send().await.status, 201);
}

#[tokio::test]
async fn the_echo_answers_what_its_url_says() {
    let server = DevServer::start().await.unwrap();
    let echo =
        |query: &str| call(&server, "POST", &format!("/echo{query}")).without("Authorization").body("hello");
    for (query, status, body) in [
        ("", 200, "hello"),
        ("?status=503", 503, "hello"),
        ("?body=a+b%21&status=404", 404, "a b!"),
        ("?body=&status=414", 414, ""),
        ("?body=&status=400", 400, ""),
        ("?status=100", 400, ""),
        ("?status=1000", 400, ""),
        ("?status=x", 400, ""),
        ("?delay=2h", 400, ""),
        ("?delay=-1", 400, ""),
    ] {
        let answer = echo(query).send().await;
        assert_eq!(answer.status, status, "{query}: {}", answer.text());
        if status == 400 && query != "?body=&status=400" {
            assert!(answer.error().contains("expected"), "{query}");
        } else {
            assert_eq!(answer.text(), body, "{query}");
            // Whatever is sent there, no browser takes it for a page.
            assert!(answer.head.contains("text/plain") && answer.head.contains("nosniff"), "{}", answer.head);
        }
    }
    let long = call(&server, "POST", "/echo").body("x".repeat(1024 * 1024)).send().await;
    assert_eq!((long.status, long.body.len()), (200, 64 * 1024));
    assert_eq!(echo("").header("Host", "evil.example").without("Host").send().await.status, 403);

    // It is a destination like any other.
    let url = format!("{}/echo?status=500", server.url());
    let id = publish(&server, &url).header("Upstash-Retries", "0").accepted().await;
    server.wait_for(&id, LogState::Failed).await.unwrap();
    assert_eq!(server.dead_letters().await[0].response_status, Some(500));
}

#[tokio::test]
async fn what_was_refused_last_is_listed() {
    let server = DevServer::start().await.unwrap();
    publish(&server, "http://127.0.0.1:9/").header("Upstash-Delay", "soon").send().await;
    call(&server, "GET", &format!("/v2/{}", "x".repeat(4000))).send().await;
    let calls = get(&server, "/dev/refusals").send().await.json();
    let calls = calls["calls"].as_array().unwrap();
    assert_eq!(calls.len(), 2);
    assert!(calls[0]["path"].as_str().unwrap().len() <= 1024);
    assert_eq!((&calls[1]["status"], &calls[1]["method"]), (&json!(400), &json!("POST")));
    assert!(calls[1]["error"].as_str().unwrap().starts_with("upstash-delay: "));
    for _ in 0..300 {
        get(&server, "/v2/none").send().await;
    }
    assert_eq!(get(&server, "/dev/refusals").send().await.json()["calls"].as_array().unwrap().len(), 200);

    // Published users are not to see each other's.
    let server = DevServer::builder().published_users().start().await.unwrap();
    get(&server, "/v2/none").send().await;
    assert_eq!(get(&server, "/dev/refusals").send().await.json(), json!({ "calls": [] }));
}

#[tokio::test]
async fn messages_are_found_by_what_they_hold_as_it_is_shown() {
    let server = DevServer::start().await.unwrap();
    let destination =
        Destination::start(|request| response(500, &format!("no {} here", request.path()))).await;
    let to = |path: &str| publish(&server, &destination.url(path)).header("Upstash-Retries", "0");
    let by_header = to("/a").header("Upstash-Forward-X-Tenant", "Forty-Two").accepted().await;
    let by_body = to("/b").body("something about FORTY-TWO").accepted().await;
    let by_answer = to("/forty-two").accepted().await;
    let redacted = to("/c").body("forty-two").header("Upstash-Redact-Fields", "body").accepted().await;
    server.settled().await;
    let found = get(&server, "/dev/search?text=forty-two").send().await.json();
    let mut expected = [by_header, by_body, by_answer];
    expected.sort();
    assert_eq!(found["messageIds"], json!(expected));
    assert!(!expected.contains(&redacted));
    for target in ["/dev/search", "/dev/search?text="] {
        assert_eq!(get(&server, target).send().await.status, 400);
    }
}

#[tokio::test]
async fn a_story_tells_what_each_attempt_was_sent_with() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::answering(500).await;
    let id = publish(&server, &destination.url("/a"))
        .header("Upstash-Retries", "1")
        .header("Upstash-Forward-X-Tenant", "42")
        .header("Upstash-Forward-X-Secret", "canary")
        .header("Upstash-Redact-Fields", "header[X-Secret]")
        .accepted()
        .await;
    server.advance(Duration::from_secs(3600)).await;
    let story = get(&server, &format!("/dev/messages/{id}")).send().await;
    assert!(!story.text().contains("canary"));
    let story = story.json();
    let events = story["events"].as_array().unwrap();
    let sent: Vec<_> = events.iter().filter_map(|event| event.get("requestHeader")).collect();
    let received = destination.received();
    assert_eq!((sent.len(), received.len()), (2, 2));
    for (sent, received) in sent.into_iter().zip(received) {
        for name in ["X-Tenant", "Upstash-Retried", "Upstash-Message-Id", "User-Agent"] {
            assert_eq!(sent[name][0].as_str(), received.header(&name.to_lowercase()), "{name}");
        }
    }
}
