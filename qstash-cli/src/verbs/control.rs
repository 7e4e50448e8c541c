//! What only the local server can be told: its clock, its faults, and to forget.

use std::time::Duration;

use clap::{Args, Subcommand};
use http::Method;
use qstash_types::{duration, percent};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Done, print, remote::RemoteOptions};

#[derive(Args)]
pub(crate) struct Advance {
    /// By how much, such as 30s, 5m or 1d10h
    #[arg(value_name = "SPAN", value_parser = duration::parse)]
    span: Duration,
    #[command(flatten)]
    remote: RemoteOptions,
}

/// The clock of the server, in milliseconds.
#[derive(Deserialize, serde::Serialize)]
struct ServerClock {
    now: u64,
    machine: u64,
    ahead: u64,
}

impl Advance {
    pub(super) async fn carry_out(self) -> Done {
        let remote = self.remote.connect()?;
        let body = json!({ "advance": self.span.as_secs() });
        let clock: ServerClock = remote.control(Method::POST, "clock", Some(&body)).await?;
        if self.remote.json {
            return Ok(print::record(&clock, true)?);
        }
        let now = std::time::UNIX_EPOCH.checked_add(Duration::from_millis(clock.now));
        let ahead = duration::to_text(Duration::from_millis(clock.ahead));
        Ok(print::line(&format!("it is {}, {ahead} ahead of this machine", print::time(now)))?)
    }
}

#[derive(Args)]
pub(crate) struct Settle {
    /// How long to wait at most
    #[arg(long = "for", value_name = "SPAN", value_parser = duration::parse, default_value = "30s")]
    longest: Duration,
    #[command(flatten)]
    remote: RemoteOptions,
}

impl Settle {
    pub(super) async fn carry_out(self) -> Done {
        let remote = self.remote.connect()?;
        let body = json!({ "timeout": self.longest.as_secs() });
        let _: Value = remote.control(Method::POST, "settle", Some(&body)).await?;
        Ok(())
    }
}

#[derive(Args)]
pub(crate) struct Deliver {
    /// The id of the message
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    remote: RemoteOptions,
}

impl Deliver {
    pub(super) async fn carry_out(self) -> Done {
        let remote = self.remote.connect()?;
        let path = format!("messages/{}/deliver", percent::encode(&self.id));
        let _: Value = remote.control(Method::POST, &path, None).await?;
        Ok(())
    }
}

#[derive(Args)]
pub(crate) struct Fault {
    #[command(subcommand)]
    verb: FaultVerb,
    #[command(flatten)]
    remote: RemoteOptions,
}

#[derive(Subcommand)]
enum FaultVerb {
    /// Make something go wrong from now on, for a number of times
    Set {
        /// What: status, hang, refuse, duplicated-delivery, overtaken-delivery, late-delivery, lost-acknowledgement,
        /// rotated-keys, too-many-requests, internal-error or lost-connection
        #[arg(value_name = "FAULT")]
        fault: String,
        /// What the destination answers, with `status`
        #[arg(long, value_name = "NUMBER")]
        status: Option<u16>,
        /// Only for deliveries to this URL
        #[arg(long, value_name = "URL")]
        url: Option<String>,
        /// Only for deliveries of this message
        #[arg(long, value_name = "ID")]
        message: Option<String>,
        /// How often
        #[arg(long, value_name = "NUMBER", default_value_t = 1)]
        times: u32,
    },
    /// List what is still to go wrong
    List,
    /// Let nothing go wrong any more, or not this
    Clear {
        /// The id of the fault
        #[arg(value_name = "FAULT_ID")]
        id: Option<String>,
    },
}

impl Fault {
    pub(super) async fn carry_out(self) -> Done {
        let remote = self.remote.connect()?;
        let answer: Value = match self.verb {
            FaultVerb::Set { fault, status, url, message, times } => {
                let mut body =
                    Map::from_iter([("fault".to_owned(), fault.into()), ("times".into(), times.into())]);
                let aim = [("status", status.map(Value::from)), ("url", url.map(Value::from))];
                for (name, value) in aim.into_iter().chain([("messageId", message.map(Value::from))]) {
                    if let Some(value) = value {
                        body.insert(name.to_owned(), value);
                    }
                }
                remote.control(Method::POST, "faults", Some(&body.into())).await?
            }
            FaultVerb::List => remote.control(Method::GET, "faults", None).await?,
            FaultVerb::Clear { id: Some(id) } => {
                remote.control(Method::DELETE, &format!("faults/{}", percent::encode(&id)), None).await?
            }
            FaultVerb::Clear { id: None } => remote.control(Method::DELETE, "faults", None).await?,
        };
        Ok(print::record(&answer, self.remote.json)?)
    }
}

#[derive(Args)]
pub(crate) struct Reset {
    /// Also what the server keeps in its data folder
    #[arg(long)]
    everything: bool,
    #[command(flatten)]
    remote: RemoteOptions,
}

impl Reset {
    pub(super) async fn carry_out(self) -> Done {
        let remote = self.remote.connect()?;
        remote.confirm("forget everything")?;
        let body = if self.everything { json!({ "confirm": "everything" }) } else { json!({}) };
        let _: Value = remote.control(Method::POST, "reset", Some(&body)).await?;
        Ok(())
    }
}
