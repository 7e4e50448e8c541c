//! A call of the API: what is asked, and of whom.

use std::net::IpAddr;

use bytes::Bytes;
use http::request::Parts;
use qstash_types::percent;

use crate::{CanceledSpelling, keyring::Keyring, reply::Refusal, worker::Handle};

/// The most headers of a call; room for more than hyper's own limit would be allocated for each request.
pub(crate) const MOST_HEADERS: usize = 100;

/// An account as the server serves it: what its resources need to answer calls.
#[derive(Clone, Debug)]
pub(crate) struct Tenant {
    pub(crate) keys: Keyring,
    pub(crate) worker: Handle,
    /// Whether it has a data folder.
    pub(crate) keeps: bool,
    pub(crate) canceled: CanceledSpelling,
}

/// A call that was let in.
#[derive(Debug)]
pub(crate) struct ApiCall {
    pub(crate) head: Parts,
    /// What follows the resource in the path, byte for byte.
    pub(crate) rest: String,
    /// The same in segments, decoded, with verbs in lower case.
    segments: Vec<String>,
    pub(crate) body: Bytes,
    pub(crate) caller: IpAddr,
}

impl ApiCall {
    pub(crate) fn new(resource: &str, head: Parts, rest: String, body: Bytes, caller: IpAddr) -> Self {
        Self { segments: segments(resource, &rest), head, rest, body, caller }
    }

    /// The method and the segments behind the resource, to be matched.
    pub(crate) fn shape(&self) -> (&str, Vec<&str>) {
        (self.head.method.as_str(), self.segments.iter().map(String::as_str).collect())
    }

    pub(crate) fn query(&self) -> Option<&str> {
        self.head.uri.query()
    }

    pub(crate) fn not_found(&self) -> Refusal {
        Refusal::not_found(format!("{} not found", shown(self.head.uri.path())))
    }
}

/// The path of a call for logs: without the user information and the query of a destination in it.
pub(crate) fn shown(path: &str) -> String {
    let lower = path.to_ascii_lowercase();
    let path = if lower.contains("http%3a") || lower.contains("https%3a") {
        String::from_utf8_lossy(&percent::decode(path)).into_owned()
    } else {
        path.to_owned()
    };
    let path = &path[..path.find(['?', '#']).unwrap_or(path.len())];
    let lower = path.to_ascii_lowercase();
    let scheme = ["/http:", "/https:"].iter().find_map(|scheme| Some(lower.find(scheme)? + scheme.len()));
    let (call, destination) = path.split_at(scheme.unwrap_or(path.len()));
    match destination.rsplit_once('@') {
        Some((_, destination)) => format!("{call}//{destination}"),
        None => path.to_owned(),
    }
}

/// Splits the path of a call into the resource, in lower case, and what follows it, untouched.
///
/// A destination follows byte for byte: nothing here decodes or cleans it.
pub(crate) fn resource(path: &str) -> Option<(String, Option<&str>)> {
    let (version, path) = path.strip_prefix('/')?.split_once('/')?;
    let (resource, rest) = match path.split_once('/') {
        // A trailing slash is the collection itself.
        Some((resource, "")) => (resource, None),
        Some((resource, rest)) => (resource, Some(rest)),
        None => (path, None),
    };
    version.eq_ignore_ascii_case("v2").then(|| (resource.to_ascii_lowercase(), rest))
}

/// What follows a resource. Letter case makes no difference where a verb stands, as in `/v2/queues/{name}/pause`.
fn segments(resource: &str, rest: &str) -> Vec<String> {
    // The rest of these paths is a destination, which is not split.
    if rest.is_empty() || matches!(resource, "publish" | "enqueue") {
        return Vec::new();
    }
    let mut segments: Vec<_> = rest.split('/').map(text).collect();
    let verb = match resource {
        "dlq" | "keys" => 0,
        _ => 1,
    };
    if let Some(verb) = segments.get_mut(verb) {
        verb.make_ascii_lowercase();
    }
    segments
}

fn text(segment: &str) -> String {
    String::from_utf8_lossy(&percent::decode(segment)).into_owned()
}
