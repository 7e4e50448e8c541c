//! The schedules of an application, in its code: what is there is made equal to what is written here.
//!
//! ```text
//! cargo run -p example-schedules -- https://api.example.com            # shows what would change
//! cargo run -p example-schedules -- https://api.example.com --apply    # and changes it, in a deployment
//! ```
//!
//! | variable | value |
//! |---|---|
//! | `QSTASH_TOKEN` | from the console of QStash, or as `qstash-dev` prints it |
//! | `QSTASH_URL` | as `qstash-dev` prints it; without it the schedules are those of hosted QStash |

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to the person who runs it")]

use std::{env, error::Error, process::ExitCode};

use qstash_client::{
    Client, Message,
    reconcile::{Plan, Schedule},
};

/// Schedules whose ids start with this belong to this program; no other one is touched.
const PREFIX: &str = "shop-";

const USAGE: &str = "usage: example-schedules URL-OF-THE-APPLICATION [--apply]";

/// Without hosted QStash, the local server makes the variables.
const VARIABLES: &str = "\
cargo run -p qstash-cli -- --env-file .env    # in another terminal
set -a; . ./.env; set +a";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let origin = env::args().nth(1).ok_or(USAGE)?;
    let client = Client::from_env().map_err(|error| format!("{error:?}\n\n{VARIABLES}"))?;
    // `Debug` is the text with its causes.
    let plan = plan(&client, &origin).await.map_err(|error| format!("{error:?}"))?;
    println!("{plan}");
    if env::args().nth(2).is_some_and(|argument| argument == "--apply") {
        plan.apply().await?;
        println!("applied");
    }
    Ok(())
}

async fn plan(client: &Client, origin: &str) -> Result<Plan, qstash_client::Error> {
    let report = Message::to(format!("{origin}/report")).json(&"daily").retries(5);
    let cleanup = Message::to(format!("{origin}/cleanup"));
    let wanted = [
        Schedule::new("shop-report", "CRON_TZ=Europe/Berlin 0 4 * * *", report),
        Schedule::new("shop-cleanup", "*/10 * * * *", cleanup),
    ];
    client.schedules().reconcile(PREFIX, wanted).await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use qstash_client::{Client, Message};
    use qstash_dev::DevServer;

    use super::plan;

    #[tokio::test]
    async fn a_second_run_has_nothing_to_do_and_schedules_of_others_are_left_alone() {
        let qstash = DevServer::start().await.unwrap();
        let client = Client::new(qstash.url(), qstash.token()).unwrap();
        let message = || Message::to("http://127.0.0.1:9/");
        client.schedule("shop-old").upsert("0 0 * * *", message()).await.unwrap();
        client.schedule("other").upsert("0 0 * * *", message()).await.unwrap();

        let first = plan(&client, "http://127.0.0.1:9").await.unwrap();
        assert_eq!(first.steps().len(), 3, "{first}");
        first.apply().await.unwrap();
        assert!(plan(&client, "http://127.0.0.1:9").await.unwrap().is_empty());

        let schedules = client.schedules().list().await.unwrap();
        let mut ids: Vec<&str> = schedules.iter().map(|schedule| schedule.schedule_id.as_str()).collect();
        ids.sort_unstable();
        assert_eq!(ids, ["other", "shop-cleanup", "shop-report"]);
    }

    #[tokio::test]
    async fn a_day_has_one_report() {
        let qstash = DevServer::start().await.unwrap();
        let client = Client::new(qstash.url(), qstash.token()).unwrap();
        plan(&client, "http://127.0.0.1:9").await.unwrap().apply().await.unwrap();
        qstash.advance(Duration::from_secs(24 * 3600)).await;
        let log = qstash.log().await;
        let reports = log.iter().filter(|entry| entry.url.as_str().ends_with("/report"));
        let messages: std::collections::BTreeSet<_> = reports.map(|entry| &entry.message_id).collect();
        assert_eq!(messages.len(), 1);
    }
}
