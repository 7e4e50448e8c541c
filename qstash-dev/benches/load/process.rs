//! Servers in processes of their own, and what they use.

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{self, Child, ChildStdout, Command, Stdio},
};

use crate::{Result, forwarder};

/// The token of the local server.
pub(crate) const TOKEN: &str = "a-token-for-this-run";

/// A server that runs until it is dropped.
pub(crate) struct Server {
    child: Child,
    /// Kept open, so that the server can go on to write.
    stdout: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// The local server, as a user starts it, except that nobody reads its log.
    pub(crate) fn qstash() -> Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_qstash-dev"));
        Self::start(command.args(["--port", "0"]).env("QSTASH_TOKEN", TOKEN))
    }

    /// The server that sends on.
    pub(crate) fn forwarder(destination: SocketAddr) -> Result<Self> {
        Self::start(Command::new(env::current_exe()?).args([forwarder::ROLE, &destination.to_string()]))
    }

    fn start(command: &mut Command) -> Result<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
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

/// The user and system time that this process has used so far, in microseconds.
pub(crate) fn own_cpu() -> Result<u64> {
    cpu(process::id())
}

fn cpu(id: u32) -> Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').ok_or("a process has a name")?;
    let ticks: Vec<u64> =
        fields.split_whitespace().skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    // Linux counts in hundredths of a second, whatever it counts in inside.
    Ok(10_000 * ticks.iter().sum::<u64>())
}
