//! A message from its publisher to its destination.

use std::time::Instant;

use crate::{
    Result,
    destination::Destination,
    process::{self, Server},
    rounds::{Cost, ROUNDS, median},
    wrk,
};

const BODIES: [(usize, &str); 3] = [(200, "0.2 KiB"), (4 * 1024, "4 KiB"), (64 * 1024, "64 KiB")];

/// Prints what it costs to publish, deliver and acknowledge a message.
pub(crate) fn measure() -> Result<()> {
    let destination = Destination::start()?;
    let yardstick = Server::forwarder(destination.address)?;
    let qstash = Server::qstash()?;
    println!("| body | wrk to destination | forwarder | qstash-dev | CPU of qstash-dev, forwarder = 1 |");
    println!("|---|--:|--:|--:|--:|");
    for (body, name) in BODIES {
        let (mut straight, mut forwarded, mut delivered) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            straight.push(receive(&destination, body)?);
            forwarded.push(send_through(&yardstick, "/", &destination, body)?);
            let path = format!("/v2/publish/http://{}/", destination.address);
            delivered.push(send_through(&qstash, &path, &destination, body)?);
        }
        let ratios = delivered.iter().zip(&forwarded).map(|(ours, theirs)| ours.cpu / theirs.cpu);
        let ratio = median(ratios);
        let [straight, forwarded, delivered] = [&straight, &forwarded, &delivered].map(|costs| show(costs));
        println!("| {name} | {straight} | {forwarded} | {delivered} | {ratio:.2} |");
    }
    Ok(())
}

/// Requests that are received and not sent on.
fn receive(destination: &Destination, body: usize) -> Result<Cost> {
    let (before, cpu) = (destination.received(), process::own_cpu()?);
    let (_, elapsed) = wrk::post(destination.address, "/", &[], body)?;
    Ok(Cost::new(destination.received() - before, elapsed, process::own_cpu()? - cpu))
}

/// Requests that reach the destination through a server.
fn send_through(server: &Server, path: &str, destination: &Destination, body: usize) -> Result<Cost> {
    let (before, cpu) = (destination.received(), server.cpu()?);
    let (accepted, elapsed) = wrk::post(server.address, path, &[], body)?;
    let published = Instant::now();
    let last = destination.wait_for(before + accepted)?;
    let elapsed = elapsed + last.saturating_duration_since(published);
    Ok(Cost::new(destination.received() - before, elapsed, server.cpu()? - cpu))
}

fn show(costs: &[Cost]) -> String {
    let per_second = median(costs.iter().map(|cost| cost.per_second));
    let cpu = median(costs.iter().map(|cost| cost.cpu));
    format!("{per_second:.0}/s, {cpu:.1} µs")
}
