//! What handlers can take, and what happens where they cannot.

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Form, Json, Request},
    http::StatusCode,
    routing::post,
};
use qstash_axum::{
    Callback, Delivery, FailureCallback, Refusal, Rejection, Signed, Verified, VerifySignature,
};
use serde::Deserialize;
use testkit::{
    log,
    signing::{ORIGIN, signature, verifier},
};

use crate::receiver::{delivery, layer, request, send};

#[derive(Deserialize)]
struct Order {
    id: u32,
}

#[tokio::test]
async fn signed_json_can_be_any_argument() {
    async fn handler(Signed(first): Signed<Order>, text: Signed<serde_json::Value>, body: String) -> String {
        format!("{} {} {body}", first.id, text.0["id"])
    }
    let app = Router::new().route("/", post(handler)).layer(layer());
    let answer = send(&app, delivery("/", r#"{"id": 7}"#)).await;
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &br#"7 7 {"id": 7}"#[..]));
}

#[tokio::test]
async fn callbacks_arrive_decoded() {
    async fn done(Signed(callback): Signed<Callback>) -> String {
        format!("{} {}", callback.status(), callback.text().unwrap())
    }
    async fn failed(Signed(failure): Signed<FailureCallback>) -> String {
        format!("{:?}", failure.dlq_id().map(ToString::to_string))
    }
    let app = Router::new().route("/done", post(done)).route("/failed", post(failed)).layer(layer());

    let answer = send(&app, delivery("/done", r#"{"status": 200, "body": "aGVsbG8="}"#)).await;
    assert_eq!(answer.body, "200 hello");
    let answer = send(&app, delivery("/failed", r#"{"status": 500, "dlqId": "1725323658779-0"}"#)).await;
    assert_eq!(answer.body, r#"Some("1725323658779-0")"#);
}

#[tokio::test]
async fn an_odd_callback_is_read_alike_in_whatever_it_is_wrapped() {
    #[derive(Deserialize)]
    struct Report(Callback);

    fn report(callback: &Callback) -> String {
        format!("{} {}", callback.status(), callback.body().unwrap_err().field())
    }

    let app = Router::new()
        .route("/boxed", post(async |Signed(callback): Signed<Box<Callback>>| report(&callback)))
        .route(
            "/optional",
            post(async |Signed(callback): Signed<Option<Callback>>| report(&callback.unwrap())),
        )
        .route("/newtype", post(async |Signed(Report(callback)): Signed<Report>| report(&callback)))
        .route("/callback", post(async |Signed(callback): Signed<Callback>| report(&callback)))
        .layer(layer());

    for path in ["/boxed", "/optional", "/newtype", "/callback"] {
        let answer = send(&app, delivery(path, r#"{"status": 503, "body": {"pages": 3}}"#)).await;
        assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"503 body"[..]), "{path}");
    }
}

#[tokio::test]
async fn an_object_that_says_nothing_of_a_delivery_is_no_callback() {
    for (settings, status) in [(verifier(), 422), (verifier().undecodable_is_non_retryable(), 489)] {
        let app = Router::new()
            .route("/done", post(async |_: Signed<Callback>| ()))
            .route("/boxed", post(async |_: Signed<Box<Callback>>| ()))
            .route("/failed", post(async |_: Signed<FailureCallback>| ()))
            .layer(VerifySignature::new(settings.build().unwrap()));

        for path in ["/done", "/boxed", "/failed"] {
            for body in ["{}", r#"{"id": 7}"#, "[]", "7"] {
                let answer = send(&app, delivery(path, body)).await;
                assert_eq!(answer.status.as_u16(), status, "{body} at {path}");
                assert!(matches!(answer.rejection, Some(Rejection(Refusal::Json(_)))), "{body} at {path}");
            }
            assert_eq!(send(&app, delivery(path, r#"{"status": 0}"#)).await.status, StatusCode::OK, "{path}");
        }
    }
}

#[tokio::test]
async fn a_verified_body_of_another_form_is_unprocessable() {
    log::start();
    let app = Router::new().route("/", post(async |_: Signed<Order>| ())).layer(layer());

    let answer = send(&app, delivery("/", r#"{"id": true}"#)).await;

    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.body, "unexpected body");
    assert!(matches!(answer.rejection, Some(Rejection(Refusal::Json(_)))));
    let lines = log::take();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("WARN") && lines[0].contains("expected u32 at line 1"), "{lines:?}");
}

#[tokio::test]
async fn a_delivery_has_claims_body_key_and_headers() {
    async fn handler(delivery: Delivery) -> String {
        let headers = delivery.headers();
        let id = delivery.message_id().unwrap();
        let order: Order = delivery.json().unwrap();
        format!(
            "{} {} {:?} {} {id} {:?} {:?}",
            delivery.claims().subject(),
            delivery.key(),
            delivery.body(),
            order.id,
            headers.retried,
            headers.max_retries,
        )
    }
    let app = Router::new().route("/order", post(handler)).layer(layer());
    let body = r#"{"id":7}"#;
    let request = request("/order", &signature("/order", body.as_bytes()))
        .header("upstash-message-id", "msg_1")
        .header("upstash-retried", "2");

    let answer = send(&app, request.body(Body::from(body)).unwrap()).await;

    let expected = format!(r#"{ORIGIN}/order current b"{{\"id\":7}}" 7 msg_1 Some(2) None"#);
    assert_eq!(answer.body, expected);
}

#[tokio::test]
async fn a_delivery_without_metadata_is_a_delivery() {
    let handler = async |delivery: Delivery| format!("{:?}", delivery.headers().message_id);
    let app = Router::new().route("/", post(handler)).layer(layer());
    assert_eq!(send(&app, delivery("/", "")).await.body, "None");
}

#[tokio::test]
async fn the_extractors_of_axum_see_what_was_signed() {
    let app = Router::new()
        .route("/json", post(async |Json(order): Json<Order>| order.id.to_string()))
        .route("/form", post(async |Form(order): Form<Order>| order.id.to_string()))
        .route("/text", post(async |text: String| text))
        .route("/bytes", post(async |bytes: Bytes| bytes))
        .route("/raw", post(async |request: Request| request.into_body()))
        .layer(layer());
    let cases = [
        ("/json", "application/json", r#"{"id":7}"#, "7"),
        ("/form", "application/x-www-form-urlencoded", "id=7", "7"),
        ("/text", "text/plain", "seven", "seven"),
        ("/bytes", "text/plain", "seven", "seven"),
        ("/raw", "text/plain", "seven", "seven"),
    ];
    for (path, content_type, body, expected) in cases {
        let request = request(path, &signature(path, body.as_bytes())).header("content-type", content_type);
        let answer = send(&app, request.body(Body::from(body)).unwrap()).await;
        assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, expected.as_bytes()), "{path}");
    }
}

#[tokio::test]
async fn layers_inside_can_ask_who_signed() {
    let handler = async |request: Request| request.extensions().get::<Verified>().unwrap().key().to_owned();
    let app = Router::new().route("/", post(handler)).layer(layer());
    assert_eq!(send(&app, delivery("/", "")).await.body, "current");
}

#[tokio::test]
async fn without_the_layer_there_is_no_data_and_one_error_in_the_log() {
    log::start();
    let app = Router::new()
        .route("/signed", post(async |_: Signed<Order>| ()))
        .route("/delivery", post(async |_: Delivery| ()));

    for path in ["/signed", "/delivery", "/signed"] {
        // Even a good signature is not looked at here, so there is nothing that could be handed out.
        let answer = send(&app, delivery(path, r#"{"id": 7}"#)).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.body, "this route is not behind `VerifySignature`");
        assert!(matches!(answer.rejection, Some(Rejection(Refusal::Unprotected))));
    }

    let lines = log::take();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("ERROR") && lines[0].contains("without `VerifySignature`"), "{lines:?}");
    assert!(
        lines[0].contains("`.layer` in axum") && lines[0].ends_with("(errors.md#no-middleware)"),
        "{lines:?}"
    );
}
