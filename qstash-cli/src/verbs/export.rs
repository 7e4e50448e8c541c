//! `export` and `replay`: a message as a file, so that a report of a fault can be run.

use std::{
    error::Error,
    io::{self, Write as _},
    path::PathBuf,
    time::{Duration, SystemTime},
};

use futures_util::{StreamExt as _, TryStreamExt as _};
use qstash_client::{CallbackTarget, Client, Message, error::StatusCode, types::LogEntry};
use qstash_types::{Headers, MessageId, MessageRecord, header};
use serde::{Deserialize, Serialize};

use super::{Done, message::read, print, remote::RemoteOptions, wait::Waiting};

/// What such a file says of itself.
const FORMAT: &str = "qstash-dev message 1";

/// How many entries of the log a file holds at most.
const MOST_EVENTS: usize = 100;

/// What stands in the place of a value that was redacted.
const REDACTED: &str = "REDACTED:";

#[derive(clap::Args)]
pub(crate) struct Export {
    /// The id of the message
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    remote: RemoteOptions,
}

#[derive(clap::Args)]
pub(crate) struct Replay {
    /// The file; `-` is stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Send it to this URL instead of its own
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// Wait until it has come to its end, and print what the destination answered
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    waiting: Waiting,
    #[command(flatten)]
    remote: RemoteOptions,
}

/// A message and what happened to it.
#[derive(Serialize, Deserialize)]
struct MessageFile {
    format: String,
    message: MessageRecord,
    /// How long its destination may take, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout: Option<u64>,
    /// The oldest first.
    #[serde(default)]
    events: Vec<LogEntry>,
}

impl Export {
    pub(super) async fn carry_out(self) -> Done {
        let remote = self.remote.connect()?;
        let id = MessageId::try_from(self.id)?;
        let mut events: Vec<_> =
            remote.client.logs().message_id(&id).stream().take(MOST_EVENTS).try_collect().await?;
        events.reverse();
        let message = find(&remote.client, &id, &events).await?;
        let timeout = events.iter().find_map(|entry| entry.timeout);
        let timeout = timeout.and_then(|timeout| u64::try_from(timeout.as_millis()).ok());
        print::record(
            &MessageFile { format: FORMAT.to_owned(), message, timeout, events },
            self.remote.json,
        )?;
        let note = "the file holds the body and the headers of the message as they are: read it before you pass it on";
        Ok(writeln!(io::stderr(), "{note}")?)
    }
}

/// Looks for a message where it is until it has come to its end, among the dead letters, and in the log.
async fn find(client: &Client, id: &MessageId, events: &[LogEntry]) -> Result<MessageRecord, Box<dyn Error>> {
    match client.message(id).get().await {
        Ok(message) => return Ok(message),
        Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => {}
        Err(error) => return Err(error.into()),
    }
    if let Some(letter) = client.dlq().message_id(id).stream().try_next().await? {
        return Ok(letter.message);
    }
    let entry = events.last().ok_or_else(|| format!("{id} is neither waiting, nor dead, nor in the log"))?;
    let created = events.first().and_then(|entry| entry.time).unwrap_or(SystemTime::UNIX_EPOCH);
    let mut message = MessageRecord::new(id.clone(), &entry.url, created);
    message.url_group.clone_from(&entry.url_group);
    message.endpoint.clone_from(&entry.endpoint);
    message.schedule_id.clone_from(&entry.schedule_id);
    message.delivery = entry.delivery.clone();
    Ok(message)
}

impl Replay {
    pub(super) async fn carry_out(self) -> Done {
        let no_file = |error: &dyn std::fmt::Display| {
            format!("{} is no file of `qstash-dev export`: {error}", self.file.display())
        };
        let file: MessageFile =
            serde_json::from_slice(&read(&self.file)?).map_err(|error| no_file(&error))?;
        if file.format != FORMAT {
            return Err(no_file(&format_args!("its format is {:?}, not {FORMAT:?}", file.format)).into());
        }
        let message = file.publishable(self.to.as_deref())?;
        let remote = self.remote.connect()?;
        remote.confirm("publish the message of this file")?;
        let published = remote.client.publish(message).await?;
        for receipt in published.receipts() {
            print::one(receipt, self.remote.json, |receipt| receipt.message_id.to_string())?;
            if self.wait {
                self.waiting.until_ended(&remote, &receipt.message_id, self.remote.json).await?;
            }
        }
        Ok(())
    }
}

impl MessageFile {
    /// The message once more: at once, under an id of its own, and to its endpoint alone if it was one of a URL group.
    fn publishable(self, to: Option<&str>) -> Result<Message, Box<dyn Error>> {
        let record = self.message;
        if let Some((field, _)) = record.odd.iter().next() {
            return Err(format!(
                "the message cannot be published as it was: its field {field:?} is redacted or odd"
            )
            .into());
        }
        let delivery = record.delivery;
        if delivery.body.starts_with(REDACTED.as_bytes()) {
            return Err("the body was redacted: put it into the file, or take it out".into());
        }
        let mut message = Message::to(to.unwrap_or(&record.url)).body(delivery.body);
        if !delivery.method.is_empty() {
            message = message.method(delivery.method.parse()?);
        }
        for (name, value) in forwarded(&delivery.headers)? {
            message = message.forward(name, value);
        }
        if let Some(retries) = delivery.retries {
            message = message.retries(retries);
        }
        if let Some(expression) = delivery.retry_delay {
            message = message.retry_delay(expression);
        }
        if let Some(timeout) = self.timeout {
            message = message.timeout(Duration::from_millis(timeout));
        }
        if let Some(url) = delivery.callback {
            message = message.callback(target(&url, &delivery.callback_headers)?);
        }
        if let Some(url) = delivery.failure_callback {
            message = message.failure_callback(target(&url, &delivery.failure_callback_headers)?);
        }
        if let Some(queue) = delivery.queue {
            message = message.in_queue(queue.as_str());
        }
        for label in delivery.labels {
            message = message.label(label.as_str());
        }
        if let Some(flow_control) = delivery.flow_control {
            message = message.flow_control(flow_control.key.as_str(), flow_control.limits);
        }
        Ok(message)
    }
}

fn target(url: &str, headers: &Headers) -> Result<CallbackTarget, Box<dyn Error>> {
    let target = CallbackTarget::to(url);
    Ok(forwarded(headers)?.fold(target, |target, (name, value)| target.forward(name, value)))
}

/// The headers that the sender gave, without those that QStash makes itself.
fn forwarded(headers: &Headers) -> Result<impl Iterator<Item = (&str, &str)>, Box<dyn Error>> {
    let pairs =
        || headers.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value.as_str())));
    if let Some((name, _)) = pairs().find(|(_, value)| value.starts_with(REDACTED)) {
        return Err(
            format!("the header {name} was redacted: put its value into the file, or take it out").into()
        );
    }
    Ok(pairs().filter(|(name, _)| !name.to_ascii_lowercase().starts_with(header::PREFIX)))
}
