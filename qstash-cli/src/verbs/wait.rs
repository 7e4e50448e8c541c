//! `wait`: until a message has come to its end.

use std::{error::Error, time::Duration};

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use http::Method;
use qstash_types::{LogEntry, LogState, MessageId, base64_bytes, duration, percent};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::{
    Done, print,
    remote::{Remote, RemoteOptions},
};

#[derive(clap::Args)]
pub(crate) struct Wait {
    /// The id of the message
    #[arg(value_name = "ID")]
    id: String,
    /// Wait for this state instead, such as ERROR or DELIVERED
    #[arg(long, value_name = "STATE", value_parser = known_state)]
    state: Option<LogState>,
    #[command(flatten)]
    waiting: Waiting,
    #[command(flatten)]
    remote: RemoteOptions,
}

#[derive(clap::Args)]
pub(crate) struct Waiting {
    /// How long to wait at most
    #[arg(long = "for", value_name = "SPAN", value_parser = duration::parse, default_value = "1m")]
    longest: Duration,
}

impl Wait {
    pub(super) async fn carry_out(self) -> Done {
        let remote = self.remote.connect()?;
        let id = MessageId::try_from(self.id)?;
        let Some(state) = self.state else {
            return self.waiting.until_ended(&remote, &id, self.remote.json).await;
        };
        let Found { entry, .. } = self.waiting.until(&remote, &id, |entry| entry.state == state).await?;
        show(&remote, &entry, self.remote.json).await
    }
}

/// A state that there is: any other one would be waited for in vain.
fn known_state(text: &str) -> Result<LogState, &'static str> {
    match LogState::from(&*text.to_ascii_uppercase()) {
        LogState::Unknown(_) => Err("there is no such state"),
        state => Ok(state),
    }
}

impl Waiting {
    /// Waits for the end of a message, and prints it. Another end than a delivery is an error.
    pub(super) async fn until_ended(&self, remote: &Remote, id: &MessageId, json: bool) -> Done {
        let is_end = |entry: &LogEntry| {
            matches!(entry.state, LogState::Delivered | LogState::Failed | LogState::Canceled)
        };
        let Found { entry, last_error } = self.until(remote, id, is_end).await?;
        show(remote, &entry, json).await?;
        match entry.state {
            LogState::Delivered => Ok(()),
            state => {
                let reason =
                    last_error.map(|error| format!(": {}", print::plain(&error))).unwrap_or_default();
                Err(format!("{id} was not delivered: {state}{reason}").into())
            }
        }
    }

    async fn until(
        &self,
        remote: &Remote,
        id: &MessageId,
        is_awaited: impl Fn(&LogEntry) -> bool,
    ) -> Result<Found, Box<dyn Error>> {
        let begun = Instant::now();
        // A local server is asked often, one elsewhere as often as its limits allow without a thought.
        let pause = Duration::from_millis(if remote.is_local { 100 } else { 2000 });
        loop {
            let mut entries: Vec<_> = remote.client.logs().message_id(id).stream().try_collect().await?;
            // The newest comes first.
            let last_error = entries.iter().find_map(|entry| entry.error.clone());
            if let Some(found) = entries.iter().position(&is_awaited) {
                return Ok(Found { entry: entries.swap_remove(found), last_error });
            }
            if begun.elapsed() + pause > self.longest {
                let state = entries
                    .first()
                    .map_or_else(|| "is not in the log".to_owned(), |entry| format!("is {}", entry.state));
                let reason =
                    last_error.map(|error| format!(": {}", print::plain(&error))).unwrap_or_default();
                return Err(format!("after {} s {id} {state}{reason}", self.longest.as_secs()).into());
            }
            sleep(pause).await;
        }
    }
}

/// What was waited for, and what went wrong last.
struct Found {
    entry: LogEntry,
    last_error: Option<String>,
}

/// Prints what a message has come to, and what its destination answered if that is known: the API tells it of failures alone,
/// the local server of deliveries as well.
async fn show(remote: &Remote, entry: &LogEntry, json: bool) -> Done {
    if json {
        return Ok(print::record(entry, true)?);
    }
    let answer = match entry.response_status {
        Some(status) => {
            Some(Answer { response_status: Some(status), response_body: entry.response_body.clone() })
        }
        None if matches!(entry.state, LogState::Delivered | LogState::Failed) => answer(remote, entry).await,
        None => None,
    };
    let status = answer.as_ref().and_then(|answer| answer.response_status);
    let status = status.map(|status| format!(" {status}")).unwrap_or_default();
    print::line(&format!("{}{status}", entry.state))?;
    match answer {
        Some(Answer { response_body, .. }) if !response_body.is_empty() => {
            Ok(print::line(&print::text(&response_body))?)
        }
        _ => Ok(()),
    }
}

/// What a destination answered.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    response_status: Option<u16>,
    #[serde(with = "base64_bytes")]
    response_body: Bytes,
}

/// Asks the local server what the destination answered last.
async fn answer(remote: &Remote, entry: &LogEntry) -> Option<Answer> {
    #[derive(Deserialize)]
    struct Story {
        events: Vec<Answer>,
    }

    if !remote.is_local {
        return None;
    }
    let path = format!("messages/{}", percent::encode(entry.message_id.as_str()));
    let story: Story = remote.control(Method::GET, &path, None).await.ok()?;
    story.events.into_iter().rfind(|event| event.response_status.is_some())
}
