//! Cron expressions: no text leads to a panic, and the times of an expression come in order.

#![no_main]

use std::time::{Duration, SystemTime};

use libfuzzer_sys::fuzz_target;
use qstash_types::Cron;

fuzz_target!(|text: &str| {
    if let Ok(cron) = text.parse::<Cron>() {
        assert_eq!(cron.to_string().parse::<Cron>().expect("its own text"), cron);
        let mut last = SystemTime::UNIX_EPOCH + Duration::from_secs(1_750_000_000);
        for time in cron.after(last).take(3) {
            assert!(time > last);
            last = time;
        }
    }
});
