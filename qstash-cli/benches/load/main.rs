//! What a message costs: the CPU time, the instructions and the memory of the local server, beside those of a server made of
//! axum and hyper-util that does nothing but receive a request, sign it and send it on.
//!
//! ```text
//! cargo bench -p qstash-cli --bench load                  # all of it, some five minutes
//! cargo bench -p qstash-cli --bench load -- instructions  # or: bodies, publishers, waiting
//! ```
//!
//! Needs Linux; instructions are counted by callgrind, where `valgrind` is installed. Everything runs on this machine and is
//! stopped at the end. CPU time is user and system time of the server's process, which other programs on the machine disturb
//! less than they do throughput. Each figure is the median of rounds taken in turns. Instructions leave the operating system
//! out, and hardly change from run to run.

#![expect(clippy::print_stdout, reason = "figures are printed")]
#![expect(clippy::cast_precision_loss, reason = "counts and times are far below 2^52")]

mod delivery;
mod destination;
mod forwarder;
mod generator;
mod process;
mod rounds;
mod waiting;

use std::{env, error::Error};

type Failed = Box<dyn Error + Send + Sync>;
type Result<T, E = Failed> = std::result::Result<T, E>;

/// Measures something, and prints what came out.
type Part = fn() -> Result<()>;

/// What can be measured, each under the name that picks it.
const PARTS: [(&str, Part); 4] = [
    ("instructions", delivery::instructions),
    ("bodies", delivery::by_body),
    ("publishers", delivery::by_publishers),
    ("waiting", waiting::measure),
];

fn main() -> Result<()> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    if let [role, destination] = &arguments[..]
        && role == forwarder::ROLE
    {
        return forwarder::serve(destination.parse()?);
    }
    // Cargo adds options of its own.
    let wanted: Vec<_> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    if let Some(unknown) = wanted.iter().find(|wanted| PARTS.iter().all(|(name, _)| name != *wanted)) {
        return Err(format!("there is no part {unknown}").into());
    }
    for (name, measure) in PARTS {
        if wanted.is_empty() || wanted.iter().any(|wanted| *wanted == name) {
            measure()?;
        }
    }
    Ok(())
}
