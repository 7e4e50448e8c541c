//! URLs that publish, for callers that can only be given a URL.

use qstash_types::{Deduplication, HeaderName, header};

use crate::{Client, Message, error::InvalidInput, message::OwnId, request::Call};

impl Client {
    /// A URL that publishes, or enqueues, whatever is sent to it by `POST`: for the webhooks of a service that knows
    /// nothing of QStash.
    ///
    /// The message says how each of them is delivered. Its body is that of the caller, and so are the headers of
    /// [`Message::forward_all_headers`].
    ///
    /// ```
    /// use qstash_client::{Client, Message};
    ///
    /// let client = Client::new("http://127.0.0.1:8080", "secret")?;
    /// let url = client.webhook_url(Message::to("https://api.example.com/hook?a=1").retries(5).forward_all_headers())?;
    /// assert_eq!(
    ///     url,
    ///     "http://127.0.0.1:8080/v2/publish/https://api.example.com/hook?a=1\
    ///      &upstash-header-forward=true&upstash-retries=5&qstash_token=secret",
    /// );
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// **The URL contains the token.** Whoever knows it can do with the account whatever the token allows.
    ///
    /// Parameters: the names of the headers that a publish sends, and `qstash_token`.
    ///
    /// Defaults of the client apply, except for those that cannot stand in a URL: the content type, and forwarded and plain
    /// headers.
    ///
    /// # Errors
    ///
    /// Refused is what cannot stand in a URL: a body and its media type, forwarded headers, and a deduplication id, which
    /// would make duplicates of all messages but the first.
    pub fn webhook_url(&self, message: Message) -> Result<String, InvalidInput> {
        let mut parts = message.finish()?;
        if !parts.body.is_empty() {
            return Err(InvalidInput::new("body", "a webhook brings its own"));
        }
        if let Some(Deduplication::Id(_)) = parts.options.deduplication {
            return Err(InvalidInput::new(
                "deduplication id",
                "every message of a webhook would have the same one",
            ));
        }
        if let Some(header) = parts.to_headers()?.keys().find(|name| !can_be_parameter(name)) {
            return Err(InvalidInput::new("header", format!("{header} cannot stand in a URL")));
        }
        parts.own_id = OwnId::Unwanted;
        self.complete(&mut parts)?;
        self.inner.api.webhook_url(&Call::handing_over(parts)?, can_be_parameter)
    }
}

/// Whether QStash takes a parameter of this name for the header.
fn can_be_parameter(header: &HeaderName) -> bool {
    header.as_str().starts_with(header::PREFIX) && !header.as_str().contains("-forward-")
}
