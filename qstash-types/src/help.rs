//! Where people read on who have met a mistake.

/// Makes the enum, with the heading of each topic beside its variant.
macro_rules! topics {
    ($($(#[$doc:meta])* $variant:ident = $heading:literal,)+) => {
        /// A topic of `docs/errors.md` in the repository, which says what a mistake means and what to do next.
        ///
        /// Texts for people end with it where there is more to say than fits into them: `(errors.md#unknown-key)`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Help {
            $($(#[$doc])* $variant,)+
        }

        impl Help {
            /// All topics, in the order of the document.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The heading in the document.
            pub fn heading(self) -> &'static str {
                match self {
                    $(Self::$variant => $heading,)+
                }
            }
        }
    };
}

topics! {
    /// A signing key is missing, empty, in quotes, or no key.
    SigningKeys = "signing-keys",
    /// A signing key is one that anybody knows.
    PublishedKeys = "published-keys",
    /// The URL of a receiver is none, or is not set.
    ReceiverUrl = "receiver-url",
    /// The token of a client is missing or is none.
    Token = "token",
    /// The base URL of a client is none.
    BaseUrl = "base-url",
    /// `https` cannot be spoken.
    Tls = "tls",
    /// A server cannot listen on its address.
    Listen = "listen",
    /// A data folder cannot be used.
    DataFolder = "data-folder",
    /// A message names a place that QStash cannot reach.
    ThisMachine = "this-machine",
    /// QStash does not know the token.
    UnknownToken = "unknown-token",
    /// A limit of the account or of the local server is reached.
    Quota = "quota",
    /// A message is too large for QStash.
    LargeMessage = "large-message",
    /// Too many calls.
    RateLimit = "rate-limit",
    /// QStash failed.
    ServerError = "server-error",
    /// No connection to QStash.
    NoConnection = "no-connection",
    /// `https` in the URL of a server that speaks `http`.
    PlainServer = "plain-server",
    /// No answer of QStash, which may have done what it was asked for.
    LostAnswer = "lost-answer",
    /// No response of a destination: it cannot be connected to, may not be called, or did not answer.
    NoResponse = "no-response",
    /// A destination answered 401 or 403.
    RefusedDelivery = "refused-delivery",
    /// A destination answered 404 or 405.
    NoRoute = "no-route",
    /// A destination answered 5xx.
    HandlerFailed = "handler-failed",
    /// A request has no signature.
    NoSignature = "no-signature",
    /// The signature is none that QStash makes.
    OddSignature = "odd-signature",
    /// No configured key has signed.
    UnknownKey = "unknown-key",
    /// The region of a request has no keys.
    RegionKeys = "region-keys",
    /// The token is not valid yet or any more.
    Clock = "clock",
    /// The token is for another URL.
    OtherUrl = "other-url",
    /// The body is not the signed one.
    AlteredBody = "altered-body",
    /// The body is larger than a receiver takes.
    BodyLimit = "body-limit",
    /// The body came too slowly, or broke off.
    BrokenBody = "broken-body",
    /// The body is not what a handler takes.
    UnexpectedBody = "unexpected-body",
    /// A route has no middleware that verifies.
    NoMiddleware = "no-middleware",
    /// A receiver does not say where it is.
    NoOrigin = "no-origin",
}

impl std::fmt::Display for Help {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "errors.md#{}", self.heading())
    }
}
