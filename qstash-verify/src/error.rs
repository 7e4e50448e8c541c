//! Why a request was refused.

use std::time::Duration;

use qstash_types::{Help, debug_as_text};

use crate::{MAX_TOKEN_LEN, Outcome, outcome::UNEXPECTED_BODY};

/// Why a request was refused: one variant per cause, with what a person needs to find it.
///
/// `Display` is meant for logs. It may show URLs of the claims, so the response gets [`public_text`](Self::public_text)
/// instead. `Debug` is the same text.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// There is no `Upstash-Signature` header.
    #[error("the request has no Upstash-Signature header")]
    Missing,
    /// There is more than one `Upstash-Signature` header.
    #[error("the request has more than one Upstash-Signature header")]
    Repeated,
    /// The token is longer than [`MAX_TOKEN_LEN`].
    #[error("the token is {len} bytes long, more than the {MAX_TOKEN_LEN} that are read")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// The token is not a compact JWT.
    #[error("the token is malformed: {what}")]
    Malformed {
        /// What is wrong with it.
        what: &'static str,
    },
    /// The token does not say that it is signed with HS256.
    #[error("the token's algorithm is not HS256")]
    Algorithm,
    /// Keys are configured for regions only, and the request names none of them.
    #[error("no signing key is configured for the region of the request")]
    NoKeys,
    /// None of the configured keys signed the token.
    #[error("the token is signed by no known key")]
    UnknownKey,
    /// The claims are not one JSON object with unique members.
    #[error("the claims are malformed: {what}")]
    Claims {
        /// What is wrong with them.
        what: &'static str,
    },
    /// A claim is missing or holds something else than it must.
    #[error("the claim `{name}` is missing or not {wanted}")]
    Claim {
        /// The name of the claim.
        name: &'static str,
        /// What it must be.
        wanted: &'static str,
    },
    /// The token was not issued by QStash.
    #[error("the token's issuer is not Upstash")]
    Issuer,
    /// The token is meant for a named audience, which no receiver of QStash is.
    #[error("the token is meant for another audience")]
    Audience,
    /// The token's time is over.
    #[error("the token expired {by:.0?} ago")]
    Expired {
        /// The time since its end, without the tolerance.
        by: Duration,
    },
    /// The token's time has not begun: one of the two clocks is wrong.
    #[error("the token is not valid for another {by:.0?}")]
    NotYetValid {
        /// The time until its begin, without the tolerance.
        by: Duration,
    },
    /// The token was signed for another URL than the one that was called.
    #[error("the token is for {subject}, but the request is for {expected}")]
    Destination {
        /// What the subject should have been.
        expected: String,
        /// The URL that was signed.
        subject: String,
    },
    /// The body is larger than the verifier's limit.
    #[error("the body is larger than {limit} bytes")]
    BodyTooLarge {
        /// The limit.
        limit: usize,
    },
    /// The body took longer to arrive than the verifier waits.
    #[error("the body was not there {timeout:.0?} after its headers")]
    BodyTooSlow {
        /// How long the verifier waits.
        timeout: Duration,
    },
    /// The body is not the one that was signed.
    #[error("the body of {len} bytes is not the signed one, its digest differs")]
    BodyMismatch {
        /// The length of the body that arrived.
        len: usize,
    },
}

impl VerifyError {
    /// The HTTP status of the refusal: 413 for a body that is too large, 408 for one that is too slow, 403 for everything
    /// else.
    ///
    /// All make QStash try again, so that a mis-deployed key delays messages and loses none.
    pub fn status(&self) -> u16 {
        match self {
            Self::BodyTooLarge { .. } => 413,
            Self::BodyTooSlow { .. } => 408,
            _ => 403,
        }
    }

    /// Where to read on.
    pub fn help(&self) -> Help {
        match self {
            Self::Missing => Help::NoSignature,
            Self::Repeated
            | Self::TooLong { .. }
            | Self::Malformed { .. }
            | Self::Algorithm
            | Self::Claims { .. }
            | Self::Claim { .. }
            | Self::Issuer
            | Self::Audience => Help::OddSignature,
            Self::NoKeys => Help::RegionKeys,
            Self::UnknownKey => Help::UnknownKey,
            Self::Expired { .. } | Self::NotYetValid { .. } => Help::Clock,
            Self::Destination { .. } => Help::OtherUrl,
            Self::BodyTooLarge { .. } => Help::BodyLimit,
            Self::BodyTooSlow { .. } => Help::BrokenBody,
            Self::BodyMismatch { .. } => Help::AlteredBody,
        }
    }

    /// A short text for the response. It says nothing that the sender could use.
    pub fn public_text(&self) -> &'static str {
        match self {
            Self::Missing => "missing signature",
            Self::BodyTooLarge { .. } => "body too large",
            Self::BodyTooSlow { .. } => "body too slow",
            _ => "invalid signature",
        }
    }

    /// Whether one of the configured keys signed the token.
    ///
    /// Such a refusal is about a real delivery and deserves a look: a wrong URL, a wrong clock, an altered body.
    /// The others can be caused by anybody.
    pub fn is_key_known(&self) -> bool {
        match self {
            Self::Missing
            | Self::Repeated
            | Self::TooLong { .. }
            | Self::Malformed { .. }
            | Self::Algorithm
            | Self::NoKeys
            | Self::UnknownKey => false,
            Self::Claims { .. }
            | Self::Claim { .. }
            | Self::Issuer
            | Self::Audience
            | Self::Expired { .. }
            | Self::NotYetValid { .. }
            | Self::Destination { .. }
            | Self::BodyTooLarge { .. }
            | Self::BodyTooSlow { .. }
            | Self::BodyMismatch { .. } => true,
        }
    }
}

/// A verifier cannot be built.
///
/// `Debug` is the same text as `Display`, with which a program ends when `main` returns the error.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The key set is empty.
    #[error("no signing key was given ({})", Help::SigningKeys)]
    NoKeys,
    /// A key is printed in QStash's public documentation, so anybody can sign with it.
    #[error(
        "the signing key `{label}` is one of the published development keys, with which anybody can sign: take the one of \
         your account, or call `allow_published_dev_keys` where a development server is meant ({})",
        Help::PublishedKeys
    )]
    PublishedKey {
        /// The label of the key.
        label: String,
    },
    /// The origin is not `http(s)://host[:port]`.
    #[error("the origin is not http:// or https:// with a host and an optional port")]
    Origin,
    /// The origin has a path.
    #[error("the origin has a path, which belongs into `public_prefix` or `exact_url`")]
    OriginWithPath,
    /// The public prefix is not a plain path.
    #[error("the public prefix is not a path that starts with a slash")]
    Prefix,
    /// The exact URL is empty.
    #[error("the exact URL is empty")]
    ExactUrl,
    /// The platform has no clock, and none was set.
    #[error("this platform has no clock: set one with `clock`")]
    NoClock,
    /// The settings for the destination contradict each other.
    #[error("`exact_url` and `any_destination` exclude each other, `origin` and `public_prefix`")]
    Contradiction,
}

/// The environment does not make a verifier or a key set.
///
/// `Debug` is the text of `Display` and of its cause, with which a program ends when `main` returns the error.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvError {
    /// A variable is not set.
    #[error(
        "{variable} is not set: take it from the console of QStash, or have it written into a file by \
         `qstash-dev --env-file .env` for a local server ({})",
        Help::SigningKeys
    )]
    Missing {
        /// Its name.
        variable: String,
    },
    /// A variable is set, but empty or blank.
    #[error(
        "{variable} is set, but empty: take it from the console of QStash, or have it written into a file by \
         `qstash-dev --env-file .env` for a local server ({})",
        Help::SigningKeys
    )]
    Empty {
        /// Its name.
        variable: String,
    },
    /// A key has white space or a line break before, behind or in it.
    #[error(
        "{variable} has white space or a line break in it, which no key has: remove it ({})",
        Help::SigningKeys
    )]
    WhiteSpace {
        /// Its name.
        variable: String,
    },
    /// A key is in quotes. Files of variables know none where Docker reads them.
    #[error("{variable} is in quotes, which count as a part of the key: remove them ({})", Help::SigningKeys)]
    Quoted {
        /// Its name.
        variable: String,
    },
    /// `QSTASH_RECEIVER_URL` is not an origin with an optional prefix.
    #[error(
        "QSTASH_RECEIVER_URL is not the URL of a receiver, such as https://api.example.com ({})",
        Help::ReceiverUrl
    )]
    ReceiverUrl(#[source] BuildError),
    /// The keys cannot be used, or the platform has no clock.
    #[error(transparent)]
    Build(BuildError),
}

debug_as_text!(VerifyError, BuildError, EnvError, JsonError);

/// A verified body is not the JSON that the handler expects.
#[derive(thiserror::Error)]
#[error("the verified body does not have the expected form")]
pub struct JsonError {
    pub(crate) source: serde_json::Error,
    pub(crate) undecodable: Undecodable,
}

impl JsonError {
    /// Whether QStash is to give up: see
    /// [`VerifierBuilder::undecodable_is_non_retryable`](crate::VerifierBuilder::undecodable_is_non_retryable).
    pub fn is_non_retryable(&self) -> bool {
        self.undecodable == Undecodable::NonRetryable
    }

    /// What QStash is told.
    pub(crate) fn outcome(&self) -> Outcome {
        match self.undecodable {
            Undecodable::Retried => Outcome::undecodable(),
            Undecodable::NonRetryable => Outcome::non_retryable(UNEXPECTED_BODY),
        }
    }
}

/// What becomes of a message whose verified body does not deserialise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Undecodable {
    Retried,
    NonRetryable,
}
