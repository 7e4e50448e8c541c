//! Connections, as the rules for them say.

use std::{io, sync::Arc};

use qstash_types::{Host, Scheme};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
};

#[cfg(feature = "tls")]
use crate::tls::Tls;
use crate::{
    loopback,
    outgoing::{Peer, Route},
    wire::{Wire, WireStream},
};

/// Connects to where a route leads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connector {
    #[cfg(feature = "tls")]
    tls: Tls,
}

/// A connection, plain or encrypted.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Connector {
    pub(crate) async fn connect(&self, route: &Route) -> io::Result<(Arc<Wire>, Box<dyn Stream>)> {
        let Route { peer, scheme } = route;
        #[cfg(not(feature = "tls"))]
        if *scheme == Scheme::Https {
            return Err(io::Error::other(format!(
                "https is the feature `tls`, which is off; --map-host {}=http://127.0.0.1:PORT does without it",
                peer.host
            )));
        }
        let wire = Wire::new(connect(peer).await?);
        let stream = WireStream(wire.clone());
        let stream: Box<dyn Stream> = match scheme {
            #[cfg(feature = "tls")]
            Scheme::Https => Box::new(self.tls.connect(peer.bare_host(), stream).await?),
            _ => Box::new(stream),
        };
        Ok((wire, stream))
    }
}

async fn connect(peer: &Peer) -> io::Result<TcpStream> {
    let here = Host::parse(&peer.host).map(loopback::addresses).unwrap_or_default();
    let addresses: Vec<_> = if here.is_empty() {
        lookup_host((peer.bare_host(), peer.port)).await?.collect()
    } else {
        here.into_iter().map(|address| (address, peer.port).into()).collect()
    };
    let stream = TcpStream::connect(&*addresses).await.map_err(|error| match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            io::Error::new(error.kind(), format!("{error}, does the application listen on {peer}?"))
        }
        _ => error,
    })?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
