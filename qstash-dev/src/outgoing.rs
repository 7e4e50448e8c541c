//! Where connections go: to this machine, unless the owner of the server says otherwise.

use http::{
    Uri,
    uri::{Authority, Scheme},
};

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
pub(crate) struct Place {
    /// In lower case; an IPv6 address is in brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Place {
    /// The host as resolvers and certificates know it.
    pub(crate) fn bare_host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }
}

/// What to connect to, and how.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) place: Place,
    pub(crate) security: Security,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Security {
    Plain,
    Tls,
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
    pub(crate) fn way(&self, uri: &Uri) -> Result<Way, String> {
        let security = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => Security::Tls,
            _ => Security::Plain,
        };
        let port = uri.port_u16().unwrap_or(match security {
            Security::Tls => 443,
            Security::Plain => 80,
        });
        let host = uri.host().unwrap_or_default().to_ascii_lowercase();
        let is_here = !loopback::addresses(&host).is_empty();
        let place = Place { host, port };

        let mapped = |scope: &Scope| self.mapped.iter().find(|mapping| mapping.scope == *scope);
        let mapped = mapped(&Scope::Place(place.clone()))
            .or_else(|| mapped(&Scope::Host(place.host.clone())))
            .or_else(|| mapped(&Scope::Everything).filter(|_| !is_here));
        if let Some(mapping) = mapped {
            return Ok(Way { place: mapping.target.clone(), security: Security::Plain });
        }
        if !is_here && self.internet == Internet::Refused {
            let host = place.host;
            return Err(format!(
                "{host} is not on this machine; --map-host {host}=http://127.0.0.1:PORT sends its requests here, \
                 --allow-internet lets them out"
            ));
        }
        Ok(Way { place, security })
    }
}

/// Reads what may stand between `http://` and the path, short of a user.
pub(crate) fn host_and_port(text: &str) -> Option<(String, Option<u16>)> {
    let authority: Authority = text.parse().ok()?;
    let (host, port) = (authority.host(), authority.port_u16());
    // The parser takes any text behind the colon for no port at all.
    let whole = port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let is_host = host.starts_with('[') || !host.is_empty() && host.bytes().all(is_name);
    (is_host && whole == text).then(|| (host.to_ascii_lowercase(), port))
}
