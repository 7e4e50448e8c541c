//! A server that accepts whatever is published.

use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use memchr::memmem;

const RECEIPT: &str = r#"{"messageId":"msg_26hZCxZCuWyyTWPmSVBrNCtiJEpsytA5zaTmvhmkHzqcUtkUhh"}"#;

pub fn serve() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("http://{}", listener.local_addr()?);
    for stream in listener.incoming() {
        let stream = stream?;
        thread::spawn(move || answer(stream).ok());
    }
    Ok(())
}

/// Answers the requests of a connection: one receipt for each, or as many as a batch has.
fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut received, mut chunk) = (Vec::new(), vec![0; 1 << 20]);
    loop {
        let (receipts, end) = loop {
            if let Some(request) = complete(&received) {
                break request;
            }
            match stream.read(&mut chunk)? {
                0 => return Ok(()),
                count => received.extend_from_slice(&chunk[..count]),
            }
        };
        received.drain(..end);
        let body = match receipts {
            Some(count) => format!("[{}]", vec![RECEIPT; count].join(",")),
            None => RECEIPT.to_owned(),
        };
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ";
        stream.write_all(format!("{head}{}\r\n\r\n{body}", body.len()).as_bytes())?;
    }
}

/// How many messages the first request has, if it is a batch, and where it ends, once all of it is there.
fn complete(received: &[u8]) -> Option<(Option<usize>, usize)> {
    let head = memmem::find(received, b"\r\n\r\n")?;
    let text = std::str::from_utf8(&received[..head]).expect("heads are text").to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    let end = head + 4 + length.map_or(0, |length| length.parse::<usize>().expect("a number"));
    let body = received.get(head + 4..end)?;
    let is_batch = text.starts_with("post /v2/batch");
    Some((is_batch.then(|| memmem::find_iter(body, b"\"destination\":").count()), end))
}
