//! `queues`: messages that are delivered in order.

use clap::{Args, Subcommand};
use qstash_client::{queues::QueueSettings, types::QueueRecord};

use super::{Done, print, remote::RemoteOptions};

#[derive(Args)]
pub(crate) struct Queues {
    #[command(subcommand)]
    verb: QueuesVerb,
    #[command(flatten)]
    remote: RemoteOptions,
}

#[derive(Subcommand)]
enum QueuesVerb {
    /// List queues
    List,
    /// Make a queue, or change the one of this name
    Set {
        #[command(flatten)]
        queue: QueueArgument,
        /// How many of its messages are delivered at once
        #[arg(long, value_name = "NUMBER")]
        parallelism: u32,
    },
    /// Deliver nothing of it until it is resumed
    Pause(QueueArgument),
    /// Go on after a pause
    Resume(QueueArgument),
    /// Delete a queue
    Delete(QueueArgument),
}

#[derive(Args)]
struct QueueArgument {
    /// The name of the queue
    #[arg(value_name = "NAME")]
    name: String,
}

impl Queues {
    pub(super) async fn carry_out(self) -> Done {
        let remote = self.remote.connect()?;
        let client = &remote.client;
        match self.verb {
            QueuesVerb::List => {
                let queues = client.queues().list().await?;
                print::list(&queues, self.remote.json, ["NAME", "PARALLELISM", "WAITING", "STATE"], row)?;
            }
            QueuesVerb::Set { queue, parallelism } => {
                client.queue(queue.name).upsert(QueueSettings::new().parallelism(parallelism)).await?;
            }
            QueuesVerb::Pause(queue) => client.queue(queue.name).pause().await?,
            QueuesVerb::Resume(queue) => client.queue(queue.name).resume().await?,
            QueuesVerb::Delete(queue) => {
                remote.confirm(&format!("delete the queue {}", queue.name))?;
                client.queue(queue.name).delete().await?;
            }
        }
        Ok(())
    }
}

fn row(queue: &QueueRecord) -> [String; 4] {
    let state = if queue.paused { "paused" } else { "running" };
    [
        print::plain(queue.name.as_str()),
        queue.parallelism.to_string(),
        queue.lag.to_string(),
        state.to_owned(),
    ]
}
