//! How loudly refusals are logged.

use std::time::Duration;

use qstash_verify::{LogLevel, RefusalLog, VerifyError};

use crate::support::at;

const QUIET_WARNING: LogLevel = LogLevel::Warn { suppressed: 0 };

#[test]
fn a_refused_delivery_of_a_known_key_is_always_a_warning() {
    let log = RefusalLog::new();
    for _ in 0..3 {
        assert_eq!(log.level(&VerifyError::Expired { by: Duration::from_secs(42) }, at(0)), QUIET_WARNING);
        assert_eq!(log.level(&VerifyError::BodyMismatch { len: 1 }, at(0)), QUIET_WARNING);
    }
}

#[test]
fn a_request_without_a_signature_is_never_a_warning() {
    let log = RefusalLog::new();
    assert_eq!(log.level(&VerifyError::Missing, at(0)), LogLevel::Debug);
    assert_eq!(log.level(&VerifyError::UnknownKey, at(0)), QUIET_WARNING);
}

#[test]
fn strangers_cause_one_warning_a_minute_which_counts_the_others() {
    let log = RefusalLog::new();
    assert_eq!(log.level(&VerifyError::UnknownKey, at(100)), QUIET_WARNING);
    assert_eq!(log.level(&VerifyError::UnknownKey, at(100)), LogLevel::Debug);
    assert_eq!(log.level(&VerifyError::Algorithm, at(159)), LogLevel::Debug);
    assert_eq!(log.level(&VerifyError::Missing, at(159)), LogLevel::Debug);
    assert_eq!(log.level(&VerifyError::UnknownKey, at(160)), LogLevel::Warn { suppressed: 2 });
    assert_eq!(log.level(&VerifyError::UnknownKey, at(161)), LogLevel::Debug);
    assert_eq!(log.level(&VerifyError::UnknownKey, at(300)), LogLevel::Warn { suppressed: 1 });
    assert_eq!(log.level(&VerifyError::UnknownKey, at(500)), QUIET_WARNING);
}

#[test]
fn a_clock_that_is_set_back_does_not_silence_the_log() {
    let log = RefusalLog::new();
    assert_eq!(log.level(&VerifyError::UnknownKey, at(1_000_000)), QUIET_WARNING);
    assert_eq!(log.level(&VerifyError::UnknownKey, at(100)), QUIET_WARNING);
    assert_eq!(log.level(&VerifyError::UnknownKey, at(130)), LogLevel::Debug);
}

#[test]
fn of_many_strangers_at_once_one_is_the_warning() {
    let log = RefusalLog::new();
    let levels = std::thread::scope(|scope| {
        let threads = [(); 8].map(|()| scope.spawn(|| log.level(&VerifyError::UnknownKey, at(7))));
        threads.map(|thread| thread.join().unwrap())
    });
    assert_eq!(levels.iter().filter(|level| **level == QUIET_WARNING).count(), 1);
}
