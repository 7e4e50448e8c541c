//! Keys that are fetched around the layer when they are missed, as the documentation of `Verifier::refresh_keys` says.

use std::{pin::pin, sync::Arc, task::Poll};

use axum::{
    BoxError, Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, StatusCode},
    middleware::{self, Next},
    response::Response,
    routing::post,
};
use qstash_axum::{SigningKey, SigningKeys, Verifier, VerifyError, VerifySignature};
use qstash_verify::Presented;
use testkit::signing::{ORIGIN, forged_signature, now, sign, verifier};
use tokio::sync::Semaphore;

use crate::receiver::{request, send};

/// What answers `GET /v2/keys`: each permit is an answer.
#[derive(Clone)]
struct Api {
    verifier: Verifier,
    answers: Arc<Semaphore>,
}

async fn see_to_keys(State(api): State<Api>, request: Request, next: Next) -> Response {
    let signatures = request.headers().get_all("upstash-signature").iter().map(HeaderValue::as_bytes);
    let presented = Presented::new(signatures, "");
    if api.verifier.authenticate(&presented, now()).err() == Some(VerifyError::UnknownKey) {
        let Api { verifier, answers } = api;
        let fetch = async move {
            answers.acquire().await?.forget();
            let key = |text| SigningKey::new(text).unwrap();
            Ok::<_, BoxError>(SigningKeys::new(key("sig_third"), key("sig_fourth")))
        };
        let _ = tokio::spawn(async move { verifier.refresh_keys(now(), fetch).await }).await.unwrap();
    }
    next.run(request).await
}

#[tokio::test]
async fn two_rotations_are_no_outage_even_if_a_stranger_hangs_up_on_the_first_fetch() {
    let verifier = verifier().build().unwrap();
    let answers = Arc::new(Semaphore::new(0));
    let api = Api { verifier: verifier.clone(), answers: Arc::clone(&answers) };
    let app = Router::new()
        .route("/done", post(async || "handled"))
        .layer(VerifySignature::new(verifier))
        .layer(middleware::from_fn_with_state(api, see_to_keys));
    let call = |signature: &str| request("/done", signature).body(Body::empty()).unwrap();
    let by = |key| call(&sign(key, &format!("{ORIGIN}/done"), b"", now()));

    {
        let mut stranger = pin!(send(&app, call(&forged_signature("/done", b""))));
        let answer = std::future::poll_fn(|cx| Poll::Ready(stranger.as_mut().poll(cx))).await;
        assert!(answer.is_pending());
    }
    answers.add_permits(1);

    assert_eq!(send(&app, by("sig_third")).await.status, StatusCode::OK);
    assert_eq!(send(&app, by("sig_fourth")).await.status, StatusCode::OK);
    // One fetch was enough, and strangers cause no other one.
    assert_eq!(send(&app, call(&forged_signature("/done", b""))).await.status, StatusCode::FORBIDDEN);
    assert_eq!(answers.available_permits(), 0);
}
