//! Why a request was probably refused: guesses for a person who reads the log, never a verdict.

use std::time::Duration;

use qstash_types::{PublishedAccount, Region, SigningKey, SigningKeys};

use crate::{
    Claims, KeySet, Presented, Verifier, VerifyError,
    hash::Sha256,
    keys::{Form, PreparedKey, keyed},
    layout::respelled,
    token::Token,
};

/// The likely cause of a refusal: what a person should look at first.
///
/// `Display` is meant for logs, as one clause without a period. It shows labels, and parts of URLs and paths, and no
/// part of a key or a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Diagnosis {
    /// A scheme for `Authorization` stands before the token.
    #[error("the signature header starts with `Bearer`: whoever sends it must leave that out")]
    Bearer,
    /// The header has quotes around the token.
    #[error("the signature header is in quotes: whatever adds them on the way must leave them out")]
    QuotedHeader,
    /// The sender mistook a key or an API token for a signature.
    #[error(
        "the signature header is a signing key or an API token, which QStash never sends: take it out and replace it"
    )]
    SecretAsSignature,
    /// A configured key has quotes around it, as from a file of variables that knows none.
    #[error("the configured key `{label}` is in quotes, which count as a part of it: remove them")]
    QuotedKey {
        /// The label of the key.
        label: String,
    },
    /// A configured key looks like an API token.
    #[error(
        "the configured key `{label}` looks like the API token: take the signing key, which starts with `sig_`"
    )]
    TokenAsKey {
        /// The label of the key.
        label: String,
    },
    /// The key is configured, but not for the region that the request names.
    #[error(
        "the key `{label}` signed the token, but it is not configured for the region that the request names: configure it \
         for that one too"
    )]
    OtherRegion {
        /// The label of the key.
        label: String,
        /// The region of the key, `None` for all others.
        region: Option<Region>,
    },
    /// A key that was in use earlier: see [`KeySet::retired`].
    #[error(
        "the retired key `{label}` signed the token, so the keys were rotated here and not where it was made: take those that \
         the sender has now"
    )]
    RetiredKey {
        /// The label of the key.
        label: String,
    },
    /// The keys belong to another account, or to another local server, than the one that sent the request.
    #[error(
        "the configured keys are those of another account, region or local server, if it is no forgery: take both from the \
         console of the account that publishes, or have them written by `qstash-dev --env-file .env`"
    )]
    OtherAccount,
    /// A key that QStash's documentation prints for its development server.
    #[error(
        "a published development key signed the token: where a development server such as `qstash-dev dev` is meant, \
         configure its keys and call `allow_published_dev_keys`"
    )]
    PublishedKey,
    /// The machine's clock is ahead, or the request comes late.
    #[error(
        "the token was made {by:.0?} ago: set this machine's clock, which is ahead, unless the request was held up or repeated"
    )]
    ClockAhead {
        /// By how much the clock would be ahead.
        by: Duration,
    },
    /// The machine's clock is behind.
    #[error("the token begins in {by:.0?}: set this machine's clock, which is behind by at least that")]
    ClockBehind {
        /// By how much the clock would be behind.
        by: Duration,
    },
    /// The URLs differ in `http` and `https` alone.
    #[error(
        "the URLs differ in their scheme alone: set the origin, or QSTASH_RECEIVER_URL, to the URL that QStash calls, not to \
         what a proxy calls"
    )]
    Scheme,
    /// The URLs differ in host or port alone.
    #[error(
        "the URLs differ in their host or port alone: set the origin, or QSTASH_RECEIVER_URL, to the URL that QStash calls"
    )]
    Host,
    /// The request arrived without the beginning of the path.
    #[error(
        "the path lost `{}` on its way here: set `public_prefix` to it, or write it behind the host in QSTASH_RECEIVER_URL",
        prefix.escape_debug()
    )]
    StrippedPrefix {
        /// What is missing, and what the setting should be.
        prefix: String,
    },
    /// The request arrived with more before the path than was signed.
    #[error(
        "the path has `{}` before it that was not signed: a proxy adds it, or `public_prefix` is too long",
        prefix.escape_debug()
    )]
    AddedPrefix {
        /// What is there too much.
        prefix: String,
    },
    /// The paths differ in a slash at the end.
    #[error(
        "the paths differ in a slash at the end alone: path normalisation belongs inside of the verification"
    )]
    TrailingSlash,
    /// The request has an escape where the signed URL has the character as it is.
    #[error(
        "the request has an escape where the signed URL has {character:?}: something on the way escapes what need not be, \
         so turn that off, or publish to the URL in the spelling that arrives"
    )]
    Escaped {
        /// The character.
        character: char,
    },
    /// The request has a character where the signed URL has its escape, and means something else by that.
    #[error(
        "the request has {character:?} where the signed URL has its escape: something on the way undoes escapes that \
         change what a URL means, so turn that off"
    )]
    Unescaped {
        /// The character.
        character: char,
    },
    /// The request has a query parameter that was not signed, or not with this value.
    #[error(
        "the query parameter {name:?} was not signed, or not with this value: something on the way adds it"
    )]
    AddedParameter {
        /// The name as it is written, its first 64 characters.
        name: String,
    },
    /// Somebody else has read the body before.
    #[error(
        "the body is empty, but the signed one was not: something has read it before, and belongs inside of the verification"
    )]
    BodyConsumed,
    /// The bytes are not those of the wire any more.
    #[error(
        "the body was compressed on the wire and is not any more: decompression belongs inside of the verification"
    )]
    Decompressed,
    /// The same JSON was signed, in another layout.
    #[error(
        "the body was parsed and written again, since the same JSON was signed with other white space: what does that belongs \
         inside of the verification"
    )]
    Reserialised,
    /// Something has changed the body.
    #[error(
        "the body was altered on its way: decompression, JSON that is parsed and written again, or text that is \
         decoded belong inside of the verification"
    )]
    Altered,
}

/// Longer bodies are not searched for what they may have been.
const MAX_GUESS: usize = 1024 * 1024;

impl Verifier {
    /// Guesses why a request was refused, for the log alone: nothing here accepts a request.
    ///
    /// Takes the error of the refusal, what the request presented, and its body as far as it was read (empty if it was
    /// not). This is slower than a verification, so ask only if the answer is shown.
    ///
    /// ```
    /// use qstash_verify::{Presented, SigningKey, SigningKeys, Verifier};
    ///
    /// # let keys = SigningKeys::new(SigningKey::new("sig_current")?, SigningKey::new("sig_next")?);
    /// # let verifier = Verifier::builder(keys).origin("https://api.example.com").build()?;
    /// let request = Presented::new([b"Bearer eyJh.eyJp.c2ln".as_slice()], "/done");
    /// let error = verifier.verify(&request, "{}", verifier.now()).unwrap_err();
    /// let cause = verifier.diagnose(&error, &request, b"{}").expect("this one is easy");
    /// assert_eq!(cause.to_string(), "the signature header starts with `Bearer`: whoever sends it must leave that out");
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn diagnose(&self, error: &VerifyError, request: &Presented<'_>, body: &[u8]) -> Option<Diagnosis> {
        let header = request.token().ok()?;
        if let VerifyError::Malformed { .. } = error {
            return malformed(header);
        }
        let token = Token::parse(header).ok()?;
        if let VerifyError::NoKeys | VerifyError::UnknownKey = error {
            return unknown_key(&self.0.keys(), &token);
        }
        let claims = Claims::read(token.claims).ok()?;
        match error {
            VerifyError::Expired { by } => {
                Some(Diagnosis::ClockAhead { by: by.saturating_add(claims.lifetime()) })
            }
            VerifyError::NotYetValid { by } => Some(Diagnosis::ClockBehind { by: *by }),
            VerifyError::Destination { .. } => {
                self.0.expected_url.difference(claims.subject(), request.path_and_query)
            }
            VerifyError::BodyMismatch { .. } => {
                Some(altered_body(&claims.digest, request.content_encoding, body))
            }
            _ => None,
        }
    }
}

fn malformed(header: &[u8]) -> Option<Diagnosis> {
    let starts_with =
        |start: &[u8]| header.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start));
    if starts_with(b"bearer") {
        Some(Diagnosis::Bearer)
    } else if header.starts_with(b"\"") || header.starts_with(b"'") {
        Some(Diagnosis::QuotedHeader)
    } else if Form::of(str::from_utf8(header).ok()?) == Form::ApiToken && !header.contains(&b'.')
        || header.starts_with(b"sig_")
    {
        Some(Diagnosis::SecretAsSignature)
    } else {
        None
    }
}

fn unknown_key(keys: &KeySet, token: &Token<'_>) -> Option<Diagnosis> {
    let signer = |keys: &[PreparedKey]| {
        keys.iter().find(|key| token.is_signed_with(&key.mac)).map(|key| key.label.as_ref().to_owned())
    };
    if let Some(label) = signer(&keys.everyone) {
        return Some(Diagnosis::OtherRegion { label, region: None });
    }
    for (region, keys) in &keys.regions {
        if let Some(label) = signer(keys) {
            return Some(Diagnosis::OtherRegion { label, region: Some(*region) });
        }
    }
    if let Some(label) = signer(&keys.retired) {
        return Some(Diagnosis::RetiredKey { label });
    }
    let is_signed_with = |key: &SigningKey| token.is_signed_with(&keyed(key));
    let is_published = |account: PublishedAccount| {
        let SigningKeys { current, next, .. } = account.signing_keys();
        is_signed_with(&current) || is_signed_with(&next)
    };
    if PublishedAccount::ALL.into_iter().any(is_published) {
        return Some(Diagnosis::PublishedKey);
    }
    let odd_key = keys.active().find_map(|key| {
        let label = key.label.as_ref().to_owned();
        match key.form {
            Form::Quoted => Some(Diagnosis::QuotedKey { label }),
            Form::ApiToken => Some(Diagnosis::TokenAsKey { label }),
            Form::Usual | Form::Odd | Form::Published => None,
        }
    });
    odd_key.or(Some(Diagnosis::OtherAccount))
}

fn altered_body(signed: &[u8; 32], encoding: Option<&[u8]>, body: &[u8]) -> Diagnosis {
    // Many programs end a document with a newline.
    let is_signed = |body: &[u8]| {
        let mut hasher = Sha256::new();
        hasher.update(body);
        let mut with_newline = hasher.clone();
        with_newline.update(b"\n");
        [hasher.finish(), with_newline.finish()].contains(signed)
    };
    let is_compressed = encoding
        .is_some_and(|encoding| !encoding.eq_ignore_ascii_case(b"identity") && !body.starts_with(GZIP_MAGIC));
    if body.is_empty() {
        Diagnosis::BodyConsumed
    } else if is_compressed {
        Diagnosis::Decompressed
    } else if body.len() <= MAX_GUESS && respelled(body).any(|guess| is_signed(&guess)) {
        Diagnosis::Reserialised
    } else {
        Diagnosis::Altered
    }
}

const GZIP_MAGIC: &[u8] = b"\x1f\x8b";
