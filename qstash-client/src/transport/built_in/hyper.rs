//! The transport over the client of hyper-util: the connections and their pool, and nothing around them.

#[cfg(feature = "__tls")]
mod tls;

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::TryFutureExt;
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::rt::{Read, Write};
use hyper_util::{
    client::legacy::{
        Client, Error, ResponseFuture,
        connect::{Connection, HttpConnector},
    },
    rt::{TokioExecutor, TokioTimer},
};
use qstash_types::{Scheme, Url};
use tower::{
    Service,
    timeout::{Timeout, error::Elapsed},
    util::MapFuture,
};

use super::{Answer, BuiltIn, causes, complete, failure, host};
use crate::{
    builder::Setting,
    error::{BoxError, ConfigError, TransportError},
    transport::Transport,
};

/// How long a connection is kept that nobody uses.
const IDLE: Duration = Duration::from_secs(90);
/// After which silence the system asks whether the other end is still there, and how long it waits until it asks again.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// How often it asks.
const QUESTIONS: u32 = 3;
/// How long the other end may leave what was sent unacknowledged. Otherwise every call would go over a connection that is dead
/// until the system gives it up, after a quarter of an hour.
#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

pub(super) fn transport(
    settings: &BuiltIn,
    #[cfg_attr(feature = "__tls", expect(unused_variables, reason = "it is at fault only without TLS"))]
    setting: &Setting,
    base_url: &Url<&str>,
) -> Result<Transport, ConfigError> {
    if settings.proxy.is_some() {
        return Err(ConfigError::new("proxy", "only reqwest goes through proxies, hyper does not"));
    }
    let mut http = HttpConnector::new();
    http.set_nodelay(true);
    http.set_keepalive(Some(KEEPALIVE));
    http.set_keepalive_interval(Some(KEEPALIVE));
    http.set_keepalive_retries(Some(QUESTIONS));
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    http.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
    // Each address of the host has its share of the time, so that one where nobody answers leaves some for the next.
    http.set_connect_timeout(Some(settings.connect_timeout));
    // TLS has its turn after it.
    http.enforce_http(false);
    let (host, timeout) = (host(base_url), settings.connect_timeout);
    match base_url.scheme() {
        Scheme::Http => Ok(over(http, timeout, host)),
        #[cfg(feature = "__tls")]
        Scheme::Https => Ok(over(tls::connector(http)?, timeout, host)),
        #[cfg(not(feature = "__tls"))]
        Scheme::Https => Err(super::no_feature_for_tls(setting)),
    }
}

/// The transport over the connections that this makes.
fn over<C, T>(connector: C, timeout: Duration, host: Option<HeaderValue>) -> Transport
where
    C: Service<Uri, Response = T, Error: Into<BoxError>, Future: Send + 'static>
        + Clone
        + Send
        + Sync
        + 'static,
    T: Read + Write + Connection + Send + Unpin + 'static,
{
    let connector = MapFuture::new(Timeout::new(connector, timeout), Box::pin);
    let client = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .build(connector);
    Arc::new(move |request| {
        let (mut head, body) = request.into_parts();
        complete(&mut head.headers, host.as_ref(), &body);
        Box::pin(answer(client.request(Request::from_parts(head, Full::new(body)))).err_into())
    })
}

async fn answer(sent: ResponseFuture) -> Result<Response<Bytes>, TransportError> {
    let (head, mut body) = sent.await.map_err(no_head)?.into_parts();
    let mut answer = Answer::default();
    while let Some(frame) = body.frame().await {
        // Whatever else a frame may be means nothing here.
        if let Ok(piece) = frame.map_err(TransportError::interrupted)?.into_data() {
            answer.add(piece)?;
        }
    }
    Ok(Response::from_parts(head, answer.finish()))
}

fn no_head(error: Error) -> TransportError {
    let is_timeout = causes(&error).any(|cause| {
        let io = cause.downcast_ref::<io::Error>();
        cause.is::<Elapsed>() || io.is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
    });
    failure(!error.is_connect(), is_timeout, error)
}
