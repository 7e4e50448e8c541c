//! `/v2/flowControl` and `/v2/globalParallelism`

use std::{num::NonZeroU32, time::Duration};

use http::StatusCode;
use qstash_broker::{Activity, Broker, ChangeFlowControl, FlowChange};
use qstash_types::{FlowControlKey, GlobalParallelism};

use super::{listing::Parameters, queues::carry_out};
use crate::{
    call::{ApiCall, Tenant},
    reply::{Refusal, Reply, json},
};

const LONGEST_PERIOD: u64 = 7 * 24 * 60 * 60;

/// Flow-control keys.
pub(crate) async fn answer(tenant: &Tenant, call: &ApiCall) -> Result<Reply, Refusal> {
    let (method, segments) = call.shape();
    match (method, &segments[..]) {
        ("GET", []) => {
            let text = Parameters::read(call)?.one("search").unwrap_or_default().to_owned();
            let keys: Vec<_> =
                tenant.worker.look_now(move |broker, now| broker.flow_controls(now, &text).collect()).await?;
            Ok(json(StatusCode::OK, &keys))
        }
        ("GET", [key]) => {
            let not_found = Refusal::not_found(format!("flow-control key {key} not found"));
            let key = (*key).to_owned();
            let found = tenant.worker.look_now(move |broker, now| broker.flow_control(now, &key)).await?;
            Ok(json(StatusCode::OK, &found.ok_or(not_found)?))
        }
        ("POST", [key, verb]) => {
            let key = FlowControlKey::new(key).map_err(Refusal::bad_request)?;
            let query = Parameters::read(call)?;
            let change = match *verb {
                "pause" => FlowChange::Set(Activity::Paused),
                "resume" => FlowChange::Set(Activity::Running),
                "pin" => pin(&query)?,
                "unpin" => FlowChange::Unpin {
                    parallelism: flag(&query, "parallelism")?,
                    rate: flag(&query, "rate")?,
                },
                "resetrate" | "reset" => FlowChange::ResetRate,
                _ => return Err(call.not_found()),
            };
            carry_out(tenant, ChangeFlowControl(key, change)).await
        }
        (_, [] | [_]) => Err(Refusal::method("GET")),
        (_, [_, "pause" | "resume" | "pin" | "unpin" | "resetrate" | "reset"]) => {
            Err(Refusal::method("POST"))
        }
        _ => Err(call.not_found()),
    }
}

/// `GET /v2/globalParallelism`: how many attempts run, and may run, at the same time.
pub(crate) async fn global(tenant: &Tenant, call: &ApiCall) -> Result<Reply, Refusal> {
    let (method, segments) = call.shape();
    match (method, &segments[..]) {
        ("GET", []) => {
            let (count, most) = tenant.worker.look(Broker::parallelism).await?;
            let (parallelism_count, parallelism_max) = (count as u64, most as u64);
            Ok(json(StatusCode::OK, &GlobalParallelism::new(parallelism_max, parallelism_count)))
        }
        (_, []) => Err(Refusal::method("GET")),
        _ => Err(call.not_found()),
    }
}

fn pin(query: &Parameters) -> Result<FlowChange, Refusal> {
    let number = |name: &str| match query.one(name) {
        None => Ok(None),
        Some(text) => text
            .parse::<NonZeroU32>()
            .map(Some)
            .map_err(|_| Refusal::bad_request(format!("{name}: expected a whole number above zero"))),
    };
    let (parallelism, rate, period) = (number("parallelism")?, number("rate")?, number("period")?);
    let period = period.map_or(1, |period| u64::from(period.get()));
    if period > LONGEST_PERIOD {
        return Err(Refusal::bad_request("period: at most a week"));
    }
    let rate = rate.map(|rate| (rate, Duration::from_secs(period)));
    if parallelism.is_none() && rate.is_none() {
        return Err(Refusal::bad_request("parallelism: needed, unless there is a rate"));
    }
    Ok(FlowChange::Pin { parallelism, rate })
}

fn flag(query: &Parameters, name: &str) -> Result<bool, Refusal> {
    match query.one(name) {
        None => Ok(false),
        Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        Some(_) => Err(Refusal::bad_request(format!("{name}: expected true or false"))),
    }
}
