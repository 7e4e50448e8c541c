//! What all listings and bulk changes have in common: filters, counts and cursors.

use qstash_broker::{Cursor, PageRequest, Selector, Time};
use qstash_types::LogState;
use serde_json::Value;

use super::bounded::{List, Object, Piece};
use crate::{call::ApiCall, query, reply::Refusal};

/// How many entries listings show unless they are told otherwise, all but one.
pub(super) const DEFAULT_COUNT: usize = 100;
/// How many parameters the body of a call may name, and how many values each.
const MOST_NAMES: usize = 100;
const MOST_VALUES: usize = 10_000;
/// The parameters that say how much is meant and not what.
const PAGING: [&str; 2] = ["count", "cursor"];

/// The parameters of a call, from its query and, behind them, from its body. The case of their names makes no difference,
/// and one without a value has an empty one.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads the query, and the body if it is an object.
    pub(super) fn read(call: &ApiCall) -> Result<Self, Refusal> {
        let own = query::pairs(call.query()).filter(|pair| !pair.raw.is_own());
        let mut values = Vec::new();
        for pair in own.filter(|pair| !pair.name.is_empty()) {
            let text = String::from_utf8(pair.value)
                .map_err(|_| Refusal::bad_request(format!("{}: not UTF-8", pair.name)))?;
            values.push((pair.name, text));
        }
        if !call.body.trim_ascii().is_empty() {
            let not_an_object = |error| Refusal::bad_request(format!("body: expected an object: {error}"));
            let Object::<Piece<'_>, MOST_NAMES>(body) =
                serde_json::from_slice(&call.body).map_err(not_an_object)?;
            for (name, value) in body {
                let list = if value.get().starts_with('[') {
                    let too_many =
                        |_| Refusal::bad_request(format!("{name}: more than {MOST_VALUES} values"));
                    let List::<Piece<'_>, MOST_VALUES>(list) =
                        serde_json::from_str(value.get()).map_err(too_many)?;
                    list
                } else {
                    vec![value]
                };
                if list.is_empty() {
                    values.push((name.clone(), String::new()));
                }
                for value in list {
                    // What is neither is not even looked into.
                    let is_plain = !value.get().starts_with(['[', '{']);
                    let text = match serde_json::from_str(if is_plain { value.get() } else { "false" }) {
                        Ok(Value::Null) => String::new(),
                        Ok(Value::String(text)) => text,
                        Ok(Value::Number(number)) => number.to_string(),
                        _ => return Err(Refusal::bad_request(format!("{name}: expected texts or numbers"))),
                    };
                    values.push((name.clone(), text));
                }
            }
        }
        Ok(Self(values))
    }

    /// Refuses parameters that would otherwise be taken for no filter at all: those that are not known, and filters
    /// without a value, such as an empty list of ids.
    pub(super) fn refuse_no_filters(&self, known: &[&str]) -> Result<(), Refusal> {
        for (name, _) in &self.0 {
            let Some(name) = known.iter().find(|known| known.eq_ignore_ascii_case(name)) else {
                return Err(Refusal::bad_request(format!("{name}: unknown filter")));
            };
            if !PAGING.contains(name) && self.one(name).is_none() {
                return Err(Refusal::bad_request(format!("{name}: a value is needed")));
            }
        }
        Ok(())
    }

    /// Leaves out parameters that mean nothing to a listing.
    pub(super) fn without_unknown(mut self, known: &[&str]) -> Self {
        self.0.retain(|(name, _)| is_among(known, name));
        self
    }

    pub(super) fn one(&self, name: &str) -> Option<&str> {
        self.values(&[name]).next()
    }

    fn all(&self, names: &[&str]) -> Vec<String> {
        self.values(names).map(str::to_owned).collect()
    }

    fn values(&self, names: &[&str]) -> impl Iterator<Item = &str> {
        let matching = self.0.iter().filter(|(own, value)| is_among(names, own) && !value.is_empty());
        matching.map(|(_, value)| value.as_str())
    }

    /// Each value of a parameter that takes no free text.
    fn each<T>(&self, name: &str, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, Refusal> {
        let values = self.all(&[name]);
        let parts = values.iter().flat_map(|value| value.split(',')).map(str::trim);
        parts
            .map(|part| {
                read(part)
                    .ok_or_else(|| Refusal::bad_request(format!("{name}: {part:?} is not a value of it")))
            })
            .collect()
    }

    pub(super) fn count(&self, most: usize) -> Result<Option<usize>, Refusal> {
        let Some(count) = self.one("count") else { return Ok(None) };
        let count = count.parse().ok().filter(|count| (1..=most).contains(count));
        count
            .map(Some)
            .ok_or_else(|| Refusal::bad_request(format!("count: expected a number from 1 to {most}")))
    }

    pub(super) fn page(&self, default: usize, most: usize) -> Result<PageRequest, Refusal> {
        // Official clients document a time, in milliseconds, as the first cursor of a loop.
        let from_time = |text: &str| text.parse().ok().map(|time| Cursor::at(Time::new(time)));
        let after = match self.one("cursor") {
            Some(cursor) => Some(
                Cursor::parse(cursor)
                    .or_else(|| from_time(cursor))
                    .ok_or_else(|| Refusal::bad_request("cursor: not one of this server"))?,
            ),
            None => None,
        };
        Ok(PageRequest { after, count: self.count(most)?.unwrap_or(default) })
    }

    pub(super) fn selector(&self) -> Result<Selector, Refusal> {
        let time = |name: &str| -> Result<Option<Time>, Refusal> {
            Ok(self.each(name, |text| text.parse().ok().map(Time::new))?.into_iter().next())
        };
        let state = |text: &str| match LogState::from(text) {
            LogState::Unknown(_) => None,
            state => Some(state),
        };
        let message_ids = self.all(&["messageId", "messageIds"]);
        Ok(Selector {
            message_ids,
            dlq_ids: self.all(&["dlqIds"]),
            url_groups: self.all(&["topicName"]),
            queues: self.all(&["queueName"]),
            schedules: self.all(&["scheduleId"]),
            urls: self.all(&["url"]),
            hosts: self.all(&["host"]),
            paths: self.all(&["path"]),
            labels: self.all(&["label"]),
            flow_control_keys: self.all(&["flowControlKey"]),
            caller_ips: self.all(&["callerIp"]),
            response_statuses: self.each("responseStatus", |text| text.parse().ok())?,
            states: self.each("state", state)?,
            from: time("fromDate")?,
            to: time("toDate")?,
        })
    }
}

fn is_among(names: &[&str], name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}
