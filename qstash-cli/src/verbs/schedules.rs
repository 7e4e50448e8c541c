//! `schedules`: messages that are published again and again.

use clap::{Args, Subcommand};
use http::Method;
use qstash_client::types::ScheduleRecord;
use qstash_types::percent;
use serde_json::Value;

use super::{Done, message::MessageOptions, print, remote::RemoteOptions};

#[derive(Args)]
pub(crate) struct Schedules {
    #[command(subcommand)]
    verb: SchedulesVerb,
    #[command(flatten)]
    remote: RemoteOptions,
}

#[derive(Subcommand)]
enum SchedulesVerb {
    /// List schedules
    List,
    /// Print a schedule with all that is known of it
    Show(ScheduleName),
    /// Make a schedule, or replace the one of this id, and print its id
    Create {
        /// When: minute, hour, day of the month, month, day of the week, such as "CRON_TZ=Europe/Berlin 0 4 * * *"
        #[arg(value_name = "CRON")]
        cron: String,
        #[command(flatten)]
        message: Box<MessageOptions>,
        /// The id of the schedule [default: a new one]
        #[arg(long, value_name = "ID")]
        id: Option<String>,
    },
    /// Publish the message of a schedule of the local server now
    Run(ScheduleName),
    /// Publish nothing until it is resumed
    Pause(ScheduleName),
    /// Go on after a pause
    Resume(ScheduleName),
    /// Delete a schedule
    Delete(ScheduleName),
}

#[derive(Args)]
struct ScheduleName {
    /// The id of the schedule
    #[arg(value_name = "ID")]
    id: String,
}

impl Schedules {
    pub(super) async fn carry_out(self) -> Done {
        let remote = self.remote.connect()?;
        let client = &remote.client;
        let json = self.remote.json;
        match self.verb {
            SchedulesVerb::List => {
                let schedules = client.schedules().list().await?;
                print::list(&schedules, json, ["ID", "CRON", "NEXT RUN", "DESTINATION"], row)?;
            }
            SchedulesVerb::Show(ScheduleName { id }) => {
                print::record(&client.schedule(id).get().await?, json)?;
            }
            SchedulesVerb::Create { cron, message, id } => {
                let message = message.message()?;
                let id = match id {
                    Some(id) => {
                        client.schedule(&id).upsert(cron, message).await?;
                        id
                    }
                    None => client.schedules().create(cron, message).await?.to_string(),
                };
                print::line(&id)?;
            }
            SchedulesVerb::Run(ScheduleName { id }) => {
                let path = format!("schedules/{}/run", percent::encode(&id));
                let answer: Value = remote.control(Method::POST, &path, None).await?;
                print::record(&answer, true)?;
            }
            SchedulesVerb::Pause(ScheduleName { id }) => client.schedule(id).pause().await?,
            SchedulesVerb::Resume(ScheduleName { id }) => client.schedule(id).resume().await?,
            SchedulesVerb::Delete(ScheduleName { id }) => {
                remote.confirm(&format!("delete the schedule {id}"))?;
                client.schedule(id).delete().await?;
            }
        }
        Ok(())
    }
}

fn row(schedule: &ScheduleRecord) -> [String; 4] {
    let next = if schedule.paused { "paused".to_owned() } else { print::time(schedule.next_run) };
    [
        print::plain(schedule.schedule_id.as_str()),
        print::plain(&schedule.cron),
        next,
        print::plain(&schedule.destination),
    ]
}
