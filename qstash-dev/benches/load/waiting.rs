//! Messages that wait.

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::task::JoinSet;

use crate::{
    Result,
    process::{Server, TOKEN},
    rounds::{Cost, ROUNDS, median},
    wrk,
};

const MESSAGES: u64 = 1_000_000;
const DEDUPLICATED: u64 = 100_000;
const PUBLISHERS: u64 = 16;
const BODY: usize = 200;
/// Nothing is ever delivered there.
const PATH: &str = "/v2/publish/http://127.0.0.1:9/";

/// Prints how much memory a million messages that wait take up, and what they cost those that come after them.
pub(crate) fn measure() -> Result<()> {
    let full = Server::qstash()?;
    let empty = full.memory()?;
    fill(&full, MESSAGES, |_| None)?;
    let filled = full.memory()?;
    fill(&full, DEDUPLICATED, |number| Some(format!("{number:032x}")))?;
    let each = (filled - empty) / MESSAGES;
    let deduplicated = (full.memory()? - filled) / DEDUPLICATED;
    println!("\nbytes of a message that waits, of which {BODY} are its body: {each}");
    println!("the same with a deduplication id, while its window is open: {deduplicated}");

    let (mut beside_none, mut beside_many) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        beside_none.push(publish(&Server::qstash()?)?);
        beside_many.push(publish(&full)?);
    }
    println!("\n| messages waiting | published per second | CPU per message |");
    println!("|---|--:|--:|");
    for (name, costs) in [("none", &beside_none), ("1,000,000", &beside_many)] {
        let per_second = median(costs.iter().map(|cost| cost.per_second));
        let cpu = median(costs.iter().map(|cost| cost.cpu));
        println!("| {name} | {per_second:.0} | {cpu:.1} µs |");
    }
    let pairs = || beside_many.iter().zip(&beside_none);
    let per_second = median(pairs().map(|(many, none)| many.per_second / none.per_second));
    let cpu = median(pairs().map(|(many, none)| many.cpu / none.cpu));
    println!("| ratio | {per_second:.2} | {cpu:.2} |");
    Ok(())
}

fn publish(server: &Server) -> Result<Cost> {
    let cpu = server.cpu()?;
    let (accepted, elapsed) = wrk::post(server.address, PATH, &[("Upstash-Delay", "7d")], BODY)?;
    Ok(Cost::new(accepted, elapsed, server.cpu()? - cpu))
}

/// Publishes messages as clients do: one call for each, delays as they come.
#[tokio::main(flavor = "current_thread")]
async fn fill(server: &Server, messages: u64, deduplication_id: fn(u64) -> Option<String>) -> Result<()> {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
    let uri: http::Uri = format!("http://{}{PATH}", server.address).parse()?;
    let mut publishers = JoinSet::new();
    for publisher in 0..PUBLISHERS {
        let (client, uri) = (client.clone(), uri.clone());
        publishers.spawn(async move {
            for number in (publisher..messages).step_by(usize::try_from(PUBLISHERS)?) {
                let delay = 86_400 + number * 7919 % 86_400;
                let mut request = Request::post(uri.clone())
                    .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
                    .header(header::CONTENT_TYPE, "application/json")
                    .header("Upstash-Delay", format!("{delay}s"));
                if let Some(id) = deduplication_id(number) {
                    request = request.header("Upstash-Deduplication-Id", id);
                }
                let answer = client.request(request.body(Bytes::from(vec![b'7'; BODY]).into())?).await?;
                if !answer.status().is_success() {
                    return Err(format!("a message was answered {}", answer.status()).into());
                }
                answer.into_body().collect().await?;
            }
            Ok(())
        });
    }
    publishers.join_all().await.into_iter().collect()
}
