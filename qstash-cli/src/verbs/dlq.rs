//! `dlq`: messages whose attempts are spent.

use std::num::NonZeroU32;

use clap::{Args, Subcommand};
use futures_util::{StreamExt as _, TryStreamExt as _};
use qstash_client::{dlq::DeadLetters, types::DeadLetter};
use serde::Serialize;

use super::{
    Done, print,
    remote::{Remote, RemoteOptions},
};

#[derive(Args)]
pub(crate) struct Dlq {
    #[command(subcommand)]
    verb: DlqVerb,
    #[command(flatten)]
    remote: RemoteOptions,
}

#[derive(Subcommand)]
enum DlqVerb {
    /// List dead letters, the newest first
    List {
        #[command(flatten)]
        filter: DeadLetterFilter,
        /// As many as this
        #[arg(long, value_name = "NUMBER", default_value_t = 100)]
        limit: usize,
    },
    /// Print a dead letter with all that is known of it
    Show {
        /// The id of the dead letter
        #[arg(value_name = "DLQ_ID")]
        id: String,
    },
    /// Publish messages again, and print their new ids
    Retry(Chosen),
    /// Delete dead letters for good
    Delete(Chosen),
}

/// Which dead letters: by their ids, or all that a filter finds.
#[derive(Args)]
struct Chosen {
    /// The ids of the dead letters
    #[arg(value_name = "DLQ_ID", conflicts_with_all = ["all", "filter"])]
    ids: Vec<String>,
    /// Every dead letter
    #[arg(long, conflicts_with = "filter")]
    all: bool,
    #[command(flatten)]
    filter: DeadLetterFilter,
}

#[derive(Args)]
#[group(id = "filter", multiple = true)]
struct DeadLetterFilter {
    /// Of this message alone
    #[arg(long, value_name = "ID")]
    message: Option<String>,
    /// For this URL alone
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Through this queue alone
    #[arg(long, value_name = "NAME")]
    queue: Option<String>,
    /// With this label alone
    #[arg(long, value_name = "LABEL")]
    label: Option<String>,
    /// Whose last answer had this status alone
    #[arg(long, value_name = "NUMBER")]
    status: Option<u16>,
}

#[derive(Serialize)]
struct Deleted {
    deleted: u64,
}

impl Dlq {
    pub(super) async fn carry_out(self) -> Done {
        let remote = self.remote.connect()?;
        let json = self.remote.json;
        match self.verb {
            DlqVerb::List { filter, limit } => {
                let letters: Vec<_> =
                    filter.apply(remote.client.dlq()).stream().take(limit).try_collect().await?;
                let titles = ["DLQ ID", "MESSAGE", "STATUS", "METHOD", "URL"];
                Ok(print::list(&letters, json, titles, row)?)
            }
            DlqVerb::Show { id } => {
                let letter = remote.client.dead_letter(id).get().await?;
                print::record(&letter, json)?;
                if !json && !letter.response_body.is_empty() {
                    print::line(&format!(
                        "\nIts destination answered:\n{}",
                        print::text(&letter.response_body)
                    ))?;
                }
                Ok(())
            }
            DlqVerb::Retry(chosen) => chosen.retry(&remote, json).await,
            DlqVerb::Delete(chosen) => chosen.delete(&remote, json).await,
        }
    }
}

impl Chosen {
    async fn retry(self, remote: &Remote, json: bool) -> Done {
        let mut letters = self.letters(remote, "publish again")?;
        loop {
            let page = if self.all { letters.retry_all().await? } else { letters.retry().await? };
            for receipt in &page.items {
                print::one(receipt, json, |receipt| receipt.message_id.to_string())?;
            }
            match page.cursor {
                Some(cursor) => letters = letters.cursor(cursor),
                None => return Ok(()),
            }
        }
    }

    async fn delete(self, remote: &Remote, json: bool) -> Done {
        let mut letters = self.letters(remote, "delete")?;
        let mut deleted = 0;
        loop {
            let part = if self.all { letters.delete_all().await? } else { letters.delete().await? };
            deleted += part.deleted;
            match part.cursor {
                Some(cursor) => letters = letters.cursor(cursor),
                None => break,
            }
        }
        Ok(print::one(&Deleted { deleted }, json, |Deleted { deleted }| format!("{deleted} deleted"))?)
    }

    fn letters(&self, remote: &Remote, verb: &str) -> Result<DeadLetters, Box<dyn std::error::Error>> {
        let which = if self.all { "every dead letter" } else { "these dead letters" };
        if !self.all && self.ids.is_empty() && self.filter.is_empty() {
            return Err("which dead letters? Name their ids, a filter, or --all".into());
        }
        remote.confirm(&format!("{verb} {which}"))?;
        let letters = remote.client.dlq().page_size(NonZeroU32::new(100).expect("100 is not 0"));
        Ok(if self.ids.is_empty() { self.filter.apply(letters) } else { remote.client.dlq().ids(&self.ids) })
    }
}

impl DeadLetterFilter {
    fn is_empty(&self) -> bool {
        let Self { message, url, queue, label, status } = self;
        message.is_none() && url.is_none() && queue.is_none() && label.is_none() && status.is_none()
    }

    fn apply(&self, mut letters: DeadLetters) -> DeadLetters {
        if let Some(id) = &self.message {
            letters = letters.message_id(id);
        }
        if let Some(url) = &self.url {
            letters = letters.url(url.as_str());
        }
        if let Some(queue) = &self.queue {
            letters = letters.queue(queue);
        }
        if let Some(label) = &self.label {
            letters = letters.label(label);
        }
        if let Some(status) = self.status {
            letters = letters.response_status(status);
        }
        letters
    }
}

fn row(letter: &DeadLetter) -> [String; 5] {
    let status = letter.response_status.map_or_else(|| "-".to_owned(), |status| status.to_string());
    [
        print::plain(letter.dlq_id.as_str()),
        print::plain(letter.message.message_id.as_str()),
        status,
        print::plain(&letter.message.delivery.method),
        print::plain(&letter.message.url),
    ]
}
