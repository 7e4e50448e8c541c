//! Which URL a delivery must have been signed for, wherever the layer stands.

use axum::{Router, body::Body, http::StatusCode, routing::any};
use qstash_axum::{VerifyError, VerifySignature};
use testkit::destinations::{Call, check_settings, check_spellings};

use crate::receiver::{request, send};

async fn handled() {}

/// Calls an app, and answers why it refused.
async fn call(app: Router, signature: &str, target: &str) -> Option<VerifyError> {
    let answer = send(&app, request(target, signature).body(Body::empty()).unwrap()).await;
    if answer.reason().is_none() {
        assert_eq!(answer.status, StatusCode::OK, "{target}");
    }
    answer.reason().cloned()
}

#[tokio::test]
async fn each_setting_takes_the_urls_of_its_service_and_no_others() {
    check_settings(async |Call { verifier, signature, target }| {
        let app = Router::new().fallback(handled).layer(VerifySignature::new(verifier));
        call(app, &signature, &target).await
    })
    .await;
}

#[tokio::test]
async fn around_a_router_every_spelling_gets_its_verdict() {
    check_spellings(
        "",
        |_| true,
        async |Call { verifier, signature, target }| {
            let app = Router::new().fallback(handled).layer(VerifySignature::new(verifier));
            call(app, &signature, &target).await
        },
    )
    .await;
}

#[tokio::test]
async fn on_a_route_every_spelling_gets_its_verdict() {
    check_spellings(
        "/api",
        |_| true,
        async |Call { verifier, signature, target }| {
            let routes = Router::new().route("/{*rest}", any(handled));
            call(routes.route_layer(VerifySignature::new(verifier)), &signature, &target).await
        },
    )
    .await;
}

#[tokio::test]
async fn below_nest_every_spelling_gets_its_verdict() {
    check_spellings(
        "/api/v1",
        |_| true,
        async |Call { verifier, signature, target }| {
            let inner = Router::new().route("/{*rest}", any(handled)).layer(VerifySignature::new(verifier));
            let app = Router::new().nest("/api", Router::new().nest("/v1", inner));
            call(app, &signature, &target).await
        },
    )
    .await;
}

#[tokio::test]
async fn in_a_nested_service_every_spelling_gets_its_verdict() {
    check_spellings(
        "/api",
        |_| true,
        async |Call { verifier, signature, target }| {
            let inner = Router::new().fallback(handled).layer(VerifySignature::new(verifier));
            call(Router::new().nest_service("/api", inner), &signature, &target).await
        },
    )
    .await;
}
