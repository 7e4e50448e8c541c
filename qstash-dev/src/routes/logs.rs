//! `/v2/logs` and `/v2/events`

use std::collections::BTreeMap;

use http::{StatusCode, request::Parts};
use qstash_types::LogEntry;

use super::listing;
use crate::{
    api::Api,
    reply::{Refusal, Reply, json},
};

const MOST: usize = 1000;

/// `GET /v2/logs` and `GET /v2/events`: what happened to messages, the newest first. The two differ in nothing but the
/// name of the list.
pub(crate) async fn list(api: &Api, head: &Parts, name: &'static str) -> Result<Reply, Refusal> {
    let count = listing::count(head, MOST)?;
    let entries: Vec<LogEntry> = api.worker.look(move |broker| broker.log().take(count).collect()).await?;
    Ok(json(StatusCode::OK, &BTreeMap::from([(name, entries)])))
}
