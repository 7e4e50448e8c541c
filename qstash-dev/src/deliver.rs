//! Sending deliveries: signed, to this machine alone, and without waiting for the end of what a destination says.

use std::{
    error::Error,
    future::Future,
    io, iter,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, HeaderValue, Request, Uri,
    uri::{Authority, Scheme},
};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
};
use qstash_types::header;
use qstash_verify::Token;
use tokio::{net::TcpStream, time::timeout};
use tower_service::Service;

use crate::{
    broker::{Delivery, LONGEST_BODY, Outcome, Response},
    fault::{Fault, Faults},
    keyring::Keyring,
    loopback, secret,
};

/// How long a delivery waits to be overtaken.
const LONGEST_HOLD: Duration = Duration::from_secs(1);
/// Longer than any token is valid.
const LATENESS: Duration = Duration::from_secs(24 * 60 * 60);

/// Carries deliveries to their destinations.
#[derive(Clone, Debug)]
pub(crate) struct Courier {
    client: Client<Loopback, Full<Bytes>>,
    keys: Keyring,
    faults: Faults,
}

impl Courier {
    pub(crate) fn new(keys: Keyring, faults: Faults) -> Self {
        Self { client: Client::builder(TokioExecutor::new()).build(Loopback), keys, faults }
    }

    pub(crate) async fn deliver(&self, delivery: Delivery) -> Outcome {
        let outcome = match self.faults.next_of_delivery() {
            None => self.send(delivery, SystemTime::now()).await,
            Some(fault) => self.send_with(fault, delivery).await,
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
                self.keys.rotate(fresh);
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
        Ok(Response { status: parts.status, headers: copied(&parts.headers), body })
    }

    fn request(&self, delivery: Delivery, signed_at: SystemTime) -> Result<Request<Full<Bytes>>, String> {
        let uri: Uri =
            delivery.url.as_str().parse().map_err(|error| format!("the URL cannot be called: {error}"))?;
        if !has_usable_port(&uri) {
            return Err("the URL cannot be called: its port is no number up to 65535".to_owned());
        }
        if uri.scheme() != Some(&Scheme::HTTP) {
            return Err("only http destinations are called, there is no TLS here".to_owned());
        }
        let host = uri.host().unwrap_or_default();
        if loopback::addresses(host).is_empty() {
            return Err(format!("only destinations on this machine are called, and {host} is not one"));
        }
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

/// Whether the port is left out or a number: the parser of URIs takes any other text for no port at all.
fn has_usable_port(uri: &Uri) -> bool {
    let authority = uri.authority().map_or("", Authority::as_str);
    let host_and_port = authority.rsplit('@').next().unwrap_or_default();
    let port = host_and_port.strip_prefix(uri.host().unwrap_or_default());
    matches!(port, Some("" | ":")) || uri.port().is_some()
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

/// The headers apart from the buffer that they were read into: the log keeps them long.
fn copied(headers: &HeaderMap) -> HeaderMap {
    let copy = |value: &HeaderValue| HeaderValue::from_bytes(value.as_bytes()).expect("it was one already");
    headers.iter().map(|(name, value)| (name.clone(), copy(value))).collect()
}

/// The innermost error: the outer ones only say which layer it went through.
fn root_cause<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    iter::successors(Some(error), |&error| error.source()).last().unwrap_or(error)
}

/// Connects to this machine, whatever it is asked for.
#[derive(Clone, Debug)]
struct Loopback;

impl Service<Uri> for Loopback {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(async move {
            let port = uri.port_u16().unwrap_or(80);
            let addresses = loopback::addresses(uri.host().unwrap_or_default());
            let addresses: Vec<_> = addresses.into_iter().map(|address| (address, port).into()).collect();
            let stream = TcpStream::connect(&*addresses).await?;
            stream.set_nodelay(true)?;
            Ok(TokioIo::new(stream))
        })
    }
}
