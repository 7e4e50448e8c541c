//! How the program ends.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
};

use crate::running::{Folder, Running, program};

/// Has the program call a destination that does not answer yet.
fn in_flight() -> (Running, TcpStream) {
    in_flight_with("")
}

/// The same with further lines in the head of the publish.
fn in_flight_with(headers: &str) -> (Running, TcpStream) {
    let destination = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/slow", destination.local_addr().unwrap());
    let running = Running::start(program(&Folder::new(), &["--port", "0"], &[]), 5);
    let token = format!("{}{headers}", running.exported["QSTASH_TOKEN"]);
    running.call(&format!("POST /v2/publish/{url}"), &token);
    let (stream, _) = destination.accept().unwrap();
    let lines = BufReader::new(stream.try_clone().unwrap()).lines();
    assert!(lines.map(Result::unwrap).any(|line| line.is_empty()));
    (running, stream)
}

/// Until nobody listens any more.
fn closed(running: &Running) {
    while TcpStream::connect(running.authority()).is_ok() {
        std::thread::yield_now();
    }
}

#[test]
fn an_attempt_in_flight_comes_to_its_end_before_the_program_does() {
    let (running, mut destination) = in_flight();
    running.interrupt();
    closed(&running);
    destination.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
    let (code, _, stderr) = running.ended();
    assert_eq!(code, Some(0), "{stderr}");
    let lines: Vec<_> = stderr.lines().collect();
    assert!(lines[lines.len() - 2].contains("DELIVERED "), "{stderr}");
    assert!(lines[lines.len() - 1].ends_with("stopped"), "{stderr}");
}

#[test]
fn what_a_destination_says_about_its_refusal_is_logged() {
    let (running, mut destination) = in_flight();
    running.interrupt();
    let answer = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 24\r\n\r\ninvalid signature\r\nmore.";
    destination.write_all(answer).unwrap();
    let (_, _, stderr) = running.ended();
    let line = stderr.lines().find(|line| line.contains("WARN ERROR ")).expect("the attempt is logged");
    assert!(
        line.contains(r#": the destination answered 403 with "invalid signature", next attempt in "#),
        "{line}"
    );
}

#[test]
fn what_a_destination_may_have_repeated_of_a_redacted_message_is_not_logged() {
    let (running, mut destination) = in_flight_with("\r\nUpstash-Redact-Fields: body");
    running.interrupt();
    destination.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\nsecret").unwrap();
    let (_, _, stderr) = running.ended();
    assert!(stderr.contains(": the destination answered 403, next attempt in "), "{stderr}");
    assert!(!stderr.contains("secret"), "{stderr}");
}

#[test]
fn a_second_interruption_ends_it_at_once() {
    let (running, _destination) = in_flight();
    running.interrupt();
    closed(&running);
    running.interrupt();
    let (code, _, stderr) = running.ended();
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.ends_with("qstash-dev: attempts in flight were broken off\n"), "{stderr}");
}

#[test]
fn it_goes_on_when_nobody_reads_its_log_any_more() {
    for format in ["pretty", "json"] {
        let arguments = ["--port", "0", "--log-format", format];
        let mut running = Running::start(program(&Folder::new(), &arguments, &[]), 5);
        running.leave_log();
        for _ in 0..2 {
            let publish = "POST /v2/publish/http://127.0.0.1:9/?upstash-delay=1h";
            let answer = running.call(publish, &running.exported["QSTASH_TOKEN"]);
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        }
    }
}
