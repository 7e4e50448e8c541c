//! The default transport. The only module that knows reqwest.

use std::{
    collections::VecDeque,
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use futures_util::TryFutureExt;
use http::{HeaderValue, Response, uri::PathAndQuery};
use qstash_types::{Scheme, Url};
use reqwest::{Client, redirect};

use super::{Answer, BuiltIn, complete, failure, no_client, no_feature_for_tls};
use crate::{
    builder::Setting,
    error::{ConfigError, TransportError},
    transport::Transport,
};

pub(super) fn transport(client: Client, base_url: &Url<&str>, host: Option<HeaderValue>) -> Transport {
    let urls = Urls::new(base_url);
    Arc::new(move |request| {
        let (head, body) = request.into_parts();
        let mut request = reqwest::Request::new(head.method, urls.url(head.uri.path_and_query()));
        *request.headers_mut() = head.headers;
        complete(request.headers_mut(), host.as_ref(), &body);
        *request.body_mut() = Some(body.into());
        Box::pin(answer(client.execute(request)).err_into())
    })
}

pub(super) fn client(
    settings: &BuiltIn,
    setting: &Setting,
    base_url: &Url<&str>,
) -> Result<Client, ConfigError> {
    let mut builder = Client::builder()
        .connect_timeout(settings.connect_timeout)
        // The target of a redirect would be given the token, or would get a GET without the body.
        .redirect(redirect::Policy::none());
    if base_url.host().is_local() {
        builder = builder.no_proxy();
    }
    if let Some(proxy) = &settings.proxy {
        // The cause is left out, because it may show the password.
        let proxy = reqwest::Proxy::all(proxy.as_str())
            .map_err(|_| ConfigError::new("proxy", "not the URL of a proxy"))?;
        builder = builder.proxy(proxy);
    }
    if base_url.scheme() == Scheme::Http {
        builder = without_certificates(builder);
    } else if cfg!(not(feature = "__tls")) {
        return Err(no_feature_for_tls(setting));
    }
    builder.build().map_err(no_client)
}

/// Keeps reqwest from loading the certificates of the system, which fails where there are none.
fn without_certificates(builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    #[cfg(feature = "__tls")]
    let builder = builder.tls_certs_only([]);
    builder
}

async fn answer(
    sent: impl Future<Output = Result<reqwest::Response, reqwest::Error>>,
) -> Result<Response<Bytes>, TransportError> {
    let mut answer = sent.await.map_err(failed)?;
    let mut body = Answer::default();
    while let Some(piece) = answer.chunk().await.map_err(failed)? {
        body.add(piece)?;
    }
    let mut response = Response::new(body.finish());
    *response.status_mut() = answer.status();
    *response.headers_mut() = mem::take(answer.headers_mut());
    Ok(response)
}

/// URLs as reqwest has them, which parses by rules that cost more than the rest of a call. Most programs call a few of them
/// over and over.
struct Urls {
    base: reqwest::Url,
    /// The latest ones, with their paths and queries.
    recent: Mutex<VecDeque<(PathAndQuery, reqwest::Url)>>,
}

impl Urls {
    /// How many are kept.
    const RECENT: usize = 16;

    fn new(base: &Url<&str>) -> Self {
        let base = reqwest::Url::parse(base.as_str()).expect("each of our URLs is a URL of the web");
        Self { base, recent: Mutex::default() }
    }

    fn url(&self, target: Option<&PathAndQuery>) -> reqwest::Url {
        let Some(target) = target else { return self.base.clone() };
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, url)) = recent.iter().find(|(own, _)| own.as_str() == target.as_str()) {
            return url.clone();
        }
        let mut url = self.base.clone();
        url.set_path(target.path());
        url.set_query(target.query());
        recent.truncate(Self::RECENT - 1);
        recent.push_front((target.clone(), url.clone()));
        url
    }
}

fn failed(mut error: reqwest::Error) -> TransportError {
    if let Some(url) = error.url_mut() {
        // The server is worth knowing; the path holds the destination, whose query may be confidential.
        url.set_path("");
        url.set_query(None);
    }
    failure(!error.is_connect() && !error.is_builder(), error.is_timeout(), error)
}
