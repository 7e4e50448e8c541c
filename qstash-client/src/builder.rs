//! The settings of a client.

mod environment;
mod setting;

use std::{env, error::Error as StdError, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use qstash_types::Region;
use tower::Service;

pub(crate) use self::setting::Setting;
#[cfg(feature = "__http")]
use crate::transport::built_in::{BuiltIn, HttpClient};
use crate::{
    Client, MessageOptions, RetryPolicy,
    api::Api,
    client::Inner,
    error::ConfigError,
    observe,
    transport::{self, Transport},
};

pub(crate) const DEFAULT_BASE_URL: &str = "https://qstash.upstash.io";

/// QStash forgets a deduplication id after this time. Beyond it, a repetition would be a second message.
pub(crate) const DEDUPLICATION_WINDOW: Duration = Duration::from_secs(10 * 60);

/// Sets up a [`Client`].
///
/// With the feature `reqwest`, which is on by default, reqwest carries the calls unless [`http_client`](Self::http_client),
/// `hyper` or [`transport`](Self::transport) replaces it; without it, hyper-util does with the feature `hyper`. Both use
/// HTTP/2 where TLS offers it, do not follow redirects, and refuse answers of more than 64 MiB. reqwest goes through the
/// proxy that the usual environment variables name, except to loopback addresses; hyper-util goes through none. Without
/// either feature, a [`transport`](Self::transport) must be set.
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
/// # Ok::<_, qstash_client::error::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until it builds"]
pub struct ClientBuilder {
    base_url: Setting,
    token: Setting,
    /// The first mistake in the environment.
    mistake: Option<ConfigError>,
    timeout: Duration,
    retry: RetryPolicy,
    message_defaults: MessageOptions,
    user_agent_suffix: Option<String>,
    #[cfg(feature = "__http")]
    built_in: BuiltIn,
    transport: Option<Transport>,
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self {
            base_url: Setting::new("base URL", Some(DEFAULT_BASE_URL.to_owned())),
            token: Setting::new("token", None),
            mistake: None,
            timeout: Duration::from_secs(60),
            retry: RetryPolicy::default(),
            message_defaults: MessageOptions::new(),
            user_agent_suffix: None,
            #[cfg(feature = "__http")]
            built_in: BuiltIn::default(),
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
    /// An empty variable counts as not set. A mistake is returned by [`build`](Self::build). Setters that are called
    /// afterwards win.
    pub fn from_env() -> Self {
        // A value that is not Unicode becomes text that `build` refuses, with the name of the variable.
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
    /// # Ok::<_, qstash_client::error::ConfigError>(())
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

    /// How long reqwest or hyper may take to connect: ten seconds unless set.
    #[cfg(feature = "__http")]
    pub fn connect_timeout(mut self, connect_timeout: Duration) -> Self {
        self.built_in.connect_timeout = connect_timeout;
        self
    }

    /// How often and how soon failed calls are repeated.
    pub fn retry(self, retry: RetryPolicy) -> Self {
        Self { retry, ..self }
    }

    /// Defaults for every message that is published, enqueued, sent in a batch or put on a schedule.
    ///
    /// What a message sets itself wins, setting by setting; forwarded and plain headers win name by name. A plain
    /// [`header`](crate::Message::header) of a message does not win over a setter that is called here, because plain
    /// headers never win over setters. A default delay does not apply to messages in queues, which cannot be delayed. A
    /// message cannot remove a default, such as a callback; use a second client for that.
    ///
    /// ```
    /// use qstash_client::{Client, MessageOptions};
    ///
    /// let defaults = MessageOptions::new().retries(5).failure_callback("https://api.example.com/failed");
    /// let client = Client::builder().token("a-token").base_url("http://127.0.0.1:8080").message_defaults(defaults);
    /// # client.build()?;
    /// # Ok::<_, qstash_client::error::ConfigError>(())
    /// ```
    pub fn message_defaults(self, defaults: MessageOptions) -> Self {
        Self { message_defaults: defaults, ..self }
    }

    /// Adds the name and version of your program to the `User-Agent`, such as `my-service/1.2`.
    ///
    /// Header: `User-Agent`, after `qstash-client/…` and a space.
    pub fn user_agent_suffix(self, suffix: impl Into<String>) -> Self {
        Self { user_agent_suffix: Some(suffix.into()), ..self }
    }

    /// Sends through a proxy, such as `http://user:password@proxy.example:3128`, instead of
    /// the one that environment variables name. Applies to reqwest alone.
    #[cfg(feature = "reqwest")]
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.built_in.proxy = Some(url.into());
        self
    }

    /// Sends through a client of your own of reqwest 0.13, for instance with certificates of your own.
    ///
    /// It must not follow redirects (`redirect::Policy::none()`): the target of a redirect would be called as if it were
    /// QStash. Its own timeouts apply to each attempt.
    #[cfg(feature = "reqwest")]
    pub fn http_client(mut self, client: reqwest::Client) -> Self {
        self.built_in.client = HttpClient::OwnReqwest(client);
        self.transport = None;
        self
    }

    /// Sends through the client of hyper-util instead of reqwest.
    ///
    /// It does less around each call, and HTTP/2, TLS, limits and errors are the same. It goes through no proxy: environment
    /// variables about proxies have no effect, and a `proxy` that is set is refused by [`build`](Self::build).
    #[cfg(feature = "hyper")]
    pub fn hyper(mut self) -> Self {
        self.built_in.client = HttpClient::Hyper;
        self.transport = None;
        self
    }

    /// Sends through any service that turns a request into a response.
    ///
    /// After an error of another type than [`TransportError`](crate::error::TransportError), the request counts as one
    /// that may have arrived.
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
    /// * the base URL is not an `http://` or `https://` URL, has user info, a query or a fragment, or contains a path
    ///   of the API, such as `/v2/publish`;
    /// * the region is unknown;
    /// * the defaults of messages have a mistake, or say when a message starts by a fixed time;
    /// * the proxy is not a URL, or the suffix of the user agent cannot stand in a header;
    /// * the timeout is zero, or ten minutes or more;
    /// * the base URL needs TLS, but no feature for it is on, or the system has no certificates;
    /// * a proxy is set beside `hyper`;
    /// * there is no transport, because none is set and neither `reqwest` nor `hyper` is on.
    ///
    /// # Panics
    ///
    /// With the feature `rustls-no-provider` alone, when the application has not installed a crypto provider.
    pub fn build(self) -> Result<Client, ConfigError> {
        if let Some(mistake) = self.mistake {
            return Err(mistake);
        }
        let api = Api::new(
            setting::base_url(&self.base_url)?,
            setting::authorization(&self.token)?,
            setting::user_agent(self.user_agent_suffix.as_deref())?,
        )
        .map_err(|fault| self.base_url.fault(fault))?;
        let defaults = self
            .message_defaults
            .to_defaults()
            .map_err(|mistake| ConfigError::new("message defaults", mistake))?;
        if self.timeout.is_zero() || self.timeout >= DEDUPLICATION_WINDOW {
            return Err(ConfigError::new(
                "timeout",
                "must be longer than zero and shorter than the ten minutes for which QStash remembers a message",
            ));
        }
        let transport = match &self.transport {
            Some(transport) => transport.clone(),
            None => self.built_in_transport(&api.base_url)?,
        };
        observe::describe();
        Ok(Client {
            inner: Arc::new(Inner {
                api,
                transport,
                budget: self.retry.start_budget(),
                retry: self.retry,
                timeout: self.timeout,
                defaults,
            }),
        })
    }

    #[cfg(feature = "__http")]
    fn built_in_transport(&self, base_url: &str) -> Result<Transport, ConfigError> {
        self.built_in.transport(&self.base_url, base_url)
    }

    #[cfg(not(feature = "__http"))]
    #[expect(clippy::unused_self, reason = "the same call as with the feature")]
    fn built_in_transport(&self, _: &str) -> Result<Transport, ConfigError> {
        Err(ConfigError::new("transport", "not set, and only the features reqwest and hyper bring one"))
    }
}

impl fmt::Debug for ClientBuilder {
    /// Leaves out the token, and the base URL too, which has not been checked yet and may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("timeout", &self.timeout)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}
