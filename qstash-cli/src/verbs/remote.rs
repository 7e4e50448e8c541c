//! The server that a verb speaks to.

use std::{
    error::Error,
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    path::PathBuf,
};

use bytes::Bytes;
use http::{Method, Request, StatusCode, header::CONTENT_TYPE};
use qstash_client::Client;
use qstash_types::Url;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{credentials::TOKEN, introduction::URL, state, variable};

/// Where the local server listens unless it is told otherwise.
const LOCAL: &str = "http://127.0.0.1:8080";

/// The options of every verb.
#[derive(clap::Args)]
pub(crate) struct RemoteOptions {
    /// The base URL of the server [default: QSTASH_URL, or http://127.0.0.1:8080]
    #[arg(long = "server", value_name = "URL", global = true)]
    server: Option<String>,
    /// The --state of the local server, whose token is used if QSTASH_TOKEN is not set [default: that of the user]
    #[arg(long, value_name = "FOLDER", global = true)]
    token_from: Option<PathBuf>,
    /// Print JSON, a line for each record
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Do what cannot be undone on a server elsewhere without asking first
    #[arg(long, global = true)]
    yes: bool,
}

/// A server that can be called.
pub(crate) struct Remote {
    pub(super) client: Client,
    pub(super) base_url: String,
    pub(super) is_local: bool,
    yes: bool,
}

impl RemoteOptions {
    /// Finds the server and its token. Nothing is sent.
    pub(super) fn connect(&self) -> Result<Remote, Box<dyn Error>> {
        let base_url = self.base_url()?;
        let url = Url::new(&base_url).map_err(|error| format!("{base_url}: {error}"))?;
        let is_local = url.host().is_local();
        let token = match text_of(TOKEN)? {
            Some(token) => token,
            // The token of this machine is for this machine alone.
            None if is_local => self.kept_token()?,
            None => {
                return Err(format!("{TOKEN} is not set: {base_url} wants the token of its account").into());
            }
        };
        let client = Client::builder().hyper().base_url(&base_url).token(token).build()?;
        Ok(Remote { client, base_url, is_local, yes: self.yes })
    }

    /// Finds the server, for what it tells everybody. Nothing is sent.
    pub(super) fn connect_as_nobody(&self) -> Result<Client, Box<dyn Error>> {
        Ok(Client::builder().hyper().base_url(self.base_url()?).token("nobody").build()?)
    }

    fn base_url(&self) -> Result<String, String> {
        let base_url = match (&self.server, text_of(URL)?) {
            (Some(url), _) => url.clone(),
            (None, Some(url)) => url,
            (None, None) => LOCAL.to_owned(),
        };
        Ok(base_url.trim_end_matches('/').to_owned())
    }

    /// The token that the local server has made for this machine.
    fn kept_token(&self) -> Result<String, String> {
        let folder = self.token_from.clone().map_or_else(|| state::folder(variable), Ok)?;
        let kept = state::kept(&folder).map(|account| account.token);
        kept.ok_or_else(|| {
            let folder = folder.display();
            format!("{TOKEN} is not set, and {folder} holds none: start `qstash-dev` first, which makes it")
        })
    }
}

impl Remote {
    /// Calls what the local server alone has.
    pub(super) async fn control<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, Box<dyn Error>> {
        #[derive(Deserialize)]
        struct Refusal {
            error: String,
        }

        let base_url = &self.base_url;
        let request = Request::builder().method(method).uri(format!("/dev/{path}"));
        let request = match body {
            Some(body) => request.header(CONTENT_TYPE, "application/json").body(body.to_string().into()),
            None => request.body(Bytes::new()),
        };
        let (head, answer) = self.client.send(request?).await?.into_parts();
        let status = head.status;
        if status.is_success() {
            return Ok(serde_json::from_slice(&answer)?);
        }
        match serde_json::from_slice(&answer) {
            Ok(Refusal { error }) => Err(format!("{base_url} answered {}: {error}", status.as_u16()).into()),
            Err(_) if status == StatusCode::NOT_FOUND => {
                Err(format!("{base_url} has no /dev/: only `qstash-dev` can be told this").into())
            }
            Err(_) => Err(format!("{base_url} answered {status}").into()),
        }
    }

    /// Asks before something that cannot be undone is done elsewhere than on this machine.
    pub(super) fn confirm(&self, what: &str) -> Result<(), Box<dyn Error>> {
        if self.is_local || self.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            return Err(format!("{what} at {}: say --yes, since nobody can be asked", self.base_url).into());
        }
        write!(io::stderr(), "{what} at {}? [y/N] ", self.base_url)?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        match answer.trim() {
            "y" | "Y" | "yes" => Ok(()),
            _ => Err("nothing was done".into()),
        }
    }
}

/// What a variable is set to.
fn text_of(name: &str) -> Result<Option<String>, String> {
    variable(name).map(|value| value.into_string().map_err(|_| format!("{name}: not UTF-8"))).transpose()
}
