//! An application of each framework, with and without the layer that verifies, called without a socket.

use std::rc::Rc;

use actix_web::{
    App, HttpResponse,
    rt::System,
    test::{TestRequest, call_service, init_service},
    web::{self, PayloadConfig},
};
use axum::{Router, body::Body, extract::DefaultBodyLimit, routing::post};
use bytes::Bytes;
use qstash_verify::{KeySet, SigningKey, Verifier};
use tower::{Service, ServiceExt};

use crate::{
    Arm,
    publish::runtime,
    verify::{KEY, ORIGIN, TARGET, delivery},
};

fn verifier() -> Verifier {
    let keys = KeySet::new([("current", SigningKey::new(KEY).expect("a key"))]);
    Verifier::builder(keys).origin(ORIGIN).build().expect("a verifier")
}

pub fn axum(len: usize, verified: bool) -> Arm {
    let route = post(|body: Bytes| async move { body.len().to_string() });
    let mut app = Router::new().route("/render/done", route).layer(DefaultBodyLimit::disable());
    if verified {
        app = app.layer(qstash_axum::VerifySignature::new(verifier()));
    }
    let (token, body) = delivery(len);
    let (mut service, runtime) = (app.into_service::<Body>(), runtime());
    Box::new(move |count| {
        runtime.block_on(async {
            for _ in 0..count {
                let request = http::Request::post(TARGET).header("upstash-signature", &token);
                let request = request.body(Body::from(body.clone())).expect("a request");
                let service = service.ready().await.expect("it never fails");
                let response = service.call(request).await.expect("it never fails");
                assert!(response.status().is_success(), "a genuine delivery");
            }
        });
    })
}

pub fn actix(len: usize, verified: bool) -> Arm {
    let (token, body) = delivery(len);
    let middleware =
        actix_web::middleware::Condition::new(verified, qstash_actix::VerifySignature::new(verifier()));
    let system = System::new();
    let app = App::new().app_data(PayloadConfig::new(usize::MAX)).wrap(middleware).route(
        "/render/done",
        web::post().to(async |body: Bytes| HttpResponse::Ok().body(body.len().to_string())),
    );
    let service = Rc::new(system.block_on(init_service(app)));
    Box::new(move |count| {
        system.block_on(async {
            for _ in 0..count {
                let request =
                    TestRequest::post().uri(TARGET).insert_header(("upstash-signature", token.as_str()));
                let request = request.set_payload(body.clone()).to_request();
                let response = call_service(&*service, request).await;
                assert!(response.status().is_success(), "a genuine delivery");
            }
        });
    })
}
