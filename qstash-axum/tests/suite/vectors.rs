//! Vectors of independent implementations as requests, each at its own time.

use axum::{
    Extension, Router,
    body::Body,
    extract::Request,
    http::{HeaderValue, StatusCode},
    routing::post,
};
use qstash_axum::{Callback, Delivery, Signed, VerifySignature};
use testkit::{
    callback_vector,
    delivery_vector::{self, Vector, Verdict},
};

use crate::receiver::{delivery, layer, send};

async fn verdict(vector: &Vector) -> Verdict {
    let Ok(verifier) = vector.verifier() else { return Verdict::Reject };
    let app = Router::new()
        .fallback(async |delivery: Delivery| delivery.body().clone())
        .layer(VerifySignature::new(verifier));
    let mut request = Request::post(vector.target()).body(Body::from(vector.body())).unwrap();
    let headers = request.headers_mut();
    headers.insert("upstash-signature", HeaderValue::from_bytes(&vector.signature()).unwrap());
    if let Some(region) = &vector.region {
        headers.insert("upstash-region", region.parse().unwrap());
    }

    let answer = send(&app, request).await;
    if answer.status == StatusCode::OK {
        assert_eq!(answer.body, vector.body(), "{}", vector.name);
        Verdict::Ok
    } else {
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", vector.name);
        assert!(answer.reason().is_some(), "{}", vector.name);
        Verdict::Reject
    }
}

#[tokio::test]
async fn every_vector_gets_its_verdict() {
    let mut wrong = Vec::new();
    for vector in delivery_vector::requests() {
        let verdict = verdict(&vector).await;
        if vector.required().is_some_and(|required| required != verdict) {
            wrong.push(vector.name);
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[tokio::test]
async fn every_callback_vector_arrives_as_it_says() {
    let app = Router::new()
        .route("/done", post(async |Signed(callback): Signed<Callback>| Extension(callback)))
        .layer(layer());
    let mut decoded = Vec::new();
    for vector in callback_vector::all() {
        let answer = send(&app, delivery("/done", vector.body())).await;
        let callback = answer.response.extensions().get().cloned();
        let expected = if callback.is_some() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
        assert_eq!(answer.status, expected, "{}", vector.name());
        decoded.push((vector, callback.ok_or(answer.status)));
    }
    callback_vector::check_all(decoded);
}
