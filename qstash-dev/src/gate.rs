//! Who may use the API.
//!
//! The server listens on this machine, where every web page that the developer has open can reach it. A page cannot
//! know the token; names and origins are checked all the same, so that a leaked token is of no use to it.

use http::{HeaderMap, Method, StatusCode, header, request::Parts, uri::Authority};
use sha2::{Digest as _, Sha256};

use crate::{Account, StartError, call::Api, loopback, query, reply::Refusal};

/// Lets requests in that carry a token and come from no strange web page.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) doors: Vec<Door>,
    /// The origins of web pages that may call, beside the server's own.
    pub(crate) guests: &'static [&'static str],
    /// Names that the server is called by, beside those of this machine.
    pub(crate) hosts: Vec<String>,
    pub(crate) port: u16,
}

/// The way into one account.
#[derive(Debug)]
pub(crate) struct Door {
    /// Digests are compared in place of tokens, so that the time it takes tells nothing about the token.
    token: [u8; 32],
    read_only_token: [u8; 32],
    api: Api,
}

impl Door {
    pub(crate) fn new(account: &Account, api: Api) -> Result<Self, StartError> {
        let usable = |token: &str| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        if !usable(&account.token) || !usable(&account.read_only_token) {
            return Err(StartError::Token);
        }
        Ok(Self {
            token: digest(account.token.as_bytes()),
            read_only_token: digest(account.read_only_token.as_bytes()),
            api,
        })
    }
}

impl Gate {
    /// Lets requests in that ask for this server by a name that is its own: a web page under another name has none.
    pub(crate) fn admit_anybody(&self, request: &Parts) -> Result<(), Refusal> {
        let host = host(&request.headers);
        if !host.is_some_and(|host| self.is_here(&host))
            || !request.uri.authority().is_none_or(|name| self.is_here(name))
        {
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

    /// Finds the account that the token of a request opens.
    pub(crate) fn admit(&self, request: &Parts) -> Result<&Api, Refusal> {
        let refused = |problem| Err(Refusal::new(StatusCode::UNAUTHORIZED, problem));
        let Some(token) = presented(request).map(|token| digest(&token)) else {
            return refused("Authorization: a bearer token is needed");
        };
        if let Some(door) = self.doors.iter().find(|door| door.token == token) {
            return Ok(&door.api);
        }
        match self.doors.iter().find(|door| door.read_only_token == token) {
            Some(door) if request.method == Method::GET => Ok(&door.api),
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
        let origin = str::from_utf8(origin).ok().and_then(|origin| origin.strip_prefix("http://"));
        let Some(origin) = origin.and_then(|origin| origin.parse::<Authority>().ok()) else { return false };
        let is_own_port = origin.port_u16().unwrap_or(80) == self.port;
        self.is_here(&origin) && (is_own_port || host(request).is_some_and(|host| host == origin))
    }

    fn is_here(&self, authority: &Authority) -> bool {
        !loopback::addresses(authority.host()).is_empty()
            || self.hosts.iter().any(|host| host.eq_ignore_ascii_case(authority.host()))
    }
}

/// What a request calls this server, if it says so once.
fn host(request: &HeaderMap) -> Option<Authority> {
    let mut hosts = request.get_all(header::HOST).iter();
    hosts.next().filter(|_| hosts.next().is_none())?.to_str().ok()?.parse().ok()
}

/// The token that a request shows: in a header, or else in its query.
fn presented(request: &Parts) -> Option<Vec<u8>> {
    match bearer(&request.headers) {
        Some(token) => Some(token.to_vec()),
        None => query::pairs(request.uri.query()).find(query::Pair::is_token).map(|pair| pair.value),
    }
}

/// The token in the `Authorization` header.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.as_bytes().split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
}

fn digest(token: &[u8]) -> [u8; 32] {
    Sha256::digest(token).into()
}
