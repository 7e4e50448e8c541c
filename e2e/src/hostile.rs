//! What strangers and runaway senders may cost a receiver: a quick refusal, and no more memory than is allowed.
//!
//! Sender and receiver run in this process, so a test must be alone in it while it measures.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::SystemTime,
};

use futures_util::{StreamExt as _, stream};
use qstash_types::SigningKey;
use qstash_verify::{KeySet, Signer, Verifier};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpSocket,
    sync::Barrier,
};

/// The longest body that the receiver reads.
pub const LIMIT: usize = 4 * MIB;
/// How many deliveries are accepted at the same time.
pub const ACCEPTED: usize = 16;

const MIB: usize = 1024 * 1024;
const GIB: u64 = 1024 * 1024 * 1024;
/// How much memory everything else may take: buffers of connections, tasks, the allocator.
const SLACK: usize = 16 * MIB;
/// What the system may buffer on either side of a connection. By itself it grows its buffers to tens of megabytes.
const SOCKET_BUFFER: u32 = 256 * 1024;
const FORGED: usize = 10_000;
const CONNECTIONS: usize = 200;

/// A receiver that is attacked.
///
/// Its `POST /delivery` takes a `Delivery`, and waits with it at the barrier before it answers with 200.
#[derive(Debug)]
pub struct Target {
    address: SocketAddr,
    url: String,
    signer: Signer,
    forger: Signer,
}

/// By how many bytes the memory of the process grew at the most, where the system tells it.
#[derive(Debug)]
pub struct Peaks {
    /// While 10,000 forged requests were in flight.
    pub forgeries: Option<usize>,
    /// While bodies of a GiB and bodies without an end were sent.
    pub floods: Option<usize>,
    /// While [`ACCEPTED`] deliveries of [`LIMIT`] bytes were held.
    pub deliveries: Option<usize>,
}

impl Target {
    /// Starts the receiver.
    pub async fn start(start: impl AsyncFnOnce(std::net::TcpListener, Verifier, Arc<Barrier>)) -> Self {
        let socket = socket();
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let listener = socket.listen(1024).unwrap().into_std().unwrap();
        let address = listener.local_addr().unwrap();
        let key = |text| SigningKey::new(text).unwrap();
        let origin = format!("http://{address}");
        let keys = KeySet::new([("current", key("sig_of_qstash"))]);
        let verifier = Verifier::builder(keys).origin(&origin).body_limit(LIMIT).build().unwrap();
        start(listener, verifier, Arc::new(Barrier::new(ACCEPTED))).await;
        let (signer, forger) = (Signer::new(key("sig_of_qstash")), Signer::new(key("sig_of_a_stranger")));
        Self { address, url: format!("{origin}/delivery"), signer, forger }
    }

    /// Makes all attacks, and checks what they cost.
    pub async fn withstands_everything(&self) -> Peaks {
        let peaks = Peaks {
            forgeries: peak_growth(self.withstands_forgeries()).await,
            floods: peak_growth(self.withstands_floods()).await,
            deliveries: peak_growth(self.holds_deliveries()).await,
        };
        let is_within = |peak: Option<usize>, bound| peak.is_none_or(|peak| peak <= bound);
        assert!(is_within(peaks.floods, LIMIT + SLACK), "{peaks:?}");
        assert!(is_within(peaks.forgeries, SLACK), "{peaks:?}");
        // A buffer that grows leaves the room of the smaller one behind, which the allocator may keep.
        assert!(is_within(peaks.deliveries, 2 * ACCEPTED * LIMIT + SLACK), "{peaks:?}");
        peaks
    }

    /// A body of a GiB and one without an end, announced or not, truly or not, by QStash and by a stranger.
    async fn withstands_floods(&self) {
        let signed = self.signer.sign(&self.url, b"", SystemTime::now());
        let forged = self.forger.sign(&self.url, b"", SystemTime::now());
        let announced = format!("Content-Length: {GIB}");
        let chunked = "Transfer-Encoding: chunked";
        let (of_a_gib, endless) = (Some(GIB), None);
        for (token, framing, len, status) in [
            (&signed, &*announced, of_a_gib, 413),
            (&forged, &*announced, of_a_gib, 403),
            (&signed, chunked, of_a_gib, 413),
            (&forged, chunked, of_a_gib, 403),
            (&signed, chunked, endless, 413),
            (&forged, chunked, endless, 403),
            (&signed, "Content-Length: 10", of_a_gib, 403),
        ] {
            let (answer, sent) = self.flood(token, framing, len).await;
            assert_eq!(answer, status, "{framing}");
            // Long before the end. What was taken until then need not have been read by the middleware: the system
            // buffers it, and actix-web drops what comes behind its answer.
            assert!(sent as u64 <= GIB / 4, "{framing}: {sent} bytes were taken");
        }
    }

    /// Sends zeros behind the head of a request until there is an answer. Tells its status, and how much was sent.
    async fn flood(&self, token: &str, framing: &str, len: Option<u64>) -> (u16, usize) {
        static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];
        let mut stream = socket().connect(self.address).await.unwrap();
        stream.write_all(self.head(token, framing).as_bytes()).await.unwrap();
        let (mut from, mut to) = stream.split();
        let mut sent = 0;
        let sending = async {
            let is_chunked = framing.ends_with("chunked");
            while len.is_none_or(|len| (sent as u64) < len) {
                if is_chunked {
                    to.write_all(b"10000\r\n").await?;
                }
                to.write_all(&ZEROS).await?;
                if is_chunked {
                    to.write_all(b"\r\n").await?;
                }
                sent += ZEROS.len();
            }
            std::io::Result::Ok(())
        };
        let mut answer = pin!(status(&mut from));
        let answer = tokio::select! {
            answer = &mut answer => answer,
            // The receiver has hung up, or got everything.
            _ = sending => answer.await,
        };
        (answer, sent)
    }

    /// Ten thousand forged requests, all sent without waiting for an answer, over fewer connections.
    async fn withstands_forgeries(&self) {
        let token = self.forger.sign(&self.url, b"", SystemTime::now());
        let request = self.head(&token, "Content-Length: 0");
        let last = self.head(&token, "Content-Length: 0\r\nConnection: close");
        let requests = request.repeat(FORGED / CONNECTIONS - 1) + &last;
        let attacks = (0..CONNECTIONS).map(|_| async {
            let mut stream = socket().connect(self.address).await.unwrap();
            let (mut from, mut to) = stream.split();
            let mut answers = Vec::new();
            let (sent, received) =
                tokio::join!(to.write_all(requests.as_bytes()), from.read_to_end(&mut answers));
            sent.and(received).unwrap();
            let answers = String::from_utf8(answers).unwrap();
            (answers.matches("HTTP/1.1 ").count(), answers.matches("HTTP/1.1 403").count())
        });
        let answers: Vec<_> = stream::iter(attacks).buffer_unordered(CONNECTIONS).collect().await;
        assert_eq!(answers, [(FORGED / CONNECTIONS, FORGED / CONNECTIONS); CONNECTIONS]);
    }

    /// Deliveries as large as allowed, in small chunks and without a length, all of them held at the same time.
    async fn holds_deliveries(&self) {
        let token = self.signer.sign(&self.url, &vec![0; LIMIT], SystemTime::now());
        let deliveries = (0..ACCEPTED).map(|_| self.deliver(&token));
        let statuses: Vec<u16> = stream::iter(deliveries).buffer_unordered(ACCEPTED).collect().await;
        assert_eq!(statuses, [200; ACCEPTED]);
    }

    /// Sends a body of the longest length that is allowed, and then waits for the answer.
    async fn deliver(&self, token: &str) -> u16 {
        let mut stream = socket().connect(self.address).await.unwrap();
        stream.write_all(self.head(token, "Transfer-Encoding: chunked").as_bytes()).await.unwrap();
        let chunk = [b"2000\r\n".as_slice(), &[0; 8192], b"\r\n"].concat();
        for _ in 0..LIMIT / 8192 {
            stream.write_all(&chunk).await.unwrap();
        }
        stream.write_all(b"0\r\n\r\n").await.unwrap();
        status(stream).await
    }

    fn head(&self, token: &str, framing: &str) -> String {
        let address = self.address;
        format!(
            "POST /delivery HTTP/1.1\r\nHost: {address}\r\nUpstash-Signature: {token}\r\n{framing}\r\n\r\n"
        )
    }
}

/// A socket of which it is known how much it buffers, and the sockets that it accepts.
fn socket() -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(SOCKET_BUFFER).unwrap();
    socket.set_send_buffer_size(SOCKET_BUFFER).unwrap();
    socket
}

/// The status of the response that comes.
async fn status(mut stream: impl AsyncRead + Unpin) -> u16 {
    let mut start = [0; "HTTP/1.1 200".len()];
    stream.read_exact(&mut start).await.unwrap();
    str::from_utf8(&start["HTTP/1.1 ".len()..]).unwrap().parse().unwrap()
}

/// How much more memory was resident during an attack than before it.
async fn peak_growth(attack: impl Future<Output = ()>) -> Option<usize> {
    // Makes the present the peak.
    let before = fs::write("/proc/self/clear_refs", "5").ok().and_then(|()| peak());
    attack.await;
    Some(peak()?.saturating_sub(before?))
}

/// The most memory of the process that was ever resident.
fn peak() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: usize = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}
