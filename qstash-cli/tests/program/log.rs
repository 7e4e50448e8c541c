//! What the log says, and what it never does.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
};

use crate::running::{CURRENT_KEY, Folder, NEXT_KEY, Running, TOKEN, program};

fn start(arguments: &[&str]) -> Running {
    let all = [&["--port", "0"], arguments].concat();
    Running::start(program(&Folder::new(), &all, &[TOKEN, CURRENT_KEY, NEXT_KEY]), 2)
}

/// A destination that answers each request with this status and what it was sent, head and body, and closes.
fn echo(status: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = vec![0; 65536];
            let length = stream.read(&mut request).unwrap();
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n");
            let echoed = String::from_utf8_lossy(&request[..length]).lines().next().unwrap().to_owned();
            let answer = [format!("{head}X-Echo: {echoed}\r\n\r\n").as_bytes(), &request[..length]].concat();
            stream.write_all(&answer).unwrap();
        }
    });
    authority
}

#[test]
fn a_call_that_is_refused_leaves_one_line_that_says_which_and_why() {
    let running = start(&[]);
    for (request, token) in [
        ("GET /v2/keys", "wrong"),
        ("GET /v3/keys?canary=1", TOKEN.1),
        ("PUT /v2/logs", TOKEN.1),
        ("POST /v2/publish/http://canary:canary@h/x?canary=1&upstash-retries=x", TOKEN.1),
        ("POST /v2/publish/http%3A%2F%2Fcanary%3Acan%252Fary%40h%2Fx%3Fcanary?upstash-retries=x", TOKEN.1),
        ("GET /v2/messages/x", TOKEN.1),
        ("POST /v2/workflows/x", TOKEN.1),
    ] {
        running.call(request, token);
    }
    running.call_as("example.com", "GET /v2/keys", TOKEN.1);
    let (_, _, stderr) = running.stopped();
    let refused: Vec<_> = stderr.lines().filter(|line| line.contains(" INFO refused ")).collect();
    assert_eq!(refused.len(), 8, "{stderr}");
    for (line, expected) in refused.iter().zip([
        "refused 401 GET /v2/keys: Authorization: unknown token",
        "refused 404 GET /v3/keys: /v3/keys not found",
        "refused 405 PUT /v2/logs: only GET is allowed here",
        "refused 400 POST /v2/publish/http://h/x: upstash-retries: ",
        "refused 400 POST /v2/publish/http://h/x: upstash-retries: ",
        "refused 404 GET /v2/messages/x: message x not found",
        "refused 400 POST /v2/workflows/x: Upstash Workflow is not supported",
        "refused 403 GET /v2/keys: Host: ",
    ]) {
        assert!(line.contains(expected), "{line}");
    }
    assert!(!stderr.contains("canary") && !stderr.contains("wrong"), "{stderr}");
}

#[test]
fn what_is_ignored_of_a_call_is_named() {
    let running = start(&[]);
    let publish = "POST /v2/publish/http://127.0.0.1:9/";
    running
        .call(&format!("{publish}?upstash-retrys=1&upstash-delay=1h&upstash-not-before=9999999999"), TOKEN.1);
    running.call(&format!("{publish}?upstash-delay=1h&upstash-callback-retries=1"), TOKEN.1);
    let known = "upstash-delay=1h&upstash-label=x&upstash-forward-x=1&upstash-telemetry-sdk=x&upstash-callback=http://h\
                 &upstash-callback-retries=1&upstash-callback-forward-x=1";
    running.call(&format!("{publish}?{known}"), TOKEN.1);
    let (_, _, stderr) = running.stopped();
    let warnings: Vec<_> = stderr.lines().filter_map(|line| Some(line.split_once(" WARN ")?.1)).collect();
    assert_eq!(
        warnings,
        [
            "Upstash-Retrys: there is no such header, so it is ignored",
            "Upstash-Delay is ignored, since Upstash-Not-Before says otherwise",
            "Upstash-Callback-Retries is ignored, since there is no Upstash-Callback",
        ]
    );
}

#[test]
fn a_destination_that_wants_no_retry_is_told_from_one_that_has_used_them_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = listener.local_addr().unwrap();
    thread::spawn(move || {
        for header in ["Upstash-NonRetryable-Error: true\r\n", ""] {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut vec![0; 65536]).unwrap();
            write!(stream, "HTTP/1.1 489 x\r\n{header}Connection: close\r\nContent-Length: 0\r\n\r\n")
                .unwrap();
        }
    });
    let mut running = start(&[]);
    running.call(&format!("POST /v2/publish/http://{authority}/"), TOKEN.1);
    assert!(running.until_logged(" WARN ERROR ").ends_with("answered 489, the destination wants no retry\n"));
    running.call(&format!("POST /v2/publish/http://{authority}/?upstash-retries=0"), TOKEN.1);
    assert!(running.until_logged(" WARN ERROR ").ends_with("answered 489, no attempt is left\n"));
}

/// The log goes to files and to other machines. Whatever its level and whichever crate says it, nothing in it opens anything.
#[test]
fn no_level_of_the_log_shows_a_secret() {
    for format in ["pretty", "json"] {
        let mut running = start(&["--log-level", "trace", "--log-format", format]);
        for destination in [echo("200 OK"), echo("500 Internal Server Error"), "127.0.0.1:9".to_owned()] {
            let query = "canary=canary&upstash-retries=0&upstash-redact-fields=body,header\
                         &upstash-forward-authorization=Bearer%20canary&upstash-forward-x-canary=canary\
                         &upstash-callback=http://canary:canary@127.0.0.1:9/%3Fcanary%3D1\
                         &upstash-failure-callback=http://canary:canary@127.0.0.1:9/%3Fcanary%3D1";
            running
                .call(&format!("POST /v2/publish/http://canary:canary@{destination}/hook?{query}"), TOKEN.1);
            running.until_logged("/hook");
            running.call("GET /v2/logs?qstash_token=canary-token", TOKEN.1);
            running.call("GET /v2/dlq", "canary-wrong");
            running.call("GET /v2/keys?qstash_token=canary-token", TOKEN.1);
        }
        let mut log = String::new();
        // Both callbacks of the last message have failed by then.
        while !log.contains("FAILED") {
            log += &running.until_logged("ERROR");
        }
        let (_, _, rest) = running.stopped();
        log += &rest;
        let shown: Vec<_> = log.lines().filter(|line| line.contains("canary")).collect();
        assert!(shown.is_empty(), "{format}: {shown:#?}");
    }
}
