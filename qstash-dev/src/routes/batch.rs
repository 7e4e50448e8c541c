//! `/v2/batch`

use std::fmt;

use http::StatusCode;
use qstash_types::QueueName;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, SeqAccess, Visitor},
};
use serde_json::{Map, Value, json};

use super::{
    options::header_map,
    publish::{accepted, assemble, destination},
};
use crate::{
    broker::{Command, LONGEST_BODY, Publication},
    call::{Api, Call},
    reply::{Refusal, Reply, json},
};

/// The most messages of a batch: one of two bytes takes up hundreds of them before it is answered.
const MOST_ITEMS: usize = 100_000;

/// Publish and enqueue requests, each to be read by itself, and no more of them than there may be.
struct Items(Vec<Value>);

impl<'de> Deserialize<'de> for Items {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ItemsVisitor)
    }
}

struct ItemsVisitor;

impl<'de> Visitor<'de> for ItemsVisitor {
    type Value = Items;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Items, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            if items.len() == MOST_ITEMS {
                return Err(A::Error::custom(format_args!("more than {MOST_ITEMS} messages")));
            }
            items.push(item);
        }
        Ok(Items(items))
    }
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
    // All are on their way before the first one is waited for: with a store, they share its commits.
    let publish = |item| Ok(api.worker.begin(Command::Publish(publication(call, item)?)));
    let on_their_way: Vec<Result<_, Refusal>> = items.into_iter().map(publish).collect();
    let mut answers = Vec::with_capacity(on_their_way.len());
    for publish in on_their_way {
        let answer = match publish {
            Ok(publish) => publish.await,
            Err(refusal) => Err(refusal),
        };
        answers.push(match answer {
            Ok(answer) => json!(accepted(answer)),
            Err(refusal) => json!({ "error": refusal.error() }),
        });
    }
    Ok(json(StatusCode::OK, &answers))
}

fn publication(call: &Call, item: Value) -> Result<Publication, Refusal> {
    let Value::Object(mut item) = item else {
        return Err(Refusal::bad_request("expected a message, which is an object"));
    };
    let body = text(&mut item, "body")?;
    if body.len() > LONGEST_BODY {
        return Err(Refusal::bad_request(format!("body: longer than {LONGEST_BODY} bytes")));
    }
    let headers = match item.remove("headers") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(headers)) => headers,
        Some(_) => return Err(Refusal::bad_request("headers: expected an object")),
    };
    let destination = destination(&text(&mut item, "destination")?)?;
    let mut publication = assemble(destination, &header_map(headers)?, body.into(), call.caller)?;
    let queue = text(&mut item, "queue")?;
    if !queue.is_empty() {
        publication.options.queue = Some(QueueName::new(queue).map_err(Refusal::bad_request)?);
    }
    Ok(publication)
}

/// A field of an item. Absent, `null` and empty are the same.
fn text(item: &mut Map<String, Value>, name: &str) -> Result<String, Refusal> {
    match item.remove(name) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(Refusal::bad_request(format!("{name}: expected a text"))),
    }
}
