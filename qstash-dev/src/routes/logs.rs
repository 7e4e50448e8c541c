//! `/v2/logs` and `/v2/events`

use http::StatusCode;
use qstash_broker::Cursor;
use qstash_types::MessageLog;
use serde_json::{Map, Value, json};

use super::listing::{DEFAULT_COUNT, Parameters};
use crate::{
    call::{ApiCall, Tenant},
    reply::{Refusal, Reply, json},
};

const MOST: usize = 1000;

/// `/v2/logs`: what happened to messages, the newest first.
pub(crate) async fn logs(tenant: &Tenant, call: &ApiCall) -> Result<Reply, Refusal> {
    answer(tenant, call, "logs", DEFAULT_COUNT).await
}

/// `/v2/events`: the same under another name, and as much as there may be unless a call says how much it wants.
pub(crate) async fn events(tenant: &Tenant, call: &ApiCall) -> Result<Reply, Refusal> {
    answer(tenant, call, "events", MOST).await
}

async fn answer(
    tenant: &Tenant,
    call: &ApiCall,
    name: &'static str,
    default: usize,
) -> Result<Reply, Refusal> {
    let (method, segments) = call.shape();
    match (method, &segments[..]) {
        ("GET", []) => list(tenant, call, name, default).await,
        (_, []) => Err(Refusal::method("GET")),
        _ => Err(call.not_found()),
    }
}

async fn list(tenant: &Tenant, call: &ApiCall, name: &'static str, default: usize) -> Result<Reply, Refusal> {
    let query = Parameters::read(call)?;
    let (selector, page) = (query.selector()?, query.page(default, MOST)?);
    match query.one("groupBy") {
        None => {
            let (mut entries, cursor) =
                tenant.worker.look(move |broker| broker.log_page(&selector, page)).await?;
            tenant.canceled.apply(&mut entries);
            Ok(listed(name, json!(entries), cursor))
        }
        Some(by) if by.eq_ignore_ascii_case("messageId") => {
            let (mut groups, cursor) =
                tenant.worker.look(move |broker| broker.log_by_message(&selector, page)).await?;
            tenant.canceled.apply(groups.iter_mut().flat_map(|(_, entries)| entries));
            let groups = groups.into_iter().map(|(message_id, entries)| MessageLog::new(message_id, entries));
            Ok(listed("messages", json!(groups.collect::<Vec<_>>()), cursor))
        }
        Some(_) => Err(Refusal::bad_request("groupBy: expected messageId")),
    }
}

/// A page of a listing; without a cursor it is the last one.
pub(super) fn listed(name: &str, entries: Value, cursor: Option<Cursor>) -> Reply {
    let mut page = Map::from_iter([(name.to_owned(), entries)]);
    if let Some(cursor) = cursor {
        page.insert("cursor".to_owned(), cursor.to_string().into());
    }
    json(StatusCode::OK, &page)
}
