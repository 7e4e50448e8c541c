//! The handle that everything starts from.

use std::{fmt, sync::Arc, time::Duration, time::SystemTime};

use bytes::Bytes;
use http::Request;
use qstash_types::DeduplicationId;
use tokio::time::{Instant, sleep, timeout_at};
use tower::ServiceExt;

use crate::{
    ApiError, ClientBuilder, ConfigError, DecodeError, Error, InvalidInput, Message, Published, RetryPolicy,
    TransportError,
    defaults::Defaults,
    error::{Fault, History},
    message::{MessageParts, OwnId},
    request::{Api, Call, Repeat},
    retry::Attempt,
    trace::CallSpan,
    transport::Transport,
};

/// A client of the QStash API.
///
/// Cloning is cheap, and all clones share their connections: make one client and keep it. See the [crate](crate) for an
/// example.
#[derive(Clone)]
pub struct Client {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Clone)]
pub(crate) struct Inner {
    pub(crate) api: Api,
    pub(crate) transport: Transport,
    pub(crate) retry: RetryPolicy,
    pub(crate) timeout: Duration,
    pub(crate) defaults: Defaults,
}

impl Client {
    /// A client for a base URL, such as `https://qstash.upstash.io`, and the token that belongs to it.
    ///
    /// ```
    /// use qstash_client::Client;
    ///
    /// let client = Client::new("http://127.0.0.1:8080", "a-token")?;
    /// # Ok::<_, qstash_client::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// See [`ClientBuilder::build`].
    pub fn new(base_url: impl Into<String>, token: impl Into<String>) -> Result<Self, ConfigError> {
        Self::builder().base_url(base_url).token(token).build()
    }

    /// A client configured by environment variables: see [`ClientBuilder::from_env`].
    ///
    /// # Errors
    ///
    /// See [`ClientBuilder::build`]. The error names the variable.
    pub fn from_env() -> Result<Self, ConfigError> {
        ClientBuilder::from_env().build()
    }

    /// A client with settings of its own.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// Hands a message over to QStash, which from then on delivers it.
    ///
    /// It goes to a URL, or to each endpoint of a URL group. Unless it says otherwise, it is sent with a fresh
    /// deduplication id, and repeated as the [`RetryPolicy`] says.
    ///
    /// Dropping the future gives the call up, and nothing more is sent; whether the message was accepted is then unknown.
    /// To be able to try again, as in a `select!`, set a [deduplication id](Message::deduplication_id).
    ///
    /// # Errors
    ///
    /// See [`Error`]: [`Error::Input`] if the message has a mistake, and nothing was sent; otherwise
    /// [`Error::is_ambiguous`] tells whether it may have been accepted all the same.
    pub async fn publish(&self, message: Message) -> Result<Published, Error> {
        self.deliver(message.finish()?).await
    }

    /// Publishes or enqueues.
    pub(crate) async fn deliver(&self, mut parts: MessageParts) -> Result<Published, Error> {
        self.complete(&mut parts)?;
        let own_id = parts.own_id == OwnId::Added;
        let published = self.call(Call::handing_over(parts)?, Published::decode).await?;
        Ok(if own_id { published.original() } else { published })
    }

    /// Makes a message what it is when it is published or enqueued.
    pub(crate) fn complete(&self, parts: &mut MessageParts) -> Result<(), InvalidInput> {
        self.inner.defaults.fill(parts);
        parts.complete(fresh_id)
    }

    /// Sends a call until it succeeds, must not be repeated, or runs out of time.
    pub(crate) async fn call<T>(
        &self,
        mut call: Call,
        decode: impl Fn(&[u8]) -> Result<T, Fault>,
    ) -> Result<T, Error> {
        let (repeat, deduplication_id) = (call.repeat, call.deduplication_id.take());
        let span = CallSpan::new(&call);
        let request = self.inner.api.request(call)?;
        span.around(self.repeat(request, repeat, deduplication_id, decode, &span)).await
    }

    async fn repeat<T>(
        &self,
        request: Request<Bytes>,
        repeat: Repeat,
        deduplication_id: Option<DeduplicationId>,
        decode: impl Fn(&[u8]) -> Result<T, Fault>,
        span: &CallSpan,
    ) -> Result<T, Error> {
        let deadline = Instant::now() + self.inner.timeout;
        let mut history = History { deduplication_id, ambiguous: false };
        let mut repetitions = 0;
        loop {
            span.attempted(repetitions + 1);
            let failure = match self.attempt(request.clone(), deadline, &decode, span).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            history.ambiguous |= failure.is_ambiguous();
            let attempt = Attempt {
                repetitions,
                repeat,
                time_left: deadline.saturating_duration_since(Instant::now()),
                jitter: random_fraction(),
            };
            match self.inner.retry.decide(&failure, &attempt) {
                Some(wait) => {
                    span.repeated(&failure, wait);
                    sleep(wait).await;
                }
                None => return Err(failure.with_history(history)),
            }
            repetitions += 1;
        }
    }

    async fn attempt<T>(
        &self,
        request: Request<Bytes>,
        deadline: Instant,
        decode: impl Fn(&[u8]) -> Result<T, Fault>,
        span: &CallSpan,
    ) -> Result<T, Error> {
        let response = timeout_at(deadline, self.inner.transport.clone().oneshot(request))
            .await
            .map_err(|elapsed| TransportError::interrupted(elapsed).timed_out())?
            .map_err(Error::from_transport)?;
        span.answered(response.status());
        if !response.status().is_success() {
            return Err(ApiError::new(&response, SystemTime::now()).into());
        }
        decode(response.body()).map_err(|fault| DecodeError::new(response.status(), fault).into())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base_url", &self.inner.api.base_url).finish_non_exhaustive()
    }
}

fn fresh_id() -> DeduplicationId {
    DeduplicationId::new(random_id()).expect("hexadecimal digits are a legal id")
}

/// An id that nobody else has: 128 random bits, in hexadecimal.
pub(crate) fn random_id() -> String {
    format!("{:032x}", u128::from_ne_bytes(random()))
}

/// A random number from 0 to 1.
fn random_fraction() -> f64 {
    f64::from(u32::from_ne_bytes(random())) / f64::from(u32::MAX)
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system provides randomness");
    bytes
}
