//! The layer behind a real connection.

use std::net::SocketAddr;

use axum::{
    Router,
    body::Bytes,
    routing::{any, post},
};
use testkit::{
    bodies::MIB,
    signing::{KEY, forged_signature, now, sign, signature},
    wire::{TARGETS, http1, http2},
};
use tokio::net::TcpListener;

use crate::receiver::layer;

async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, app).into_future());
    address
}

#[tokio::test]
async fn deliveries_arrive_over_http2() {
    let inner = Router::new().route("/done", post(async |body: Bytes| body)).layer(layer());
    let address = serve(Router::new().nest("/api", inner)).await;
    // Several frames, and more than one window of them.
    let body = Bytes::from(vec![7; MIB]);

    let (status, answer) = http2(address, "/api/done?a=1", &signature("/api/done?a=1", &body), &body).await;
    assert_eq!((status, answer == body), (200, true));

    let elsewhere = sign(KEY, "http://evil.example/api/done", &body, now());
    for signature in [signature("/done", &body), elsewhere, forged_signature("/api/done", &body)] {
        let (status, answer) = http2(address, "/api/done", &signature, &body).await;
        assert_eq!((status, &answer[..]), (403, &b"invalid signature"[..]));
    }
}

#[tokio::test]
async fn the_forms_of_a_target_are_told_apart_on_the_wire() {
    let address = serve(Router::new().fallback(any(async || ())).layer(layer())).await;
    for (signed, target, status) in TARGETS {
        let signature = signature(signed, b"");
        assert_eq!(http1(address, target, &signature, "").await, *status, "{signed} as {target}");
    }
}
