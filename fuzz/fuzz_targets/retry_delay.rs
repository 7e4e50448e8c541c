//! Retry-delay expressions: no text and no number of retries leads beyond a day, or to a panic.

#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use qstash_types::RetryDelay;

fuzz_target!(|text: &str| {
    if let Ok(delay) = text.parse::<RetryDelay>() {
        for retried in [0, 1, 2, 10, u32::MAX] {
            assert!(delay.delay(retried) <= Duration::from_secs(24 * 60 * 60));
        }
        assert_eq!(delay.to_string().parse::<RetryDelay>().expect("its own text"), delay);
    }
});
