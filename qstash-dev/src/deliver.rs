//! Sending deliveries: signed, and without waiting for the end of what a destination says.

use std::{
    error::Error,
    iter,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Request, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use qstash_types::header;
use qstash_verify::Token;
use tokio::time::timeout;

use crate::{
    broker::{Delivery, LONGEST_BODY, Outcome, Response},
    compact,
    connect::Connector,
    fault::{Fault, Faults},
    keyring::Keyring,
    outgoing::Outgoing,
    secret,
};

/// How long a delivery waits to be overtaken.
const LONGEST_HOLD: Duration = Duration::from_secs(1);
/// Longer than any token is valid.
const LATENESS: Duration = Duration::from_secs(24 * 60 * 60);

/// How much of a response is read at a time. Its head may be as long, or a little longer. A destination that announces a
/// response without end (`100 Continue`, again and again) must not keep everybody else waiting while all that is read.
const LONGEST_HEAD: usize = 64 * 1024;

/// How long a connection is kept for the next delivery. Servers close theirs after a few seconds (Node.js and actix-web after
/// five), and a request that is sent just then is lost.
const LONGEST_IDLE: Duration = Duration::from_secs(1);

/// Carries deliveries to their destinations.
#[derive(Clone, Debug)]
pub(crate) struct Courier {
    client: Client<Connector, Full<Bytes>>,
    keys: Keyring,
    faults: Faults,
}

impl Courier {
    pub(crate) fn new(keys: Keyring, faults: Faults, outgoing: Arc<Outgoing>) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(LONGEST_IDLE)
            .http1_max_buf_size(LONGEST_HEAD)
            .build(Connector::new(outgoing));
        Self { client, keys, faults }
    }

    pub(crate) async fn deliver(&self, delivery: Delivery) -> Outcome {
        let outcome = match self.faults.next_of_delivery() {
            None => self.send(delivery, SystemTime::now()).await,
            // Apart, since it would make every delivery that is in flight larger.
            Some(fault) => Box::pin(self.send_with(fault, delivery)).await,
        };
        self.faults.overtaking.notify_waiters();
        outcome.map_or_else(Outcome::Failed, Outcome::Answered)
    }

    async fn send_with(&self, fault: Fault, delivery: Delivery) -> Result<Response, String> {
        let now = SystemTime::now();
        match fault {
            Fault::DuplicatedDelivery => {
                // What the destination answers the first time makes no difference.
                let _ = self.send(delivery.clone(), now).await;
                self.send(delivery, now).await
            }
            Fault::OvertakenDelivery => {
                // If no other delivery comes, this one goes on alone.
                let _ = timeout(LONGEST_HOLD, self.faults.overtaking.notified()).await;
                self.send(delivery, now).await
            }
            Fault::LateDelivery => self.send(delivery, now - LATENESS).await,
            Fault::LostAcknowledgement => {
                self.send(delivery, now).await.and_then(|_| Err("the response was lost".to_owned()))
            }
            Fault::RotatedKeys => {
                let request = self.request(delivery, now)?;
                let fresh = secret::signing_key().map_err(|error| error.to_string())?;
                self.keys.rotate(fresh).await.map_err(|error| error.to_string())?;
                self.exchange(request).await
            }
            Fault::TooManyRequests | Fault::InternalError | Fault::LostConnection => {
                self.send(delivery, now).await
            }
        }
    }

    async fn send(&self, delivery: Delivery, signed_at: SystemTime) -> Result<Response, String> {
        self.exchange(self.request(delivery, signed_at)?).await
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Response, String> {
        let response = self.client.request(request).await.map_err(|error| {
            let what = if error.is_connect() { "connection failed" } else { "no valid response" };
            format!("{what}: {}", root_cause(&error))
        })?;
        let (parts, body) = response.into_parts();
        let body = beginning(body)
            .await
            .map_err(|error| format!("the response broke off: {}", root_cause(&error)))?;
        Ok(Response { status: parts.status, headers: compact::headers(&parts.headers), body })
    }

    fn request(&self, delivery: Delivery, signed_at: SystemTime) -> Result<Request<Full<Bytes>>, String> {
        let uri: Uri =
            delivery.url.as_str().parse().map_err(|error| format!("the URL cannot be called: {error}"))?;
        // Receivers compare the times in the token with their own clock, which no test moves.
        let token = Token::new(delivery.url.as_str(), &delivery.body, signed_at).id(&delivery.token_id);
        let signature =
            HeaderValue::try_from(self.keys.signer().token(&token)).expect("a token is plain ASCII");
        let mut request = Request::new(Full::new(delivery.body));
        *request.method_mut() = delivery.method;
        *request.uri_mut() = uri;
        *request.headers_mut() = delivery.headers;
        request.headers_mut().insert(header::SIGNATURE, signature);
        Ok(request)
    }
}

/// Reads a body up to the limit. What follows is left unread, and the connection is closed.
async fn beginning(mut body: Incoming) -> Result<Bytes, hyper::Error> {
    let mut read = BytesMut::new();
    while read.len() < LONGEST_BODY
        && let Some(frame) = body.frame().await
    {
        if let Some(data) = frame?.data_ref() {
            read.extend_from_slice(data);
        }
    }
    read.truncate(LONGEST_BODY);
    Ok(read.freeze())
}

/// The innermost error: the outer ones only say which layer it went through.
fn root_cause<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    iter::successors(Some(error), |&error| error.source()).last().unwrap_or(error)
}
