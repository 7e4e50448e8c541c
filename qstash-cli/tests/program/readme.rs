//! What the README shows of the verbs, typed word for word.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::Command,
    thread,
};

use crate::running::{Folder, Running, program};

/// Stands between the outputs of commands.
const MARK: &str = "\u{1}";

/// The commands of a block, each with its output, in which `…` stands for anything.
type Session = Vec<(String, Vec<String>)>;

fn sessions() -> Vec<Session> {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let blocks = readme.split("```console\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks
        .map(|block| {
            let mut session = Session::new();
            for line in block.lines() {
                match line.strip_prefix("$ ") {
                    Some(command) => session.push((command.to_owned(), Vec::new())),
                    None => session.last_mut().unwrap().1.push(line.to_owned()),
                }
            }
            session
        })
        .collect()
}

/// Whether a line is as it was foretold.
fn is_as(line: &str, foretold: &str) -> bool {
    let mut parts = foretold.split('…');
    let Some(mut rest) = line.strip_prefix(parts.next().unwrap()) else { return false };
    let mut parts: Vec<_> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

/// An application that renders, but not what is broken.
fn application() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || answer(stream.unwrap()));
        }
    });
    address
}

fn answer(mut stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut first, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        if first.is_empty() {
            first.clone_from(&line);
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    reader.take(length).read_to_end(&mut Vec::new()).unwrap();
    let (status, body) = if first.contains("/broken") {
        ("500 Internal Server Error", "broken")
    } else {
        ("200 OK", "rendered")
    };
    let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    // Whoever has asked may have left.
    let _ = stream.write_all(format!("{head}{body}").as_bytes());
}

#[test]
fn every_verb_does_what_the_readme_shows() {
    let home = Folder::new();
    let server = Running::start(program(&home, &["--port", "0"], &[]), 5);
    let application = application().to_string();
    let here = |text: &str| {
        text.replace("127.0.0.1:3000", &application).replace("127.0.0.1:8080", server.authority())
    };
    let binary = Path::new(env!("CARGO_BIN_EXE_qstash-dev")).parent().unwrap();
    let path = env::join_paths(
        [binary.to_owned()].into_iter().chain(env::split_paths(&env::var_os("PATH").unwrap())),
    )
    .unwrap();
    let sessions = sessions();
    assert!(sessions.len() >= 4);
    for session in sessions {
        let typed: Vec<_> =
            session.iter().map(|(command, _)| format!("printf '{MARK}'\n{}", here(command))).collect();
        // As a user of this machine types it: only the port is another one than usual.
        let output = program(&home, &[], &[]).env("QSTASH_URL", &server.exported["QSTASH_URL"]).to_shell(
            &path,
            home.path(),
            &typed.join("\n"),
        );
        let outputs: Vec<_> = output.split(MARK).skip(1).collect();
        assert_eq!(outputs.len(), session.len(), "{output}");
        for ((command, foretold), printed) in session.iter().zip(outputs) {
            let lines: Vec<_> = printed.lines().collect();
            let matches = lines.len() == foretold.len()
                && lines.iter().zip(foretold).all(|(line, foretold)| is_as(line, &here(foretold)));
            assert!(matches, "$ {command}\nis to print\n{}\nand printed\n{printed}", foretold.join("\n"));
        }
    }
}

trait ToShell {
    /// Types a script in the environment of this command, and returns what is seen on the terminal.
    fn to_shell(&mut self, path: &std::ffi::OsStr, folder: &Path, script: &str) -> String;
}

impl ToShell for Command {
    fn to_shell(&mut self, path: &std::ffi::OsStr, folder: &Path, script: &str) -> String {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("exec 2>&1\n{script}")).env_clear().current_dir(folder).env("PATH", path);
        shell.envs(self.get_envs().filter_map(|(name, value)| Some((name, value?))));
        String::from_utf8(shell.output().unwrap().stdout).unwrap()
    }
}
