//! The layer among those that limit what a service takes on.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    BoxError, Router,
    body::{Body, Bytes},
    error_handling::HandleErrorLayer,
    extract::Request,
    http::StatusCode,
    routing::post,
};
use qstash_axum::{Delivery, Refusal, Rejection, VerifyError};
use testkit::{
    log,
    signing::{forged_signature, signature},
};
use tokio::sync::Notify;
use tower::{ServiceBuilder, ServiceExt as _, limit::GlobalConcurrencyLimitLayer};
use tower_http::limit::RequestBodyLimitLayer;

use crate::{
    receiver::{delivery, layer, request, send},
    scripted_body::ScriptedBody,
};

async fn overloaded(error: BoxError) -> (StatusCode, String) {
    (StatusCode::SERVICE_UNAVAILABLE, error.to_string())
}

/// The limit that all routes share; the other one starts anew for each.
fn one_at_a_time() -> GlobalConcurrencyLimitLayer {
    GlobalConcurrencyLimitLayer::new(1)
}

fn forged() -> Request {
    request("/done", &forged_signature("/done", b"")).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn a_concurrency_limit_may_stand_on_either_side() {
    let running = Arc::new(AtomicUsize::new(0));
    let handler = async move || {
        assert_eq!(running.fetch_add(1, Ordering::Relaxed), 0, "two at a time");
        tokio::task::yield_now().await;
        running.fetch_sub(1, Ordering::Relaxed);
    };
    let routes = Router::new().route("/done", post(handler));
    let inside = routes.clone().layer(ServiceBuilder::new().layer(layer()).layer(one_at_a_time()));
    let outside = routes.layer(ServiceBuilder::new().layer(one_at_a_time()).layer(layer()));
    for app in [inside, outside] {
        let good = || send(&app, delivery("/done", ""));
        let bad = || send(&app, forged());
        let answers = tokio::join!(good(), bad(), good(), bad(), good());
        let statuses =
            [answers.0.status, answers.1.status, answers.2.status, answers.3.status, answers.4.status];
        assert_eq!(statuses.map(|status| status.as_u16()), [200, 403, 200, 403, 200]);
    }
}

#[tokio::test]
async fn load_that_is_shed_inside_is_answered_and_forgeries_take_no_room() {
    let entered = Arc::new(Notify::new());
    let leave = Arc::new(Notify::new());
    let handler = {
        let (entered, leave) = (Arc::clone(&entered), Arc::clone(&leave));
        async move || {
            entered.notify_one();
            leave.notified().await;
        }
    };
    let limits = ServiceBuilder::new()
        .layer(layer())
        .layer(HandleErrorLayer::new(overloaded))
        .load_shed()
        .layer(one_at_a_time());
    let app = Router::new().route("/done", post(handler)).layer(limits);

    assert_eq!(send(&app, forged()).await.status, StatusCode::FORBIDDEN);
    let first = send(&app, delivery("/done", ""));
    let others = async {
        entered.notified().await;
        let shed = send(&app, delivery("/done", "")).await;
        assert_eq!(
            (shed.status, &shed.body[..]),
            (StatusCode::SERVICE_UNAVAILABLE, &b"service overloaded"[..])
        );
        assert_eq!(send(&app, forged()).await.status, StatusCode::FORBIDDEN);
        leave.notify_one();
    };
    let (first, ()) = tokio::join!(first, others);
    assert_eq!(first.status, StatusCode::OK);
}

#[tokio::test]
async fn a_body_that_is_still_arriving_counts_as_one_that_is_handled() {
    let handler = tower::service_fn(async |_: Request| Ok::<_, BoxError>("handled"));
    let limits = ServiceBuilder::new().layer(layer()).load_shed().concurrency_limit(1);
    let service = limits.service(handler);

    let slow = Body::new(ScriptedBody::chunked("hello", 1).hesitating());
    let slow = request("/done", &signature("/done", b"hello")).body(slow).unwrap();
    let (slow, quick) = tokio::join!(service.clone().oneshot(slow), service.oneshot(delivery("/done", "")));
    assert_eq!(slow.unwrap().status(), StatusCode::OK);
    assert_eq!(quick.unwrap_err().to_string(), "service overloaded");
}

#[tokio::test]
async fn a_body_limit_outside_names_itself_when_it_strikes() {
    log::start();
    let routes = Router::new().route("/done", post(async |body: Bytes| body));
    let app = routes.layer(layer()).layer(RequestBodyLimitLayer::new(4));
    let unannounced = |body: &'static str| {
        let request = request("/done", &signature("/done", body.as_bytes()));
        send(&app, request.body(Body::new(ScriptedBody::chunked(body, 2))).unwrap())
    };
    let announced = request("/done", &signature("/done", b"12345")).header("content-length", "5");

    assert_eq!(unannounced("1234").await.body, "1234");
    assert_eq!(log::take(), [""; 0]);

    let answer = send(&app, announced.body(Body::from("12345")).unwrap()).await;
    assert_eq!((answer.status, answer.rejection.is_none()), (StatusCode::PAYLOAD_TOO_LARGE, true));

    let answer = unannounced("123456").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(matches!(answer.rejection, Some(Rejection(Refusal::BrokenBody(_)))), "{answer:?}");
    let lines = log::take();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("length limit exceeded"), "{lines:?}");
}

#[tokio::test]
async fn a_body_limit_inside_holds_for_the_body_and_not_for_the_delivery() {
    let app = Router::new()
        .route("/bytes", post(async |body: Bytes| body))
        .route("/delivery", post(async |delivery: Delivery| delivery.body().clone()))
        .layer(RequestBodyLimitLayer::new(4))
        .layer(layer());
    let unannounced = |path| {
        let body = Body::new(ScriptedBody::chunked("12345", 2));
        send(&app, request(path, &signature(path, b"12345")).body(body).unwrap())
    };

    assert_eq!(send(&app, delivery("/bytes", "1234")).await.body, "1234");
    assert_eq!(unannounced("/bytes").await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let answer = unannounced("/delivery").await;
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"12345"[..]));

    let forged = request("/bytes", &signature("/bytes", b"1234")).body(Body::from("4321")).unwrap();
    assert_eq!(send(&app, forged).await.reason(), Some(&VerifyError::BodyMismatch { len: 4 }));
}
