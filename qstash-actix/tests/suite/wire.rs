//! The middleware behind a real connection.

use std::{net::SocketAddr, time::Duration};

use actix_web::{
    App, HttpServer,
    web::{self, Data},
};
use bytes::Bytes;
use qstash_actix::Delivery;
use testkit::{
    bodies::MIB,
    signing::{KEY, forged_signature, now, sign, signature},
    wire::{TARGETS, http1, http2},
};

use crate::receiver::middleware;

/// Serves everything with one handler, which takes data of the application too.
fn serve() -> SocketAddr {
    let app = || {
        App::new()
            .app_data(Data::new("greeting"))
            .service(web::scope("/api").default_service(web::to(handler)))
            .default_service(web::to(handler))
            .wrap(middleware())
    };
    // However slow the machine is, no request comes too late.
    let server = HttpServer::new(app).client_request_timeout(Duration::ZERO).workers(1).disable_signals();
    let server = server.bind_auto_h2c("127.0.0.1:0").unwrap();
    let address = server.addrs()[0];
    actix_web::rt::spawn(server.run());
    address
}

async fn handler(greeting: Data<&'static str>, delivery: Delivery) -> Bytes {
    assert_eq!(**greeting, "greeting");
    delivery.body().clone()
}

#[actix_web::test]
async fn deliveries_arrive_over_http2() {
    let address = serve();
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

#[actix_web::test]
async fn the_forms_of_a_target_are_told_apart_on_the_wire() {
    let address = serve();
    for (signed, target, status) in TARGETS {
        // Actix lets no other characters in.
        let status = if target.is_ascii() { *status } else { 400 };
        let signature = signature(signed, b"");
        assert_eq!(http1(address, target, &signature, "").await, status, "{signed} as {target}");
    }
}
