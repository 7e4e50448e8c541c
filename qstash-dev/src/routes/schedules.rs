//! `/v2/schedules`

use http::StatusCode;
use qstash_broker::{Activity, DeleteSchedule, Publication, PutSchedule, SetSchedule};
use qstash_types::{Cron, ScheduleId, Start, header};
use serde_json::json;

use super::{
    delivery_options::{control_headers, forwardable, read_options},
    publish::read_destination,
    queues::carry_out,
};
use crate::{
    call::{ApiCall, Tenant},
    reply::{Refusal, Reply, json},
};

/// Schedules: messages that are published again and again.
pub(crate) async fn answer(tenant: &Tenant, call: &ApiCall) -> Result<Reply, Refusal> {
    let (method, segments) = call.shape();
    match (method, &segments[..]) {
        ("GET", []) => {
            let schedules: Vec<_> = tenant.worker.look(|broker| broker.schedules().collect()).await?;
            Ok(json(StatusCode::OK, &schedules))
        }
        // Official clients use both methods.
        ("POST" | "PATCH", [id, "pause"]) => {
            carry_out(tenant, SetSchedule(self::id(id)?, Activity::Paused)).await
        }
        ("POST" | "PATCH", [id, "resume"]) => {
            carry_out(tenant, SetSchedule(self::id(id)?, Activity::Running)).await
        }
        ("POST", _) => create(tenant, call).await,
        ("GET", [id]) => {
            let (not_found, id) = (not_found(id), (*id).to_owned());
            let schedule = tenant.worker.look(move |broker| broker.schedule(&id)).await?;
            Ok(json(StatusCode::OK, &schedule.ok_or(not_found)?))
        }
        ("DELETE", [id]) => carry_out(tenant, DeleteSchedule(self::id(id)?)).await,
        (_, []) => Err(Refusal::method("GET, POST")),
        (_, [_, "pause" | "resume"]) => Err(Refusal::method("PATCH, POST")),
        (_, [_]) => Err(Refusal::method("GET, POST, DELETE")),
        _ => Err(Refusal::method("POST")),
    }
}

fn not_found(id: &str) -> Refusal {
    Refusal::not_found(format!("schedule {id} not found"))
}

/// A text that cannot be the id of a schedule is not that of one.
fn id(text: &str) -> Result<ScheduleId, Refusal> {
    ScheduleId::new(text).map_err(|_| not_found(text))
}

async fn create(tenant: &Tenant, call: &ApiCall) -> Result<Reply, Refusal> {
    let headers = control_headers(&call.head.headers, call.query())?;
    let destination = read_destination(&call.rest, call.query())?;
    let cron = headers.get(header::CRON).ok_or_else(|| Refusal::bad_header(&header::CRON, "needed"))?;
    let cron = str::from_utf8(cron.as_bytes()).unwrap_or_default();
    let cron: Cron = cron.parse().map_err(|error| Refusal::bad_header(&header::CRON, error))?;
    let options = read_options(&headers)?;
    if let Some(Start::At(_)) = options.start {
        return Err(Refusal::bad_header(&header::NOT_BEFORE, "schedules can only delay their messages"));
    }
    let publication = Publication {
        destination,
        options,
        headers: forwardable(&headers),
        body: call.body.clone(),
        caller_ip: call.caller,
    };
    let id = tenant.worker.call(PutSchedule { cron: Box::new(cron), publication }).await?;
    Ok(json(StatusCode::OK, &json!({ "scheduleId": id })))
}
