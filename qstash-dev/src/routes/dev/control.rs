//! Time, faults, and what waits: what a test does by `DevServer` in Rust, anybody can do by HTTP.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use qstash_broker::{Awaited, DeliverNow, RunSchedule, Unfinished};
use qstash_types::{LogState, MessageId, ScheduleId, Url};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::fields::{Fields, bad, needed};
use crate::{
    AimedFault,
    api::Service,
    call::Tenant,
    fault::FaultId,
    query,
    reply::{self, Refusal, Reply},
};

/// How far one call may move the clock. Nobody waits for what lies further ahead.
const LONGEST_ADVANCE: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
/// How long a call may wait for something, in real time.
const LONGEST_WAIT: Duration = Duration::from_secs(10 * 60);
/// How long it waits unless something else is wanted.
const USUAL_WAIT: Duration = Duration::from_secs(30);
/// How many messages a page of what waits has.
const MOST_UNFINISHED: usize = 100;
/// What a server that keeps something wants to be told before it forgets it.
const EVERYTHING: &str = "everything";

/// A call that steers the server.
pub(super) struct Control<'a> {
    pub(super) service: &'a Service,
    pub(super) tenant: &'a Tenant,
    pub(super) method: &'a Method,
    pub(super) query: Option<&'a str>,
    pub(super) body: &'a Bytes,
}

type Answer = Result<Reply, Refusal>;

impl Control<'_> {
    /// Answers the call, if there is something at this place.
    pub(super) async fn answer(&self, place: &[&str]) -> Option<Answer> {
        let allowed = match place {
            ["clock"] => "GET, POST",
            ["faults"] => "GET, POST, DELETE",
            ["faults", _] => "DELETE",
            ["waiting"] => "GET",
            ["settle" | "wait" | "reset"] | ["messages", _, "deliver"] | ["schedules", _, "run"] => "POST",
            _ => return None,
        };
        if !allowed.split(", ").any(|method| method == self.method.as_str()) {
            return Some(Err(Refusal::method(allowed)));
        }
        if !self.service.control {
            let reason = "control is off for published users: start the server with --control";
            return Some(Err(Refusal::new(StatusCode::FORBIDDEN, reason)));
        }
        Some(match (self.method.as_str(), place) {
            ("GET", ["clock"]) => self.clock().await,
            (_, ["clock"]) => self.advance().await,
            (_, ["settle"]) => self.settle().await,
            (_, ["wait"]) => self.wait().await,
            ("GET", ["faults"]) => Ok(self.faults()),
            ("POST", ["faults"]) => self.set_fault(),
            (_, ["faults"]) => Ok(self.clear_faults()),
            (_, ["faults", id]) => self.clear_fault(id),
            (_, ["waiting"]) => self.waiting().await,
            (_, ["messages", id, _]) => self.deliver(id).await,
            (_, ["schedules", id, _]) => self.run(id).await,
            _ => self.reset().await,
        })
    }

    async fn clock(&self) -> Answer {
        let (now, ahead) = self.tenant.worker.clock().await?;
        let (now, ahead) = (now.since_epoch(), u64::try_from(ahead.as_millis()).unwrap_or(u64::MAX));
        Ok(ok(&json!({ "now": now, "machine": now.saturating_sub(ahead), "ahead": ahead })))
    }

    async fn advance(&self) -> Answer {
        let mut fields = Fields::read(self.body)?;
        let span = needed("advance", fields.span("advance", LONGEST_ADVANCE)?)?;
        fields.end()?;
        self.service.advance(span).await?;
        self.clock().await
    }

    async fn settle(&self) -> Answer {
        let mut fields = Fields::read(self.body)?;
        let limit = fields.span("timeout", LONGEST_WAIT)?.unwrap_or(USUAL_WAIT);
        fields.end()?;
        let settled = timeout(limit, self.tenant.worker.settled()).await;
        if let Ok(settled) = settled {
            settled?;
            return Ok(ok(&json!({ "settled": true })));
        }
        let unfinished = self.unfinished(0).await?;
        let busy = unfinished.iter().filter(|message| !matches!(message.awaited, Awaited::Time(_)));
        let busy = busy.map(|busy| format!("{} waits for {}", busy.message.id, word(busy.awaited)));
        let (seconds, busy) = (limit.as_secs(), busy.collect::<Vec<_>>().join(", "));
        Err(too_late(format!("not settled after {seconds} s: {busy}")))
    }

    async fn wait(&self) -> Answer {
        let mut fields = Fields::read(self.body)?;
        let id = needed("messageId", fields.text("messageId")?)?;
        let state = state(&needed("state", fields.text("state")?)?)?;
        let limit = fields.span("timeout", LONGEST_WAIT)?.unwrap_or(USUAL_WAIT);
        fields.end()?;
        let worker = &self.tenant.worker;
        let story = |id: String| {
            worker.look(move |broker| {
                let own = broker.log().filter(|entry| entry.message_id.as_str() == id);
                own.collect::<Vec<_>>()
            })
        };
        if story(id.clone()).await?.is_empty() {
            return Err(Refusal::not_found(format!("message {id} is not in the log")));
        }
        let reached = timeout(limit, worker.wait_for(&id, state.clone())).await;
        let entries = story(id.clone()).await?;
        if let Ok(reached) = reached {
            reached?;
            // It may have been forgotten since, by `reset` or because the log is full.
            let gone = || Refusal::not_found(format!("message {id} is not in the log any more"));
            return Ok(ok(entries.iter().find(|entry| entry.state == state).ok_or_else(gone)?));
        }
        let states: Vec<_> = entries.iter().rev().map(|entry| entry.state.to_string()).collect();
        let (seconds, states) = (limit.as_secs(), states.join(", then "));
        Err(too_late(format!("{id} has not entered {state} within {seconds} s: it was {states}")))
    }

    fn faults(&self) -> Reply {
        let faults: Vec<_> = self.service.faults.all().iter().map(|(id, fault)| shown(*id, fault)).collect();
        ok(&json!({ "faults": faults }))
    }

    fn set_fault(&self) -> Answer {
        let mut fields = Fields::read(self.body)?;
        let name = needed("fault", fields.text("fault")?)?;
        let status = fields.number("status")?;
        let fault = AimedFault::named(&name, status).map_err(|(field, problem)| bad(field, problem))?;
        let (url, id) = (fields.text("url")?, fields.text("messageId")?);
        let times = fields.number("times")?.unwrap_or(1);
        fields.end()?;
        let fault = match (url, id) {
            (Some(_), Some(_)) => {
                return Err(bad("messageId", "beside a url: a fault is aimed at one of them"));
            }
            (url, id) if (url.is_some() || id.is_some()) && fault.concerns_api() => {
                let field = if url.is_some() { "url" } else { "messageId" };
                return Err(bad(field, "a call of the API is aimed at no message"));
            }
            (Some(url), None) => {
                // What is no URL is never called, so the fault would wait for ever.
                Url::new(&url).map_err(|error| bad("url", error))?;
                fault.at(url)
            }
            (None, Some(id)) => fault.of_message(id),
            (None, None) => fault,
        };
        let times = usize::try_from(times).ok().filter(|times| (1..=1_000_000).contains(times));
        let fault = fault.times(times.ok_or_else(|| bad("times", "expected a number from 1 to 1000000"))?);
        let too_many = || bad("fault", "too many faults wait for their occasion: clear some");
        let id = self.service.faults.add(fault.clone()).ok_or_else(too_many)?;
        Ok(ok(&shown(id, &fault)))
    }

    fn clear_faults(&self) -> Reply {
        ok(&json!({ "cleared": self.service.faults.clear() }))
    }

    fn clear_fault(&self, id: &str) -> Answer {
        if id.parse().is_ok_and(|id| self.service.faults.remove(id)) {
            Ok(ok(&json!({ "cleared": 1 })))
        } else {
            Err(Refusal::not_found(format!("fault {} does not wait for its occasion", id.escape_debug())))
        }
    }

    async fn waiting(&self) -> Answer {
        let cursor = query::pairs(self.query).find(|pair| pair.name == "cursor");
        let from = match cursor {
            None => 0,
            Some(pair) => {
                let number = str::from_utf8(&pair.value).ok().and_then(|text| text.parse().ok());
                number.ok_or_else(|| bad("cursor", "no cursor of this list"))?
            }
        };
        let mut messages = self.unfinished(from).await?;
        let next = (messages.len() > MOST_UNFINISHED).then(|| messages.pop()).flatten();
        let cursor = next.map(|message| message.number.to_string());
        let messages: Vec<_> = messages.iter().map(unfinished).collect();
        Ok(ok(&json!({ "messages": messages, "cursor": cursor })))
    }

    /// A page, and the first message of the next one.
    async fn unfinished(&self, from: u64) -> Result<Vec<Unfinished>, Refusal> {
        self.tenant.worker.look(move |broker| broker.unfinished(from, MOST_UNFINISHED + 1)).await
    }

    async fn deliver(&self, id: &str) -> Answer {
        let id = MessageId::new(id).map_err(|error| bad("messageId", error))?;
        self.tenant.worker.call(DeliverNow(id.clone())).await?;
        Ok(ok(&json!({ "messageId": id })))
    }

    async fn run(&self, id: &str) -> Answer {
        let id = ScheduleId::new(id).map_err(|error| bad("scheduleId", error))?;
        let messages = self.tenant.worker.call(RunSchedule(id.clone())).await?;
        Ok(ok(&json!({ "scheduleId": id, "messageIds": messages })))
    }

    async fn reset(&self) -> Answer {
        let mut fields = Fields::read(self.body)?;
        let confirmation = fields.text("confirm")?;
        fields.end()?;
        match confirmation.as_deref() {
            Some(EVERYTHING) => {}
            Some(_) => return Err(bad("confirm", format_args!("expected {EVERYTHING:?}"))),
            None if self.tenant.keeps => {
                return Err(bad(
                    "confirm",
                    format_args!("the server has a data folder, which is emptied too: say {EVERYTHING:?}"),
                ));
            }
            None => {}
        }
        self.service.faults.clear();
        self.tenant.worker.reset().await?;
        Ok(ok(&json!({ "reset": true })))
    }
}

fn ok(content: &impl Serialize) -> Reply {
    reply::json(StatusCode::OK, content)
}

/// What was waited for has not come.
fn too_late(error: String) -> Refusal {
    Refusal::new(StatusCode::REQUEST_TIMEOUT, error)
}

/// A state that there is.
fn state(text: &str) -> Result<LogState, Refusal> {
    let state = LogState::from(&*text.to_ascii_uppercase());
    match state {
        LogState::Unknown(_) => Err(bad("state", format_args!("there is no state {text:?}"))),
        state => Ok(state),
    }
}

fn shown(id: FaultId, fault: &AimedFault) -> Value {
    json!({
        "id": id.to_string(),
        "fault": fault.name(),
        "status": fault.status(),
        "url": fault.url(),
        "messageId": fault.message(),
        "times": fault.left(),
    })
}

fn word(awaited: Awaited) -> &'static str {
    match awaited {
        Awaited::Time(_) => "time",
        Awaited::Queue => "queue",
        Awaited::FlowControl => "flow-control",
        Awaited::FreeAttempt => "free-attempt",
        Awaited::Answer => "answer",
    }
}

fn unfinished(unfinished: &Unfinished) -> Value {
    let Unfinished { message, retried, awaited, .. } = unfinished;
    let until = match awaited {
        Awaited::Time(time) => Some(time.since_epoch()),
        _ => None,
    };
    json!({
        "messageId": message.id,
        "url": message.url.as_str(),
        "method": message.terms.method.as_str(),
        "retried": retried,
        "waitsFor": word(*awaited),
        "until": until,
        "queueName": message.terms.queue,
        "flowControlKey": message.terms.flow_control.as_ref().map(|own| &own.key),
    })
}
