//! The program with a data folder: killed under load, and with a disk that is full.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{
    collections::{HashMap, HashSet},
    env, fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
    sync::{
        atomic::{AtomicU64, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::{Duration, SystemTime},
};

const TOKEN: &str = "token";

/// A folder of the test's own, gone on drop.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The program while it runs; killed on drop.
struct Server {
    child: Child,
    /// Open as long as the program writes to it.
    _stdout: BufReader<ChildStdout>,
    authority: String,
}

impl Server {
    fn start(folder: &Folder) -> Self {
        let mut program = Command::new(env!("CARGO_BIN_EXE_qstash-dev"));
        program.stderr(Stdio::null());
        Self::started_by(program, folder)
    }

    fn started_by(program: Command, folder: &Folder) -> Self {
        let mut child = inside(folder, program).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut lines = stdout.by_ref().lines().map(Result::unwrap);
        let url = lines.find_map(|line| Some(line.strip_prefix("QSTASH_URL=http://")?.to_owned()));
        Self { child, _stdout: stdout, authority: url.expect("the server starts") }
    }

    /// Presses Ctrl-C, and returns the exit code and what the program had to say.
    #[cfg(unix)]
    fn interrupt(mut self) -> (Option<i32>, String) {
        let sent = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap().code(), log)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Calls the API, and returns the status and the body of the answer, if one comes.
fn call(authority: &str, line: &str, body: &[u8]) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(authority).ok()?;
    let head = format!(
        "{line} HTTP/1.1\r\nHost: {authority}\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

/// Takes every delivery, and tells its number, until the test is over.
fn destination() -> (String, Receiver<u64>) {
    fn serve(stream: TcpStream, numbers: &Sender<u64>) -> Option<()> {
        let mut stream = BufReader::new(stream);
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).ok()?;
            let number = line.split(' ').nth(1)?.strip_prefix("/message/")?.parse().ok()?;
            let mut length = 0;
            while line != "\r\n" {
                line.clear();
                stream.read_line(&mut line).ok().filter(|&read| read > 0)?;
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().ok()?;
                }
            }
            stream.read_exact(&mut vec![0; length]).ok()?;
            numbers.send(number).ok()?;
            stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").ok()?;
        }
    }

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let (numbers, received) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let numbers = numbers.clone();
            thread::spawn(move || serve(stream.unwrap(), &numbers));
        }
    });
    (authority, received)
}

/// Publishes until the server is gone, and tells the number of each message that was acknowledged.
fn publish(server: &str, destination: &str, next: &AtomicU64, acknowledged: &Sender<u64>) {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let line = format!("POST /v2/publish/http://{destination}/message/{number}");
        match call(server, &line, &[b'x'; 200]) {
            Some((200, _)) => acknowledged.send(number).unwrap(),
            Some(other) => panic!("{other:?}"),
            None => return,
        }
    }
}

const KILLS: usize = 20;

/// Four threads publish while the server is killed again and again.
#[test]
fn nothing_acknowledged_is_lost_when_the_server_is_killed_under_load() {
    let folder = Folder::new("crash");
    let (destination, received) = destination();
    let next = AtomicU64::new(0);
    let mut acknowledged = HashSet::new();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let mut random = u64::from(now.subsec_nanos()) | 1;
    for _ in 0..KILLS {
        let server = Server::start(&folder);
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let until_kill = 1 + usize::try_from(random % 300).unwrap();
        let authority = server.authority.clone();
        let (sender, acknowledgments) = mpsc::channel();
        thread::scope(|scope| {
            for _ in 0..4 {
                let sender = sender.clone();
                let (authority, destination, next) = (&authority, &destination, &next);
                scope.spawn(move || publish(authority, destination, next, &sender));
            }
            drop(sender);
            acknowledged.extend(acknowledgments.iter().take(until_kill));
            drop(server);
        });
        acknowledged.extend(acknowledgments.try_iter());
    }

    let server = Server::start(&folder);
    let mut delivered: HashMap<u64, usize> = HashMap::new();
    let mut missing = acknowledged.clone();
    while !missing.is_empty() {
        let Ok(number) = received.recv_timeout(Duration::from_secs(60)) else { break };
        *delivered.entry(number).or_default() += 1;
        missing.remove(&number);
    }
    drop(server);
    let twice = delivered.values().filter(|&&times| times > 1).count();
    let (acknowledged, delivered) = (acknowledged.len(), delivered.len());
    println!("{KILLS} kills, {acknowledged} acknowledged, {delivered} delivered, {twice} delivered twice");
    assert_eq!(missing.len(), 0, "some that was acknowledged is lost");
}

/// The program with everything that it keeps in a folder, whatever the user who tests it has set or kept.
fn inside(folder: &Folder, mut program: Command) -> Command {
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("QSTASH_")) {
        program.env_remove(name);
    }
    program.args(["--port", "0", "--data"]).arg(&folder.0);
    program.env("QSTASH_TOKEN", TOKEN).env("QSTASH_DEV_STATE", folder.0.join("state"));
    program
}

/// The program, as if the disk had no room for longer files than this.
#[cfg(unix)]
fn with_small_files(blocks: u32) -> Command {
    let mut shell = Command::new("sh");
    // The program is to see the error, not the signal.
    let script = format!(r#"trap '' XFSZ; ulimit -f {blocks}; exec "$0" "$@""#);
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_qstash-dev")]).stderr(Stdio::piped());
    shell
}

#[cfg(unix)]
#[test]
fn what_does_not_fit_on_the_disk_is_refused_and_what_was_accepted_is_still_there() {
    let folder = Folder::new("full");
    let server = Server::started_by(with_small_files(8192), &folder);
    let mut accepted = Vec::new();
    let body = vec![b'x'; 100_000];
    let (status, refusal) = loop {
        let line = "POST /v2/publish/http://127.0.0.1:9/hook?upstash-delay=1h";
        let (status, answer) = call(&server.authority, line, &body).unwrap();
        if status != 200 {
            break (status, answer);
        }
        let (_, id) = answer.split_once(r#"{"messageId":""#).unwrap();
        accepted.push(id.trim_end_matches("\"}").to_owned());
        assert!(accepted.len() < 1000, "the limit is not reached");
    };
    let clear = "the data folder cannot be written until the server is started anew: ";
    assert!(status == 500 && refusal.contains(clear), "{status} {refusal}");
    assert!(!accepted.is_empty());
    let again = call(&server.authority, "POST /v2/publish/http://127.0.0.1:9/hook", b"").unwrap();
    assert_eq!(again, (500, refusal.clone()));
    let message = format!("GET /v2/messages/{}", accepted[0]);
    let read = call(&server.authority, &message, b"").unwrap();
    assert_eq!(read, (500, refusal), "nothing is shown that may not have been kept");
    let well = |path| call(&server.authority, path, b"").unwrap().0;
    assert_eq!((well("GET /healthz"), well("GET /readyz")), (200, 503));
    let (code, log) = server.interrupt();
    assert_eq!(
        (code, log.matches(&format!(" ERROR {clear}")).count(), log.matches("panicked").count()),
        (Some(0), 1, 0),
        "{log}"
    );

    for folder in [&folder, &Folder::new("small")] {
        let Output { status, stderr, .. } = inside(folder, with_small_files(1)).output().unwrap();
        let refusal = format!(
            "qstash-dev: cannot use the data folder {} (errors.md#data-folder): ",
            folder.0.display()
        );
        let stderr = String::from_utf8(stderr).unwrap();
        assert!(status.code() == Some(1) && stderr.starts_with(&refusal), "{stderr}");
    }

    let server = Server::start(&folder);
    for id in accepted {
        let (status, answer) = call(&server.authority, &format!("GET /v2/messages/{id}"), b"").unwrap();
        assert!(status == 200 && answer.contains(&id), "{id} is lost: {status}");
    }
}
