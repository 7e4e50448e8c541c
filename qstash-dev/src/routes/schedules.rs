//! `/v2/schedules`

use http::StatusCode;
use qstash_types::{Cron, ScheduleId, Start, header};
use serde_json::json;

use super::{
    options::{control_headers, forwardable, read_options},
    publish::read_destination,
    queues::carry_out,
};
use crate::{
    broker::{Activity, Answer, Command, Publication},
    call::{Api, Call},
    reply::{Refusal, Reply, json},
};

/// Schedules: messages that are published again and again.
pub(crate) async fn answer(api: &Api, call: &Call) -> Result<Reply, Refusal> {
    let (method, segments) = call.shape();
    match (method, &segments[..]) {
        ("GET", []) => {
            let schedules: Vec<_> = api.worker.look(|broker| broker.schedules().collect()).await?;
            Ok(json(StatusCode::OK, &schedules))
        }
        // Official clients use both methods.
        ("POST" | "PATCH", [id, "pause"]) => {
            carry_out(api, Command::SetSchedule(self::id(id)?, Activity::Paused)).await
        }
        ("POST" | "PATCH", [id, "resume"]) => {
            carry_out(api, Command::SetSchedule(self::id(id)?, Activity::Running)).await
        }
        ("POST", _) => create(api, call).await,
        ("GET", [id]) => {
            let (not_found, id) = (not_found(id), (*id).to_owned());
            let schedule = api.worker.look(move |broker| broker.schedule(&id)).await?;
            Ok(json(StatusCode::OK, &schedule.ok_or(not_found)?))
        }
        ("DELETE", [id]) => carry_out(api, Command::DeleteSchedule(self::id(id)?)).await,
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

async fn create(api: &Api, call: &Call) -> Result<Reply, Refusal> {
    let headers = control_headers(&call.head.headers, call.query())?;
    let destination = read_destination(&call.rest, call.query())?;
    let cron = headers.get(header::CRON).ok_or_else(|| Refusal::bad_request("Upstash-Cron: needed"))?;
    let cron = str::from_utf8(cron.as_bytes()).unwrap_or_default();
    let cron: Cron = cron.parse().map_err(|error| Refusal::bad_request(format!("Upstash-Cron: {error}")))?;
    let options = read_options(&headers)?;
    if let Some(Start::At(_)) = options.start {
        return Err(Refusal::bad_request("Upstash-Not-Before: schedules can only delay their messages"));
    }
    let publication = Publication {
        destination,
        options,
        headers: forwardable(&headers),
        body: call.body.clone(),
        caller_ip: call.caller,
    };
    match api.worker.call(Command::PutSchedule(Box::new(cron), publication)).await? {
        Answer::Scheduled(id) => Ok(json(StatusCode::OK, &json!({ "scheduleId": id }))),
        other => unreachable!("a schedule is not answered {other:?}"),
    }
}
