//! What errors say.

use std::{error::Error, fmt::Debug, iter};

use qstash_idempotency::StoreError;

/// What an error says, with its causes.
pub(crate) fn told(error: &(dyn Error + 'static)) -> String {
    let causes = iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// What an error of something that should have failed says.
pub(crate) fn refusal<T: Debug>(result: Result<T, StoreError>) -> String {
    told(&result.unwrap_err())
}
