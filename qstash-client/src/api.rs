//! The API that a client calls: where it is, who calls it, and what it can be asked.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Uri,
    header::{AUTHORIZATION, USER_AGENT},
    uri::{self, Authority, InvalidUri, PathAndQuery},
};
use qstash_types::{DeliveryOptions, Destination, Help, InvalidUrl, Url, header, percent};

use crate::{
    error::{BoxError, InvalidInput},
    message::MessageParts,
    request::Call,
};

/// The base URL, and the headers of every call.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) base_url: String,
    pub(crate) authorization: HeaderValue,
    pub(crate) user_agent: HeaderValue,
    scheme: uri::Scheme,
    authority: Authority,
    /// The path of the base URL, which may be empty.
    path: String,
    server: Server,
}

/// Who answers at the base URL.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Server {
    /// QStash itself.
    Hosted,
    /// A server on this machine.
    Local,
    /// A gateway, or another server that speaks the same protocol.
    Other,
}

/// Tokens of QStash and of local servers are longer.
const SHORTEST_TOKEN: usize = 8;

/// The domain of QStash's own servers.
const HOSTED: &str = "upstash.io";

impl Api {
    /// An API at a base URL that has been checked.
    ///
    /// # Errors
    ///
    /// A URL that HTTP clients refuse.
    pub(crate) fn new(
        base_url: String,
        authorization: HeaderValue,
        user_agent: HeaderValue,
    ) -> Result<Self, InvalidUri> {
        let url = Url::parse(&base_url).expect("the base URL has been checked");
        Ok(Self {
            scheme: url.scheme().as_str().parse()?,
            authority: url.authority_str().parse()?,
            path: url.path().to_owned(),
            server: Server::at(&url),
            base_url,
            authorization,
            user_agent,
        })
    }

    /// Whether the API is on this machine.
    pub(crate) fn is_local(&self) -> bool {
        self.server == Server::Local
    }

    /// Refuses a message with a URL that QStash cannot reach.
    pub(crate) fn check_reach_of(&self, message: &MessageParts) -> Result<(), InvalidInput> {
        if let Destination::Url(url) = &message.destination {
            self.check_reach("destination", url)?;
        }
        self.check_reach_of_callbacks(&message.options)
    }

    /// Refuses options with the URL of a callback that QStash cannot reach.
    pub(crate) fn check_reach_of_callbacks(&self, options: &DeliveryOptions) -> Result<(), InvalidInput> {
        let callbacks =
            [("callback URL", &options.callback), ("failure callback URL", &options.failure_callback)];
        for (field, callback) in callbacks {
            if let Some(callback) = callback {
                self.check_reach(field, &callback.url)?;
            }
        }
        Ok(())
    }

    /// Refuses a URL that QStash cannot reach, because it names this machine.
    pub(crate) fn check_reach(&self, field: &str, url: &Url) -> Result<(), InvalidInput> {
        if self.server == Server::Hosted && url.host().is_local() {
            let fault = format!(
                "QStash cannot reach {}, which is this machine: use a public URL, or a local server (`qstash-dev`) as base URL \
                 ({})",
                url.host_str(),
                Help::ThisMachine
            );
            return Err(InvalidInput::new(field, fault));
        }
        Ok(())
    }

    /// A foreign text with `[token]` in place of the token.
    pub(crate) fn without_token(&self, text: &str) -> String {
        let token = self.token();
        // A shorter one is a placeholder of a test, which may be a part of any word.
        if token.len() < SHORTEST_TOKEN {
            return text.to_owned();
        }
        text.replace(token, "[token]").replace(&*percent::encode(token), "[token]")
    }

    /// What to do when the token is refused.
    pub(crate) fn where_tokens_come_from(&self) -> String {
        let place = match self.server {
            Server::Hosted => ", whose tokens are at https://console.upstash.com/qstash",
            Server::Local => ", where `qstash-dev` prints it when it starts",
            Server::Other => "",
        };
        format!("the token is not one of {}{place}", self.base_url)
    }

    fn token(&self) -> &str {
        let token = self.authorization.to_str().ok().and_then(|value| value.strip_prefix("Bearer "));
        token.expect("a token is text")
    }

    /// The request of one attempt. All attempts are the same byte for byte.
    pub(crate) fn request(&self, call: &Call) -> Result<Request<Bytes>, InvalidInput> {
        let uri = self.uri(&call.target).map_err(|fault| {
            // Only a destination stands unescaped in a path.
            let longest = if call.target.contains("://") { "destination" } else { "URL of the call" };
            InvalidInput::new(longest, fault)
        })?;
        let mut request = Request::new(call.body.clone());
        *request.method_mut() = call.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = call.to_headers()?;
        self.introduce(request.headers_mut());
        Ok(request)
    }

    /// A request of the caller, whose URI is a path. The token goes nowhere else than to the base URL.
    pub(crate) fn addressed(&self, mut request: Request<Bytes>) -> Result<Request<Bytes>, InvalidInput> {
        let uri = request.uri();
        if uri.authority().is_some() || !uri.path().starts_with('/') {
            return Err(InvalidInput::new("URI", "must be a path, which the base URL is put in front of"));
        }
        let url = [&*self.base_url, &uri.to_string()].concat();
        *request.uri_mut() = Uri::try_from(url).map_err(|fault| InvalidInput::new("URI", fault))?;
        self.introduce(request.headers_mut());
        Ok(request)
    }

    /// Says who calls.
    fn introduce(&self, headers: &mut HeaderMap) {
        headers.insert(AUTHORIZATION, self.authorization.clone());
        headers.insert(USER_AGENT, self.user_agent.clone());
    }

    /// The URL of a call. The base URL is parsed already.
    fn uri(&self, target: &str) -> Result<Uri, BoxError> {
        // A path and query that are parsed apart may have any length.
        if self.base_url.len() + target.len() > Url::MAX_LEN {
            return Err(InvalidUrl::Length.into());
        }
        let target = [&*self.path, target].concat();
        let mut parts = uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(PathAndQuery::from_maybe_shared(Bytes::from(target))?);
        Ok(Uri::from_parts(parts)?)
    }

    /// The call as a URL: the token and those headers that can be parameters become some.
    pub(crate) fn webhook_url(
        &self,
        call: &Call,
        can_be_parameter: impl Fn(&HeaderName) -> bool,
    ) -> Result<String, InvalidInput> {
        let headers = call.to_headers()?;
        let mut parameters = Vec::new();
        for (name, value) in headers.iter().filter(|(name, _)| can_be_parameter(name)) {
            let name = name.as_str();
            let text = str::from_utf8(value.as_bytes())
                .map_err(|_| InvalidInput::new("header", format!("{name} is not text")))?;
            parameters.push((name, text));
        }
        parameters.sort_unstable();
        parameters.push((header::TOKEN_PARAMETER, self.token()));

        let mut url = format!("{}{}", self.base_url, call.target);
        for (name, value) in parameters {
            let separator = if url.contains('?') { '&' } else { '?' };
            write!(url, "{separator}{name}={}", percent::encode(value)).expect("text grows without failing");
        }
        Ok(url)
    }
}

impl Server {
    fn at(url: &Url<&str>) -> Self {
        let host = url.host_str().to_ascii_lowercase();
        let is_hosted = host.strip_suffix(HOSTED).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        match (is_hosted, url.host().is_local()) {
            (true, _) => Self::Hosted,
            (_, true) => Self::Local,
            _ => Self::Other,
        }
    }
}
