//! Claims of any shape under a true signature: nothing panics, and what passes says what it must.

#![no_main]

use std::{
    sync::LazyLock,
    time::{Duration, SystemTime},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use hmac::{Hmac, KeyInit, Mac};
use libfuzzer_sys::fuzz_target;
use qstash_verify::{Presented, SigningKey, SigningKeys, Verifier};
use sha2::Sha256;

const KEY: &str = "sig_current";
const NOW: Duration = Duration::from_secs(1_700_000_100);

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let key = |text| SigningKey::new(text).expect("a key");
    Verifier::builder(SigningKeys::new(key(KEY), key("sig_next")))
        .origin("https://example.com")
        .tolerance(Duration::ZERO)
        .build()
        .expect("a verifier")
});

// The first line is the request target, the rest are the claims.
fuzz_target!(|data: &[u8]| {
    let line = data.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (target, claims) = data.split_at(line);
    let claims = claims.strip_prefix(b"\n").unwrap_or(claims);
    let target = String::from_utf8_lossy(target);

    let signed = format!("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.{}", BASE64.encode(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).expect("any key length");
    mac.update(signed.as_bytes());
    let token = format!("{signed}.{}", BASE64.encode(mac.finalize().into_bytes()));

    let now = SystemTime::UNIX_EPOCH + NOW;
    let request = Presented::new([token.as_bytes()], &target);
    match VERIFIER.verify(&request, claims.to_vec(), now) {
        // The claims would have to hold their own digest.
        Ok(verified) => unreachable!("{verified:?}"),
        Err(error) => drop(VERIFIER.diagnose(&error, &request, claims).map(|cause| cause.to_string())),
    }
    if VERIFIER.authenticate(&request, now).is_ok() {
        // Claims that nobody reads may hold what a stricter reader refuses, such as half of a surrogate pair.
        let Ok(claims) = serde_json::from_slice::<serde_json::Value>(claims) else { return };
        assert_eq!(claims["iss"], "Upstash");
        assert!(claims["exp"].as_f64().expect("a number") > NOW.as_secs_f64());
        assert!(claims["nbf"].as_f64().expect("a number") <= NOW.as_secs_f64());
        let subject = claims["sub"].as_str().expect("text").to_ascii_lowercase();
        assert!(subject.starts_with("https://example.com"), "{subject}");
    }
});
