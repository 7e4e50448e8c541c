//! The program as its user sees it.

use std::{
    collections::HashMap,
    env,
    ffi::OsStr,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
};

pub(crate) const TOKEN: (&str, &str) = ("QSTASH_TOKEN", "canary-token");
pub(crate) const CURRENT_KEY: (&str, &str) = ("QSTASH_CURRENT_SIGNING_KEY", "sig_canary_current");
pub(crate) const NEXT_KEY: (&str, &str) = ("QSTASH_NEXT_SIGNING_KEY", "sig_canary_next");

/// A folder that is gone on drop.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("qstash-dev-{}-{count}", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        // Another process of the same id may have left one behind.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The program in an environment that holds nothing but this, with a home of its own.
pub(crate) fn program(home: &Folder, arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_qstash-dev"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, _) in env::vars_os() {
        if is_read(&name) {
            command.env_remove(name);
        }
    }
    command.env("HOME", home.path()).env("LOCALAPPDATA", home.path());
    command.envs(environment.iter().copied());
    command
}

fn is_read(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with("QSTASH_") || name == "XDG_STATE_HOME"
}

/// Runs the program to its end.
pub(crate) fn output(arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let home = Folder::new();
    let Output { status, stdout, stderr } = program(&home, arguments, environment).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// The program while it runs; killed on drop if it still does.
pub(crate) struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// What follows in the log, once a part of it was read.
    log: Option<BufReader<ChildStderr>>,
    /// What it has printed so far, line by line.
    pub(crate) lines: Vec<String>,
    /// What of that were variables.
    pub(crate) exported: HashMap<String, String>,
}

impl Running {
    /// Starts the program, and reads as many lines as it is to print.
    pub(crate) fn start(program: Command, lines: usize) -> Self {
        Self::try_start(program, lines).expect("the program runs")
    }

    /// Starts the program, if it does not end before it has printed that many lines.
    pub(crate) fn try_start(mut program: Command, lines: usize) -> Option<Self> {
        let mut child = program.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let read = (0..lines).map(|_| {
            let mut line = String::new();
            let length = stdout.read_line(&mut line).unwrap();
            (length > 0).then(|| line.trim_end().to_owned())
        });
        let Some(lines) = read.collect::<Option<Vec<_>>>() else {
            child.wait().unwrap();
            return None;
        };
        let variable = |line: &String| {
            let (name, value) = line.split_once('=')?;
            Some((name.to_owned(), value.trim_matches('"').to_owned()))
        };
        let exported = lines.iter().filter_map(variable).collect();
        Some(Self { child, stdout, log: None, lines, exported })
    }

    /// Where it listens.
    pub(crate) fn authority(&self) -> &str {
        self.exported["QSTASH_URL"].strip_prefix("http://").unwrap()
    }

    pub(crate) fn call(&self, request: &str, token: &str) -> String {
        self.call_as(self.authority(), request, token)
    }

    /// Calls it by another name.
    pub(crate) fn call_as(&self, host: &str, request: &str, token: &str) -> String {
        let mut stream = TcpStream::connect(self.authority()).unwrap();
        let head = format!("Host: {host}\r\nAuthorization: Bearer {token}\r\nConnection: close");
        write!(stream, "{request} HTTP/1.1\r\n{head}\r\nContent-Length: 0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Reads the log until a line contains this; what was read is gone.
    pub(crate) fn until_logged(&mut self, text: &str) -> String {
        let log = self.log.take();
        let mut log = log.unwrap_or_else(|| BufReader::new(self.child.stderr.take().unwrap()));
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert!(log.read_line(&mut line).unwrap() > 0, "{text:?} is never logged");
        }
        self.log = Some(log);
        line
    }

    /// Reads the log no longer, as a pager does that was left.
    pub(crate) fn leave_log(&mut self) {
        self.child.stderr = None;
    }

    /// Presses Ctrl-C.
    #[cfg(unix)]
    pub(crate) fn interrupt(&self) {
        let killed = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
    }

    /// Waits for its end, and returns the exit code and what else was printed.
    pub(crate) fn ended(mut self) -> (Option<i32>, String, String) {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.stdout.read_to_string(&mut stdout).unwrap();
        match self.log.take() {
            Some(mut log) => log.read_to_string(&mut stderr).unwrap(),
            None => self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap(),
        };
        (self.child.wait().unwrap().code(), stdout, stderr)
    }

    /// Presses Ctrl-C, and waits for its end.
    #[cfg(unix)]
    pub(crate) fn stopped(self) -> (Option<i32>, String, String) {
        self.interrupt();
        self.ended()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
