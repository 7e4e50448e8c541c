//! `ready`: whether the local server runs, and calls can succeed.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use qstash_client::Client;
use qstash_types::duration;
use tokio::time::{Instant, sleep, timeout};

use super::{Done, print, remote::RemoteOptions};

/// How long the server may take to answer.
const LONGEST_ANSWER: Duration = Duration::from_secs(5);
/// How long to wait before it is asked once more.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(clap::Args)]
pub(crate) struct Ready {
    /// How long to wait for it at most
    #[arg(long = "for", value_name = "SPAN", value_parser = duration::parse, default_value = "0s")]
    longest: Duration,
    #[command(flatten)]
    remote: RemoteOptions,
}

impl Ready {
    pub(super) async fn carry_out(self) -> Done {
        let client = self.remote.connect_as_nobody()?;
        let give_up = Instant::now() + self.longest;
        loop {
            let Err(why) = ask(&client).await else { return Ok(()) };
            if Instant::now() + PAUSE > give_up {
                return Err(why.into());
            }
            sleep(PAUSE).await;
        }
    }
}

async fn ask(client: &Client) -> Result<(), String> {
    let question = Request::get("/readyz").body(Bytes::new()).expect("a path is a URI");
    let answer = timeout(LONGEST_ANSWER, client.send(question)).await;
    let answer = answer.map_err(|_| "the server does not answer".to_owned())?;
    let answer = answer.map_err(|error| crate::with_causes(&error))?;
    if answer.status().is_success() {
        return Ok(());
    }
    let text = print::plain(&String::from_utf8_lossy(answer.body()));
    Err(format!("the server answered {}: {text}", answer.status()))
}
