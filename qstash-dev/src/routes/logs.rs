//! `/v2/logs` and `/v2/events`

use http::StatusCode;
use qstash_types::MessageLog;
use serde_json::{Map, Value, json};

use super::listing::Query;
use crate::{
    broker::Cursor,
    call::{Api, Call},
    reply::{Refusal, Reply, json},
};

const MOST: usize = 1000;

/// What happened to messages, the newest first. The two resources differ in nothing but the name of the list.
pub(crate) async fn answer(api: &Api, call: &Call, name: &'static str) -> Result<Reply, Refusal> {
    let (method, segments) = call.shape();
    match (method, &segments[..]) {
        ("GET", []) => list(api, call, name).await,
        (_, []) => Err(Refusal::method("GET")),
        _ => Err(call.not_found()),
    }
}

async fn list(api: &Api, call: &Call, name: &'static str) -> Result<Reply, Refusal> {
    let query = Query::read(call)?;
    let (filter, page) = (query.filter()?, query.page(MOST)?);
    match query.one("groupBy") {
        None => {
            let (mut entries, cursor) = api.worker.look(move |broker| broker.log_page(&filter, page)).await?;
            api.canceled.apply(&mut entries);
            Ok(listed(name, json!(entries), cursor))
        }
        Some(by) if by.eq_ignore_ascii_case("messageId") => {
            let (mut groups, cursor) =
                api.worker.look(move |broker| broker.log_by_message(&filter, page)).await?;
            api.canceled.apply(groups.iter_mut().flat_map(|(_, entries)| entries));
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
