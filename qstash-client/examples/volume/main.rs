//! Publishes 100,000 messages to a server on this machine that drops one connection in a hundred, and shows that each
//! message exists exactly once while the memory stays flat.
//!
//! ```sh
//! cargo run --release -p qstash-client --no-default-features --features reqwest --example volume
//! ```

#![expect(clippy::print_stdout, reason = "printing is what it is for")]

mod server;

use std::{error::Error, fs, num::NonZeroUsize, pin::pin, time::Instant};

use futures_util::{StreamExt, stream};
use qstash_client::{Client, Message};
use server::Server;

const MESSAGES: usize = 100_000;
const MESSAGES_PER_CALL: NonZeroUsize = NonZeroUsize::new(20).unwrap();
/// More growth than this after the first tenth of the messages is a leak.
const ALLOWED_GROWTH_KIB: u64 = 4 * 1024;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = Server::start(MESSAGES).await?;
    let client = Client::new(server.url(), "a-token")?;
    let messages = stream::iter(0..MESSAGES)
        .map(|number| Message::to("https://example.com/orders").json(&number).retries(3).label("volume"));

    let start = Instant::now();
    let mut results = pin!(client.publisher().batch_messages(MESSAGES_PER_CALL).publish(messages));
    let (mut receipts, mut out_of_order, mut failures) = (0, 0, 0);
    let mut memory = Vec::new();
    while let Some(result) = results.next().await {
        match result {
            Ok(published) if published.message_id().as_str() == format!("msg_{receipts}") => {}
            Ok(_) => out_of_order += 1,
            Err(failed) => {
                failures += 1;
                println!("{failed}: {:?}", failed.error());
            }
        }
        receipts += 1;
        if receipts % (MESSAGES / 10) == 0 {
            memory.extend(resident_kib());
        }
    }
    let seconds = start.elapsed().as_secs_f64();

    let seen = server.seen();
    let growth = memory.iter().max().zip(memory.first()).map(|(most, first)| most - first);
    println!("messages          {MESSAGES}");
    println!("receipts          {receipts}, {out_of_order} out of order, {failures} failed");
    println!("calls             {} of {MESSAGES_PER_CALL} messages", seen.calls);
    println!(
        "dropped           {} before and {} after the call was carried out",
        seen.lost_calls, seen.lost_answers
    );
    println!("lost              {}", seen.missing);
    println!("doubled           {}", seen.doubled);
    println!("sent again        {} messages, recognised by their ids", seen.repeated);
    println!("memory by tenths  {memory:?} KiB");
    println!("growth            {growth:?} KiB after the first tenth");
    #[expect(clippy::cast_precision_loss, reason = "a figure to look at")]
    let rate = MESSAGES as f64 / seconds;
    println!("time              {seconds:.2} s, {rate:.0} messages/s, client and server on one thread");

    let sound = receipts == MESSAGES && out_of_order + failures + seen.missing + seen.doubled == 0;
    let flat = growth.is_none_or(|growth| growth <= ALLOWED_GROWTH_KIB);
    if sound && flat { Ok(()) } else { Err("messages were lost or doubled, or the memory grew".into()) }
}

/// The memory of this process, where the system tells.
fn resident_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
