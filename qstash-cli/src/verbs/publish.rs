//! `publish` and `cancel`.

use serde::Serialize;

use super::{Done, message::MessageOptions, print, remote::RemoteOptions, wait::Waiting};

#[derive(clap::Args)]
pub(crate) struct Publish {
    #[command(flatten)]
    message: MessageOptions,
    /// An id under which a second message within ten minutes is dropped
    #[arg(long, value_name = "ID")]
    deduplication_id: Option<String>,
    /// Wait until it has come to its end, and print what the destination answered
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    waiting: Waiting,
    #[command(flatten)]
    remote: RemoteOptions,
}

impl Publish {
    pub(super) async fn carry_out(self) -> Done {
        let mut message = self.message.message()?;
        if let Some(id) = self.deduplication_id {
            message = message.deduplication_id(id);
        }
        let remote = self.remote.connect()?;
        let published = remote.client.publish(message).await?;
        for receipt in published.receipts() {
            print::one(receipt, self.remote.json, |receipt| receipt.message_id.to_string())?;
        }
        if self.wait {
            for receipt in published.receipts() {
                self.waiting.until_ended(&remote, &receipt.message_id, self.remote.json).await?;
            }
        }
        Ok(())
    }
}

#[derive(clap::Args)]
pub(crate) struct Cancel {
    /// The ids of the messages
    #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
    ids: Vec<String>,
    /// Every message
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    remote: RemoteOptions,
}

#[derive(Serialize)]
struct Canceled {
    cancelled: u64,
}

impl Cancel {
    pub(super) async fn carry_out(self) -> Done {
        let remote = self.remote.connect()?;
        let cancelled = if self.all {
            remote.confirm("cancel every message")?;
            remote.client.messages().cancel_all().await?
        } else {
            remote.confirm("cancel these messages")?;
            remote.client.messages().ids(&self.ids).cancel().await?
        };
        Ok(print::one(&Canceled { cancelled }, self.remote.json, |Canceled { cancelled }| {
            format!("{cancelled} cancelled")
        })?)
    }
}
