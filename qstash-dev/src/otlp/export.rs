//! Sends spans to a collector.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use http_body_util::Full;
use qstash_types::Url;
use serde_json::{Value, json};
use tokio::{sync::mpsc, time::timeout};

use super::span::{Span, attribute};
use crate::{
    outgoing::{Internet, Outgoing, Route},
    pool::{NoAnswer, Pool},
    tell::tell,
};

/// How many spans are sent at a time.
const MOST_AT_ONCE: usize = 512;
/// How long spans are gathered before they are sent.
const GATHERING: Duration = Duration::from_millis(200);
/// How long the collector may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// How much time lies between two complaints about it.
const SILENCE: Duration = Duration::from_secs(60);
/// What OTLP adds to the URL of a collector for spans.
const PATH: &str = "/v1/traces";

/// Where spans go.
#[derive(Clone, Debug)]
pub(crate) struct Collector {
    route: Route,
    url: Url,
}

impl Collector {
    /// The collector with this base URL, such as `http://127.0.0.1:4318`.
    pub(crate) fn new(url: &str) -> Result<Self, String> {
        let base = url.trim_end_matches('/');
        let url = Url::new(format!("{base}{PATH}")).map_err(|error| error.to_string())?;
        // Nothing of them would reach a collector, and the URL is logged.
        if url.user_info().is_some() || base.contains(['?', '#']) {
            return Err("it must have neither user information nor a query".to_owned());
        }
        let route = Outgoing::new(Internet::Allowed).route(url.authority(), url.scheme())?;
        Ok(Self { route, url })
    }

    /// Sends a request. What the collector answers beside the status is left unread.
    async fn send(&self, content: &Value) -> Result<(), String> {
        let body = serde_json::to_vec(content).expect("texts and lists of them serialise");
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() =
            self.url.request_target().parse().map_err(|_| "no target can be made of the URL")?;
        let headers = request.headers_mut();
        let host = HeaderValue::try_from(self.url.authority_str())
            .map_err(|_| "no header can be made of the host")?;
        headers.insert(header::HOST, host);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let (response, _) =
            Pool::default().send(self.route.clone(), request, &|| ()).await.map_err(|error| match error {
                NoAnswer::Connect(error) => format!("connection failed: {error}"),
                NoAnswer::Http(error) => format!("no valid response: {error}"),
            })?;
        if response.status().is_success() { Ok(()) } else { Err(format!("status {}", response.status())) }
    }
}

/// Exports spans until nothing makes any more, and then what is left. Those that the collector does not take are lost.
pub(crate) async fn export(collector: Collector, mut spans: mpsc::Receiver<Span>, lost: Arc<AtomicU64>) {
    let mut complaints = Complaints::default();
    loop {
        let mut batch = Vec::new();
        if spans.recv_many(&mut batch, MOST_AT_ONCE).await == 0 {
            return;
        }
        // A moment later there are more of them, or it is over.
        let gather =
            async { while batch.len() < MOST_AT_ONCE && spans.recv_many(&mut batch, 1).await > 0 {} };
        let _ = timeout(GATHERING, gather).await;
        let content = request(&batch);
        let sent = timeout(PATIENCE, collector.send(&content)).await;
        let sent = sent.unwrap_or_else(|_| Err(format!("no response within {} s", PATIENCE.as_secs())));
        if let Err(why) = sent {
            let lost = lost.fetch_add(batch.len() as u64, Ordering::Relaxed) + batch.len() as u64;
            if complaints.is_time(Instant::now()) {
                tell!(WARN, "spans are lost, {lost} so far: {why} at {}", collector.url);
            }
            if spans.is_closed() {
                // Nobody waits for a collector that is away at the end.
                return;
            }
        }
    }
}

/// Sees to it that complaints are rare.
#[derive(Debug, Default)]
struct Complaints {
    last: Option<Instant>,
}

impl Complaints {
    fn is_time(&mut self, now: Instant) -> bool {
        let is_time = self.last.is_none_or(|last| now.duration_since(last) >= SILENCE);
        if is_time {
            self.last = Some(now);
        }
        is_time
    }
}

fn request(spans: &[Span]) -> Value {
    let resource = [attribute("service.name", "qstash-dev"), attribute("service.version", VERSION)];
    json!({
        "resourceSpans": [{
            "resource": { "attributes": resource },
            "scopeSpans": [{
                "scope": { "name": "qstash-dev", "version": VERSION },
                "spans": spans.iter().map(Span::to_json).collect::<Vec<_>>(),
            }],
        }],
    })
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_that_is_away_is_complained_about_once_a_minute() {
        let (mut complaints, start) = (Complaints::default(), Instant::now());
        let times = (0..180).filter(|&second| complaints.is_time(start + Duration::from_secs(second)));
        assert_eq!(times.collect::<Vec<_>>(), [0, 60, 120]);
    }
}
