//! The client does everything that the public documentation of the API describes, which `api.txt` sums up, except for what
//! `omissions.txt` lists with a reason.
//!
//! What the client does is not declared but seen: every verb is called against a server that answers with samples, which
//! are made of the description. A parameter is supported when it was sent, a field of an answer when its sample value came
//! out of the client.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod calls;
mod capabilities;
mod description;
mod notation;
mod sample;
mod server;

use std::collections::{BTreeMap, BTreeSet};

use description::Description;
use server::Server;

/// What is left out, and why.
fn omissions() -> BTreeMap<&'static str, &'static str> {
    let lines =
        include_str!("omissions.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let omissions = lines.map(|line| line.split_once(" | ").unwrap()).collect::<BTreeMap<_, _>>();
    assert!(omissions.values().all(|reason| reason.len() > 20), "an omission needs a reason");
    omissions
}

fn listed(difference: &BTreeSet<&str>) -> String {
    difference.iter().fold(String::new(), |list, fact| list + "\n  " + fact)
}

#[tokio::test]
async fn everything_in_the_description_is_supported_or_left_out_on_purpose() {
    let description = Description::read(include_str!("api.txt"));
    let wanted = description.facts();
    let server = Server::new(description);
    for round in 0..server.rounds() {
        for call in calls::ALL {
            server.watch(round, *call).await;
        }
    }
    let supported = server.facts();

    let (wanted, supported) = (refs(&wanted), refs(&supported));
    let omitted: BTreeSet<_> = omissions().into_keys().collect();
    let missing = &(&wanted - &supported) - &omitted;
    assert!(missing.is_empty(), "neither supported nor listed in omissions.txt:{}", listed(&missing));
    let gone = &omitted - &wanted;
    assert!(gone.is_empty(), "omissions that the description does not contain:{}", listed(&gone));
    let needless = &omitted & &supported;
    assert!(needless.is_empty(), "omissions that are supported:{}", listed(&needless));
}

fn refs(facts: &BTreeSet<String>) -> BTreeSet<&str> {
    facts.iter().map(String::as_str).collect()
}
