//! `/v2/dlq`

use http::StatusCode;
use serde_json::json;

use super::{
    listing::Query,
    logs::listed,
    options::{control_headers, read_options},
};
use crate::{
    broker::{Answer, Command, Cursor, Filter, Page},
    call::{Api, Call},
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
pub(crate) async fn answer(api: &Api, call: &Call) -> Result<Reply, Refusal> {
    let (method, segments) = call.shape();
    match (method, &segments[..]) {
        ("GET", []) => list(api, call).await,
        ("DELETE", []) => {
            let (filter, page) = bulk(call)?;
            let (deleted, cursor) = delete(api, filter, page).await?;
            let mut answer = json!({ "deleted": deleted });
            if let Some(cursor) = cursor {
                answer["cursor"] = cursor.to_string().into();
            }
            Ok(json(StatusCode::OK, &answer))
        }
        ("POST", ["retry"]) => {
            let (filter, page) = bulk(call)?;
            let (receipts, cursor) = retry(api, call, filter, page).await?;
            let cursor = cursor.map_or_else(String::new, |cursor| cursor.to_string());
            Ok(json(StatusCode::CREATED, &json!({ "cursor": cursor, "responses": receipts })))
        }
        ("POST", ["retry", id]) => {
            let (receipts, _) = retry(api, call, Filter::dead_letters([*id]), ONE).await?;
            Ok(json(StatusCode::CREATED, &receipts.first().ok_or_else(|| not_found(id))?))
        }
        ("GET", [id]) => {
            let (not_found, id) = (not_found(id), (*id).to_owned());
            let entry = api.worker.look(move |broker| broker.dead_letter(&id)).await?;
            Ok(json(StatusCode::OK, &entry.ok_or(not_found)?))
        }
        ("DELETE", [id]) => match delete(api, Filter::dead_letters([*id]), ONE).await? {
            (0, _) => Err(not_found(id)),
            _ => Ok(empty()),
        },
        (_, ["retry", ..]) => Err(Refusal::method("POST")),
        (_, [] | [_]) => Err(Refusal::method("GET, DELETE")),
        _ => Err(call.not_found()),
    }
}

const ONE: Page = Page { after: None, count: 1 };

fn not_found(id: &str) -> Refusal {
    Refusal::not_found(format!("dlq message {id} not found"))
}

async fn list(api: &Api, call: &Call) -> Result<Reply, Refusal> {
    let query = Query::read(call)?.without_unknown(&PARAMETERS);
    let (filter, page) = (query.filter()?, query.page(MOST)?);
    let (entries, cursor) = api.worker.look(move |broker| broker.dead_letter_page(&filter, page)).await?;
    Ok(listed("messages", json!(entries), cursor))
}

/// What a change is about. A filter that is not known could mean far too much if it were ignored.
fn bulk(call: &Call) -> Result<(Filter, Page), Refusal> {
    let query = Query::read(call)?;
    query.refuse_no_filters(&PARAMETERS)?;
    Ok((query.filter()?, query.page(MOST)?))
}

async fn delete(api: &Api, filter: Filter, page: Page) -> Result<(usize, Option<Cursor>), Refusal> {
    match api.worker.call(Command::DeleteDeadLetters(filter, page)).await? {
        Answer::Counted(count, cursor) => Ok((count, cursor)),
        _ => Ok((0, None)),
    }
}

async fn retry(
    api: &Api,
    call: &Call,
    filter: Filter,
    page: Page,
) -> Result<(Vec<qstash_types::Receipt>, Option<Cursor>), Refusal> {
    let headers = control_headers(&call.head.headers, call.query())?;
    let mut options = read_options(&headers)?;
    // That of the call describes the filters in its body.
    options.content_type = None;
    match api.worker.call(Command::RetryDeadLetters(filter, page, Box::new(options))).await? {
        Answer::Retried(receipts, cursor) => Ok((receipts, cursor)),
        _ => Ok((Vec::new(), None)),
    }
}
