//! Durations: nothing panics or overflows, and what is read is written so that it reads the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use qstash_types::duration;

fuzz_target!(|text: &str| {
    if let Ok(read) = duration::parse(text) {
        assert_eq!(duration::parse(&duration::to_text(read)), Ok(read));
    }
});
