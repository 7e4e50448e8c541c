//! Servers in processes of their own, and what they use.

use std::{
    env,
    ffi::OsString,
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{self, Child, ChildStdout, Command, Stdio},
};

use crate::{Result, destination::Destination, forwarder};

/// The token of the local server.
pub(crate) const TOKEN: &str = "a-token-for-this-run";

/// Something that is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The local server, as a user starts it, except that nobody reads its log.
    Qstash,
    /// The server that sends on to this address.
    Forwarder(SocketAddr),
}

impl Kind {
    /// Where a request goes that is to reach the destination.
    pub(crate) fn path(self, destination: &Destination) -> String {
        match self {
            Self::Qstash => format!("/v2/publish/http://{}/", destination.address),
            Self::Forwarder(_) => "/".to_owned(),
        }
    }

    fn command(self) -> Result<Vec<OsString>> {
        Ok(match self {
            Self::Qstash => [env!("CARGO_BIN_EXE_qstash-dev"), "--port", "0"].map(Into::into).into(),
            Self::Forwarder(to) => {
                vec![env::current_exe()?.into(), forwarder::ROLE.into(), to.to_string().into()]
            }
        })
    }
}

/// A server that runs until it is dropped.
pub(crate) struct Server {
    child: Child,
    /// Kept open, so that the server can go on to write.
    stdout: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn start(kind: Kind) -> Result<Self> {
        Self::run(&kind.command()?)
    }

    /// Runs a command that prints where it listens.
    fn run(command: &[OsString]) -> Result<Self> {
        let (program, arguments) = command.split_first().expect("a command names a program");
        let mut child = Command::new(program)
            .args(arguments)
            .env("QSTASH_TOKEN", TOKEN)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = child.stdout.take().expect("it is piped");
        let mut server = Self { child, stdout: BufReader::new(stdout), address: ([127, 0, 0, 1], 0).into() };
        let mut line = String::new();
        while server.stdout.read_line(&mut line)? > 0 {
            if let Some((_, address)) = line.split_once("http://") {
                server.address = address.trim_end().parse()?;
                return Ok(server);
            }
            line.clear();
        }
        Err("a server ended before it said where it listens".into())
    }

    /// The user and system time that it has used so far, in microseconds.
    pub(crate) fn cpu(&self) -> Result<u64> {
        cpu(self.child.id())
    }

    /// How many bytes of memory it occupies.
    pub(crate) fn memory(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let resident =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
        Ok(resident.ok_or("the process occupies no memory")?.parse::<u64>()? * 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server under callgrind.
pub(crate) struct Counted {
    pub(crate) server: Server,
    report: PathBuf,
}

impl Counted {
    pub(crate) fn is_possible() -> bool {
        Command::new("valgrind").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
    }

    pub(crate) fn start(kind: Kind) -> Result<Self> {
        let report = env::temp_dir().join(format!("qstash-dev-load-{}.callgrind", process::id()));
        let mut log_file = OsString::from("--log-file=");
        log_file.push(&report);
        let mut command: Vec<OsString> =
            vec!["valgrind".into(), "--tool=callgrind".into(), "--callgrind-out-file=/dev/null".into()];
        command.push(log_file);
        command.extend(kind.command()?);
        Ok(Self { server: Server::run(&command)?, report })
    }

    /// Ends it, and returns how many instructions it has carried out outside of the operating system.
    pub(crate) fn instructions(mut self) -> Result<u64> {
        let id = self.server.child.id().to_string();
        if !Command::new("kill").arg(id).status()?.success() {
            return Err("a server cannot be ended".into());
        }
        self.server.child.wait()?;
        let report = fs::read_to_string(&self.report)?;
        let count = report.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
        Ok(count.ok_or_else(|| format!("callgrind has counted nothing:\n{report}"))?)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        // A file that stays behind does no harm.
        let _ = fs::remove_file(&self.report);
    }
}

fn cpu(id: u32) -> Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').ok_or("a process has a name")?;
    let ticks: Vec<u64> =
        fields.split_whitespace().skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    // Linux counts in hundredths of a second, whatever it counts in inside.
    Ok(10_000 * ticks.iter().sum::<u64>())
}
