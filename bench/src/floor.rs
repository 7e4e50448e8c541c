//! The least that a verification can do, over each of the hashes: keyed states are made once, the token is read in place,
//! claims are looked for instead of parsed, nothing is allocated. It takes only tokens that are written as QStash writes them.

use std::{
    sync::LazyLock,
    time::{SystemTime, UNIX_EPOCH},
};

use base64_23::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, Simd},
};
use hmac::{Hmac, KeyInit, Mac};
use memchr::{memchr, memmem, memrchr};
use sha2::Digest as _;

use crate::{
    Arm, each,
    verify::{KEY, URL, delivery},
};

/// SHA-256 and HMAC with it.
pub trait Hash: 'static {
    type Key;

    fn key(key: &[u8]) -> Self::Key;
    fn is_mac(key: &Self::Key, text: &[u8], mac: &[u8]) -> bool;
    fn digest(body: &[u8]) -> [u8; 32];
}

pub struct Sha2;

impl Hash for Sha2 {
    type Key = Hmac<sha2::Sha256>;

    fn key(key: &[u8]) -> Self::Key {
        Hmac::new_from_slice(key).expect("any length")
    }

    fn is_mac(key: &Self::Key, text: &[u8], mac: &[u8]) -> bool {
        key.clone().chain_update(text).verify_slice(mac).is_ok()
    }

    fn digest(body: &[u8]) -> [u8; 32] {
        sha2::Sha256::digest(body).into()
    }
}

/// The two that have the same names.
macro_rules! like_ring {
    ($name:ident, $library:ident) => {
        pub struct $name;

        impl Hash for $name {
            type Key = $library::hmac::Key;

            fn key(key: &[u8]) -> Self::Key {
                $library::hmac::Key::new($library::hmac::HMAC_SHA256, key)
            }

            fn is_mac(key: &Self::Key, text: &[u8], mac: &[u8]) -> bool {
                $library::hmac::verify(key, text, mac).is_ok()
            }

            fn digest(body: &[u8]) -> [u8; 32] {
                let digest = $library::digest::digest(&$library::digest::SHA256, body);
                digest.as_ref().try_into().expect("32 bytes")
            }
        }
    };
}

like_ring!(Ring, ring);
like_ring!(AwsLc, aws_lc_rs);

const CONFIG: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
/// For texts of some length.
static LONG: LazyLock<Simd> = LazyLock::new(|| Simd::url_safe(CONFIG));
/// For digests.
const SHORT: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG);

pub fn verify<H: Hash>(len: usize) -> Arm {
    let (token, body) = delivery(len);
    let key = H::key(KEY.as_bytes());
    let names = ["\"iss\":\"", "\"sub\":\"", "\"exp\":", "\"nbf\":", "\"body\":\""].map(memmem::Finder::new);
    each(move || {
        let token = token.as_bytes();
        let end = memrchr(b'.', token).expect("a signature");
        let start = memchr(b'.', token).expect("claims") + 1;
        let mut mac = [0; 33];
        let mac_len = SHORT.decode_slice_unchecked(&token[end + 1..], &mut mac).expect("base64");
        assert!(H::is_mac(&key, &token[..end], &mac[..mac_len]), "a genuine token");

        let mut claims = [0; 1024];
        let claims_len = LONG.decode_slice(&token[start..end], &mut claims).expect("base64");
        let claims = &claims[..claims_len];
        let [issuer, subject, expires, starts, digest] = names.each_ref().map(|name| {
            let found = name.find(claims).expect("the claim") + name.needle().len();
            &claims[found..]
        });
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
        assert!(text(issuer) == b"Upstash" && text(subject) == URL.as_bytes(), "for this URL");
        assert!(number(starts) <= now + 5 && now < number(expires) + 5, "at this time");
        let mut signed = [0; 33];
        let signed_len = SHORT.decode_slice_unchecked(text(digest), &mut signed).expect("base64");
        assert!(signed[..signed_len] == H::digest(&body), "this body");
    })
}

/// The text up to the quotation mark.
fn text(claim: &[u8]) -> &[u8] {
    &claim[..memchr(b'"', claim).expect("an end")]
}

fn number(claim: &[u8]) -> u64 {
    let digits = claim.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}
