//! In place of the official development server.

use std::net::{TcpListener, TcpStream};

use crate::running::{Folder, Running, TOKEN, output, program};

const DEFAULT: &str = "eyJVc2VySUQiOiJkZWZhdWx0VXNlciIsIlBhc3N3b3JkIjoiZGVmYXVsdFBhc3N3b3JkIn0=";
const LAST: &str = "eyJVc2VySUQiOiJ0ZXN0VXNlcjMiLCJQYXNzd29yZCI6InRlc3RQYXNzd29yZCJ9";
/// A line that says that it runs, another that explains, five for each user, and a link; with empty ones in between.
const LINES: usize = 1 + 2 + 4 * 6 + 2;

fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Running {
    Running::start(program(&Folder::new(), arguments, environment), LINES)
}

#[test]
fn it_says_that_it_runs_and_who_its_users_are() {
    for arguments in
        [&["dev", "--port", "0"][..], &["dev", "-port=0", "-quota", "pro"], &["dev", "-port", "0"]]
    {
        let running = start(arguments, &[TOKEN, ("QSTASH_DEV_QUOTA", "pro"), ("HOME", "")]);
        let url = running.exported["QSTASH_URL"].clone();
        assert_eq!(running.lines[0], format!("QStash development server is running at {url}"));
        let keys = running.call("GET /v2/keys", LAST);
        assert!(keys.contains("sig_5T8FcSsynBjn9mMLBsXhpacRovJf"), "{keys}");
        assert!(running.call("GET /v2/keys", DEFAULT).starts_with("HTTP/1.1 200 "));
        assert!(running.call("GET /v2/keys", TOKEN.1).starts_with("HTTP/1.1 401 "));

        let count = |wanted: &str| running.lines.iter().filter(|line| *line == wanted).count();
        assert_eq!(count(&format!("QSTASH_URL=\"{url}\"")), 4);
        for line in [
            format!("QSTASH_TOKEN=\"{DEFAULT}\""),
            format!("QSTASH_TOKEN=\"{LAST}\""),
            "QSTASH_CURRENT_SIGNING_KEY=\"sig_5T8FcSsynBjn9mMLBsXhpacRovJf\"".to_owned(),
            "QSTASH_NEXT_SIGNING_KEY=\"sig_7GFR4YaDshFcqsxWRZpRB161jguD\"".to_owned(),
        ] {
            assert_eq!(count(&line), 1, "{:?}", running.lines);
        }
        let (code, stdout, stderr) = running.stopped();
        assert_eq!((code, stdout.as_str()), (Some(0), ""), "{stderr}");
    }
}

#[test]
fn logs_have_the_next_port_if_it_is_free() {
    let running = start(&["dev", "--port", "0"], &[]);
    let (code, _, stderr) = running.stopped();
    assert_eq!(code, Some(0));
    // Somebody else may have the next port.
    assert!(
        stderr.contains("logs at http://127.0.0.1:") || stderr.contains("no port of their own"),
        "{stderr}"
    );

    let (running, _taken) = (0..100).find_map(|_| before_a_taken_port()).unwrap();
    assert!(running.call("GET /v2/logs", DEFAULT).starts_with("HTTP/1.1 200 "));
    let (code, _, stderr) = running.stopped();
    assert_eq!(code, Some(0));
    assert!(stderr.contains("WARN logs have no port of their own: cannot listen on "), "{stderr}");
}

/// Starts the program on a port whose successor is taken. Others may be faster in taking the first one.
fn before_a_taken_port() -> Option<(Running, TcpListener)> {
    let first = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = first.local_addr().unwrap().port();
    let next = TcpListener::bind(("127.0.0.1", port.checked_add(1)?)).ok()?;
    drop(first);
    let arguments = ["dev", "--port", &port.to_string()];
    Some((Running::try_start(program(&Folder::new(), &arguments, &[]), LINES)?, next))
}

#[test]
fn a_port_for_logs_that_was_asked_for_is_served_or_refused() {
    for arguments in [&["--port", "0", "--log-port", "0"][..], &["dev", "-port", "0", "-log-port", "0"]] {
        let lines = if arguments[0] == "dev" { LINES } else { 5 };
        let running = Running::start(program(&Folder::new(), arguments, &[]), lines);
        let (code, _, stderr) = running.stopped();
        assert_eq!(code, Some(0));
        assert!(stderr.contains("logs at http://127.0.0.1:"), "{stderr}");
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for command in [&["dev"][..], &[]] {
        let port = address.port().to_string();
        let arguments = [command, &["--port", "0", "--log-port", &port]].concat();
        let (code, stdout, stderr) = output(&arguments, &[]);
        assert_eq!((code, stdout.as_str()), (Some(1), ""));
        let expected = format!(
            "cannot listen on {address}: address already in use; choose another port with --log-port (errors.md#listen)\n"
        );
        assert!(stderr.ends_with(&format!("qstash-dev: {expected}")), "{stderr}");
    }
    assert!(TcpStream::connect(address).is_ok());
}
