//! A stranger's token and request target: nothing panics, and nothing passes without the key.

#![no_main]

use std::{sync::LazyLock, time::SystemTime};

use libfuzzer_sys::fuzz_target;
use qstash_verify::{Presented, SigningKey, SigningKeys, Verifier};

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let key = |text| SigningKey::new(text).expect("a key");
    Verifier::builder(SigningKeys::new(key("sig_current"), key("sig_next")))
        .origin("https://example.com")
        .build()
        .expect("a verifier")
});

// The first line is the request target, the rest is the token.
fuzz_target!(|data: &[u8]| {
    let line = data.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (target, token) = data.split_at(line);
    let target = String::from_utf8_lossy(target);
    let request = Presented::new([token.strip_prefix(b"\n").unwrap_or(token)], &target).region(Some(token));
    let error = VERIFIER.authenticate(&request, SystemTime::UNIX_EPOCH).expect_err("nobody signed this");
    drop(VERIFIER.diagnose(&error, &request, token).map(|cause| cause.to_string()));
});
