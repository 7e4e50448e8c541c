//! `/v2/queues`

use std::num::NonZeroU32;

use http::StatusCode;
use qstash_broker::{Activity, Command, DeleteQueue, PutQueue};
use qstash_types::QueueName;
use serde::Deserialize;

use crate::{
    call::{ApiCall, Tenant},
    reply::{Refusal, Reply, empty, json},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct QueueChange {
    queue_name: String,
    parallelism: Option<u32>,
    paused: Option<bool>,
}

/// Queues and what they hold.
pub(crate) async fn answer(tenant: &Tenant, call: &ApiCall) -> Result<Reply, Refusal> {
    let (method, segments) = call.shape();
    match (method, &segments[..]) {
        ("GET", []) => {
            let queues: Vec<_> = tenant.worker.look(|broker| broker.queues().collect()).await?;
            Ok(json(StatusCode::OK, &queues))
        }
        ("POST", []) => put(tenant, call).await,
        ("GET", [name]) => {
            let not_found = Refusal::not_found(format!("queue {name} not found"));
            let name = self::name(name)?;
            let queue = tenant.worker.look(move |broker| broker.queue(name.as_str())).await?;
            Ok(json(StatusCode::OK, &queue.ok_or(not_found)?))
        }
        ("DELETE", [name]) => carry_out(tenant, DeleteQueue(self::name(name)?)).await,
        ("POST", [name, "pause"]) => set(tenant, name, Activity::Paused).await,
        ("POST", [name, "resume"]) => set(tenant, name, Activity::Running).await,
        (_, []) => Err(Refusal::method("GET, POST")),
        (_, [_]) => Err(Refusal::method("GET, DELETE")),
        (_, [_, "pause" | "resume"]) => Err(Refusal::method("POST")),
        _ => Err(call.not_found()),
    }
}

fn name(text: &str) -> Result<QueueName, Refusal> {
    QueueName::new(text).map_err(Refusal::bad_request)
}

async fn put(tenant: &Tenant, call: &ApiCall) -> Result<Reply, Refusal> {
    let wanted: QueueChange = serde_json::from_slice(&call.body)
        .map_err(|error| Refusal::bad_request(format!("body: expected a queue: {error}")))?;
    let parallelism = match wanted.parallelism {
        Some(parallelism) => Some(
            NonZeroU32::new(parallelism)
                .ok_or_else(|| Refusal::bad_request("parallelism: expected at least 1"))?,
        ),
        None => None,
    };
    let activity = wanted.paused.map(|paused| if paused { Activity::Paused } else { Activity::Running });
    carry_out(tenant, PutQueue { name: name(&wanted.queue_name)?, parallelism, activity }).await
}

async fn set(tenant: &Tenant, name: &str, activity: Activity) -> Result<Reply, Refusal> {
    let name = self::name(name)?;
    carry_out(tenant, PutQueue { name, parallelism: None, activity: Some(activity) }).await
}

/// Has something done that is answered with nothing.
pub(super) async fn carry_out(tenant: &Tenant, command: impl Command<Answer = ()>) -> Result<Reply, Refusal> {
    tenant.worker.call(command).await?;
    Ok(empty())
}
