//! Where a callback is sent, and with which settings.

use std::fmt;

use qstash_types::Url;

use crate::{
    draft::{Draft, valid},
    error::InvalidInput,
    setters::setters,
};

/// Where a callback or failure callback is sent, and with which settings.
///
/// A callback is a message of its own: it has its own method, timeout, retries and headers. A setting that is left out has
/// the default of the service; callbacks have as many retries as the message itself.
///
/// ```
/// use std::time::Duration;
/// use qstash_client::{CallbackTarget, Message};
///
/// let message = Message::to("https://jobs.example.com/render").callback(
///     CallbackTarget::to("https://api.example.com/render/done")
///         .timeout(Duration::from_secs(30))
///         .forward("x-tenant", "42"),
/// );
/// # assert!(message.parts().is_ok());
/// ```
///
/// The header names below are those of a callback. For a failure callback they start with `Upstash-Failure-Callback-`.
#[derive(Clone)]
#[must_use = "a callback target does nothing until it is given to a message"]
pub struct CallbackTarget(Draft<qstash_types::CallbackOptions>);

impl CallbackTarget {
    /// A callback to a URL, which is sent byte for byte. It is refused when a URL parser would change it: see
    /// [`Url::new`].
    ///
    /// Header: `Upstash-Callback`, or `Upstash-Failure-Callback`.
    pub fn to(url: impl TryInto<Url, Error: fmt::Display>) -> Self {
        Self(Draft::new(valid("URL", url).map(qstash_types::CallbackOptions::new)))
    }

    setters!("Callback-", settings);

    /// The target, for a field of a message.
    pub(crate) fn finish(self, field: &str) -> Result<qstash_types::CallbackOptions, InvalidInput> {
        self.0.finish().map_err(|mistake| mistake.inside(field))
    }
}

impl From<Url> for CallbackTarget {
    fn from(url: Url) -> Self {
        Self::to(url)
    }
}

impl From<&str> for CallbackTarget {
    fn from(url: &str) -> Self {
        Self::to(url)
    }
}

impl From<String> for CallbackTarget {
    fn from(url: String) -> Self {
        Self::to(url)
    }
}

impl From<&String> for CallbackTarget {
    fn from(url: &String) -> Self {
        Self::to(url.as_str())
    }
}

impl fmt::Debug for CallbackTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.get() {
            Ok(target) => target.fmt(f),
            Err(mistake) => mistake.fmt(f),
        }
    }
}
