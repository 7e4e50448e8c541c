//! Verbs: what they refuse, what they ask, and what they never send elsewhere. What they do is shown by the README.

use std::{
    fs,
    io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _},
    net::TcpListener,
    process::{Output, Stdio},
    thread::{self, JoinHandle},
};

use crate::running::{Folder, Running, TOKEN, output, program};

/// A server of a user with a home, and verbs as that user calls them.
struct Terminal {
    home: Folder,
    server: Running,
}

impl Terminal {
    fn new() -> Self {
        let home = Folder::new();
        let server = Running::start(program(&home, &["--port", "0"], &[]), 5);
        Self { home, server }
    }

    fn command(&self, arguments: &[&str]) -> std::process::Command {
        program(&self.home, arguments, &[("QSTASH_URL", &self.server.exported["QSTASH_URL"])])
    }

    fn call(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
    }

    /// What a verb prints that does what it is told.
    fn done(&self, arguments: &[&str]) -> String {
        let (code, stdout, stderr) = self.call(arguments);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{arguments:?}");
        stdout
    }

    fn refused(&self, arguments: &[&str]) -> String {
        let (code, stdout, stderr) = self.call(arguments);
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{arguments:?}");
        stderr.strip_prefix("qstash-dev: ").unwrap().to_owned()
    }
}

#[test]
fn each_verb_has_a_help_of_its_own() {
    for verb in [
        "publish",
        "cancel",
        "wait",
        "logs",
        "dlq",
        "schedules",
        "queues",
        "export",
        "replay",
        "advance",
        "settle",
        "ready",
        "deliver",
        "fault",
        "reset",
    ] {
        let (code, help, stderr) = output(&[verb, "--help"], &[]);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{verb}");
        assert!(
            help.contains(&format!("Usage: qstash-dev {verb}")) && help.contains("--server <URL>"),
            "{help}"
        );
        assert!(output(&["--help"], &[]).1.contains(verb), "{verb}");
    }
}

#[test]
fn what_cannot_be_understood_is_refused_with_the_next_step() {
    let terminal = Terminal::new();
    for (arguments, expected) in [
        (&["publish"][..], "the following required arguments were not provided: <DESTINATION>; try --help"),
        (&["publish", "example.com/hook"], "must start with http://"),
        (&["publish", "http://h/", "-H", "no colon"], "write it as `Name: value`"),
        (&["publish", "http://h/", "--delay", "soon"], "--delay <SPAN>"),
        (&["publish", "http://h/", "-d", "a", "-f", "b"], "cannot be used with"),
        (&["publish", "http://h/", "-f", "/there/is/none"], "cannot read /there/is/none: No such file"),
        (&["dlq", "delete"], "Name their ids, a filter, or --all"),
        (&["dlq", "retry", "1-0", "--all"], "cannot be used with"),
        (&["cancel"], "--help"),
        (&["wait", "msg_none", "--for", "0s"], "after 0 s msg_none is not in the log"),
        (&["wait", "msg_none", "--state", "PONDERING"], "there is no such state"),
        (&["export", "msg_none"], "msg_none is neither waiting, nor dead, nor in the log"),
        (&["queues", "set", "q", "--parallelism", "0"], "must not be zero"),
        (&["advance", "-5s"], "--help"),
        (&["advance", "5 minutes"], "expected digits with a unit"),
        (&["logs", "--limit", "x"], "--limit"),
        (&["frobnicate"], "try --help"),
    ] {
        let text = terminal.refused(arguments);
        assert!(text.contains(expected), "{arguments:?}: {text}");
    }
}

#[test]
fn the_token_of_this_machine_is_for_this_machine() {
    let terminal = Terminal::new();
    let elsewhere = ["logs", "--server", "http://qstash.example.com"];
    assert!(
        terminal.refused(&elsewhere).starts_with("QSTASH_TOKEN is not set: http://qstash.example.com wants")
    );

    // Without a server there is none yet.
    let (code, _, stderr) = output(&["logs"], &[]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("start `qstash-dev` first, which makes it"), "{stderr}");
}

#[test]
fn nothing_listens_is_said_with_the_url_and_what_to_start() {
    let url = "http://127.0.0.1:9";
    for verb in [&["logs"][..], &["advance", "5s"]] {
        let (code, _, stderr) = output(&[verb, &["--server", url]].concat(), &[TOKEN]);
        assert_eq!(code, Some(1));
        assert!(stderr.contains(url) && stderr.contains("`qstash-dev`"), "{stderr}");
    }
}

#[test]
fn ready_needs_no_token_and_says_what_is_missing() {
    let folder = Folder::new();
    let server = Running::start(program(&folder, &["--port", "0"], &[]), 5);
    let url = &server.exported["QSTASH_URL"];
    assert_eq!(output(&["ready", "--server", url], &[]), (Some(0), String::new(), String::new()));

    let (code, _, stderr) = output(&["ready", "--server", "http://127.0.0.1:9"], &[]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("does `qstash-dev` run there?"), "{stderr}");
    let elsewhere = format!("{url}/elsewhere");
    let (code, _, stderr) = output(&["ready", "--server", &elsewhere], &[]);
    assert_eq!(code, Some(1));
    assert!(stderr.starts_with("qstash-dev: the server answered 401"), "{stderr}");
}

#[test]
fn ready_waits_until_the_server_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let ready = program(&Folder::new(), &["ready", "--for", "1m", "--server", &url], &[]).spawn().unwrap();
    for status in ["503 Service Unavailable", "503 Service Unavailable", "200 OK"] {
        let (mut connection, _) = listener.accept().unwrap();
        let mut request = BufReader::new(&connection).lines().map(Result::unwrap);
        assert_eq!(request.next().unwrap(), "GET /readyz HTTP/1.1");
        request.find(String::is_empty).unwrap();
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        connection.write_all(answer.as_bytes()).unwrap();
    }
    let Output { status, stderr, .. } = ready.wait_with_output().unwrap();
    assert_eq!((status.code(), str::from_utf8(&stderr).unwrap()), (Some(0), ""));
}

#[test]
fn what_cannot_be_undone_elsewhere_is_asked_for() {
    // No connection leads to the address of a group of machines, so nothing leaves this one.
    let url = "http://224.0.0.1:9";
    for verb in [
        &["cancel", "--all"][..],
        &["dlq", "delete", "1-0"],
        &["dlq", "retry", "--all"],
        &["schedules", "delete", "nightly"],
        &["queues", "delete", "emails"],
        &["reset"],
    ] {
        let (code, _, stderr) = output(&[verb, &["--server", url]].concat(), &[TOKEN]);
        assert_eq!(code, Some(1), "{verb:?}");
        assert!(stderr.contains("say --yes, since nobody can be asked"), "{verb:?}: {stderr}");
    }
    let (_, _, stderr) = output(&["reset", "--server", url, "--yes"], &[TOKEN]);
    assert!(stderr.starts_with("qstash-dev: could not connect to QStash at http://224.0.0.1:9"), "{stderr}");
}

#[test]
fn a_log_that_is_followed_shows_what_happens_next() {
    let terminal = Terminal::new();
    let publish =
        |label| terminal.done(&["publish", "http://127.0.0.1:9/", "--delay", "1h", "--label", label]);
    let first = publish("wanted");
    let mut follower =
        terminal.command(&["logs", "--label", "wanted", "--follow"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().contains(first.trim()));
    publish("unwanted");
    let second = publish("wanted");
    assert!(lines.next().unwrap().contains(second.trim()));
    terminal.done(&["cancel", second.trim()]);
    let line = lines.find(|line| line.contains("CANCELED")).unwrap();
    assert!(line.contains(second.trim()), "{line}");
    follower.kill().unwrap();
    follower.wait().unwrap();
}

#[test]
fn a_file_is_published_as_the_message_that_it_holds() {
    let terminal = Terminal::new();
    // So that both wait, and can be looked at.
    terminal.done(&["queues", "set", "q", "--parallelism", "1"]);
    terminal.done(&["queues", "pause", "q"]);
    let published = terminal.done(&[
        "publish",
        "http://127.0.0.1:9/a?b=c",
        "-X",
        "PUT",
        "-d",
        "{\"n\": 1}",
        "-H",
        "X-Tenant: 42",
        "--retries",
        "7",
        "--timeout",
        "20s",
        "--callback",
        "http://127.0.0.1:9/done",
        "--failure-callback",
        "http://127.0.0.1:9/failed",
        "--label",
        "a",
        "--queue",
        "q",
    ]);
    let record = |id: &str| {
        let (_, file, _) = terminal.call(&["export", id.trim()]);
        let file: serde_json::Value = serde_json::from_str(&file).unwrap();
        let mut message = file["message"].clone();
        for own in ["messageId", "createdAt", "notBefore", "callerIP"] {
            message.as_object_mut().unwrap().remove(own);
        }
        (message, file)
    };
    let (message, file) = record(&published);
    assert_eq!(message["header"]["X-Tenant"], serde_json::json!(["42"]));
    let path = terminal.home.path().join("message.json");
    fs::write(&path, file.to_string()).unwrap();
    let copy = terminal.done(&["replay", path.to_str().unwrap()]);
    assert_eq!(record(&copy).0, message);
}

#[test]
fn a_file_from_elsewhere_is_text_and_nothing_more() {
    let terminal = Terminal::new();
    let path = terminal.home.path().join("message.json");
    let replay = |text: &str| {
        fs::write(&path, text).unwrap();
        terminal.refused(&["replay", path.to_str().unwrap()])
    };
    let file = |message: &str| format!(r#"{{"format": "qstash-dev message 1", "message": {message}}}"#);
    for (text, expected) in [
        (String::new(), "is no file of `qstash-dev export`"),
        ("{}".to_owned(), "missing field `format`"),
        (r#"{"format": "other", "message": {"messageId": "msg_1"}}"#.to_owned(), "its format is \"other\""),
        (file(r#"{"messageId": "msg_1"}"#), "destination"),
        (file(r#"{"messageId": "msg_1", "url": "file:///etc/passwd"}"#), "must start with http://"),
        (
            file(r#"{"messageId": "msg_1", "url": "http://h/", "body": "REDACTED:00ff"}"#),
            "the body was redacted",
        ),
        (
            file(
                r#"{"messageId": "msg_1", "url": "http://h/", "header": {"Authorization": ["REDACTED:00ff"]}}"#,
            ),
            "the header Authorization was redacted",
        ),
        (file(r#"{"messageId": "msg_1", "url": "http://h/", "method": "GET /x HTTP/1.1\r\n"}"#), "method"),
    ] {
        let refusal = replay(&text);
        assert!(refusal.contains(expected), "{text}: {refusal}");
    }
    let long = file(&format!(r#"{{"messageId": "msg_1", "body": "{}"}}"#, "A".repeat(17 * 1024 * 1024)));
    assert!(replay(&long).contains("is longer than"));
    assert_eq!(terminal.done(&["logs"]), "", "nothing was published");
}

/// A server that answers one request with this, byte for byte, and where it is.
fn answering_once(answer: impl Into<Vec<u8>>) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let answer = answer.into();
    let answering = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        stream.write_all(&answer).unwrap();
    });
    (url, answering)
}

#[test]
fn what_a_stranger_has_written_does_not_speak_to_the_terminal() {
    let terminal = Terminal::new();
    let (url, answering) = answering_once(
        *b"HTTP/1.1 500 No\r\nContent-Length: 9\r\nConnection: close\r\n\r\na\x1b[2J\r\nb\x07",
    );
    let (code, stdout, stderr) = terminal.call(&["publish", &url, "--retries", "0", "--wait"]);
    answering.join().unwrap();
    assert_eq!(code, Some(1));
    assert!(stdout.contains("a\\u{1b}[2J\nb\\u{7}"), "{stdout:?}");
    assert!(!stdout.contains('\x1b') && !stderr.contains('\x1b'));

    let body = "{\"error\": \"a\\u001b[2J\\u009bb\"}";
    for verb in [&["logs"][..], &["advance", "1h"]] {
        let (server, answering) =
            answering_once(format!("HTTP/1.1 400 No\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
        let (_, _, stderr) = output(&[verb, &["--server", &server]].concat(), &[TOKEN]);
        answering.join().unwrap();
        assert!(stderr.contains("[2J") && !stderr.trim_end().contains(char::is_control), "{stderr:?}");
    }
    let file = r#"{"format": "qstash-dev message 1", "message": {"messageId": "msg_1", "url": "http://127.0.0.1:9/", "header": {"X": ["\u009b"]}}}"#;
    let path = terminal.home.path().join("message.json");
    fs::write(&path, file).unwrap();
    let id = terminal.done(&["replay", path.to_str().unwrap()]);
    let (_, exported, _) = terminal.call(&["export", id.trim()]);
    assert!(exported.contains("\\u009b") && !exported.contains('\u{9b}'), "{exported:?}");
}

#[test]
fn what_is_said_to_this_machine_goes_through_no_proxy_and_needs_no_certificates() {
    let terminal = Terminal::new();
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    for verb in [&["logs"][..], &["advance", "1h"]] {
        let mut command = terminal.command(verb);
        command.envs(["http_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"].map(|name| (name, &url)));
        command.env_remove("no_proxy").env_remove("NO_PROXY");
        command.env("SSL_CERT_FILE", "/there/is/none").env("SSL_CERT_DIR", "/there/is/none");
        let Output { status, stderr, .. } = command.output().unwrap();
        assert_eq!((status.code(), &*String::from_utf8_lossy(&stderr)), (Some(0), ""), "{verb:?}");
    }
    assert_eq!(proxy.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "a proxy was called");
}

#[test]
fn a_server_that_sends_verbs_elsewhere_is_not_followed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let target = elsewhere.local_addr().unwrap();
    let (server, answering) =
        answering_once(format!("HTTP/1.1 307 No\r\nLocation: http://{target}/\r\nContent-Length: 0\r\n\r\n"));
    let (code, _, stderr) = output(&["advance", "1h", "--server", &server], &[TOKEN]);
    answering.join().unwrap();
    assert_eq!(code, Some(1));
    assert!(stderr.contains("answered 307"), "{stderr}");
    assert_eq!(elsewhere.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "it was followed");
}

#[test]
fn a_wait_may_be_as_long_as_spans_go() {
    let terminal = Terminal::new();
    let id = terminal.done(&["publish", "http://127.0.0.1:9/", "--delay", "1h"]);
    let longest = u64::MAX.to_string();
    let found = terminal.done(&["wait", id.trim(), "--state", "created", "--for", &longest]);
    assert_eq!(found, "CREATED\n");
}
