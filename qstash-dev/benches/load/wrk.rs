//! Requests without end, made by `wrk`.

use std::{
    env, fs,
    net::SocketAddr,
    path::PathBuf,
    process::{self, Command, Output, Stdio},
    time::{Duration, Instant},
};

use crate::{Result, process::TOKEN};

/// How many requests are on their way at the same time.
const CONNECTIONS: &str = "16";

pub(crate) fn is_installed() -> bool {
    Command::new("wrk").arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// Posts bodies of this length for a second. Returns how many were answered, and how long that took.
///
/// # Errors
///
/// An answer that is no success counts as one.
pub(crate) fn post(
    to: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    body: usize,
) -> Result<(u64, Duration)> {
    let script = Script::new(body)?;
    let mut wrk = Command::new("wrk");
    wrk.args(["--threads=1", "--duration=1s", "--connections", CONNECTIONS, "--script"]).arg(&script.0);
    wrk.args(["--header", &format!("Authorization: Bearer {TOKEN}")]);
    for (name, value) in headers {
        wrk.args(["--header", &format!("{name}: {value}")]);
    }
    let started = Instant::now();
    let Output { status, stdout, stderr } = wrk.arg(format!("http://{to}{path}")).output()?;
    let elapsed = started.elapsed();
    let report = String::from_utf8(stdout)?;
    let answered = report.lines().find_map(|line| line.split_once(" requests in ")?.0.trim().parse().ok());
    match answered {
        Some(answered) if status.success() && !report.contains("Non-2xx") => Ok((answered, elapsed)),
        _ => Err(format!("wrk failed:\n{report}{}", String::from_utf8_lossy(&stderr)).into()),
    }
}

/// What `wrk` cannot be told on its command line, in a file.
struct Script(PathBuf);

impl Script {
    fn new(body: usize) -> Result<Self> {
        let path = env::temp_dir().join(format!("qstash-dev-load-{}.lua", process::id()));
        let json = "wrk.headers[\"Content-Type\"] = \"application/json\"";
        let text = format!("wrk.method = \"POST\"\n{json}\nwrk.body = string.rep(\"7\", {body})\n");
        fs::write(&path, text)?;
        Ok(Self(path))
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // A file that stays behind does no harm.
        let _ = fs::remove_file(&self.0);
    }
}
