//! Stands between a store and its server, counts what goes over, and breaks.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::AbortHandle,
};

pub(crate) struct Proxy {
    postgres_statements: Arc<AtomicU64>,
    redis_commands: Arc<AtomicU64>,
    connections: Arc<Mutex<Vec<AbortHandle>>>,
}

impl Proxy {
    /// Listens on a port of its own. Also returns the URL with that port, instead of its own or of the usual one.
    pub(crate) async fn before(url: &str, usual: u16) -> (Self, String) {
        let (head, rest) = url.split_once("://").unwrap();
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (user, host) = authority.rsplit_once('@').map_or(("", authority), |(user, host)| (user, host));
        let address = if host.contains(':') { host.to_owned() } else { format!("{host}:{usual}") };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = if user.is_empty() { "" } else { "@" };
        let url = format!("{head}://{user}{at}{}{path}", listener.local_addr().unwrap());

        let proxy = Self {
            postgres_statements: Arc::default(),
            redis_commands: Arc::default(),
            connections: Arc::default(),
        };
        let (statements, commands) =
            (Arc::clone(&proxy.postgres_statements), Arc::clone(&proxy.redis_commands));
        let connections = Arc::clone(&proxy.connections);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(&address).await else { continue };
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                let out = tokio::spawn(redis_commands(from_client, to_server, Arc::clone(&commands)));
                let back = tokio::spawn(postgres_replies(from_server, to_client, Arc::clone(&statements)));
                connections.lock().unwrap().extend([out.abort_handle(), back.abort_handle()]);
            }
        });
        (proxy, url)
    }

    /// How many statements PostgreSQL has completed, each of which is a round trip. What the pool of sqlx does besides, a ping after
    /// a connection has come back to it, is none, and nobody waits for it.
    #[cfg(feature = "postgres")]
    pub(crate) fn postgres_statements(&self) -> u64 {
        self.postgres_statements.load(Ordering::SeqCst)
    }

    /// How many commands Redis got.
    #[cfg(feature = "redis")]
    pub(crate) fn redis_commands(&self) -> u64 {
        self.redis_commands.load(Ordering::SeqCst)
    }

    /// Breaks all connections. New ones work.
    pub(crate) fn break_all(&self) {
        self.connections.lock().unwrap().drain(..).for_each(|connection| connection.abort());
    }
}

/// Messages of the server are a letter, a length that counts itself, and the rest.
async fn postgres_replies(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, completed: Arc<AtomicU64>) {
    let (mut kept, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        kept.extend_from_slice(&buffer[..read]);
        while let Some(head) = kept.first_chunk::<5>() {
            let [kind, len @ ..] = *head;
            let len = u32::from_be_bytes(len) as usize + 1;
            if kept.len() < len {
                break;
            }
            // Counted before it is sent on, so that who has the reply finds it counted.
            completed.fetch_add(u64::from(kind == b'C'), Ordering::SeqCst);
            kept.drain(..len);
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

/// Commands are lists: `*` and their length at the begin of a line. No test has such a line in an answer.
async fn redis_commands(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, commands: Arc<AtomicU64>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let read = &buffer[..read];
        let begins =
            read.iter().enumerate().filter(|&(at, byte)| *byte == b'*' && (at == 0 || read[at - 1] == b'\n'));
        commands.fetch_add(begins.count() as u64, Ordering::SeqCst);
        if to.write_all(read).await.is_err() {
            return;
        }
    }
}
