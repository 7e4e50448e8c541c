//! The timer that ends the wait for a body.

use std::time::Duration;

/// A future that ends when the time is over.
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
pub(crate) type Timer = tokio::time::Sleep;

/// Starts a timer. Without a runtime of tokio there is no timer, and the time is checked when a chunk arrives.
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
pub(crate) fn start(wait: Duration) -> Option<Timer> {
    tokio::runtime::Handle::try_current().ok().map(|_| tokio::time::sleep(wait))
}

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
pub(crate) type Timer = std::future::Pending<()>;

/// Starts nothing: the platform has no clock that tokio could wait by.
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
pub(crate) fn start(_wait: Duration) -> Option<Timer> {
    None
}
