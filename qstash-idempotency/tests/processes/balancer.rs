//! One address for several receivers, which come and go.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};

#[derive(Clone)]
pub(crate) struct Balancer {
    receivers: Arc<Mutex<Vec<Option<SocketAddr>>>>,
    pub(crate) origin: String,
}

impl Balancer {
    /// Gives each connection to the next receiver that is there. It does not know which are stopped.
    pub(crate) async fn start(receivers: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let balancer = Self { receivers: Arc::new(Mutex::new(vec![None; receivers])), origin };
        let (known, next) = (Arc::clone(&balancer.receivers), AtomicUsize::new(0));
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let there: Vec<_> = known.lock().unwrap().iter().flatten().copied().collect();
                let Some(&address) = there.get(next.fetch_add(1, Ordering::Relaxed) % there.len().max(1))
                else {
                    continue;
                };
                tokio::spawn(async move {
                    if let Ok(mut receiver) = TcpStream::connect(address).await {
                        let _ = copy_bidirectional(&mut client, &mut receiver).await;
                    }
                });
            }
        });
        balancer
    }

    pub(crate) fn set(&self, receiver: usize, address: Option<SocketAddr>) {
        self.receivers.lock().unwrap()[receiver] = address;
    }
}
