//! Where connections go: to this machine, unless the owner of the server says otherwise.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{
    Uri,
    uri::{Authority, Scheme},
};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, lookup_host};
use tower_service::Service;

use crate::loopback;

/// What may be called, and where a connection goes in place of the host of its URL.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    mapped: Vec<Mapping>,
    internet: Internet,
}

/// Whether hosts are called that are neither this machine nor mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Internet {
    Refused,
    Allowed,
}

#[derive(Clone, Debug)]
struct Mapping {
    scope: Scope,
    target: Place,
}

/// What a mapping is about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Scope {
    Place(Place),
    Host(String),
    Everything,
}

/// Something to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    /// In lower case; an IPv6 address is in brackets.
    host: String,
    port: u16,
}

impl Outgoing {
    pub(crate) fn new(internet: Internet) -> Self {
        Self { mapped: Vec::new(), internet }
    }

    /// Sends what is meant for a host elsewhere. Of two mappings of the same host the later one counts.
    pub(crate) fn map(&mut self, host: &str, target: &str) -> Result<(), &'static str> {
        let scope = match host {
            "*" => Scope::Everything,
            _ => match host_and_port(host).ok_or("the host must be HOST, HOST:PORT or *")? {
                (host, Some(port)) => Scope::Place(Place { host, port }),
                (host, None) => Scope::Host(host),
            },
        };
        let target = target.strip_prefix("http://").and_then(|target| {
            let (host, port) = host_and_port(target.strip_suffix('/').unwrap_or(target))?;
            Some(Place { host, port: port.unwrap_or(80) })
        });
        let target = target.ok_or("the target must be http://HOST:PORT, without a path")?;
        self.mapped.insert(0, Mapping { scope, target });
        Ok(())
    }

    /// Where a connection for this URL goes. What is said about a host by name goes before what is said about this
    /// machine, and that before what is said about everything.
    fn destination(&self, uri: &Uri) -> Result<Place, String> {
        let is_https = uri.scheme() == Some(&Scheme::HTTPS);
        let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let host = uri.host().unwrap_or_default().to_ascii_lowercase();
        let is_here = !loopback::addresses(&host).is_empty();
        let place = Place { host, port };

        let mapped = |scope: &Scope| self.mapped.iter().find(|mapping| mapping.scope == *scope);
        let mapped = mapped(&Scope::Place(place.clone()))
            .or_else(|| mapped(&Scope::Host(place.host.clone())))
            .or_else(|| mapped(&Scope::Everything).filter(|_| !is_here));
        if let Some(mapping) = mapped {
            return Ok(mapping.target.clone());
        }
        let host = &place.host;
        if !is_here && self.internet == Internet::Refused {
            return Err(format!(
                "{host} is not on this machine; --map-host {host}=http://127.0.0.1:PORT sends its requests here, \
                 --allow-internet lets them out"
            ));
        }
        if is_https {
            return Err(format!(
                "there is no TLS here; --map-host {host}=http://127.0.0.1:PORT does without it"
            ));
        }
        Ok(place)
    }
}

/// Reads what may stand between `http://` and the path, short of a user.
pub(crate) fn host_and_port(text: &str) -> Option<(String, Option<u16>)> {
    let authority: Authority = text.parse().ok()?;
    let (host, port) = (authority.host(), authority.port_u16());
    // The parser takes any text behind the colon for no port at all.
    let whole = port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let is_host = host.starts_with('[') || host.bytes().all(is_name);
    (is_host && whole == text).then(|| (host.to_ascii_lowercase(), port))
}

/// Connects to where the rules say, whatever the URL says.
#[derive(Clone, Debug)]
pub(crate) struct Connector(pub(crate) Arc<Outgoing>);

impl Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let destination = self.0.destination(&uri);
        Box::pin(async move {
            let stream = destination.map_err(io::Error::other)?.connect().await?;
            stream.set_nodelay(true)?;
            Ok(TokioIo::new(stream))
        })
    }
}

impl Place {
    async fn connect(&self) -> io::Result<TcpStream> {
        let here = loopback::addresses(&self.host);
        let addresses: Vec<_> = if here.is_empty() {
            let bare = self.host.trim_start_matches('[').trim_end_matches(']');
            lookup_host((bare, self.port)).await?.collect()
        } else {
            here.into_iter().map(|address| (address, self.port).into()).collect()
        };
        TcpStream::connect(&*addresses).await
    }
}
