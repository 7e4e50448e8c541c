//! Checks the settings of a client.

use std::{error::Error as StdError, fmt, sync::Arc};

use http::{Method, StatusCode};
use qstash_types::{Region, SigningKeys};

use crate::{
    Client, Error,
    api::Api,
    builder::DEFAULT_BASE_URL,
    client::Inner,
    request::{Call, json},
};

impl Client {
    /// Asks QStash whether it accepts the token at the base URL, for instance when a service starts.
    ///
    /// When the base URL is the one of a region and the token is refused there, the other regions of QStash are asked
    /// too, so that a token of another region is told from a wrong one. Nothing is changed.
    ///
    /// Call: `GET /v2/keys`.
    ///
    /// # Errors
    ///
    /// See [`CheckError`].
    pub async fn check(&self) -> Result<(), CheckError> {
        let Err(error) = self.probe().await else {
            return Ok(());
        };
        match (&error, error.status()) {
            (_, Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)) => {
                Err(match self.region_of_token().await {
                    Some(region) => CheckError::Region { belongs_to: region },
                    None => CheckError::Token(error),
                })
            }
            (Error::Decode(_) | Error::Transport(_), _) => Err(CheckError::Url(error)),
            _ if error.is_retryable() => Err(CheckError::Unavailable(error)),
            _ => Err(CheckError::Url(error)),
        }
    }

    async fn probe(&self) -> Result<(), Error> {
        let call = Call::new(Method::GET, &["keys"]);
        // The keys prove that this is QStash, and are dropped here.
        self.call(call, |body| json::<SigningKeys>(body).map(drop)).await
    }

    /// The region that accepts the token, other than the one that has refused it.
    async fn region_of_token(&self) -> Option<Region> {
        let base_url = &self.inner.api.base_url;
        let regions = [Region::EuCentral1, Region::UsEast1];
        let own = match regions.into_iter().find(|region| region.base_url() == base_url) {
            Some(region) => region,
            None if base_url == DEFAULT_BASE_URL => Region::EuCentral1,
            None => return None,
        };
        for region in regions.into_iter().filter(|region| *region != own) {
            let Api { authorization, user_agent, .. } = self.inner.api.clone();
            let api = Api::new(region.base_url().to_owned(), authorization, user_agent)
                .expect("the URLs of the regions are legal");
            let there = Self { inner: Arc::new(Inner { api, ..Inner::clone(&self.inner) }) };
            if there.probe().await.is_ok() {
                return Some(region);
            }
        }
        None
    }
}

/// What is wrong with the settings of a client.
#[non_exhaustive]
pub enum CheckError {
    /// There is no QStash at the base URL: no connection, no such path, or an answer of something else.
    Url(Error),
    /// The token is wrong.
    Token(Error),
    /// The token is good, but for another region.
    Region {
        /// The region of the token.
        belongs_to: Region,
    },
    /// QStash cannot answer now; nothing is known about the settings.
    Unavailable(Error),
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CheckError::Url(_) => f.write_str("there is no QStash at the base URL"),
            CheckError::Token(_) => f.write_str("the token was refused"),
            CheckError::Region { belongs_to } => {
                write!(
                    f,
                    "the token belongs to the region {}, but the base URL to another",
                    belongs_to.variable_prefix()
                )
            }
            CheckError::Unavailable(_) => f.write_str("the settings could not be checked"),
        }
    }
}

impl StdError for CheckError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            CheckError::Url(error) | CheckError::Token(error) | CheckError::Unavailable(error) => Some(error),
            CheckError::Region { .. } => None,
        }
    }
}
