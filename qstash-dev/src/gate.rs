//! Who may use the API.
//!
//! The server listens on this machine, where every web page that the developer has open can reach it. A page cannot
//! know the token; names and origins are checked all the same, so that a leaked token is of no use to it.

use http::{HeaderMap, Method, StatusCode, header, request::Parts, uri::Authority};
use sha2::{Digest as _, Sha256};

use crate::{Account, StartError, api::Api, loopback, query, reply::Refusal};

/// Lets requests in that carry a token and come from no strange web page.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) doors: Vec<Door>,
    /// The origins of web pages that may call, beside the server's own.
    pub(crate) guests: &'static [&'static str],
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
    /// Refuses requests that a web page of another origin, or under a name that is not ours, has a browser send.
    pub(crate) fn check_origin(&self, request: &Parts) -> Result<(), Refusal> {
        let host = request.headers.get(header::HOST).and_then(|host| host.to_str().ok()?.parse().ok());
        if !host.is_some_and(|host| is_here(&host)) || !request.uri.authority().is_none_or(is_here) {
            return Err(Refusal::new(StatusCode::FORBIDDEN, "Host: only names of this machine are served"));
        }
        let mut origins = request.headers.get_all(header::ORIGIN).iter();
        if !origins.all(|origin| self.is_own(origin.as_bytes())) && self.guest(&request.headers).is_none() {
            return Err(Refusal::new(StatusCode::FORBIDDEN, "Origin: web pages are not served"));
        }
        Ok(())
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

    /// Whether a browser names this very server as where the request comes from.
    fn is_own(&self, origin: &[u8]) -> bool {
        str::from_utf8(origin)
            .ok()
            .and_then(|origin| origin.strip_prefix("http://")?.parse::<Authority>().ok())
            .is_some_and(|authority| is_here(&authority) && authority.port_u16().unwrap_or(80) == self.port)
    }
}

fn is_here(authority: &Authority) -> bool {
    !loopback::addresses(authority.host()).is_empty()
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
