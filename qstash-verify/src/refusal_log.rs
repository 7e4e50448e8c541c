//! How loudly a refusal is logged.

use std::{
    sync::Mutex,
    time::{Duration, SystemTime},
};

use crate::{
    VerifyError,
    cooldown::{self, Cooldown},
};

/// How loudly to log a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// A person should look at it.
    Warn {
        /// How many refusals of strangers went by at `Debug` since the last one that was logged at `Warn`.
        suppressed: u64,
    },
    /// Worth a line only while a problem is being looked for.
    Debug,
}

/// Decides how loudly refusals are logged, so that a forger cannot fill the log and a mis-deployed key is still seen.
///
/// * A token of a known key was refused: always [`LogLevel::Warn`].
/// * No signature at all: [`LogLevel::Debug`], since every scanner of the internet causes it.
/// * Anything else: [`LogLevel::Warn`] once a minute with the number of those in between, which are
///   [`LogLevel::Debug`].
///
/// One log is meant for one middleware, for as long as it lives.
#[derive(Debug, Default)]
pub struct RefusalLog(Mutex<Strangers>);

#[derive(Debug, Default)]
struct Strangers {
    warnings: Cooldown,
    suppressed: u64,
}

const PAUSE: Duration = Duration::from_secs(60);

impl RefusalLog {
    /// Starts without any past.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes note of a refusal and says how loudly to log it.
    pub fn level(&self, error: &VerifyError, now: SystemTime) -> LogLevel {
        if error.is_key_known() {
            return LogLevel::Warn { suppressed: 0 };
        }
        if *error == VerifyError::Missing {
            return LogLevel::Debug;
        }
        let mut strangers = cooldown::lock(&self.0);
        if strangers.warnings.is_due(now, PAUSE) {
            LogLevel::Warn { suppressed: std::mem::take(&mut strangers.suppressed) }
        } else {
            strangers.suppressed += 1;
            LogLevel::Debug
        }
    }
}
