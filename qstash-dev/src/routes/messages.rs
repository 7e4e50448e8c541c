//! `/v2/messages`

use http::StatusCode;
use qstash_broker::{Cancel, Selector};
use serde_json::json;

use super::listing::Parameters;
use crate::{
    call::{ApiCall, Tenant},
    reply::{Refusal, Reply, json},
};

const MOST: usize = 500;

/// Messages that are on their way, or were delivered a moment ago.
pub(crate) async fn answer(tenant: &Tenant, call: &ApiCall) -> Result<Reply, Refusal> {
    let (method, segments) = call.shape();
    match (method, &segments[..]) {
        ("GET", [id]) => get(tenant, (*id).to_owned()).await,
        ("DELETE", [id]) => {
            let not_found = Refusal::not_found(format!("message {id} not found"));
            let selector = Selector::messages([*id]);
            let cancelled = tenant.worker.call(Cancel { selector, most: 1 }).await?;
            if cancelled == 0 { Err(not_found) } else { Ok(counted(cancelled)) }
        }
        ("DELETE", []) => {
            let query = Parameters::read(call)?;
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
            Ok(counted(tenant.worker.call(Cancel { selector: query.selector()?, most }).await?))
        }
        (_, []) => Err(Refusal::method("DELETE")),
        (_, [_]) => Err(Refusal::method("GET, DELETE")),
        _ => Err(call.not_found()),
    }
}

async fn get(tenant: &Tenant, id: String) -> Result<Reply, Refusal> {
    let not_found = Refusal::not_found(format!("message {id} not found"));
    let message = tenant.worker.look(move |broker| broker.message(&id)).await?;
    Ok(json(StatusCode::OK, &message.ok_or(not_found)?))
}

fn counted(cancelled: usize) -> Reply {
    json(StatusCode::OK, &json!({ "cancelled": cancelled }))
}
