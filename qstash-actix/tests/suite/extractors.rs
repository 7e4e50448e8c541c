//! What handlers can take, and what happens where they cannot.

use actix_web::{
    App, HttpMessage, HttpRequest,
    http::StatusCode,
    test::init_service,
    web::{self, Bytes, Form, Json},
};
use qstash_actix::{
    Callback, Delivery, FailureCallback, Refusal, Rejection, Signed, Verified, VerifySignature,
};
use serde::Deserialize;
use testkit::{
    log,
    signing::{ORIGIN, signature, verifier},
};

use crate::receiver::{delivery, request, send, serve, serve_behind};

#[derive(Deserialize)]
struct Order {
    id: u32,
}

#[actix_web::test]
async fn signed_json_can_be_any_argument() {
    async fn handler(Signed(first): Signed<Order>, text: Signed<serde_json::Value>, body: String) -> String {
        format!("{} {} {body}", first.id, text.0["id"])
    }
    let app = serve(|routes| {
        routes.route("/", web::post().to(handler));
    });
    let answer = send(&app.await, delivery("/", r#"{"id": 7}"#)).await;
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &br#"7 7 {"id": 7}"#[..]));
}

#[actix_web::test]
async fn callbacks_arrive_decoded() {
    async fn done(Signed(callback): Signed<Callback>) -> String {
        format!("{} {}", callback.status(), callback.text().unwrap())
    }
    async fn failed(Signed(failure): Signed<FailureCallback>) -> String {
        format!("{:?}", failure.dlq_id().map(ToString::to_string))
    }
    let app = serve(|routes| {
        routes.route("/done", web::post().to(done)).route("/failed", web::post().to(failed));
    })
    .await;

    let answer = send(&app, delivery("/done", r#"{"status": 200, "body": "aGVsbG8="}"#)).await;
    assert_eq!(answer.body, "200 hello");
    let answer = send(&app, delivery("/failed", r#"{"status": 500, "dlqId": "1725323658779-0"}"#)).await;
    assert_eq!(answer.body, r#"Some("1725323658779-0")"#);
}

#[actix_web::test]
async fn an_odd_callback_is_read_alike_in_whatever_it_is_wrapped() {
    #[derive(Deserialize)]
    struct Report(Callback);

    fn report(callback: &Callback) -> String {
        format!("{} {}", callback.status(), callback.body().unwrap_err().field())
    }

    let app = serve(|routes| {
        routes
            .route(
                "/boxed",
                web::post().to(async |Signed(callback): Signed<Box<Callback>>| report(&callback)),
            )
            .route(
                "/optional",
                web::post().to(async |callback: Signed<Option<Callback>>| report(&callback.0.unwrap())),
            )
            .route(
                "/newtype",
                web::post().to(async |Signed(Report(callback)): Signed<Report>| report(&callback)),
            )
            .route("/callback", web::post().to(async |Signed(callback): Signed<Callback>| report(&callback)));
    })
    .await;

    for path in ["/boxed", "/optional", "/newtype", "/callback"] {
        let answer = send(&app, delivery(path, r#"{"status": 503, "body": {"pages": 3}}"#)).await;
        assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"503 body"[..]), "{path}");
    }
}

#[actix_web::test]
async fn an_object_that_says_nothing_of_a_delivery_is_no_callback() {
    for (settings, status) in [(verifier(), 422), (verifier().undecodable_is_non_retryable(), 489)] {
        let app = serve_behind(VerifySignature::new(settings.build().unwrap()), |routes| {
            routes
                .route("/done", web::post().to(async |_: Signed<Callback>| ""))
                .route("/boxed", web::post().to(async |_: Signed<Box<Callback>>| ""))
                .route("/failed", web::post().to(async |_: Signed<FailureCallback>| ""));
        })
        .await;

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

#[actix_web::test]
async fn a_verified_body_of_another_form_is_unprocessable() {
    log::start();
    let app = serve(|routes| {
        routes.route("/", web::post().to(async |_: Signed<Order>| ""));
    });

    let answer = send(&app.await, delivery("/", r#"{"id": true}"#)).await;

    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.body, "unexpected body");
    assert!(matches!(answer.rejection, Some(Rejection(Refusal::Json(_)))));
    let lines = log::take();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("WARN") && lines[0].contains("expected u32 at line 1"), "{lines:?}");
}

#[actix_web::test]
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
    let app = serve(|routes| {
        routes.route("/order", web::post().to(handler));
    });
    let body = r#"{"id":7}"#;
    let request = request("/order", &signature("/order", body.as_bytes()))
        .insert_header(("upstash-message-id", "msg_1"))
        .insert_header(("upstash-retried", "2"));

    let answer = send(&app.await, request.set_payload(body).to_request()).await;

    let expected = format!(r#"{ORIGIN}/order current b"{{\"id\":7}}" 7 msg_1 Some(2) None"#);
    assert_eq!(answer.body, expected);
}

#[actix_web::test]
async fn a_delivery_without_metadata_is_a_delivery() {
    let handler = async |delivery: Delivery| format!("{:?}", delivery.headers().message_id);
    let app = serve(|routes| {
        routes.route("/", web::post().to(handler));
    });
    assert_eq!(send(&app.await, delivery("/", "")).await.body, "None");
}

#[actix_web::test]
async fn the_extractors_of_actix_see_what_was_signed() {
    let app = serve(|routes| {
        routes
            .route("/json", web::post().to(async |order: Json<Order>| order.id.to_string()))
            .route("/form", web::post().to(async |order: Form<Order>| order.id.to_string()))
            .route("/text", web::post().to(async |text: String| text))
            .route("/bytes", web::post().to(async |bytes: Bytes| bytes));
    })
    .await;
    let cases = [
        ("/json", "application/json", r#"{"id":7}"#, "7"),
        ("/form", "application/x-www-form-urlencoded", "id=7", "7"),
        ("/text", "text/plain", "seven", "seven"),
        ("/bytes", "text/plain", "seven", "seven"),
    ];
    for (path, content_type, body, expected) in cases {
        let request =
            request(path, &signature(path, body.as_bytes())).insert_header(("content-type", content_type));
        let answer = send(&app, request.set_payload(body).to_request()).await;
        assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, expected.as_bytes()), "{path}");
    }
}

#[actix_web::test]
async fn middleware_inside_can_ask_who_signed() {
    let handler =
        async |request: HttpRequest| request.extensions().get::<Verified>().unwrap().key().to_owned();
    let app = serve(|routes| {
        routes.route("/", web::post().to(handler));
    });
    assert_eq!(send(&app.await, delivery("/", "")).await.body, "current");
}

#[actix_web::test]
async fn without_the_middleware_there_is_no_data_and_one_error_in_the_log() {
    log::start();
    let app = App::new()
        .route("/signed", web::post().to(async |_: Signed<Order>| ""))
        .route("/delivery", web::post().to(async |_: Delivery| ""));
    let app = init_service(app).await;

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
        lines[0].contains("`.wrap` in actix-web") && lines[0].ends_with("(errors.md#no-middleware)"),
        "{lines:?}"
    );
}
