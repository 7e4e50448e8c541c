//! `/v2/batch`

use std::{collections::BTreeMap, fmt};

use http::StatusCode;
use qstash_types::QueueName;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, SeqAccess, Visitor},
};
use serde_json::{Value, json};

use super::{
    options::{Values, header_map},
    publish::{accepted, assemble, destination},
};
use crate::{
    api::{Api, Call},
    broker::{Accepted, LONGEST_BODY, Publication},
    reply::{Refusal, Reply, json},
};

/// The most items of a batch: one of two bytes takes up hundreds of them before it is answered.
const MOST_ITEMS: usize = 100_000;

/// The items of a batch, read no further than there may be any.
struct Items(Vec<Value>);

impl<'de> Deserialize<'de> for Items {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ItemsVisitor).map(Self)
    }
}

struct ItemsVisitor;

impl<'de> Visitor<'de> for ItemsVisitor {
    type Value = Vec<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Vec<Value>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element()? {
            if items.len() == MOST_ITEMS {
                return Err(A::Error::custom(format!("more than {MOST_ITEMS} messages")));
            }
            items.push(item);
        }
        Ok(items)
    }
}

/// A publish or enqueue request among others. Absent, `null` and empty are the same.
#[derive(Deserialize)]
struct Item {
    destination: Option<String>,
    headers: Option<BTreeMap<String, Values>>,
    body: Option<String>,
    queue: Option<String>,
}

/// `POST /v2/batch`: an item that is refused leaves the others alone.
pub(crate) async fn answer(api: &Api, call: &Call) -> Result<Reply, Refusal> {
    let (method, segments) = call.shape();
    match (method, &segments[..]) {
        ("POST", []) => {}
        (_, []) => return Err(Refusal::method("POST")),
        _ => return Err(call.not_found()),
    }
    let Items(items) = serde_json::from_slice(&call.body)
        .map_err(|error| Refusal::bad_request(format!("body: expected an array of messages: {error}")))?;
    let mut answers = Vec::with_capacity(items.len());
    for item in items {
        answers.push(match send(api, call, item).await {
            Ok(accepted) => json!(accepted),
            Err(refusal) => json!({ "error": refusal.error() }),
        });
    }
    Ok(json(StatusCode::OK, &answers))
}

async fn send(api: &Api, call: &Call, item: Value) -> Result<Accepted, Refusal> {
    accepted(api, publication(call, item)?).await
}

fn publication(call: &Call, item: Value) -> Result<Publication, Refusal> {
    let item: Item = serde_json::from_value(item).map_err(Refusal::bad_request)?;
    let body = item.body.unwrap_or_default();
    if body.len() > LONGEST_BODY {
        return Err(Refusal::bad_request(format!("body: longer than {LONGEST_BODY} bytes")));
    }
    let headers = header_map(item.headers.unwrap_or_default())?;
    let destination = destination(&item.destination.unwrap_or_default())?;
    let mut publication = assemble(destination, &headers, body.into(), call.caller)?;
    if let Some(queue) = item.queue.filter(|queue| !queue.is_empty()) {
        publication.options.queue = Some(QueueName::new(queue).map_err(Refusal::bad_request)?);
    }
    Ok(publication)
}
