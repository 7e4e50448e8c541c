//! Who may use the API.
//!
//! The server listens on this machine, where every web page that the developer has open can reach it. A page cannot
//! know the token; names and origins are checked all the same, so that a leaked token is of no use to it.

use http::{HeaderMap, Method, StatusCode, header, request::Parts, uri::Authority};
use sha2::{Digest as _, Sha256};

use crate::{StartError, loopback, query, reply::Refusal};

/// Lets requests in that carry the token and come from no web page.
#[derive(Debug)]
pub(crate) struct Gate {
    /// Digests are compared in place of tokens, so that the time it takes tells nothing about the token.
    token: [u8; 32],
    read_only_token: [u8; 32],
    port: u16,
}

impl Gate {
    pub(crate) fn new(token: &str, read_only_token: &str, port: u16) -> Result<Self, StartError> {
        let usable = |token: &str| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        if !usable(token) || !usable(read_only_token) {
            return Err(StartError::Token);
        }
        Ok(Self {
            token: digest(token.as_bytes()),
            read_only_token: digest(read_only_token.as_bytes()),
            port,
        })
    }

    /// Lets requests in that ask for this server by a name that is its own.
    pub(crate) fn admit_anybody(request: &Parts) -> Result<(), Refusal> {
        let host = request.headers.get(header::HOST).and_then(|host| host.to_str().ok()?.parse().ok());
        if !host.is_some_and(|host| is_here(&host)) || !request.uri.authority().is_none_or(is_here) {
            return Err(Refusal::new(StatusCode::FORBIDDEN, "Host: only names of this machine are served"));
        }
        Ok(())
    }

    pub(crate) fn admit(&self, request: &Parts) -> Result<(), Refusal> {
        Self::admit_anybody(request)?;
        if !request.headers.get_all(header::ORIGIN).iter().all(|origin| self.is_own(origin.as_bytes())) {
            return Err(Refusal::new(StatusCode::FORBIDDEN, "Origin: web pages are not served"));
        }
        let problem = match presented(request).map(|token| digest(&token)) {
            None => "Authorization: a bearer token is needed",
            Some(token) if token == self.token => return Ok(()),
            Some(token) if token == self.read_only_token && request.method == Method::GET => return Ok(()),
            Some(token) if token == self.read_only_token => "Authorization: the token is read-only",
            Some(_) => "Authorization: unknown token",
        };
        Err(Refusal::new(StatusCode::UNAUTHORIZED, problem))
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
