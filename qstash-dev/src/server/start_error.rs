//! Why a server does not start.

use std::{io, net::SocketAddr, path::PathBuf};

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
    /// The data folder cannot be made, read or written.
    #[error("cannot use the data folder {}", folder.display())]
    Data {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another server uses the data folder.
    #[error("another server uses the data folder {}", folder.display())]
    DataInUse {
        /// The folder.
        folder: PathBuf,
    },
    /// The data folder holds something else than a server has left there.
    #[error("the data folder {} is damaged: {problem}", folder.display())]
    DataDamaged {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The system gave no random bytes.
    #[error("the system gives no random bytes")]
    Randomness(#[source] io::Error),
}
