//! The settings of a client.

use std::{env, error::Error as StdError, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri};
use qstash_types::{Region, Url};
use tower::Service;

use crate::{
    Client, ConfigError, RetryPolicy,
    client::Inner,
    environment,
    request::Api,
    transport::{self, Transport},
};

pub(crate) const DEFAULT_BASE_URL: &str = "https://qstash.upstash.io";

/// QStash forgets a deduplication id after this time. Beyond it, a repetition would be a second message.
const DEDUPLICATION_WINDOW: Duration = Duration::from_secs(10 * 60);

/// Sets up a [`Client`].
///
/// Unless [`http_client`](Self::http_client) or [`transport`](Self::transport) replaces it, reqwest carries the calls:
/// with HTTP/2 where TLS offers it, without following redirects, and through the proxy that the usual variables name,
/// which does not apply to loopback addresses. Answers of more than 16 MiB are refused.
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
    transport: Option<Transport>,
}

/// A setting under the name that its giver knows it by.
#[derive(Clone)]
pub(crate) struct Setting {
    name: String,
    pub(crate) value: Option<String>,
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

    /// Sends through a reqwest client of your own, for instance with a proxy or certificates of your own.
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
        let api = Api { base_url: base_url(&self.base_url)?, authorization: authorization(&self.token)? };
        if self.timeout.is_zero() || self.timeout >= DEDUPLICATION_WINDOW {
            return Err(ConfigError::new(
                "timeout",
                "must be longer than zero and shorter than the ten minutes for which QStash remembers a message",
            ));
        }
        let transport = match self.transport {
            Some(transport) => transport,
            None => transport::for_base_url(&api.base_url, self.connect_timeout)
                .map_err(|error| ConfigError::from_setup(&self.base_url.name, error))?,
        };
        Ok(Client { inner: Arc::new(Inner { api, transport, retry: self.retry, timeout: self.timeout }) })
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

impl Setting {
    pub(crate) fn new(name: &str, value: Option<String>) -> Self {
        Self { name: name.to_owned(), value }
    }

    /// The value, which must be there and have no white space around it.
    fn value(&self) -> Result<&str, ConfigError> {
        match self.value.as_deref() {
            None | Some("") => Err(self.fault("not set")),
            Some(value) if value.trim() != value => Err(self.fault("there is white space around the value")),
            Some(value) => Ok(value),
        }
    }

    pub(crate) fn fault(&self, fault: impl fmt::Display) -> ConfigError {
        ConfigError::new(&self.name, fault)
    }
}

fn authorization(token: &Setting) -> Result<HeaderValue, ConfigError> {
    let text = token.value()?;
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(token.fault("only visible ASCII characters without blanks can be sent"));
    }
    let mut value =
        HeaderValue::try_from(format!("Bearer {text}")).expect("visible ASCII is a legal header value");
    value.set_sensitive(true);
    Ok(value)
}

fn base_url(setting: &Setting) -> Result<String, ConfigError> {
    let text = setting.value()?;
    Url::new(text).map_err(|fault| setting.fault(fault))?;
    let uri: Uri = text.parse().map_err(|fault| setting.fault(fault))?;
    if uri.query().is_some() {
        return Err(setting.fault("a base URL cannot have a query"));
    }
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(setting.fault("a base URL cannot have user info, the token is a setting of its own"));
    }
    match api_path(uri.path()) {
        Some(path) => Err(setting.fault(format!("{path} is a part of the API, leave it out"))),
        None => Ok(text.strip_suffix('/').unwrap_or(text).to_owned()),
    }
}

/// The part of a path that belongs to the API, if there is one: `/v2` at the end, or `/v2` before a resource.
fn api_path(path: &str) -> Option<&str> {
    const RESOURCES: [&str; 13] = [
        "batch",
        "dlq",
        "enqueue",
        "events",
        "flowcontrol",
        "globalparallelism",
        "keys",
        "logs",
        "messages",
        "publish",
        "queues",
        "schedules",
        "topics",
    ];
    let lower = path.to_ascii_lowercase();
    let found = lower.match_indices("/v2").map(|(start, _)| start).find(|start| {
        let mut rest = lower[start + "/v2".len()..].split('/');
        match (rest.next(), rest.next()) {
            (Some(""), None | Some("")) => true,
            (Some(""), Some(resource)) => RESOURCES.contains(&resource),
            _ => false,
        }
    });
    found.map(|start| &path[start..])
}
