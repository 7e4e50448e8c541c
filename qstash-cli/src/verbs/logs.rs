//! `logs`: what happened to messages, the newest last, so that what follows stands below it.

use std::{collections::HashSet, error::Error, time::Duration};

use futures_util::{StreamExt as _, TryStreamExt as _};
use qstash_client::{logs, types::LogEntry};
use tokio::time::sleep;

use super::{
    Done, print,
    remote::{Remote, RemoteOptions},
};

/// How wide the columns are but the last: they are printed before what follows is known.
const WIDTHS: [usize; 5] = [24, 9, 26, 6, 3];

/// How many new entries are looked at in one step of `--follow`.
const MOST_AT_ONCE: usize = 10_000;

#[derive(clap::Args)]
pub(crate) struct Logs {
    /// Of this message alone
    #[arg(long, value_name = "ID")]
    message: Option<String>,
    /// In this state alone, such as ERROR or DELIVERED
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// For this URL alone
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// For this host alone
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Through this queue alone
    #[arg(long, value_name = "NAME")]
    queue: Option<String>,
    /// Of this schedule alone
    #[arg(long, value_name = "ID")]
    schedule: Option<String>,
    /// With this label alone
    #[arg(long, value_name = "LABEL")]
    label: Option<String>,
    /// The newest alone, as many as this
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    limit: usize,
    /// Print what happens from now on as well, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    #[command(flatten)]
    remote: RemoteOptions,
}

impl Logs {
    pub(super) async fn carry_out(self) -> Done {
        let remote = self.remote.connect()?;
        let filter = self.filter(&remote);
        let mut entries: Vec<_> = filter.stream().take(self.limit).try_collect().await?;
        entries.reverse();
        self.show(&entries)?;
        if self.follow { self.follow(&remote, filter, entries).await } else { Ok(()) }
    }

    fn filter(&self, remote: &Remote) -> logs::Logs {
        let mut filter = remote.client.logs();
        if let Some(id) = &self.message {
            filter = filter.message_id(id);
        }
        if let Some(state) = &self.state {
            filter = filter.state(state.to_ascii_uppercase().as_str());
        }
        if let Some(url) = &self.url {
            filter = filter.url(url.as_str());
        }
        if let Some(host) = &self.host {
            filter = filter.host(host);
        }
        if let Some(queue) = &self.queue {
            filter = filter.queue(queue);
        }
        if let Some(id) = &self.schedule {
            filter = filter.schedule(id);
        }
        if let Some(label) = &self.label {
            filter = filter.label(label);
        }
        filter
    }

    async fn follow(&self, remote: &Remote, filter: logs::Logs, shown: Vec<LogEntry>) -> Done {
        let pause = Duration::from_millis(if remote.is_local { 250 } else { 2000 });
        let mut last = shown.last().and_then(|entry| entry.time);
        // Of the last millisecond, in which more may happen.
        let mut seen: HashSet<_> = shown.iter().filter(|entry| entry.time == last).map(key).collect();
        loop {
            sleep(pause).await;
            let filter = last.map_or_else(|| filter.clone(), |time| filter.clone().from(time));
            let entries: Vec<_> = filter.stream().take(MOST_AT_ONCE).try_collect().await?;
            let mut new: Vec<_> = entries.into_iter().filter(|entry| !seen.contains(&key(entry))).collect();
            new.reverse();
            self.show(&new)?;
            if let Some(newest) = new.last() {
                if newest.time != last {
                    seen.clear();
                }
                last = newest.time;
                seen.extend(new.iter().filter(|entry| entry.time == last).map(key));
            }
        }
    }

    fn show(&self, entries: &[LogEntry]) -> Result<(), Box<dyn Error>> {
        for entry in entries {
            if self.remote.json {
                print::record(entry, true)?;
            } else {
                print::line(&line(entry))?;
            }
        }
        Ok(())
    }
}

/// What tells entries of one millisecond apart.
fn key(entry: &LogEntry) -> (String, String, Option<String>) {
    (entry.message_id.to_string(), entry.state.to_string(), entry.error.clone())
}

fn line(entry: &LogEntry) -> String {
    let status = entry.response_status.map_or_else(|| "-".to_owned(), |status| status.to_string());
    let mut row = [
        print::time(entry.time),
        entry.state.to_string(),
        print::plain(entry.message_id.as_str()),
        print::plain(&entry.delivery.method),
        status,
        print::plain(&entry.url),
    ]
    .to_vec();
    let mut widths = WIDTHS.to_vec();
    widths.push(0);
    if let Some(error) = &entry.error {
        row.push(print::plain(error));
        widths.push(0);
    }
    print::aligned(&row, &widths)
}
