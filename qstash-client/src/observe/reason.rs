//! Why a call failed, in a word of a short list: what a metric can be split by.

use http::StatusCode;

use crate::Error;

/// The class of a failure. The list is a part of the documentation (`docs/observability.md`).
pub(super) fn reason(error: &Error) -> &'static str {
    if error.is_timeout() {
        return "timeout";
    }
    match error {
        Error::Input(_) => "mistake",
        Error::Transport(_) if error.is_ambiguous() => "interrupted",
        Error::Transport(_) => "not_sent",
        Error::Decode(_) => "not_understood",
        Error::Api(error) => match error.status() {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "unauthorized",
            StatusCode::TOO_MANY_REQUESTS => "rate_limited",
            status if status.is_server_error() => "server_error",
            _ => REFUSED,
        },
    }
}

/// The class of everything that QStash does not take as it is.
pub(super) const REFUSED: &str = "refused";
