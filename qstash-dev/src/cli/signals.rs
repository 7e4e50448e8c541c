//! How the program is asked to end.

use std::io;

/// Ctrl-C, and the signal that service managers send.
pub(super) struct Interruptions {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(windows)]
    pressed: tokio::signal::windows::CtrlC,
}

impl Interruptions {
    /// Listens from now on.
    #[cfg(unix)]
    pub(super) fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    #[cfg(unix)]
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Listens from now on.
    #[cfg(windows)]
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self { pressed: tokio::signal::windows::ctrl_c()? })
    }

    #[cfg(windows)]
    pub(super) async fn next(&mut self) {
        // There is nothing in it but that it came.
        let _ = self.pressed.recv().await;
    }
}
