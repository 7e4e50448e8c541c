//! Vectors of independent implementations as requests, each at its own time.

use actix_web::{
    HttpResponse,
    http::{StatusCode, header::HeaderValue},
    test::call_service,
    web,
};
use qstash_actix::{Callback, Delivery, Signed, VerifySignature};
use testkit::{
    callback_vector,
    delivery_vector::{self, Vector, Verdict},
};

use crate::receiver::{delivery, send, serve, serve_behind, unsigned};

async fn verdict(vector: &Vector) -> Verdict {
    let Ok(verifier) = vector.verifier() else { return Verdict::Reject };
    let echo = async |delivery: Delivery| delivery.body().clone();
    let app = serve_behind(VerifySignature::new(verifier), |routes| {
        routes.default_service(web::to(echo));
    })
    .await;
    let signature = HeaderValue::from_bytes(&vector.signature()).unwrap();
    let mut request = unsigned(vector.target()).insert_header(("upstash-signature", signature));
    if let Some(region) = &vector.region {
        request = request.insert_header(("upstash-region", region.as_str()));
    }

    let answer = send(&app, request.set_payload(vector.body()).to_request()).await;
    if answer.status == StatusCode::OK {
        assert_eq!(answer.body, vector.body(), "{}", vector.name);
        Verdict::Ok
    } else {
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", vector.name);
        assert!(answer.reason().is_some(), "{}", vector.name);
        Verdict::Reject
    }
}

#[actix_web::test]
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

#[actix_web::test]
async fn every_callback_vector_arrives_as_it_says() {
    let done = async |Signed(callback): Signed<Callback>| {
        let mut response = HttpResponse::Ok().finish();
        response.extensions_mut().insert(callback);
        response
    };
    let app = serve(|routes| {
        routes.route("/done", web::post().to(done));
    })
    .await;
    let mut decoded = Vec::new();
    for vector in callback_vector::all() {
        let answer = call_service(&app, delivery("/done", vector.body())).await;
        let callback = answer.response().extensions().get().cloned();
        let expected = if callback.is_some() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
        assert_eq!(answer.status(), expected, "{}", vector.name());
        decoded.push((vector, callback.ok_or(answer.status())));
    }
    callback_vector::check_all(decoded);
}
