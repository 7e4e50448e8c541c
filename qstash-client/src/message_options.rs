//! The settings of messages, without a message.

use std::fmt;

use http::{HeaderMap, HeaderValue};
use qstash_types::{DeliveryOptions, Start};

use crate::{
    api::Api,
    defaults::Defaults,
    draft::{Draft, valid},
    error::InvalidInput,
    setters::{headers_of, option_setters, setters},
};

/// The settings of messages, without a message: the defaults of a client or of a URL group, or the new settings of a dead
/// letter that is tried again.
///
/// The setters are those of [`Message`](crate::Message). They never fail; the first mistake is kept and returned before
/// anything is sent.
///
/// ```
/// use std::time::Duration;
/// use qstash_client::MessageOptions;
///
/// let patient = MessageOptions::new().retries(10).timeout(Duration::from_secs(60));
/// # let _ = patient;
/// ```
#[derive(Clone)]
#[must_use = "options do nothing until they are given to a call"]
pub struct MessageOptions(Draft<Parts>);

#[derive(Clone, Default)]
struct Parts {
    options: DeliveryOptions,
    headers: HeaderMap,
}

impl MessageOptions {
    /// No settings: the defaults of the service apply.
    pub fn new() -> Self {
        Self(Draft::new(Ok(Parts::default())))
    }

    setters!("", options.settings);
    option_setters!();

    /// The media type of the body.
    ///
    /// Header: `Content-Type`, delivered as it is.
    pub fn content_type(self, media_type: impl AsRef<str>) -> Self {
        Self(self.0.try_set(|parts| {
            let value: HeaderValue = valid("content type", media_type.as_ref())?;
            parts.options.content_type = Some(value);
            Ok(())
        }))
    }

    /// The settings as defaults of a client.
    pub(crate) fn to_defaults(&self) -> Result<Defaults, InvalidInput> {
        let Parts { options, headers } = self.0.get().map_err(Clone::clone)?.clone();
        if let Some(Start::At(_)) = options.start {
            return Err(InvalidInput::new("not-before", "a fixed time is no default"));
        }
        options.to_headers().map_err(|fault| InvalidInput::new("header", fault))?;
        Ok(Defaults::new(options, headers))
    }

    /// The headers of these settings, for a call of an API.
    pub(crate) fn to_headers(&self, api: &Api) -> Result<HeaderMap, InvalidInput> {
        let parts = self.0.get().map_err(Clone::clone)?;
        api.check_reach_of_callbacks(&parts.options)?;
        headers_of(&parts.options, &parts.headers)
    }
}

impl Default for MessageOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MessageOptions {
    /// Leaves out the values of headers, which may be confidential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.get() {
            Ok(Parts { options, headers }) => {
                f.debug_struct("MessageOptions").field("options", options).field("headers", headers).finish()
            }
            Err(mistake) => mistake.fmt(f),
        }
    }
}
