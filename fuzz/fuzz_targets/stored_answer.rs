//! Answers kept for duplicates, as they come from a store: nothing panics, and what is read is written alike.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use qstash_idempotency::StoredAnswer;

fuzz_target!(|data: &[u8]| {
    if let Some(answer) = StoredAnswer::from_bytes(Bytes::copy_from_slice(data)) {
        let _ = format!("{answer:?}");
        let written = answer.to_bytes();
        assert_eq!(StoredAnswer::from_bytes(written.clone()).map(|again| again.to_bytes()), Some(written));
    }
});
