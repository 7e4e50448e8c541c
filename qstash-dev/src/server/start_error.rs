//! Why a server does not start.

use std::{io, net::SocketAddr};

/// A server could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address cannot be listened on; most likely another program does.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The token is empty, or holds characters that cannot stand in an `Authorization` header.
    #[error("the token must be visible ASCII characters without white space")]
    Token,
    /// A name that requests are to be taken for is none.
    #[error("{name:?} is no name of a host")]
    AllowHost {
        /// The name.
        name: String,
    },
    /// A host cannot be mapped as it is wanted.
    #[error("cannot map {host:?} to {target:?}: {problem}")]
    MapHost {
        /// The host.
        host: String,
        /// Where its connections were to go.
        target: String,
        /// Why they cannot.
        problem: &'static str,
    },
    /// The system gave no random bytes.
    #[error("the system gives no random bytes")]
    Randomness(#[source] io::Error),
}
