//! A TCP connection that can be looked at while the HTTP library reads and writes it.

use std::{
    io::{self, ErrorKind, IoSlice},
    mem::MaybeUninit,
    net::Shutdown,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// The socket, and whether a request that goes over it may have arrived.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    /// The connection was used before, and nothing of its next request has been written.
    is_untouched: AtomicBool,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Arc<Self> {
        Arc::new(Self { stream, is_untouched: AtomicBool::new(false) })
    }

    /// Whether the other side has ended the connection, or sent something without a request.
    ///
    /// Asks the operating system: what it knows may not have reached the tasks of this process yet.
    pub(crate) fn has_ended(&self) -> bool {
        let mut byte = [MaybeUninit::uninit()];
        let seen = SockRef::from(&self.stream).peek(&mut byte);
        !matches!(seen, Err(error) if error.kind() == ErrorKind::WouldBlock)
    }

    /// Another request is to go over the connection.
    pub(crate) fn use_again(&self) {
        self.is_untouched.store(true, Ordering::Relaxed);
    }

    /// Whether the other side cannot have seen anything of the request that was to go over the connection again.
    pub(crate) fn is_untouched(&self) -> bool {
        self.is_untouched.load(Ordering::Relaxed)
    }

    /// Writes. Before the first byte of a request on a reused connection it checks that the other side has not closed; an end
    /// that arrives between that check and the write goes unnoticed.
    fn poll_write(
        &self,
        context: &mut Context<'_>,
        write: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        if self.is_untouched() && self.has_ended() {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        loop {
            ready!(self.stream.poll_write_ready(context))?;
            match write(&self.stream) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Ok(written) => {
                    self.is_untouched.store(false, Ordering::Relaxed);
                    return Poll::Ready(Ok(written));
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

/// What reads and writes a wire.
#[derive(Debug)]
pub(crate) struct WireStream(pub(crate) Arc<Wire>);

impl AsyncRead for WireStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = &self.0.stream;
        loop {
            ready!(stream.poll_read_ready(context))?;
            match stream.try_read_buf(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => return Poll::Ready(read.map(drop)),
            }
        }
    }
}

impl AsyncWrite for WireStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll_write(context, |stream| stream.try_write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_write(context, |stream| stream.try_write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&self.0.stream).shutdown(Shutdown::Write))
    }
}
