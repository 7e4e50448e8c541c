//! The line between relays and the server: it loses answers, and can be cut.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::Notify,
};

use crate::business::random;

pub(crate) struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    is_away: AtomicBool,
    cut: Notify,
    lost: AtomicU64,
}

impl Proxy {
    pub(crate) async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let own = state.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(own.clone().connect(client, server));
            }
        });
        Self { address, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Whether connections are closed at once, those that there are included.
    pub(crate) fn set_away(&self, is_away: bool) {
        self.state.is_away.store(is_away, Ordering::SeqCst);
        self.state.cut.notify_waiters();
    }

    /// How many answers were lost.
    pub(crate) fn lost(&self) -> u64 {
        self.state.lost.load(Ordering::SeqCst)
    }
}

impl State {
    async fn connect(self: Arc<Self>, client: TcpStream, server: SocketAddr) {
        let cut = self.cut.notified();
        if self.is_away.load(Ordering::SeqCst) {
            return;
        }
        let Ok(server) = TcpStream::connect(server).await else { return };
        let (mut calls, client) = client.into_split();
        let (answers, mut server) = server.into_split();
        tokio::select! {
            _ = copy(&mut calls, &mut server) => {}
            () = self.answer(answers, client) => {}
            () = cut => {}
        }
    }

    /// One of twenty answers is lost, and its connection with it.
    async fn answer(&self, mut answers: OwnedReadHalf, mut client: OwnedWriteHalf) {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = answers.read(&mut buffer).await {
            if random(20) == 0 {
                self.lost.fetch_add(1, Ordering::SeqCst);
                return;
            }
            if client.write_all(&buffer[..length]).await.is_err() {
                return;
            }
        }
    }
}
