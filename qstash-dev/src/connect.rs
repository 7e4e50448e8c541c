//! Connections, as the rules for them say.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::Uri;
use hyper_util::{
    client::legacy::connect::{Connected, Connection},
    rt::TokioIo,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
};
use tower_service::Service;

#[cfg(feature = "tls")]
use crate::tls::Tls;
use crate::{
    loopback,
    outgoing::{Outgoing, Place, Security, Way},
};

/// Connects to where the rules say, whatever the URL says.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    outgoing: Arc<Outgoing>,
    #[cfg(feature = "tls")]
    tls: Tls,
}

impl Connector {
    pub(crate) fn new(outgoing: Arc<Outgoing>) -> Self {
        Self {
            outgoing,
            #[cfg(feature = "tls")]
            tls: Tls::default(),
        }
    }

    async fn connect(self, uri: Uri) -> io::Result<Box<dyn Stream>> {
        let Way { place, security } = self.outgoing.way(&uri).map_err(io::Error::other)?;
        match security {
            Security::Plain => Ok(Box::new(place.connect().await?)),
            #[cfg(feature = "tls")]
            Security::Tls => Ok(Box::new(self.tls.connect(place.bare_host(), place.connect().await?).await?)),
            #[cfg(not(feature = "tls"))]
            Security::Tls => Err(io::Error::other(format!(
                "https is the feature `tls`, which is off; --map-host {}=http://127.0.0.1:PORT does without it",
                place.host
            ))),
        }
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Box<dyn Stream>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async { connector.connect(uri).await.map(TokioIo::new) })
    }
}

/// A connection, plain or encrypted.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Connection for Box<dyn Stream> {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Place {
    async fn connect(&self) -> io::Result<TcpStream> {
        let here = loopback::addresses(&self.host);
        let addresses: Vec<_> = if here.is_empty() {
            lookup_host((self.bare_host(), self.port)).await?.collect()
        } else {
            here.into_iter().map(|address| (address, self.port).into()).collect()
        };
        let stream = TcpStream::connect(&*addresses).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}
