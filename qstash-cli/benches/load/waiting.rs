//! Messages that wait: the memory that they take up, and what they cost those that do not.

use bytes::Bytes;

use crate::{
    Result,
    delivery::{SMALL, send_through},
    destination::Destination,
    generator::{Limit, PUBLISHERS, Publishers, publish},
    process::{Kind, Server},
    rounds::{ROUNDS, median},
};

const WAITING: [u64; 5] = [0, 1_000, 10_000, 100_000, 1_000_000];
const DEDUPLICATED: u64 = 100_000;
/// Nothing is ever delivered there.
const PATH: &str = "/v2/publish/http://127.0.0.1:9/";

/// Prints what a message costs beside others that wait, and how much memory those take up.
pub(crate) fn measure() -> Result<()> {
    let destination = Destination::start()?;
    let [empty, filled] = [Server::start(Kind::Qstash)?, Server::start(Kind::Qstash)?];
    let at_first = filled.memory()?;
    println!("\n| messages waiting | qstash-dev | CPU, none waiting = 1 |\n|--:|--:|--:|");
    let mut waiting = 0;
    for level in WAITING {
        fill(&filled, level - waiting, |_| None)?;
        waiting = level;
        let (mut costs, mut ratios) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let [beside_none, beside_many] = [&empty, &filled]
                .map(|server| send_through(Kind::Qstash, server, &destination, SMALL, PUBLISHERS));
            let (beside_none, beside_many) = (beside_none?, beside_many?);
            ratios.push(beside_many.cpu / beside_none.cpu);
            costs.push(beside_many.cpu);
        }
        println!("| {level} | {:.1} µs | {:.2} |", median(costs), median(ratios));
    }
    // The log is full by now, and takes up as much on both.
    let log = empty.memory()? - at_first;
    let full = filled.memory()?;
    let each = (full - log - at_first) / waiting;
    fill(&filled, DEDUPLICATED, |number| Some(format!("{number:032x}")))?;
    let deduplicated = (filled.memory()? - full) / DEDUPLICATED;
    println!("\nbytes of a message that waits, of which {SMALL} are its body: {each}");
    println!("the same with a deduplication id, while its window is open: {deduplicated}");
    Ok(())
}

/// Publishes messages as clients do: one call for each, delays as they come.
fn fill(server: &Server, messages: u64, deduplication_id: fn(u64) -> Option<String>) -> Result<()> {
    let (to, body) = (server.address, Bytes::from(vec![b'7'; SMALL]));
    let request = move |number: u64| {
        let delay = 86_400 + number * 7919 % 86_400;
        let mut head = publish(to, PATH).header("Upstash-Delay", format!("{delay}s"));
        if let Some(id) = deduplication_id(number) {
            head = head.header("Upstash-Deduplication-Id", id);
        }
        Ok(head.body(body.clone().into())?)
    };
    Publishers::connect(to, PUBLISHERS)?.send(Limit::Messages(messages), &request)?;
    Ok(())
}
