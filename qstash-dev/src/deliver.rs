//! Sending deliveries: signed, and without waiting for the end of what a destination says.

use std::{
    error::Error,
    future::pending,
    iter,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, StatusCode,
    header::{AUTHORIZATION, CONTENT_LENGTH, HOST},
};
use http_body_util::Full;
use qstash_broker::{AttemptEnd, Dispatch, LONGEST_BODY, Response};
use qstash_types::{Authority, Region, Scheme, UserInfo, base64_bytes, header, percent};
use qstash_verify::TokenBuilder;
use tokio::time::timeout;

use crate::{
    body::beginning,
    fault::{Fault, Faults},
    keyring::Keyring,
    outgoing::{Outgoing, Route},
    pool::{NoAnswer, Pool, Waits},
    secret,
};

/// How long a delivery waits to be overtaken.
const LONGEST_HOLD: Duration = Duration::from_secs(1);
/// Longer than any token is valid.
const LATENESS: Duration = Duration::from_secs(24 * 60 * 60);

/// Carries deliveries to their destinations.
#[derive(Clone, Debug)]
pub(crate) struct Courier {
    pool: Pool,
    outgoing: Arc<Outgoing>,
    keys: Keyring,
    region: HeaderValue,
    faults: Faults,
}

impl Courier {
    pub(crate) fn new(keys: Keyring, region: Region, faults: Faults, outgoing: Arc<Outgoing>) -> Self {
        let region = HeaderValue::try_from(region.to_string()).expect("a region is plain ASCII");
        Self { pool: Pool::default(), outgoing, keys, region, faults }
    }

    /// Carries out an attempt. What keeps it from beginning, and is no fault of the destination, is told to `waits`.
    pub(crate) async fn deliver(&self, dispatch: Box<Dispatch>, waits: &Waits) -> AttemptEnd {
        let outcome = match self.faults.next_of_delivery(&dispatch) {
            None => self.send(dispatch, SystemTime::now(), waits).await,
            // Apart, since it would make every delivery that is in flight larger.
            Some(fault) => Box::pin(self.send_with(fault, dispatch, waits)).await,
        };
        self.faults.overtaking.notify_waiters();
        outcome.map_or_else(AttemptEnd::Failed, AttemptEnd::Answered)
    }

    async fn send_with(
        &self,
        fault: Fault,
        dispatch: Box<Dispatch>,
        waits: &Waits,
    ) -> Result<Response, String> {
        let now = SystemTime::now();
        match fault {
            Fault::Status(status) => match StatusCode::from_u16(status) {
                Ok(status) => Ok(Response::new(status, &HeaderMap::new(), Bytes::new())),
                Err(_) => Err(format!("the fault wants the status {status}, which does not exist")),
            },
            Fault::Hang => pending().await,
            Fault::Refuse => Err("connection failed: a fault refuses it".to_owned()),
            Fault::DuplicatedDelivery => {
                // What the destination answers the first time makes no difference.
                let _ = self.send(dispatch.clone(), now, waits).await;
                self.send(dispatch, now, waits).await
            }
            Fault::OvertakenDelivery => {
                // If no other delivery comes, this one goes on alone.
                let _ = timeout(LONGEST_HOLD, self.faults.overtaking.notified()).await;
                self.send(dispatch, now, waits).await
            }
            Fault::LateDelivery => self.send(dispatch, now - LATENESS, waits).await,
            Fault::LostAcknowledgement => {
                self.send(dispatch, now, waits).await.and_then(|_| Err("the response was lost".to_owned()))
            }
            Fault::RotatedKeys => {
                let (route, request) = self.prepare(dispatch, now)?;
                let fresh = secret::signing_key().map_err(|error| error.to_string())?;
                self.keys.rotate(fresh).await.map_err(|error| error.to_string())?;
                self.exchange(route, request, waits).await
            }
            Fault::TooManyRequests | Fault::InternalError | Fault::LostConnection => {
                self.send(dispatch, now, waits).await
            }
        }
    }

    async fn send(
        &self,
        dispatch: Box<Dispatch>,
        signed_at: SystemTime,
        waits: &Waits,
    ) -> Result<Response, String> {
        let (route, request) = self.prepare(dispatch, signed_at)?;
        self.exchange(route, request, waits).await
    }

    /// The request of a dispatch, and where it goes.
    fn prepare(
        &self,
        dispatch: Box<Dispatch>,
        signed_at: SystemTime,
    ) -> Result<(Route, Request<Full<Bytes>>), String> {
        let (authority, scheme) = (dispatch.url.authority(), dispatch.url.scheme());
        let route = self.outgoing.route(authority, scheme);
        let route = route.map_err(|problem| format!("connection failed: {problem}"))?;
        let host = host(authority, scheme);
        Ok((route, self.request(dispatch, host, signed_at)))
    }

    async fn exchange(
        &self,
        route: Route,
        request: Request<Full<Bytes>>,
        waits: &Waits,
    ) -> Result<Response, String> {
        let (response, connection) =
            self.pool.send(route, request, waits).await.map_err(|error| match error {
                NoAnswer::Connect(error) => format!("connection failed: {}", root_cause(&error)),
                NoAnswer::Http(error) => format!("no valid response: {}", root_cause(&error)),
            })?;
        let (head, body) = response.into_parts();
        let (body, is_whole) = beginning(body, LONGEST_BODY)
            .await
            .map_err(|error| format!("the response broke off: {}", root_cause(&error)))?;
        if is_whole {
            self.pool.keep(connection, head.version, &head.headers);
        }
        Ok(Response::new(head.status, &head.headers, body))
    }

    fn request(
        &self,
        dispatch: Box<Dispatch>,
        host: HeaderValue,
        signed_at: SystemTime,
    ) -> Request<Full<Bytes>> {
        let Dispatch { url, method, mut headers, body, token_id, age, .. } = *dispatch;
        // Receivers compare the times in the token with their own clock, which no test moves.
        let token = TokenBuilder::new(url.as_str(), &body, signed_at).id(&token_id);
        let signature = self.keys.signer().token(&token);
        headers.insert(header::SIGNATURE, HeaderValue::try_from(signature).expect("a token is plain ASCII"));
        headers.insert(header::REGION, self.region.clone());
        let published_at = headers.get(header::PUBLISHED_AT);
        if let Some(earlier) = published_at.and_then(|value| before_time_was_moved(value, age)) {
            headers.insert(header::PUBLISHED_AT, earlier);
        }
        headers.insert(HOST, host);
        if let Some(user_info) = url.user_info() {
            headers.entry(AUTHORIZATION).or_insert_with(|| basic_credentials(user_info));
        }
        // Without it, servers that read as long as they are told to do not know that nothing follows (RFC 9110, 8.6).
        if body.is_empty() && [Method::POST, Method::PUT, Method::PATCH].contains(&method) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() =
            url.request_target().parse().expect("a URL that was accepted has a target that can be sent");
        *request.headers_mut() = headers;
        request
    }
}

/// The time of publishing as receivers must see it when this server's time was moved since, since they count the wait of a
/// message with their own clock; nothing if it was not moved.
fn before_time_was_moved(published_at: &HeaderValue, age: Duration) -> Option<HeaderValue> {
    let millis =
        |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_millis().try_into().ok();
    let accepted: u64 = millis(SystemTime::now().checked_sub(age)?)?;
    let published: u64 = published_at.to_str().ok()?.parse().ok()?;
    (accepted < published).then(|| accepted.into())
}

/// Host and port of a URL as the header `Host` holds them: without the port that the scheme means.
fn host(Authority { host, port, .. }: Authority<'_>, scheme: Scheme) -> HeaderValue {
    let mut text = host.to_ascii().expect("a URL that was accepted has a host in ASCII").into_owned();
    if let Some(port) = port.filter(|port| *port != scheme.default_port()) {
        text.push(':');
        text.push_str(&port.to_string());
    }
    HeaderValue::try_from(text).expect("the characters of hosts are those of headers")
}

/// What `user:password@` in a URL stands for (RFC 7617).
fn basic_credentials(UserInfo { user, password, .. }: UserInfo<'_>) -> HeaderValue {
    let pair = [&*percent::decode(user), b":", &*percent::decode(password.unwrap_or_default())].concat();
    let mut value = HeaderValue::try_from(format!("Basic {}", base64_bytes::encode(&pair)))
        .expect("base64 is plain ASCII");
    value.set_sensitive(true);
    value
}

/// The innermost error: the outer ones only say which layer it went through.
fn root_cause<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    iter::successors(Some(error), |&error| error.source()).last().unwrap_or(error)
}
