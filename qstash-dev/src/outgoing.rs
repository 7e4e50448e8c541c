//! Where connections go: to this machine, unless the owner of the server says otherwise.

use std::fmt;

use qstash_types::{Authority, Host, Scheme, Url};

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
    target: Peer,
}

/// What a mapping is about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Scope {
    Peer(Peer),
    Host(String),
    Everything,
}

/// Something to connect to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Peer {
    /// In ASCII and lower case; an IPv6 address is in brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// What to connect to, and how.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Route {
    pub(crate) peer: Peer,
    pub(crate) scheme: Scheme,
}

impl Outgoing {
    pub(crate) fn new(internet: Internet) -> Self {
        Self { mapped: Vec::new(), internet }
    }

    /// Maps a host: connections to it go to `target`. The later of two mappings of the same host wins.
    pub(crate) fn map(&mut self, host: &str, target: &str) -> Result<(), &'static str> {
        let scope = if host == "*" {
            Scope::Everything
        } else {
            let named = Authority::parse(host).map_err(|_| "the host must be HOST, HOST:PORT or *")?;
            named.host.to_ascii().map_err(|_| "the host must be in its ASCII form (punycode, xn--…)")?;
            match named.port {
                Some(port) => Scope::Peer(Peer::new(named.host, port)),
                None => Scope::Host(ascii(named.host)),
            }
        };
        let target = Url::new(target).ok().filter(|url| url.scheme() == Scheme::Http && url.is_origin());
        let target = target.ok_or("the target must be http://HOST:PORT, without a path")?;
        let target = Peer::new(target.host(), target.port_or_default());
        self.mapped.insert(0, Mapping { scope, target });
        Ok(())
    }

    /// Where a connection for a URL with this authority goes. A mapping with the port comes before one of the host alone; `*` comes last and
    /// does not apply to hosts of this machine.
    pub(crate) fn route(&self, authority: Authority<'_>, scheme: Scheme) -> Result<Route, String> {
        let Authority { host, port, .. } = authority;
        let is_here = host.is_local();
        let peer = Peer::new(host, port.unwrap_or(scheme.default_port()));

        let mapped = |scope: &Scope| self.mapped.iter().find(|mapping| mapping.scope == *scope);
        let mapped = (!self.mapped.is_empty()).then(|| {
            mapped(&Scope::Peer(peer.clone()))
                .or_else(|| mapped(&Scope::Host(peer.host.clone())))
                .or_else(|| mapped(&Scope::Everything).filter(|_| !is_here))
        });
        if let Some(mapping) = mapped.flatten() {
            return Ok(Route { peer: mapping.target.clone(), scheme: Scheme::Http });
        }
        if !is_here && self.internet == Internet::Refused {
            let host = peer.host;
            return Err(format!(
                "{host} is not on this machine; --map-host {host}=http://127.0.0.1:PORT sends its requests here, \
                 --allow-internet lets them out"
            ));
        }
        Ok(Route { peer, scheme })
    }
}

impl Peer {
    fn new(host: Host<'_>, port: u16) -> Self {
        Self { host: ascii(host), port }
    }

    /// The host as resolvers and certificates know it.
    pub(crate) fn bare_host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// The one spelling in which hosts are compared here.
fn ascii(host: Host<'_>) -> String {
    host.to_ascii().expect("a host that was accepted has a form in ASCII").to_ascii_lowercase()
}
