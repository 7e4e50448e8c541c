//! The program: what it takes from its environment, what it prints, and how it ends.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, ChildStdout, Command, Output, Stdio},
};

const VARIABLES: [&str; 3] = ["QSTASH_TOKEN", "QSTASH_CURRENT_SIGNING_KEY", "QSTASH_NEXT_SIGNING_KEY"];
const TOKEN: (&str, &str) = ("QSTASH_TOKEN", "canary-token");
const CURRENT_KEY: (&str, &str) = ("QSTASH_CURRENT_SIGNING_KEY", "sig_canary_current");
const NEXT_KEY: (&str, &str) = ("QSTASH_NEXT_SIGNING_KEY", "sig_canary_next");

fn program(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_qstash-dev"));
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    for variable in VARIABLES {
        command.env_remove(variable);
    }
    command.envs(environment.iter().copied());
    command
}

fn output(arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = program(arguments, environment).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// The program while it runs; killed on drop if it still does.
struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    exported: HashMap<String, String>,
}

impl Running {
    /// Starts the program on a free port, and reads as many lines as it is to print.
    fn start(environment: &[(&str, &str)], lines: usize) -> Self {
        let mut child = program(&["--port", "0"], environment).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let exported = (0..lines)
            .map(|_| {
                let mut line = String::new();
                stdout.read_line(&mut line).unwrap();
                let (name, value) = line.trim_end().strip_prefix("export ").unwrap().split_once('=').unwrap();
                (name.to_owned(), value.to_owned())
            })
            .collect();
        Self { child, stdout, exported }
    }

    fn call(&self, request: &str, token: &str) -> String {
        let authority = self.exported["QSTASH_URL"].strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(authority).unwrap();
        let head = format!("Host: {authority}\r\nAuthorization: Bearer {token}\r\nConnection: close");
        write!(stream, "{request} HTTP/1.1\r\n{head}\r\nContent-Length: 0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Presses Ctrl-C, and returns the exit code and what was printed since the start.
    #[cfg(unix)]
    fn interrupt(mut self) -> (Option<i32>, String, String) {
        let killed = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.stdout.read_to_string(&mut stdout).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        (self.child.wait().unwrap().code(), stdout, stderr)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(unix)]
#[test]
fn what_it_makes_it_prints_as_lines_for_a_shell_and_ctrl_c_ends_it() {
    let running = Running::start(&[], 4);
    let token = running.exported["QSTASH_TOKEN"].clone();
    let keys = running.call("GET /v2/keys", &token);
    assert!(keys.starts_with("HTTP/1.1 200 "), "{keys}");
    for variable in ["QSTASH_CURRENT_SIGNING_KEY", "QSTASH_NEXT_SIGNING_KEY"] {
        assert!(keys.contains(&running.exported[variable]));
    }

    let published = running.call("POST /v2/publish/http://127.0.0.1:9/hook?secret=1", &token);
    let (_, id) = published.split_once(r#"{"messageId":""#).unwrap();
    let id = id.trim_end_matches("\"}");
    let (code, stdout, stderr) = running.interrupt();
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(stdout, "");
    let created = format!("CREATED {id} POST http://127.0.0.1:9/hook");
    assert!(stderr.lines().any(|line| line.ends_with(&created)), "{stderr}");
    assert!(!stderr.contains(&token));
}

#[cfg(unix)]
#[test]
fn what_the_environment_sets_is_used_and_named_and_not_shown() {
    let running = Running::start(&[TOKEN, CURRENT_KEY, NEXT_KEY], 1);
    assert_eq!(running.exported.keys().collect::<Vec<_>>(), ["QSTASH_URL"]);
    let keys = running.call("GET /v2/keys", TOKEN.1);
    assert!(keys.contains(r#"{"current":"sig_canary_current","next":"sig_canary_next"}"#), "{keys}");
    let (code, stdout, stderr) = running.interrupt();
    assert_eq!((code, stdout.as_str()), (Some(0), ""));
    assert!(VARIABLES.iter().all(|variable| stderr.contains(variable)), "{stderr}");
    assert!(!stderr.contains("canary"), "{stderr}");
}

#[test]
fn an_environment_that_is_not_usable_is_refused_by_the_name_of_the_variable() {
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("QSTASH_TOKEN", "")], "QSTASH_TOKEN must be"),
        (&[("QSTASH_TOKEN", " canary-token")], "QSTASH_TOKEN must be"),
        (&[("QSTASH_CURRENT_SIGNING_KEY", "  "), NEXT_KEY], "QSTASH_CURRENT_SIGNING_KEY must be"),
        (&[CURRENT_KEY, ("QSTASH_NEXT_SIGNING_KEY", "sig_canary\n")], "QSTASH_NEXT_SIGNING_KEY must be"),
        (&[CURRENT_KEY], "QSTASH_CURRENT_SIGNING_KEY is set and QSTASH_NEXT_SIGNING_KEY is not"),
        (&[NEXT_KEY], "QSTASH_NEXT_SIGNING_KEY is set and QSTASH_CURRENT_SIGNING_KEY is not"),
    ];
    for (environment, expected) in cases {
        let (code, stdout, stderr) = output(&["--port", "0"], environment);
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{environment:?}");
        assert!(stderr.starts_with(&format!("qstash-dev: {expected}")), "{stderr}");
        assert!(!stderr.contains("canary"), "{stderr}");
    }
}

#[cfg(unix)]
#[test]
fn in_place_of_the_official_server_it_says_that_it_runs_and_who_its_users_are() {
    for arguments in [&["dev", "--port", "0"][..], &["dev", "-port=0", "-quota", "pro"]] {
        let mut child = program(arguments, &[TOKEN]).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let url = line.trim_end().strip_prefix("QStash development server is running at ").unwrap();
        let exported = HashMap::from([("QSTASH_URL".to_owned(), url.to_owned())]);
        let running = Running { child, stdout, exported };
        let token = "eyJVc2VySUQiOiJ0ZXN0VXNlcjMiLCJQYXNzd29yZCI6InRlc3RQYXNzd29yZCJ9";
        let keys = running.call("GET /v2/keys", token);
        assert!(keys.contains("sig_5T8FcSsynBjn9mMLBsXhpacRovJf"), "{keys}");
        assert!(running.call("GET /v2/keys", TOKEN.1).starts_with("HTTP/1.1 401 "));

        let url_line = format!("QSTASH_URL=\"{url}\"");
        let (code, stdout, stderr) = running.interrupt();
        assert_eq!(code, Some(0), "{stderr}");
        assert_eq!(stdout.lines().filter(|line| *line == url_line).count(), 4, "{stdout}");
        for expected in [
            format!("QSTASH_TOKEN=\"{token}\""),
            "QSTASH_CURRENT_SIGNING_KEY=\"sig_5T8FcSsynBjn9mMLBsXhpacRovJf\"".to_owned(),
            "QSTASH_NEXT_SIGNING_KEY=\"sig_7GFR4YaDshFcqsxWRZpRB161jguD\"".to_owned(),
        ] {
            assert!(stdout.lines().any(|line| line == expected), "{stdout}");
        }
    }
}

#[test]
fn a_port_that_is_taken_is_an_error_that_names_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let (code, stdout, stderr) = output(&["--port", &address.port().to_string()], &[]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    let expected =
        format!("cannot listen on {address}: address already in use; choose another port with --port");
    assert_eq!(stderr, format!("qstash-dev: {expected}\n"));
}

#[test]
fn help_and_version_are_printed() {
    let (code, help, _) = output(&["--help"], &[]);
    assert_eq!(code, Some(0));
    for expected in ["--port", "QSTASH_TOKEN", "QSTASH_CURRENT_SIGNING_KEY", "QSTASH_NEXT_SIGNING_KEY"] {
        assert!(help.contains(expected));
    }
    let (code, version, _) = output(&["--version"], &[]);
    assert_eq!((code, version), (Some(0), format!("qstash-dev {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn an_argument_that_means_nothing_is_an_error_that_points_to_the_help() {
    for arguments in [
        &["--prot"][..],
        &["--port"],
        &["--port", "x"],
        &["--port", "70000"],
        &["serve"],
        &["-port", "0"],
        &["--quota", "pro"],
    ] {
        let (code, stdout, stderr) = output(arguments, &[]);
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{arguments:?}");
        assert!(stderr.starts_with("qstash-dev: ") && stderr.ends_with("; try --help\n"), "{stderr}");
    }
}
