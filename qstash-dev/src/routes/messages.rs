//! `/v2/messages`

use http::StatusCode;
use serde_json::json;

use super::listing::Query;
use crate::{
    broker::{Answer, Command, Filter},
    call::{Api, Call},
    reply::{Refusal, Reply, json},
};

const MOST: usize = 500;

/// Messages that are on their way, or were delivered a moment ago.
pub(crate) async fn answer(api: &Api, call: &Call) -> Result<Reply, Refusal> {
    let (method, segments) = call.shape();
    match (method, &segments[..]) {
        ("GET", [id]) => get(api, (*id).to_owned()).await,
        ("DELETE", [id]) => {
            let not_found = Refusal::not_found(format!("message {id} not found"));
            let cancelled = cancel(api, Filter::messages([*id]), 1).await?;
            if cancelled == 0 { Err(not_found) } else { Ok(counted(cancelled)) }
        }
        ("DELETE", []) => {
            let query = Query::read(call)?;
            query.refuse_no_filters(&[
                "messageIds",
                "topicName",
                "queueName",
                "scheduleId",
                "url",
                "host",
                "path",
                "label",
                "flowControlKey",
                "callerIp",
                "fromDate",
                "toDate",
                "count",
            ])?;
            let most = query.count(MOST)?.unwrap_or(usize::MAX);
            Ok(counted(cancel(api, query.filter()?, most).await?))
        }
        (_, []) => Err(Refusal::method("DELETE")),
        (_, [_]) => Err(Refusal::method("GET, DELETE")),
        _ => Err(call.not_found()),
    }
}

async fn get(api: &Api, id: String) -> Result<Reply, Refusal> {
    let not_found = Refusal::not_found(format!("message {id} not found"));
    let message = api.worker.look(move |broker| broker.message(&id)).await?;
    Ok(json(StatusCode::OK, &message.ok_or(not_found)?))
}

async fn cancel(api: &Api, filter: Filter, most: usize) -> Result<usize, Refusal> {
    match api.worker.call(Command::Cancel(filter, most)).await? {
        Answer::Counted(count, _) => Ok(count),
        _ => Ok(0),
    }
}

fn counted(cancelled: usize) -> Reply {
    json(StatusCode::OK, &json!({ "cancelled": cancelled }))
}
