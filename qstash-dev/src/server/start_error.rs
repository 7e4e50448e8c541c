//! Why a server does not start.

use std::{io, net::SocketAddr, path::PathBuf};

use qstash_types::{Help, debug_as_text};

/// A server could not be started.
///
/// `Debug` is the text of `Display` and of its cause, with which a program ends when `main` returns the error.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address cannot be listened on; most likely another program does.
    #[error("cannot listen on {address} ({})", Help::Listen)]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The token is empty, or holds characters that cannot stand in an `Authorization` header.
    #[error("the token must be visible ASCII characters without white space")]
    Token,
    /// What [`allow_host`](crate::DevServerBuilder::allow_host) was given is not the name of a host.
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
    /// What [`otlp`](crate::DevServerBuilder::otlp) was given is no URL of a collector.
    #[error("cannot send spans to {url:?}: {problem}")]
    Collector {
        /// The URL, without user information and query.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The data folder cannot be made, read or written.
    #[error("cannot use the data folder {} ({})", folder.display(), Help::DataFolder)]
    Data {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another server uses the data folder.
    #[error("another server uses the data folder {}: end it, or use another folder ({})", folder.display(), Help::DataFolder)]
    DataInUse {
        /// The folder.
        folder: PathBuf,
    },
    /// The data folder holds something else than a server has left there.
    #[error("the data folder {} is damaged: {problem} ({})", folder.display(), Help::DataFolder)]
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

debug_as_text!(StartError);
