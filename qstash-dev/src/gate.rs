//! Who may use the API.
//!
//! The server listens on this machine, where every web page that the developer has open can reach it. A page cannot
//! know the token; names and origins are checked all the same, so that a leaked token is of no use to it.

use std::{borrow::Cow, fmt};

use ctutils::CtEq as _;
use http::{HeaderMap, Method, StatusCode, header, request::Parts};
use qstash_types::{Authority, Host, Scheme, Url};

use crate::{Account, StartError, call::Tenant, query, reply::Refusal};

/// Lets requests in that carry a token and come from no strange web page.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) doors: Vec<Door>,
    /// The origins of web pages that may call, beside the server's own.
    pub(crate) guests: &'static [&'static str],
    /// Names that the server is called by, beside those of this machine.
    pub(crate) hosts: Vec<String>,
    pub(crate) port: u16,
    /// Whether anybody may read the metrics.
    pub(crate) metrics_public: bool,
}

/// The way into one account.
#[derive(Debug)]
pub(crate) struct Door {
    token: AccountToken,
    read_only_token: AccountToken,
    tenant: Tenant,
}

/// What opens an account.
struct AccountToken(String);

impl AccountToken {
    /// The time it takes tells how long the token is, and nothing else about it.
    fn is(&self, presented: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(presented).to_bool()
    }
}

impl fmt::Debug for AccountToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccountToken(..)")
    }
}

impl Door {
    pub(crate) fn new(account: &Account, tenant: Tenant) -> Result<Self, StartError> {
        let usable = |token: &str| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        if !usable(&account.token) || !usable(&account.read_only_token) {
            return Err(StartError::Token);
        }
        Ok(Self {
            token: AccountToken(account.token.clone()),
            read_only_token: AccountToken(account.read_only_token.clone()),
            tenant,
        })
    }
}

impl Door {
    pub(crate) fn tenant(&self) -> &Tenant {
        &self.tenant
    }
}

impl Gate {
    /// Lets requests in that ask for this server by a name that is its own: a web page under another name has none.
    pub(crate) fn admit_anybody(&self, request: &Parts) -> Result<(), Refusal> {
        let host = host(&request.headers);
        let is_here = |authority: Authority<'_>| self.is_here(authority.host);
        let named = request.uri.authority().map(|authority| Authority::parse(authority.as_str()));
        if !host.is_some_and(is_here) || !named.is_none_or(|named| named.is_ok_and(is_here)) {
            let problem = "Host: only names of this machine are served, and those of --allow-host";
            return Err(Refusal::new(StatusCode::FORBIDDEN, problem));
        }
        Ok(())
    }

    /// Refuses requests that a strange web page has a browser send.
    pub(crate) fn check_origin(&self, request: &HeaderMap) -> Result<(), Refusal> {
        let mut origins = request.get_all(header::ORIGIN).iter();
        if origins.all(|origin| self.is_own(origin.as_bytes(), request)) || self.guest(request).is_some() {
            return Ok(());
        }
        Err(Refusal::new(StatusCode::FORBIDDEN, "Origin: web pages are not served"))
    }

    /// Finds the account that a request asks for the numbers of, which may need no token: then they are those of the first.
    pub(crate) fn admit_to_metrics(&self, request: &Parts) -> Result<&Tenant, Refusal> {
        match self.doors.first().filter(|_| self.metrics_public && presented(request).is_none()) {
            Some(first) => Ok(&first.tenant),
            None => self.admit(request),
        }
    }

    /// Finds the account that the token of a request opens.
    pub(crate) fn admit(&self, request: &Parts) -> Result<&Tenant, Refusal> {
        let refused = |problem| Err(Refusal::new(StatusCode::UNAUTHORIZED, problem));
        let Some(token) = presented(request) else {
            return refused("Authorization: a bearer token is needed");
        };
        if let Some(door) = self.doors.iter().find(|door| door.token.is(&token)) {
            return Ok(&door.tenant);
        }
        match self.doors.iter().find(|door| door.read_only_token.is(&token)) {
            Some(door) if request.method == Method::GET => Ok(&door.tenant),
            Some(_) => refused("Authorization: the token is read-only"),
            None => refused("Authorization: unknown token"),
        }
    }

    /// The origin of the web page that a request comes from, if such pages may call.
    pub(crate) fn guest(&self, request: &HeaderMap) -> Option<&'static str> {
        let mut origins = request.get_all(header::ORIGIN).iter();
        let origin = origins.next().filter(|_| origins.next().is_none())?;
        self.guests.iter().copied().find(|guest| origin == guest)
    }

    /// Whether a browser names this very server as where the request comes from. Its port may be another one where the
    /// browser is, as it is in front of a container; then it is that of the request.
    fn is_own(&self, origin: &[u8], request: &HeaderMap) -> bool {
        let Some(origin) = str::from_utf8(origin).ok().and_then(|origin| Url::parse(origin).ok()) else {
            return false;
        };
        let is_own_port = origin.port_or_default() == self.port;
        origin.scheme() == Scheme::Http
            && origin.is_origin()
            && self.is_here(origin.host())
            && (is_own_port || host(request).is_some_and(|host| host == origin.authority()))
    }

    fn is_here(&self, host: Host<'_>) -> bool {
        host.is_local() || self.hosts.iter().any(|own| Host::parse(own) == Ok(host))
    }
}

/// What a request calls this server, if it says so once.
fn host(request: &HeaderMap) -> Option<Authority<'_>> {
    let mut hosts = request.get_all(header::HOST).iter();
    let host = hosts.next().filter(|_| hosts.next().is_none())?.to_str().ok()?;
    Authority::parse(host).ok()
}

/// The token that a request shows: in a header, or else in its query.
fn presented(request: &Parts) -> Option<Cow<'_, [u8]>> {
    if let Some(token) = bearer(&request.headers) {
        return Some(token.into());
    }
    let pair = query::pairs(request.uri.query()).find(|pair| pair.raw.is_token())?;
    Some(pair.value.into())
}

/// The token in the `Authorization` header.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.as_bytes().split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
}
