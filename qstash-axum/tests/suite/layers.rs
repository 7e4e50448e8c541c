//! The layer among others: routers, services, and layers that change what they pass on.

use std::{
    future::{Ready, ready},
    task::{Context, Poll},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, Request},
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http_body_util::Full;
use qstash_axum::{Delivery, Refusal, Rejection, VerifyError};
use testkit::{
    bodies::GZIP,
    log,
    signing::{KEY, now, sign, signature},
};
use tower::{Layer, Service, ServiceBuilder, ServiceExt};
use tower_http::{decompression::RequestDecompressionLayer, normalize_path::NormalizePathLayer};

use crate::receiver::{delivery, layer, request, send};

async fn ok() -> &'static str {
    "handled"
}

type FullRequest = http::Request<Full<Bytes>>;

fn full(path: &str, signature: &str) -> FullRequest {
    request(path, signature).body(Full::default()).unwrap()
}

/// Panics when it is called before it is ready, which a clone of it never is.
#[derive(Default)]
struct NeedsReadiness {
    is_ready: bool,
}

impl Clone for NeedsReadiness {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Service<Request> for NeedsReadiness {
    type Response = &'static str;
    type Error = &'static str;
    type Future = Ready<Result<&'static str, &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.is_ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        assert!(std::mem::take(&mut self.is_ready), "called before it was ready");
        ready(match request.uri().path() {
            "/fails" => Err("the handler's own error"),
            _ => Ok("handled"),
        })
    }
}

#[tokio::test]
async fn the_service_that_was_ready_is_the_one_that_is_called() {
    let mut service = layer().layer(NeedsReadiness::default());
    for _ in 0..2 {
        let call = ServiceExt::<FullRequest>::ready(&mut service)
            .await
            .unwrap()
            .call(full("/done", &signature("/done", b"")));
        assert_eq!(call.await.unwrap().status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn a_refusal_does_not_use_readiness_up() {
    let mut service = layer().layer(NeedsReadiness::default());
    let refused =
        ServiceExt::<FullRequest>::ready(&mut service).await.unwrap().call(full("/done", "nonsense"));
    let accepted = service.call(full("/done", &signature("/done", b"")));
    assert_eq!(refused.await.unwrap().status(), StatusCode::FORBIDDEN);
    assert_eq!(accepted.await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn errors_of_the_inner_service_pass_through() {
    let service = layer().layer(NeedsReadiness::default());
    let error = service.clone().oneshot(full("/fails", &signature("/fails", b""))).await;
    assert_eq!(error.unwrap_err(), "the handler's own error");
    let refusal = service.oneshot(full("/fails", "nonsense")).await;
    assert_eq!(refusal.unwrap().status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn below_nest_the_whole_path_counts() {
    let inner = Router::new().route("/", post(ok)).route("/done", post(ok)).fallback(ok).layer(layer());
    let once = Router::new().nest("/api", inner.clone());
    let twice = Router::new().nest("/api", Router::new().nest("/v1", inner));

    let accepted = [
        (&once, "/api"),
        (&once, "/api/done"),
        (&once, "/api/done?a=1"),
        (&once, "/api/unknown"),
        (&twice, "/api/v1"),
        (&twice, "/api/v1/done"),
    ];
    for (app, path) in accepted {
        assert_eq!(send(app, delivery(path, "")).await.status, StatusCode::OK, "{path}");
    }

    for signed in ["/done", "/v1/done", "/api/done"] {
        let request = request("/api/v1/done", &signature(signed, b"")).body(Body::empty()).unwrap();
        let answer = send(&twice, request).await;
        assert!(matches!(answer.reason(), Some(VerifyError::Destination { .. })), "{answer:?}");
    }
}

#[tokio::test]
async fn around_nest_the_whole_path_counts() {
    let app = Router::new().nest("/api", Router::new().route("/done", post(ok))).layer(layer());
    assert_eq!(send(&app, delivery("/api/done", "")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_layer_covers_the_fallback_and_a_route_layer_the_routes_alone() {
    let routes = || Router::new().route("/done", post(ok)).fallback(ok);
    let unsigned = |path| Request::post(path).body(Body::empty()).unwrap();

    let app = routes().layer(layer());
    assert_eq!(send(&app, unsigned("/done")).await.status, StatusCode::FORBIDDEN);
    assert_eq!(send(&app, unsigned("/other")).await.status, StatusCode::FORBIDDEN);
    assert_eq!(send(&app, delivery("/other", "")).await.status, StatusCode::OK);

    let app = routes().route_layer(layer());
    assert_eq!(send(&app, unsigned("/done")).await.status, StatusCode::FORBIDDEN);
    assert_eq!(send(&app, delivery("/done", "")).await.status, StatusCode::OK);
    assert_eq!(send(&app, unsigned("/other")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn one_route_can_have_the_layer_for_itself() {
    let app = Router::new().route("/done", post(ok).layer(layer())).route("/health", get(ok));
    let health = Request::get("/health").body(Body::empty()).unwrap();
    assert_eq!(send(&app, health).await.status, StatusCode::OK);
    let unsigned = Request::post("/done").body(Body::empty()).unwrap();
    assert_eq!(send(&app, unsigned).await.status, StatusCode::FORBIDDEN);
    assert_eq!(send(&app, delivery("/done", "")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_host_that_the_request_names_is_not_believed() {
    let app = Router::new().route("/done", post(ok)).layer(layer());
    for target in ["http://10.0.0.7:3000/done", "https://evil.example/done"] {
        let mut request = delivery("/done", "");
        *request.uri_mut() = Uri::from_static(target);
        request.headers_mut().insert("x-forwarded-host", "evil.example".parse().unwrap());
        assert_eq!(send(&app, request).await.status, StatusCode::OK);
    }

    let evil = sign(KEY, "https://evil.example/done", b"", now());
    let request = request("/done", &evil).header("host", "evil.example").body(Body::empty()).unwrap();
    assert_eq!(send(&app, request).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_request_without_a_path_is_refused() {
    let mut request = delivery("/", "");
    *request.uri_mut() = Uri::from_static("api.example.com:443");
    let response = layer().layer(tower::service_fn(unreachable)).oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
}

async fn unreachable(request: Request) -> Result<Response, std::convert::Infallible> {
    panic!("{request:?} reached the service");
}

#[tokio::test]
async fn a_body_limit_inside_still_holds() {
    let app = Router::new()
        .route("/done", post(async |body: Bytes| body))
        .layer(DefaultBodyLimit::max(4))
        .layer(layer());
    assert_eq!(send(&app, delivery("/done", "1234")).await.status, StatusCode::OK);
    assert_eq!(send(&app, delivery("/done", "12345")).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn decompression_belongs_inside() {
    let handler = async |delivery: Delivery, text: String| {
        assert_eq!(delivery.body(), GZIP);
        text
    };
    let routes = Router::new().route("/done", post(handler));
    let compressed = || {
        let request = request("/done", &signature("/done", GZIP)).header("content-encoding", "gzip");
        request.body(Body::from(GZIP)).unwrap()
    };

    let inside = routes.clone().layer(RequestDecompressionLayer::new()).layer(layer());
    let answer = send(&inside, compressed()).await;
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"hello gzip"[..]));

    let outside = routes.layer(layer()).layer(RequestDecompressionLayer::new());
    log::start();
    let answer = send(&outside, compressed()).await;
    assert_eq!(answer.reason(), Some(&VerifyError::BodyMismatch { len: 10 }));
    let lines = log::take();
    assert!(lines[0].contains("likely_cause=the body was altered on its way: decompression"), "{lines:?}");
}

#[tokio::test]
async fn path_normalisation_belongs_inside() {
    let routes = Router::new().route("/done", post(ok));

    let inside = ServiceBuilder::new().layer(layer()).layer(NormalizePathLayer::trim_trailing_slash());
    let response = inside.service(routes.clone()).oneshot(delivery("/done/", "")).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);

    let outside = ServiceBuilder::new().layer(NormalizePathLayer::trim_trailing_slash()).layer(layer());
    log::start();
    let response = outside.service(routes).oneshot(delivery("/done/", "")).await.unwrap();
    let reason = response.into_response().extensions().get().cloned();
    assert!(
        matches!(reason, Some(Rejection(Refusal::Unverified(VerifyError::Destination { .. })))),
        "{reason:?}"
    );
    let lines = log::take();
    assert!(lines[0].contains("path normalisation belongs inside"), "{lines:?}");
}
