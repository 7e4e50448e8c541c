//! Is this request from [QStash](https://upstash.com/docs/qstash)? For any framework, without one.
//!
//! ```
//! use qstash_verify::{Callback, Presented, SigningKey, SigningKeys, Verifier};
//!
//! fn receive(verifier: &Verifier, request: http::Request<Vec<u8>>) -> Result<Callback, Box<dyn std::error::Error>> {
//!     let (parts, body) = request.into_parts();
//!     let signatures = parts.headers.get_all("upstash-signature").iter().map(|value| value.as_bytes());
//!     let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
//!     let verified = verifier.verify(&Presented::new(signatures, target), body, verifier.now())?;
//!     Ok(verified.json()?)
//! }
//!
//! let keys = SigningKeys::new(SigningKey::new("sig_current")?, SigningKey::new("sig_next")?);
//! let verifier = Verifier::builder(keys).origin("https://api.example.com").build()?;
//!
//! let unsigned = http::Request::post("/render/done").body(b"{}".to_vec())?;
//! assert_eq!(receive(&verifier, unsigned).unwrap_err().to_string(), "the request has no Upstash-Signature header");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! `receive` is all that a framework needs; what it asks for has every framework under some name:
//!
//! | hand over | which is |
//! |---|---|
//! | the signatures | **all** values of the `Upstash-Signature` header, as bytes |
//! | path and query | as they arrived: not decoded, not normalised, with what a nested router has stripped |
//! | the body | the bytes of the wire: not decompressed, not decoded as text, not parsed and written again |
//! | the region | the `Upstash-Region` header, by [`Presented::region`], if there are keys [for a region](KeySet::region) |
//! | the time | [`Verifier::now`], or any other in tests |
//!
//! A refusal is answered with [`VerifyError::status`] and [`VerifyError::public_text`], and QStash tries again. What the
//! handler makes of the rest is an [`Outcome`]. [`Verifier::from_env`] reads keys and origin from the environment.
//! Middlewares exist for axum (`qstash-axum`) and actix-web (`qstash-actix`).
//!
//! # Strangers cost nothing
//!
//! QStash signs a *hash* of the body inside the token, so a sender is authenticated from the headers alone. Where a body
//! arrives in pieces, do not read it before:
//!
//! ```
//! # use qstash_verify::{Presented, Verified, Verifier, VerifyError};
//! # fn read(verifier: &Verifier, request: Presented<'_>, content_length: u64, body: Vec<bytes::Bytes>)
//! # -> Result<Verified, VerifyError> {
//! let mut unread = verifier.authenticate(&request, verifier.now())?; // the headers
//! unread.content_length(content_length)?;                            // optional: a body that is too large
//! for chunk in body {
//!     unread.push(chunk, verifier.now())?;                           // counted, hashed, kept
//! }
//! let verified = unread.finish(verifier.now())?;                     // claims and body
//! # Ok(verified)
//! # }
//! ```
//!
//! # A refusal explains itself
//!
//! [`VerifyError`] says what differs, [`Verifier::diagnose`] guesses why (a proxy that strips a prefix, a layer that
//! decompresses, the key of another region), and [`RefusalLog`] keeps strangers from filling the log with it:
//!
//! ```
//! # use qstash_verify::{LogLevel, Presented, RefusalLog, Verifier, VerifyError};
//! # fn refused(verifier: &Verifier, log: &RefusalLog, error: &VerifyError, request: &Presented<'_>, body: &[u8]) {
//! if let LogLevel::Warn { suppressed } = log.level(error, verifier.now()) {
//!     let cause = verifier.diagnose(error, request, body).map(|cause| format!(", probably {cause}"));
//!     eprintln!("refused: {error}{} ({suppressed} others)", cause.unwrap_or_default());
//! }
//! # }
//! ```
//!
//! # What is proven, and what is not
//!
//! A [`Verified`] request was signed by a holder of one of the configured keys, not longer ago than the token says (five
//! minutes), for this URL as far as the verifier [was told to look](VerifierBuilder), with exactly this body.
//!
//! * **The other headers are not signed.** [`Delivery::headers`] has them, for logs and for recognising a message.
//! * **A token may come twice**: QStash delivers at least once, and whoever sees a request can repeat it for five minutes.
//!   Make handlers idempotent by the message id.
//! * **A leaked key signs anything.** Rotate it twice; [`Verifier::refresh_keys`] and [`Verifier::replace_keys`] take the
//!   new pair without a restart.
//! * **Without an origin only path and query are compared.** A token for another host with the same path is then taken:
//!   every receiver that a message was ever sent to could pass it on. Set [`origin`](VerifierBuilder::origin).
//! * `Host` and `X-Forwarded-*` are never read, the environment never switches anything off, and the signing keys that
//!   QStash's documentation prints are refused unless
//!   [allowed in code](VerifierBuilder::allow_published_dev_keys).
//!
//! # How strict it is
//!
//! A token has three base64url segments without padding, at most [`MAX_TOKEN_LEN`] bytes. Its header says `HS256`; no
//! other algorithm exists here, and nothing in a token selects a key. Header and claims are one JSON object each, without
//! a name twice and without critical parameters. `iss`, `sub`, `exp`, `nbf` and `body` are required. The MAC is compared
//! in constant time, before any claim is looked at, so an expired token is reported as expired whichever key signed it.
//!
//! # Platforms
//!
//! Everything works in WebAssembly as well. `wasm32-unknown-unknown` has no clock, so a verifier needs
//! [one](VerifierBuilder::clock) there: `Date.now()` in a browser's engine.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `adapter` | no | the module `adapter`: what every middleware does besides IO, for crates that support a framework |
//! | `aws-lc-rs` | no | hashes with the assembly of AWS-LC in place of `sha2`, see below; needs a C compiler, and is not for WebAssembly |
//! | `metrics` | no | `adapter`, and counters and durations of deliveries for the recorder of the crate `metrics` |
//! | `otel` | no | `adapter`, and a span around the handling of each delivery, in the trace of its publisher |
//! | `sign` | no | `Signer`, which makes tokens and requests, good ones and broken ones: for tests and for a local server |
//!
//! HMAC and SHA-256 are those of `hmac` and `sha2`, pure Rust that uses the SHA extensions of the processor. Where it has none,
//! `aws-lc-rs` pays for bodies of some kilobytes and more. On an AMD EPYC, the verification of a body of 1 MiB takes about
//! 1.7 ms with either of them; with the extensions masked it takes about 3.1 ms with `sha2` and 2.1 ms with AWS-LC, whose
//! lead is larger on processors of Intel. Nothing else changes: both pass the same tests, compare MACs in constant time,
//! and wipe the prepared keys.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(feature = "adapter")]
pub mod adapter;

mod body;
mod builder;
mod claims;
mod cooldown;
mod delivery;
mod diagnose;
mod env;
mod error;
mod expected_url;
mod handler_error;
mod hash;
mod json;
mod keys;
mod layout;
mod outcome;
mod readable;
mod refresh;
mod refusal_log;
#[cfg(feature = "sign")]
mod sign;
mod target;
mod token;
mod verifier;

use std::time::Duration;

pub use body::{Unread, Verified};
pub use builder::VerifierBuilder;
pub use claims::Claims;
pub use delivery::Delivery;
pub use diagnose::Diagnosis;
pub use error::{BuildError, EnvError, JsonError, VerifyError};
pub use handler_error::HandlerError;
pub use keys::KeySet;
pub use outcome::Outcome;
pub use qstash_types::{
    Callback, CallbackParts, DeliveryHeaders, DlqId, EndpointName, FailureCallback, FieldError, FlowControl,
    FlowControlKey, FlowLimits, Headers, Help, InvalidCallback, InvalidId, InvalidSigningKey, Label,
    MessageId, Region, RetryDelay, ScheduleId, SigningKey, SigningKeys, UrlGroupName,
};
pub use refresh::Refresh;
pub use refusal_log::{LogLevel, RefusalLog};
pub use verifier::{Presented, Verifier};
#[cfg(feature = "sign")]
pub use {
    qstash_types::InvalidUrl,
    sign::{Defect, Signer, TokenBuilder},
};

/// The longest body that is read unless the verifier is told otherwise: 32 MiB.
///
/// A callback carries a response and the body of its source, up to 10 MB each, in base64.
pub const DEFAULT_BODY_LIMIT: usize = 32 * 1024 * 1024;

/// How long a body may take to arrive unless the verifier is told otherwise: ten minutes.
///
/// That is longer than a token lives, so that a body that is on its way when the token ends may still arrive.
pub const DEFAULT_BODY_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// The longest token that is looked at: 64 KiB.
///
/// Most of a token is the URL it is for, a few kilobytes at the very most. A longer token could only be there to be
/// hashed.
pub const MAX_TOKEN_LEN: usize = 64 * 1024;
