//! What a message costs: the CPU time, the throughput and the memory of the local server, beside those of a server that
//! does nothing but receive a request and send it on.
//!
//! ```text
//! cargo bench -p qstash-dev --bench load
//! ```
//!
//! Needs Linux and `wrk` (the Debian package of this name), and takes about two minutes. Everything runs on this machine
//! and is stopped at the end. CPU time is user and system time of the server's process, which other programs on the
//! machine disturb less than they do throughput. Each figure is the median of rounds taken in turns.

#![expect(clippy::print_stdout, reason = "figures are printed")]
#![expect(clippy::cast_precision_loss, reason = "counts and times are far below 2^52")]

mod delivery;
mod destination;
mod forwarder;
mod process;
mod rounds;
mod waiting;
mod wrk;

use std::{env, error::Error};

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

fn main() -> Result<()> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    if let [role, destination] = &arguments[..]
        && role == forwarder::ROLE
    {
        return forwarder::serve(destination.parse()?);
    }
    if !wrk::is_installed() {
        println!("NOTHING WAS MEASURED: there is no `wrk` on this machine; on Debian, apt-get install wrk");
        return Ok(());
    }
    delivery::measure()?;
    waiting::measure()
}
