//! `/v2/dlq`

use http::{StatusCode, request::Parts};
use qstash_types::DeadLetter;
use serde_json::json;

use super::listing;
use crate::{
    api::Api,
    reply::{Refusal, Reply, json},
};

const MOST: usize = 100;

/// `GET /v2/dlq`: messages that have failed for good, the newest first.
pub(crate) async fn list(api: &Api, head: &Parts) -> Result<Reply, Refusal> {
    let count = listing::count(head, MOST)?;
    let entries: Vec<DeadLetter> =
        api.worker.look(move |broker| broker.dead_letters().take(count).collect()).await?;
    Ok(json(StatusCode::OK, &json!({ "messages": entries })))
}
