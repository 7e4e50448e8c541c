//! A process that has no file descriptor left.

use std::{
    env,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::running::{Folder, Running, TOKEN, program};

/// The program with room for this many open files.
fn with_descriptors(home: &Folder, count: u32) -> Command {
    let own = program(home, &["--port", "0"], &[TOKEN]);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!(r#"ulimit -n {count}; exec "$0" "$@""#), env!("CARGO_BIN_EXE_qstash-dev")]);
    shell.args(own.get_args()).env_clear();
    shell.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.env("PATH", env::var_os("PATH").unwrap_or_default());
    shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    shell
}

/// That is no fault of the destination, so it costs the message no attempt, although it lasts longer than one may take.
#[test]
fn a_lack_of_descriptors_is_waited_out_and_counts_as_no_attempt() {
    let destination = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", destination.local_addr().unwrap());
    let mut running = Running::start(with_descriptors(&Folder::new(), 32), 4);
    let authority = running.authority().to_owned();
    // Opened before there are none left.
    let mut calls = TcpStream::connect(&authority).unwrap();
    let mut call = |request: &str| {
        let head = format!("Host: {authority}\r\nAuthorization: Bearer {}\r\nContent-Length: 0", TOKEN.1);
        write!(calls, "{request} HTTP/1.1\r\n{head}\r\n\r\n").unwrap();
        let mut answer = vec![0; 65536];
        let length = calls.read(&mut answer).unwrap();
        String::from_utf8(answer[..length].to_vec()).unwrap()
    };
    assert!(call("GET /v2/keys").starts_with("HTTP/1.1 200 "));
    let crowd: Vec<_> = (0..64).map(|_| TcpStream::connect(running.authority()).unwrap()).collect();
    running.until_logged("cannot accept a connection");

    assert!(
        call(&format!("POST /v2/publish/{url}?upstash-retries=0&upstash-timeout=1"))
            .starts_with("HTTP/1.1 200 ")
    );
    let waiting = Instant::now();
    running.until_logged(" has to wait: ");
    // The log is the server's clock.
    while waiting.elapsed() < Duration::from_secs(3) {
        running.until_logged("cannot accept a connection");
    }
    let log = call("GET /v2/logs");
    assert!(log.contains("ACTIVE") && !log.contains("ERROR"), "{log}");
    let delivered = thread::spawn(move || {
        let (mut stream, _) = destination.accept().unwrap();
        let _ = stream.read(&mut vec![0; 65536]).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
    });
    drop(crowd);
    delivered.join().unwrap();
    running.until_logged(" DELIVERED ");
}
