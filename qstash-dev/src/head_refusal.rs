//! Requests whose head cannot be read: the HTTP library answers them by itself, without a word. Here that answer gets the
//! JSON error that every other refusal has.

use std::{
    io,
    net::IpAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes};
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::tell::tell;

/// How each answer of the library begins, and what it is about.
const ANSWERS: [(&str, &str); 3] = [
    ("400 Bad Request", "the request is not valid HTTP/1.1"),
    ("414 URI Too Long", "the request target is too long"),
    ("431 Request Header Fields Too Large", "the head of the request is too long, or has too many headers"),
];

/// A connection from a client, which is told why its head is refused.
#[derive(Debug)]
pub(crate) struct ClientStream {
    stream: TcpStream,
    peer: IpAddr,
    /// What is still to be written in place of an answer of the library.
    explained: Bytes,
}

impl ClientStream {
    pub(crate) fn new(stream: TcpStream, peer: IpAddr) -> Self {
        Self { stream, peer, explained: Bytes::new() }
    }

    fn poll_explained(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.explained.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, &self.explained))?;
            self.explained.advance(written);
        }
        Poll::Ready(Ok(()))
    }
}

/// The answer with a body, if it is one of the library. Those of this server with such a status have a media type, whether or
/// not they have a body.
fn explained(head: &[u8]) -> Option<(&'static str, &'static str, Bytes)> {
    let text = str::from_utf8(head.strip_prefix(b"HTTP/1.1 ")?).ok()?;
    let (status, error) = ANSWERS.into_iter().find(|(status, _)| text.starts_with(status))?;
    if text.contains("content-type: ") {
        return None;
    }
    let body = json!({ "error": error }).to_string();
    let (before, after) = text.split_once("content-length: 0\r\n")?;
    let kind = format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
    let answer = format!("HTTP/1.1 {before}{kind}{after}{body}");
    after.ends_with("\r\n\r\n").then(|| (status, error, answer.into()))
}

impl AsyncRead for ClientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_explained(context))?;
        if let Some((status, error, answer)) = explained(bytes) {
            tell!(INFO, "refused {status} to {}: {error}", self.peer);
            self.explained = answer;
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match slices {
            // A head of the library comes alone.
            [] | [_] => self.poll_write(context, slices.first().map_or(&[], |slice| slice)),
            _ => {
                ready!(self.poll_explained(context))?;
                Pin::new(&mut self.stream).poll_write_vectored(context, slices)
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_explained(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_explained(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
