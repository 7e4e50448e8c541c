//! `/v2/dlq`

use http::StatusCode;
use qstash_broker::{
    DeleteDeadLetters, DeletedDeadLetters, PageRequest, RetriedDeadLetters, RetryDeadLetters, Selector,
};
use serde_json::json;

use super::{
    delivery_options::{control_headers, read_options},
    listing::{DEFAULT_COUNT, Parameters},
    logs::listed,
};
use crate::{
    call::{ApiCall, Tenant},
    reply::{Refusal, Reply, empty, json},
};

const MOST: usize = 100;
/// What a dead letter is found by. Neither `host` nor `path` is among it.
const PARAMETERS: [&str; 14] = [
    "dlqIds",
    "messageId",
    "url",
    "topicName",
    "scheduleId",
    "queueName",
    "responseStatus",
    "callerIp",
    "label",
    "flowControlKey",
    "fromDate",
    "toDate",
    "count",
    "cursor",
];

/// Messages that have failed for good, the newest first.
pub(crate) async fn answer(tenant: &Tenant, call: &ApiCall) -> Result<Reply, Refusal> {
    let (method, segments) = call.shape();
    match (method, &segments[..]) {
        ("GET", []) => list(tenant, call).await,
        ("DELETE", []) => {
            let (selector, page) = bulk(call)?;
            let DeletedDeadLetters { count, cursor } =
                tenant.worker.call(DeleteDeadLetters { selector, page }).await?;
            let mut answer = json!({ "deleted": count });
            if let Some(cursor) = cursor {
                answer["cursor"] = cursor.to_string().into();
            }
            Ok(json(StatusCode::OK, &answer))
        }
        ("POST", ["retry"]) => {
            let (selector, page) = bulk(call)?;
            let RetriedDeadLetters { receipts, cursor } = retry(tenant, call, selector, page).await?;
            let cursor = cursor.map_or_else(String::new, |cursor| cursor.to_string());
            Ok(json(StatusCode::CREATED, &json!({ "cursor": cursor, "responses": receipts })))
        }
        ("POST", ["retry", id]) => {
            let RetriedDeadLetters { receipts, .. } =
                retry(tenant, call, Selector::dead_letters([*id]), ONE).await?;
            Ok(json(StatusCode::CREATED, &receipts.first().ok_or_else(|| not_found(id))?))
        }
        ("GET", [id]) => {
            let (not_found, id) = (not_found(id), (*id).to_owned());
            let entry = tenant.worker.look(move |broker| broker.dead_letter(&id)).await?;
            Ok(json(StatusCode::OK, &entry.ok_or(not_found)?))
        }
        ("DELETE", [id]) => {
            let selector = Selector::dead_letters([*id]);
            let deleted = tenant.worker.call(DeleteDeadLetters { selector, page: ONE }).await?;
            if deleted.count == 0 { Err(not_found(id)) } else { Ok(empty()) }
        }
        (_, ["retry", ..]) => Err(Refusal::method("POST")),
        (_, [] | [_]) => Err(Refusal::method("GET, DELETE")),
        _ => Err(call.not_found()),
    }
}

const ONE: PageRequest = PageRequest { after: None, count: 1 };

fn not_found(id: &str) -> Refusal {
    Refusal::not_found(format!("dlq message {id} not found"))
}

async fn list(tenant: &Tenant, call: &ApiCall) -> Result<Reply, Refusal> {
    let query = Parameters::read(call)?.without_unknown(&PARAMETERS);
    let (selector, page) = part(&query)?;
    let (entries, cursor) =
        tenant.worker.look(move |broker| broker.dead_letter_page(&selector, page)).await?;
    Ok(listed("messages", json!(entries), cursor))
}

/// What a change is about. A filter that is not known could mean far too much if it were ignored.
fn bulk(call: &ApiCall) -> Result<(Selector, PageRequest), Refusal> {
    let query = Parameters::read(call)?;
    query.refuse_no_filters(&PARAMETERS)?;
    part(&query)
}

/// Which entries are meant, and how many of them. Whoever names entries means all of them: official clients take no cursor
/// then.
fn part(query: &Parameters) -> Result<(Selector, PageRequest), Refusal> {
    let selector = query.selector()?;
    let default = if selector.dlq_ids.is_empty() { DEFAULT_COUNT } else { usize::MAX };
    let page = query.page(default, MOST)?;
    Ok((selector, page))
}

async fn retry(
    tenant: &Tenant,
    call: &ApiCall,
    selector: Selector,
    page: PageRequest,
) -> Result<RetriedDeadLetters, Refusal> {
    let headers = control_headers(&call.head.headers, call.query())?;
    let mut changes = Box::new(read_options(&headers)?);
    // The content type of this request describes the filters in its body, not the message.
    changes.content_type = None;
    tenant.worker.call(RetryDeadLetters { selector, page, changes }).await
}
