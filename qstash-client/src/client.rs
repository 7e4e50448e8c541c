//! The client.

use std::{fmt, sync::Arc, time::Duration, time::SystemTime};

use bytes::Bytes;
use http::{Request, Response};
use qstash_types::DeduplicationId;
use tokio::time::{Instant, sleep, timeout_at};

#[cfg(feature = "__http")]
use crate::error::ConfigError;
use crate::{
    ClientBuilder, Error, Message, Published, RetryPolicy,
    api::Api,
    defaults::Defaults,
    error::{ApiError, DecodeError, Fault, History, InvalidInput, TransportError},
    message::{MessageParts, OwnId},
    observe::{self, Observation, Way},
    request::Call,
    retry::{FailedAttempt, SharedBudget},
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
    pub(crate) budget: SharedBudget,
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
    /// # Ok::<_, qstash_client::error::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// See [`ClientBuilder::build`].
    #[cfg(feature = "__http")]
    pub fn new(base_url: impl Into<String>, token: impl Into<String>) -> Result<Self, ConfigError> {
        Self::builder().base_url(base_url).token(token).build()
    }

    /// A client configured by environment variables: see [`ClientBuilder::from_env`].
    ///
    /// # Errors
    ///
    /// See [`ClientBuilder::build`]. The error names the variable.
    #[cfg(feature = "__http")]
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

    /// Makes a call that has no method here, such as those that the local server alone has.
    ///
    /// The URI of the request is a path, which the base URL is put in front of, and the token is added. It is sent once and has no
    /// deadline. Whatever status is answered, it is an answer.
    ///
    /// ```no_run
    /// # async fn advance(client: qstash_client::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let an_hour = http::Request::post("/dev/clock").body(r#"{"advance": 3600}"#.into())?;
    /// assert!(client.send(an_hour).await?.status().is_success());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the URI is no path, and [`Error::Transport`] if no answer came.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Error> {
        let request = self.inner.api.addressed(request)?;
        let answer = (self.inner.transport)(request).await;
        answer.map_err(|error| Error::from_transport(error).at(&self.inner.api))
    }

    /// Publishes or enqueues.
    pub(crate) async fn deliver(&self, mut parts: Box<MessageParts>) -> Result<Published, Error> {
        self.complete(&mut parts)?;
        let own_id = parts.own_id == OwnId::Added;
        let way = if parts.options.queue.is_some() { Way::Enqueue } else { Way::Publish };
        let answer = self.call_noting(Call::handing_over(parts)?, Published::decode).await;
        let published =
            answer.map(
                |Answered { answer, may_be_a_repetition }| {
                    if own_id || may_be_a_repetition { answer.maybe_original() } else { answer }
                },
            );
        observe::handed_over(way, published.as_ref());
        published
    }

    /// Adds the defaults and the deduplication id to a message that is published or enqueued.
    pub(crate) fn complete(&self, parts: &mut MessageParts) -> Result<(), InvalidInput> {
        self.inner.defaults.fill(parts);
        self.inner.api.check_reach_of(parts)?;
        parts.complete(fresh_id)
    }

    /// Sends a call until it succeeds, must not be repeated, or runs out of time.
    pub(crate) async fn call<T>(
        &self,
        call: Call,
        decode: impl Fn(&[u8]) -> Result<T, Fault>,
    ) -> Result<T, Error> {
        Ok(self.call_noting(call, decode).await?.answer)
    }

    /// As [`call`](Self::call), and notes whether the answer may be about an earlier attempt.
    pub(crate) async fn call_noting<T>(
        &self,
        mut call: Call,
        decode: impl Fn(&[u8]) -> Result<T, Fault>,
    ) -> Result<Answered<T>, Error> {
        let deduplication_id = call.deduplication_id.take();
        let observation = Observation::begin(&mut call);
        let first = self.inner.api.request(&call)?;
        observation
            .around(async |observation| {
                self.repeat(&call, first, deduplication_id, decode, observation).await
            })
            .await
    }

    async fn repeat<T>(
        &self,
        call: &Call,
        mut request: Request<Bytes>,
        deduplication_id: Option<DeduplicationId>,
        decode: impl Fn(&[u8]) -> Result<T, Fault>,
        observation: &Observation,
    ) -> Result<Answered<T>, Error> {
        let start = Instant::now();
        let deadline = start + self.inner.timeout;
        let mut history = History { deduplication_id, ambiguous: false };
        let mut repetitions = 0;
        self.inner.budget.call(start);
        loop {
            observation.attempted(repetitions + 1);
            let failure = match self.attempt(request, deadline, &decode, observation).await {
                Ok(answer) => return Ok(Answered { answer, may_be_a_repetition: history.ambiguous }),
                Err(failure) => failure,
            };
            history.ambiguous |= failure.is_ambiguous();
            let now = Instant::now();
            let attempt = FailedAttempt {
                repetitions,
                repeat: call.repeat,
                time_left: deadline.saturating_duration_since(now),
                jitter: random_fraction(),
            };
            match self.inner.retry.decide(&failure, &attempt) {
                Some(wait) if self.inner.budget.repeat(now) => {
                    observation.repeated(&failure, wait);
                    sleep(wait).await;
                }
                _ => return Err(failure.with_history(history)),
            }
            repetitions += 1;
            request = self.inner.api.request(call)?;
        }
    }

    async fn attempt<T>(
        &self,
        request: Request<Bytes>,
        deadline: Instant,
        decode: impl Fn(&[u8]) -> Result<T, Fault>,
        observation: &Observation,
    ) -> Result<T, Error> {
        let response = timeout_at(deadline, (self.inner.transport)(request))
            .await
            .map_err(|elapsed| TransportError::interrupted(elapsed).timed_out())?
            .map_err(|error| Error::from_transport(error).at(&self.inner.api))?;
        observation.answered(response.status());
        if !response.status().is_success() {
            return Err(ApiError::new(&response, &self.inner.api, SystemTime::now()).into());
        }
        decode(response.body())
            .map_err(|fault| DecodeError::new(response.status(), &fault, &self.inner.api).into())
    }
}

/// The answer to a call.
pub(crate) struct Answered<T> {
    pub(crate) answer: T,
    /// Whether an earlier attempt of the same call may have been carried out, and its answer lost.
    pub(crate) may_be_a_repetition: bool,
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
pub(crate) fn random_id() -> RandomId {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut digits = [0; 32];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(random::<16>()) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 0xf)];
    }
    RandomId(digits)
}

pub(crate) struct RandomId([u8; 32]);

impl AsRef<str> for RandomId {
    fn as_ref(&self) -> &str {
        str::from_utf8(&self.0).expect("digits are text")
    }
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
