//! A message from its publisher to its destination: what it costs beside the same through the forwarder.

use std::time::{Duration, Instant};

use crate::{
    Result,
    destination::Destination,
    generator::{Limit, PUBLISHERS, Publishers},
    process::{Counted, Kind, Server},
    rounds::{Cost, ROUNDS, median},
};

const BODIES: [(usize, &str); 3] = [(200, "0.2 KiB"), (4 * 1024, "4 KiB"), (64 * 1024, "64 KiB")];
const PUBLISHERS_AT_ONCE: [usize; 4] = [1, 16, 64, 1024];
/// The body where something else is varied.
pub(crate) const SMALL: usize = 200;
const ROUND: Limit = Limit::Time(Duration::from_secs(1));
/// What is counted is what the messages cost by which these differ: what happens once is left out.
const COUNTED: [u64; 2] = [200, 1200];

/// Prints the CPU time of a message, by the length of its body.
pub(crate) fn by_body() -> Result<()> {
    let destination = Destination::start()?;
    let [forwarder, qstash] = start_both(&destination)?;
    println!("| body | forwarder | qstash-dev | CPU, forwarder = 1 |\n|---|--:|--:|--:|");
    for (body, name) in BODIES {
        let mut costs = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            for (costs, (kind, server)) in costs.iter_mut().zip([&forwarder, &qstash]) {
                costs.push(send_through(*kind, server, &destination, body, PUBLISHERS)?);
            }
        }
        print_row(name, &costs);
    }
    Ok(())
}

/// Prints the CPU time of a message, by how many publishers there are.
pub(crate) fn by_publishers() -> Result<()> {
    let destination = Destination::start()?;
    let [forwarder, qstash] = start_both(&destination)?;
    println!("\n| publishers | forwarder | qstash-dev | CPU, forwarder = 1 |\n|--:|--:|--:|--:|");
    let mut costs = PUBLISHERS_AT_ONCE.map(|_| [Vec::new(), Vec::new()]);
    for _ in 0..ROUNDS {
        for (publishers, costs) in PUBLISHERS_AT_ONCE.iter().zip(&mut costs) {
            for (costs, (kind, server)) in costs.iter_mut().zip([&forwarder, &qstash]) {
                costs.push(send_through(*kind, server, &destination, SMALL, *publishers)?);
            }
        }
    }
    for (publishers, costs) in PUBLISHERS_AT_ONCE.iter().zip(&costs) {
        print_row(&publishers.to_string(), costs);
    }
    Ok(())
}

/// Prints how many instructions a message takes, by body and by publishers.
pub(crate) fn instructions() -> Result<()> {
    if !Counted::is_possible() {
        println!("\nINSTRUCTIONS WERE NOT COUNTED: there is no `valgrind` on this machine");
        return Ok(());
    }
    let destination = Destination::start()?;
    let columns = "forwarder | qstash-dev | forwarder = 1";
    println!("\n| body | publishers | {columns} |\n|---|--:|--:|--:|--:|");
    let by_body = BODIES.map(|(body, name)| (body, name, 1));
    let by_publishers = [16, 64].map(|publishers| (SMALL, BODIES[0].1, publishers));
    for (body, name, publishers) in by_body.into_iter().chain(by_publishers) {
        let forwarder = count(Kind::Forwarder(destination.address), &destination, body, publishers)?;
        let qstash = count(Kind::Qstash, &destination, body, publishers)?;
        let ratio = qstash as f64 / forwarder as f64;
        println!("| {name} | {publishers} | {forwarder} | {qstash} | {ratio:.2} |");
    }
    Ok(())
}

fn start_both(destination: &Destination) -> Result<[(Kind, Server); 2]> {
    let start = |kind| Server::start(kind).map(|server| (kind, server));
    Ok([start(Kind::Forwarder(destination.address))?, start(Kind::Qstash)?])
}

/// Requests that reach the destination through a server.
pub(crate) fn send_through(
    kind: Kind,
    server: &Server,
    destination: &Destination,
    body: usize,
    publishers: usize,
) -> Result<Cost> {
    let mut publishers = Publishers::connect(server.address, publishers)?;
    let (before, cpu) = (destination.received(), server.cpu()?);
    let (accepted, elapsed) = publishers.post(&kind.path(destination), body, ROUND)?;
    let published = Instant::now();
    let last = destination.wait_for(before + accepted)?;
    let elapsed = elapsed + last.saturating_duration_since(published);
    Ok(Cost::new(destination.received() - before, elapsed, server.cpu()? - cpu))
}

/// How many instructions a request takes.
fn count(kind: Kind, destination: &Destination, body: usize, publishers: usize) -> Result<u64> {
    let [few, many] = COUNTED.map(|messages| {
        let counted = Counted::start(kind)?;
        let before = destination.received();
        let mut publishers = Publishers::connect(counted.server.address, publishers)?;
        publishers.post(&kind.path(destination), body, Limit::Messages(messages))?;
        destination.wait_for(before + messages)?;
        counted.instructions()
    });
    Ok((many? - few?) / (COUNTED[1] - COUNTED[0]))
}

fn print_row(name: &str, [forwarder, qstash]: &[Vec<Cost>; 2]) {
    let ratio = median(qstash.iter().zip(forwarder).map(|(ours, theirs)| ours.cpu / theirs.cpu));
    let [forwarder, qstash] = [forwarder, qstash].map(|costs| show(costs));
    println!("| {name} | {forwarder} | {qstash} | {ratio:.2} |");
}

fn show(costs: &[Cost]) -> String {
    let per_second = median(costs.iter().map(|cost| cost.per_second));
    let cpu = median(costs.iter().map(|cost| cost.cpu));
    format!("{per_second:.0}/s, {cpu:.1} µs")
}
