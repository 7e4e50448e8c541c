//! A call of the API: what is asked, and of whom.

use std::net::IpAddr;

use bytes::Bytes;
use http::request::Parts;

use crate::{CanceledSpelling, keyring::Keyring, query::percent_decoded, reply::Refusal, worker::Handle};

/// The most headers of a call; room for more than hyper's own limit would be allocated for each request.
pub(crate) const MOST_HEADERS: usize = 100;

/// What the resources of an account need to answer.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    pub(crate) keys: Keyring,
    pub(crate) worker: Handle,
    pub(crate) canceled: CanceledSpelling,
}

/// A call that was let in.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) head: Parts,
    /// What follows the resource in the path, byte for byte.
    pub(crate) rest: String,
    /// The same in segments, decoded, with verbs in lower case.
    segments: Vec<String>,
    pub(crate) body: Bytes,
    pub(crate) caller: IpAddr,
}

impl Call {
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
        Refusal::not_found(format!("{} not found", self.head.uri.path()))
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
    // A destination has none.
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
    String::from_utf8_lossy(&percent_decoded(segment)).into_owned()
}
