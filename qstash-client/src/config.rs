//! The settings of a client.

mod setting;

use std::{env, error::Error as StdError, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use qstash_types::Region;
use tower::Service;

pub(crate) use self::setting::Setting;
use crate::{
    Client, ConfigError, MessageOptions, RetryPolicy,
    client::Inner,
    environment,
    request::Api,
    transport::{self, Transport},
};

pub(crate) const DEFAULT_BASE_URL: &str = "https://qstash.upstash.io";

/// QStash forgets a deduplication id after this time. Beyond it, a repetition would be a second message.
pub(crate) const DEDUPLICATION_WINDOW: Duration = Duration::from_secs(10 * 60);

/// Sets up a [`Client`].
///
/// Unless [`http_client`](Self::http_client) or [`transport`](Self::transport) replaces it, reqwest carries the calls:
/// with HTTP/2 where TLS offers it, without following redirects, and through the proxy that the usual variables name,
/// which does not apply to loopback addresses. Answers of more than 64 MiB are refused.
///
/// ```
/// use std::time::Duration;
/// use qstash_client::Client;
///
/// let client = Client::builder()
///     .base_url("http://127.0.0.1:8080")
///     .token("a-token")
///     .timeout(Duration::from_secs(20))
///     .build()?;
/// # Ok::<_, qstash_client::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until it builds"]
pub struct ClientBuilder {
    base_url: Setting,
    token: Setting,
    /// What was wrong with the environment.
    mistake: Option<ConfigError>,
    connect_timeout: Duration,
    timeout: Duration,
    retry: RetryPolicy,
    message_defaults: MessageOptions,
    user_agent_suffix: Option<String>,
    proxy: Option<String>,
    transport: Option<Transport>,
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self {
            base_url: Setting::new("base URL", Some(DEFAULT_BASE_URL.to_owned())),
            token: Setting::new("token", None),
            mistake: None,
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(60),
            retry: RetryPolicy::default(),
            message_defaults: MessageOptions::new(),
            user_agent_suffix: None,
            proxy: None,
            transport: None,
        }
    }
}

impl ClientBuilder {
    /// Settings from the environment.
    ///
    /// | Variable | Meaning |
    /// |---|---|
    /// | `QSTASH_TOKEN` | the token, required |
    /// | `QSTASH_URL` | the base URL; unless set, the one of the region, or `https://qstash.upstash.io` |
    /// | `QSTASH_REGION` | `US_EAST_1` or `EU_CENTRAL_1`, in any letter case, with `-` or `_` |
    /// | `US_EAST_1_QSTASH_TOKEN`, `US_EAST_1_QSTASH_URL`, … | the pair of one region, which replaces the plain pair when `QSTASH_REGION` names the region and one of the two is set |
    ///
    /// An empty variable counts as one that is not set. A mistake is returned by [`build`](Self::build). What is set in
    /// code afterwards wins.
    pub fn from_env() -> Self {
        // What is not Unicode becomes text that `build` refuses, with the name of the variable.
        Self::from_vars(|name| env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    /// Settings as by [`from_env`](Self::from_env), with variables from elsewhere.
    ///
    /// ```
    /// use qstash_client::ClientBuilder;
    ///
    /// let client = ClientBuilder::from_vars(|name| match name {
    ///     "QSTASH_URL" => Some("http://127.0.0.1:8080".to_owned()),
    ///     "QSTASH_TOKEN" => Some("a-token".to_owned()),
    ///     _ => None,
    /// })
    /// .build()?;
    /// # Ok::<_, qstash_client::ConfigError>(())
    /// ```
    pub fn from_vars(variable: impl Fn(&str) -> Option<String>) -> Self {
        match environment::base_url_and_token(variable) {
            Ok((base_url, token)) => Self { base_url, token, ..Self::default() },
            Err(mistake) => Self { mistake: Some(mistake), ..Self::default() },
        }
    }

    /// Where the API is: `https://qstash.upstash.io` unless set. It may have a path, for a gateway in front of the API.
    pub fn base_url(self, base_url: impl Into<String>) -> Self {
        Self { base_url: Setting::new("base URL", Some(base_url.into())), ..self }
    }

    /// Takes the base URL of a region. The token has to be of the same region.
    pub fn region(self, region: Region) -> Self {
        self.base_url(region.base_url())
    }

    /// The token, sent as `Authorization: Bearer …`.
    pub fn token(self, token: impl Into<String>) -> Self {
        Self { token: Setting::new("token", Some(token.into())), ..self }
    }

    /// How long a call may take in all, repetitions included: one minute unless set, less than ten minutes.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// How long the default transport may take to connect: ten seconds unless set.
    pub fn connect_timeout(self, connect_timeout: Duration) -> Self {
        Self { connect_timeout, ..self }
    }

    /// How often and how soon failed calls are repeated.
    pub fn retry(self, retry: RetryPolicy) -> Self {
        Self { retry, ..self }
    }

    /// How every message is delivered that does not say otherwise: published, enqueued, in a batch or on a schedule.
    ///
    /// What a message sets itself wins, setting by setting; forwarded and plain headers win name by name. Only a plain
    /// [`header`](crate::Message::header) of a message does not win over a setter here, as it never does over a setter. A
    /// delay does not apply in queues, which know none. No message can do without a default, such as a callback: for that
    /// there is a second client.
    ///
    /// ```
    /// use qstash_client::{Client, MessageOptions};
    ///
    /// let defaults = MessageOptions::new().retries(5).failure_callback("https://api.example.com/failed");
    /// let client = Client::builder().token("a-token").base_url("http://127.0.0.1:8080").message_defaults(defaults);
    /// # client.build()?;
    /// # Ok::<_, qstash_client::ConfigError>(())
    /// ```
    pub fn message_defaults(self, defaults: MessageOptions) -> Self {
        Self { message_defaults: defaults, ..self }
    }

    /// Adds a product to the `User-Agent`, such as `my-service/1.2`.
    ///
    /// Header: `User-Agent`, after `qstash-client/…` and a blank.
    pub fn user_agent_suffix(self, suffix: impl Into<String>) -> Self {
        Self { user_agent_suffix: Some(suffix.into()), ..self }
    }

    /// Lets the default transport go through a proxy, such as `http://user:password@proxy.example:3128`, whatever the
    /// variables of the environment say.
    pub fn proxy(self, url: impl Into<String>) -> Self {
        Self { proxy: Some(url.into()), ..self }
    }

    /// Sends through a client of your own of reqwest 0.13, for instance with certificates of your own.
    ///
    /// It must not follow redirects (`redirect::Policy::none()`): the target of a redirect would be called as if it were
    /// QStash. Its own timeouts apply to each attempt.
    pub fn http_client(self, client: reqwest::Client) -> Self {
        Self { transport: Some(transport::from_reqwest(client)), ..self }
    }

    /// Sends through any service that turns a request into a response.
    ///
    /// An error that is no [`TransportError`](crate::TransportError) counts as one that may have happened after the
    /// request had arrived.
    pub fn transport<S>(self, transport: S) -> Self
    where
        S: Service<Request<Bytes>, Response = Response<Bytes>> + Clone + Send + Sync + 'static,
        S::Error: Into<Box<dyn StdError + Send + Sync>>,
        S::Future: Send,
    {
        Self { transport: Some(transport::from_service(transport)), ..self }
    }

    /// Makes the client.
    ///
    /// # Errors
    ///
    /// Each error names the setting, or the environment variable that it came from:
    ///
    /// * the token is missing, or is not made of visible ASCII characters;
    /// * the base URL is no `http://` or `https://` URL, has user info, a query or a fragment, or contains a path of the
    ///   API, such as `/v2/publish`;
    /// * the region is unknown;
    /// * the defaults of messages have a mistake, or say when a message starts by a fixed time;
    /// * the proxy is no URL, or the suffix of the user agent no text for a header;
    /// * the timeout is zero, or ten minutes or more;
    /// * the base URL needs TLS, but no feature for it is on, or the system has no certificates.
    ///
    /// # Panics
    ///
    /// With the feature `rustls-no-provider` alone, when the application has not installed a crypto provider.
    pub fn build(self) -> Result<Client, ConfigError> {
        if let Some(mistake) = self.mistake {
            return Err(mistake);
        }
        let api = Api {
            base_url: setting::base_url(&self.base_url)?,
            authorization: setting::authorization(&self.token)?,
            user_agent: setting::user_agent(self.user_agent_suffix.as_deref())?,
        };
        let defaults = self
            .message_defaults
            .into_defaults()
            .map_err(|mistake| ConfigError::new("message defaults", mistake))?;
        if self.timeout.is_zero() || self.timeout >= DEDUPLICATION_WINDOW {
            return Err(ConfigError::new(
                "timeout",
                "must be longer than zero and shorter than the ten minutes for which QStash remembers a message",
            ));
        }
        let transport = match self.transport {
            Some(transport) => transport,
            None => transport::for_base_url(&api.base_url, self.connect_timeout, self.proxy.as_deref())
                .map_err(|error| ConfigError::from_setup(&self.base_url.name, error))?,
        };
        Ok(Client {
            inner: Arc::new(Inner { api, transport, retry: self.retry, timeout: self.timeout, defaults }),
        })
    }
}

impl fmt::Debug for ClientBuilder {
    /// Leaves out the token, and the base URL too: nobody has looked yet whether it holds a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}
