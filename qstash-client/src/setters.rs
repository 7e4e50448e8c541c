//! The setters that messages, options and callback targets have in common.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
pub(crate) use qstash_types::Start;
use qstash_types::{DeliveryOptions, FlowLimits, header};

use crate::error::InvalidInput;

/// Writes the setters. `$prefix` is the prefix of their headers, `$path` the place of the settings in a draft.
macro_rules! setters {
    ($prefix:literal, $($path:ident).+) => {
        /// The HTTP method: `GET`, `POST` (unless set), `PUT`, `PATCH` or `DELETE`.
        ///
        #[doc = concat!("Header: `Upstash-", $prefix, "Method`.")]
        pub fn method(self, method: $crate::types::Method) -> Self {
            Self(self.0.try_set(|draft| {
                draft.$($path).+.method = Some($crate::setters::deliverable(method)?);
                Ok(())
            }))
        }

        /// How long to wait for the response. It can only shorten the limit of the account's plan.
        ///
        #[doc = concat!("Header: `Upstash-", $prefix, "Timeout`, in whole seconds, rounded up.")]
        pub fn timeout(self, timeout: std::time::Duration) -> Self {
            Self(self.0.set(|draft| draft.$($path).+.timeout = Some(timeout)))
        }

        /// How many attempts may follow the first one; zero is one attempt in all.
        ///
        #[doc = concat!("Header: `Upstash-", $prefix, "Retries`, a number.")]
        pub fn retries(self, retries: u32) -> Self {
            Self(self.0.set(|draft| draft.$($path).+.retries = Some(retries)))
        }

        /// How long to wait before a retry: an expression over the number of retries so far, such as
        /// `pow(2, retried) * 1000`. [`RetryDelay`](crate::types::RetryDelay) lists what it may contain.
        ///
        #[doc = concat!("Header: `Upstash-", $prefix, "Retry-Delay`, in milliseconds.")]
        pub fn retry_delay(
            self,
            expression: impl TryInto<$crate::types::RetryDelay, Error: std::fmt::Display>,
        ) -> Self {
            Self(self.0.try_set(|draft| {
                draft.$($path).+.retry_delay = Some($crate::draft::valid("retry delay", expression)?);
                Ok(())
            }))
        }

        /// Limits that are shared with every delivery under the same key, whatever its destination.
        ///
        #[doc = concat!(
            "Headers: `", $prefix, "Flow-Control-Key`, and `", $prefix, "Flow-Control-Value` with the period in whole \
             seconds, rounded up."
        )]
        pub fn flow_control(
            self,
            key: impl TryInto<$crate::types::FlowControlKey, Error: std::fmt::Display>,
            limits: $crate::types::FlowLimits,
        ) -> Self {
            Self(self.0.try_set(|draft| {
                let key = $crate::draft::valid("flow-control key", key)?;
                $crate::setters::within_limits(limits)?;
                draft.$($path).+.flow_control = Some($crate::types::FlowControl { key, limits });
                Ok(())
            }))
        }

        /// Adds a header that is delivered under its own name. A name may be added several times.
        ///
        #[doc = concat!("Header: `Upstash-", $prefix, "Forward-<name>`.")]
        pub fn forward(self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Self {
            Self(self.0.try_set(|draft| {
                let headers = &mut draft.$($path).+.forward;
                $crate::setters::append("forwarded header", headers, name.as_ref(), value.as_ref())
            }))
        }
    };
}
pub(crate) use setters;

/// Writes the further setters that a message and [`MessageOptions`](crate::MessageOptions) have in common.
macro_rules! option_setters {
    () => {
        /// The wait between acceptance and the first attempt. Replaces [`not_before`](Self::not_before).
        ///
        /// Header: `Upstash-Delay`, in whole seconds, rounded up.
        pub fn delay(self, delay: std::time::Duration) -> Self {
            Self(self.0.set(|parts| parts.options.start = Some($crate::setters::Start::After(delay))))
        }

        /// The earliest time of the first attempt. Replaces [`delay`](Self::delay).
        ///
        /// Header: `Upstash-Not-Before`, in whole Unix seconds, rounded up.
        pub fn not_before(self, time: std::time::SystemTime) -> Self {
            Self(self.0.set(|parts| parts.options.start = Some($crate::setters::Start::At(time))))
        }

        /// Where the result of every attempt is sent, successful or not: a URL or a
        /// [`CallbackTarget`](crate::CallbackTarget).
        ///
        /// Headers: `Upstash-Callback` and `Upstash-Callback-…`.
        pub fn callback(self, target: impl Into<$crate::CallbackTarget>) -> Self {
            Self(self.0.try_set(|parts| {
                parts.options.callback = Some(target.into().finish("callback")?);
                Ok(())
            }))
        }

        /// Where the result is sent once, when the last attempt has failed: a URL or a
        /// [`CallbackTarget`](crate::CallbackTarget).
        ///
        /// Headers: `Upstash-Failure-Callback` and `Upstash-Failure-Callback-…`.
        pub fn failure_callback(self, target: impl Into<$crate::CallbackTarget>) -> Self {
            Self(self.0.try_set(|parts| {
                parts.options.failure_callback = Some(target.into().finish("failure callback")?);
                Ok(())
            }))
        }

        /// Adds a label to find the message by in logs and in the dead letter queue.
        ///
        /// Header: `Upstash-Label`, joined by commas.
        pub fn label(self, label: impl TryInto<$crate::types::Label, Error: std::fmt::Display>) -> Self {
            Self(self.0.try_set(|parts| {
                parts.options.labels.push($crate::draft::valid("label", label)?);
                Ok(())
            }))
        }

        /// What logs, the console and the API must not show. The delivery is not affected.
        ///
        /// Header: `Upstash-Redact-Fields`.
        pub fn redact(self, redaction: $crate::types::Redaction) -> Self {
            Self(self.0.set(|parts| parts.options.redaction = Some(redaction)))
        }

        /// Delivers every header of the publish request under its own name, in addition to the forwarded ones.
        ///
        /// Header: `Upstash-Header-Forward`, `true`.
        pub fn forward_all_headers(self) -> Self {
            Self(self.0.set(|parts| parts.options.forward_all_headers = true))
        }

        /// Adds a header under exactly this name, for QStash itself: an `Upstash-…` header that has no setter
        /// here, or one for [`forward_all_headers`](Self::forward_all_headers).
        ///
        /// It cannot contradict the setters. A header that a setter writes as well is taken from the setter. Refused
        /// are headers of which the setters write one of two (`Upstash-Delay`, `Upstash-Not-Before`,
        /// `Upstash-Deduplication-Id`, `Upstash-Content-Based-Deduplication`), and those that the client or HTTP itself
        /// writes, such as `Authorization`.
        pub fn header(self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Self {
            Self(self.0.try_set(|parts| {
                $crate::setters::append_raw(&mut parts.headers, name.as_ref(), value.as_ref())
            }))
        }
    };
}
pub(crate) use option_setters;

/// Headers that `header` refuses: those that the client or HTTP writes, and pairs of which at most one may be sent, where a
/// setter could not win by name alone.
static RESERVED: [HeaderName; 9] = [
    http::header::AUTHORIZATION,
    http::header::CONTENT_LENGTH,
    http::header::EXPECT,
    http::header::HOST,
    http::header::USER_AGENT,
    header::DELAY,
    header::NOT_BEFORE,
    header::DEDUPLICATION_ID,
    header::CONTENT_BASED_DEDUPLICATION,
];

/// Headers that are about one connection, and end with it: RFC 9110, 7.6.1. They can neither be sent through QStash nor be
/// forwarded by it.
static HOP_BY_HOP: [HeaderName; 9] = [
    http::header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    http::header::PROXY_AUTHENTICATE,
    http::header::PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    http::header::TE,
    http::header::TRAILER,
    http::header::TRANSFER_ENCODING,
    http::header::UPGRADE,
];

/// Fewer headers than a map can hold, so that there is always room for the client's own.
const MOST_HEADERS: usize = 10_000;

/// Every header of a message. The options win over the plain headers.
pub(crate) fn headers_of(options: &DeliveryOptions, plain: &HeaderMap) -> Result<HeaderMap, InvalidInput> {
    let typed = options.to_headers().map_err(|fault| InvalidInput::new("header", fault))?;
    if plain.len() + typed.len() > MOST_HEADERS {
        return Err(InvalidInput::new("header", format!("there are more than {MOST_HEADERS}")));
    }
    if plain.is_empty() {
        return Ok(typed);
    }
    let mut headers = plain.clone();
    headers.extend(typed);
    Ok(headers)
}

/// A method that QStash delivers with.
pub(crate) fn deliverable(method: Method) -> Result<Method, InvalidInput> {
    match method {
        Method::GET | Method::POST | Method::PUT | Method::PATCH | Method::DELETE => Ok(method),
        other => {
            let fault = format!("{other} is none of GET, POST, PUT, PATCH and DELETE");
            Err(InvalidInput::new("method", fault))
        }
    }
}

/// Checks that there is a limit, and a period that QStash accepts.
pub(crate) fn within_limits(limits: FlowLimits) -> Result<(), InvalidInput> {
    limits.check().map_err(|fault| InvalidInput::new("flow control", fault))
}

/// Adds a header that the caller wrote.
pub(crate) fn append(
    field: &'static str,
    headers: &mut HeaderMap,
    name: &str,
    value: &[u8],
) -> Result<(), InvalidInput> {
    let fault = |text: String| InvalidInput::new(field, text);
    let parsed: HeaderName = name.parse().map_err(|_| fault(format!("{name:?} is not a header name")))?;
    if HOP_BY_HOP.contains(&parsed) {
        return Err(fault(format!("{parsed} is about one connection, and is not delivered")));
    }
    let mut value = HeaderValue::from_bytes(value)
        .map_err(|_| fault(format!("the value of {parsed} contains a control character")))?;
    // Such values are often credentials: this keeps them out of `Debug` and of HTTP/2 compression tables.
    value.set_sensitive(true);
    if headers.is_empty() {
        // Most messages have one or none, and the first one would make room for six.
        headers.reserve(1);
    }
    headers.try_append(parsed, value).map(drop).map_err(|error| fault(error.to_string()))
}

/// Adds a header of [`Message::header`](crate::Message::header).
pub(crate) fn append_raw(headers: &mut HeaderMap, name: &str, value: &[u8]) -> Result<(), InvalidInput> {
    if RESERVED.iter().any(|own| name.eq_ignore_ascii_case(own.as_str())) {
        let fault = format!("{name} cannot be set here, the client or a setter writes it");
        return Err(InvalidInput::new("header", fault));
    }
    append("header", headers, name, value)
}
