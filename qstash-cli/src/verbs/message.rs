//! The options that describe a message.

use std::{
    error::Error,
    fs::File,
    io::{self, Read as _},
    path::PathBuf,
    time::Duration,
};

use qstash_client::{Message, types::Method};
use qstash_types::{Destination, FlowLimits, UrlGroupName, duration};

/// The longest body that is read from a file, in bytes: as long as the local server takes.
const LONGEST_BODY: u64 = 16 * 1024 * 1024;

#[derive(clap::Args)]
pub(crate) struct MessageOptions {
    /// Where it goes: a URL, or with --url-group the name of a URL group
    #[arg(value_name = "DESTINATION")]
    destination: String,
    /// The destination is the name of a URL group
    #[arg(long)]
    url_group: bool,
    /// The body
    #[arg(short, long, value_name = "TEXT", conflicts_with = "file")]
    data: Option<String>,
    /// Read the body from this file; `-` is stdin
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// A header for the destination; repeatable
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// The media type of the body [default: application/json if the text is JSON]
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
    /// The method of the delivery [default: POST]
    #[arg(short = 'X', long)]
    method: Option<Method>,
    /// Deliver it not before this has passed, such as 30s, 5m or 1d10h
    #[arg(long, value_name = "SPAN", value_parser = duration::parse)]
    delay: Option<Duration>,
    /// How often a failed delivery is repeated
    #[arg(long, value_name = "NUMBER")]
    retries: Option<u32>,
    /// How long to wait before a repetition, in milliseconds, such as `1000 * (1 + retried)`
    #[arg(long, value_name = "EXPRESSION")]
    retry_delay: Option<String>,
    /// How long the destination may take
    #[arg(long, value_name = "SPAN", value_parser = duration::parse)]
    timeout: Option<Duration>,
    /// Where the destination's answer goes
    #[arg(long, value_name = "URL")]
    callback: Option<String>,
    /// What is called when no attempt is left
    #[arg(long, value_name = "URL")]
    failure_callback: Option<String>,
    /// Deliver it through this queue
    #[arg(long, value_name = "NAME")]
    queue: Option<String>,
    /// A label to find it by; repeatable
    #[arg(long = "label", value_name = "LABEL")]
    labels: Vec<String>,
    /// Deliver it under this flow-control key
    #[arg(long, value_name = "KEY", requires = "parallelism")]
    flow_control_key: Option<String>,
    /// How many messages of the flow-control key are delivered at once
    #[arg(long, value_name = "NUMBER", requires = "flow_control_key")]
    parallelism: Option<u32>,
}

impl MessageOptions {
    pub(super) fn message(self) -> Result<Message, Box<dyn Error>> {
        let mut message = if self.url_group {
            Message::to_url_group(UrlGroupName::try_from(self.destination)?)
        } else {
            Message::to(Destination::try_from(self.destination)?)
        };
        let body = match (self.data, self.file) {
            (Some(text), _) => Some(text.into_bytes()),
            (None, Some(path)) => Some(read(&path)?),
            (None, None) => None,
        };
        if let Some(body) = body {
            let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_ok();
            message = message.body(body);
            if is_json {
                message = message.content_type("application/json");
            }
        }
        for header in &self.headers {
            let (name, value) = header
                .split_once(':')
                .ok_or_else(|| format!("--header: {header:?} has no colon: write it as `Name: value`"))?;
            message = message.forward(name.trim(), value.trim());
        }
        if let Some(media_type) = self.content_type {
            message = message.content_type(media_type);
        }
        if let Some(method) = self.method {
            message = message.method(method);
        }
        if let Some(delay) = self.delay {
            message = message.delay(delay);
        }
        if let Some(retries) = self.retries {
            message = message.retries(retries);
        }
        if let Some(expression) = self.retry_delay {
            message = message.retry_delay(expression);
        }
        if let Some(timeout) = self.timeout {
            message = message.timeout(timeout);
        }
        if let Some(url) = self.callback {
            message = message.callback(url.as_str());
        }
        if let Some(url) = self.failure_callback {
            message = message.failure_callback(url.as_str());
        }
        if let Some(queue) = self.queue {
            message = message.in_queue(queue);
        }
        for label in self.labels {
            message = message.label(label);
        }
        if let (Some(key), Some(parallelism)) = (self.flow_control_key, self.parallelism) {
            message = message.flow_control(key, FlowLimits::default().parallelism(parallelism));
        }
        Ok(message)
    }
}

/// Reads a file that is not too long, or stdin.
pub(super) fn read(path: &PathBuf) -> Result<Vec<u8>, String> {
    let failed = |error: io::Error| format!("cannot read {}: {error}", path.display());
    let mut bytes = Vec::new();
    let source: &mut dyn io::Read =
        if path.as_os_str() == "-" { &mut io::stdin() } else { &mut File::open(path).map_err(failed)? };
    source.take(LONGEST_BODY + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LONGEST_BODY {
        return Err(format!("{} is longer than {LONGEST_BODY} bytes", path.display()));
    }
    Ok(bytes)
}
