//! The settings that a message and its callbacks have in common.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use qstash_types::FlowControl;

use crate::InvalidMessage;

/// Writes the setters. `$prefix` is what the names of their headers start with, `$path` where a draft keeps its
/// settings.
macro_rules! setters {
    ($prefix:literal, $($path:ident).+) => {
        /// The HTTP method: `GET`, `POST` (unless set), `PUT`, `PATCH` or `DELETE`.
        ///
        #[doc = concat!("Header: `", $prefix, "Method`.")]
        pub fn method(self, method: $crate::Method) -> Self {
            Self(self.0.try_set(|draft| {
                draft.$($path).+.method = Some($crate::settings::deliverable(method)?);
                Ok(())
            }))
        }

        /// How long to wait for the response. It can only shorten the limit of the account's plan.
        ///
        #[doc = concat!("Header: `", $prefix, "Timeout`, in whole seconds, rounded up.")]
        pub fn timeout(self, timeout: std::time::Duration) -> Self {
            Self(self.0.set(|draft| draft.$($path).+.timeout = Some(timeout)))
        }

        /// How many attempts may follow the first one; zero is one attempt in all.
        ///
        #[doc = concat!("Header: `", $prefix, "Retries`, a number.")]
        pub fn retries(self, retries: u32) -> Self {
            Self(self.0.set(|draft| draft.$($path).+.retries = Some(retries)))
        }

        /// How long to wait before a retry: an expression over the number of retries so far, such as
        /// `pow(2, retried) * 1000`. [`RetryDelay`](crate::RetryDelay) lists what it may contain.
        ///
        #[doc = concat!("Header: `", $prefix, "Retry-Delay`, in milliseconds.")]
        pub fn retry_delay(
            self,
            expression: impl TryInto<$crate::RetryDelay, Error: std::fmt::Display>,
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
        pub fn flow_control(self, flow_control: $crate::FlowControl) -> Self {
            Self(self.0.try_set(|draft| {
                draft.$($path).+.flow_control = Some($crate::settings::limiting(flow_control)?);
                Ok(())
            }))
        }

        /// Adds a header that is delivered under its own name. A name may be added several times.
        ///
        #[doc = concat!("Header: `", $prefix, "Forward-<name>`.")]
        pub fn forward(self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Self {
            Self(self.0.try_set(|draft| {
                let headers = &mut draft.$($path).+.forward;
                $crate::settings::append("forwarded header", headers, name.as_ref(), value.as_ref())
            }))
        }
    };
}
pub(crate) use setters;

/// A method that QStash delivers with.
pub(crate) fn deliverable(method: Method) -> Result<Method, InvalidMessage> {
    match method {
        Method::GET | Method::POST | Method::PUT | Method::PATCH | Method::DELETE => Ok(method),
        other => {
            let fault = format!("{other} is none of GET, POST, PUT, PATCH and DELETE");
            Err(InvalidMessage::new("method", fault))
        }
    }
}

/// Flow control that has a limit.
pub(crate) fn limiting(flow_control: FlowControl) -> Result<FlowControl, InvalidMessage> {
    match flow_control.limits.check() {
        Ok(()) => Ok(flow_control),
        Err(fault) => Err(InvalidMessage::new("flow control", fault)),
    }
}

/// Adds a header that the caller wrote.
pub(crate) fn append(
    field: &'static str,
    headers: &mut HeaderMap,
    name: &str,
    value: &[u8],
) -> Result<(), InvalidMessage> {
    let fault = |text: String| InvalidMessage::new(field, text);
    let parsed: HeaderName = name.parse().map_err(|_| fault(format!("{name:?} is not a header name")))?;
    let mut value = HeaderValue::from_bytes(value)
        .map_err(|_| fault(format!("the value of {parsed} contains a control character")))?;
    // Such values are often credentials: this keeps them out of `Debug` and of HTTP/2 compression tables.
    value.set_sensitive(true);
    headers.try_append(parsed, value).map(drop).map_err(|error| fault(error.to_string()))
}
