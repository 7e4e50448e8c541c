//! Many messages, many servers, and the end of a server.

use std::{sync::Arc, time::Duration};

use qstash_dev::DevServer;
use tokio::{net::TcpStream, task::JoinSet};

use crate::{
    client::{get, publish},
    destination::Destination,
};

const MESSAGES: usize = 1000;

#[tokio::test]
async fn two_servers_with_a_thousand_messages_each_do_not_meet() {
    let pairs = [server_and_destination().await, server_and_destination().await];
    let mut publishing = JoinSet::new();
    for (server, destination) in &pairs {
        for number in 0..MESSAGES {
            let (server, destination) = (server.clone(), destination.clone());
            publishing.spawn(async move {
                publish(&server, &destination.url(&format!("/hook?{number}")))
                    .header("Upstash-Callback", &destination.url("/done"))
                    .accepted()
                    .await
            });
        }
    }
    let mut ids = publishing.join_all().await;
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 2 * MESSAGES);

    for (server, destination) in &pairs {
        server.settled().await;
        assert_eq!(destination.count("/hook"), MESSAGES);
        assert_eq!(destination.count("/done"), MESSAGES);
        let mut targets: Vec<_> =
            destination.received().iter().map(|request| request.target().to_owned()).collect();
        targets.sort_unstable();
        targets.dedup();
        assert_eq!(targets.len(), MESSAGES + 1);
        assert!(server.dead_letters().await.is_empty());
    }
}

async fn server_and_destination() -> (Arc<DevServer>, Arc<Destination>) {
    (Arc::new(DevServer::start().await.unwrap()), Arc::new(Destination::answering(200).await))
}

#[tokio::test]
async fn the_token_of_one_server_opens_no_other() {
    let (first, second) = (DevServer::start().await.unwrap(), DevServer::start().await.unwrap());
    let call = get(&second, "/v2/keys").without("Authorization");
    let answer = call.header("Authorization", &format!("Bearer {}", first.token())).send().await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn time_moved_in_one_server_stands_still_in_the_other() {
    let pairs = [server_and_destination().await, server_and_destination().await];
    for (server, destination) in &pairs {
        publish(server, &destination.url("/")).header("Upstash-Delay", "1h").accepted().await;
    }
    pairs[0].0.advance(Duration::from_secs(3600)).await;
    assert_eq!(pairs[0].1.received().len(), 1);
    assert!(pairs[1].1.received().is_empty());
}

#[tokio::test]
async fn the_same_seed_gives_the_same_ids() {
    let mut ids = Vec::new();
    for _ in 0..2 {
        let server = DevServer::builder().seed(42).start().await.unwrap();
        ids.push(publish(&server, "http://127.0.0.1:9/").header("Upstash-Delay", "1h").accepted().await);
    }
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_server_that_was_shut_down_is_gone() {
    let server = DevServer::start().await.unwrap();
    let address = server.address();
    server.shutdown().await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_server_that_was_dropped_is_gone_as_soon_as_the_runtime_gets_to_it() {
    let server = DevServer::start().await.unwrap();
    let address = server.address();
    drop(server);
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}
