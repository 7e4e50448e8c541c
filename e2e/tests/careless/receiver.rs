//! Mistakes in a receiver.

use std::time::{Duration, SystemTime};

use axum::{Json, Router, routing::post};
use qstash_axum::{
    Callback, Delivery, HandlerError, KeySet, Outcome, Region, Signed, Verifier, VerifySignature,
};
use qstash_client::Message;
use serde_json::Value;

use crate::play::{Stage, limited, routes, said};

fn behind(stage: &Stage, routes: Router) -> Router {
    routes.layer(VerifySignature::new(stage.verifier().build().unwrap()))
}

#[tokio::test]
async fn the_middleware_twice_does_no_harm() {
    let stage = Stage::new().await;
    let receiver = behind(&stage, behind(&stage, routes()));
    assert_eq!(stage.tell(receiver).await, [""; 0]);
}

#[tokio::test]
async fn swapped_keys_do_no_harm() {
    let stage = Stage::new().await;
    let keys = stage.qstash.signing_keys();
    let settings = stage.with_keys(keys.next.expose(), keys.current.expose());
    assert_eq!(stage.tell_verified(settings).await, [""; 0]);
}

#[tokio::test]
async fn a_route_without_the_middleware_is_said() {
    let lines = Stage::new().await.tell(routes()).await;
    said(
        &lines,
        &["answered 500 with \"this route is not behind `VerifySignature`\"", "(errors.md#handler-failed)"],
    );
}

#[tokio::test]
async fn keys_of_another_account_are_said_with_where_to_take_them_from() {
    let stage = Stage::new().await;
    let settings = stage.with_keys("sig_of_another", "sig_of_another_too");
    let lines = stage.tell_verified(settings).await;
    said(
        &lines,
        &[
            "signed by no known key",
            "another account",
            "`qstash-dev --env-file .env`",
            "help=errors.md#unknown-key",
        ],
    );
    said(&lines, &["answered 403 with \"invalid signature\"", "(errors.md#refused-delivery)"]);
}

#[tokio::test]
async fn keys_in_quotes_are_said_by_name() {
    let stage = Stage::new().await;
    let keys = stage.qstash.signing_keys();
    let quoted = |key: &str| format!("\"{key}\"");
    let settings = stage.with_keys(&quoted(keys.current.expose()), &quoted(keys.next.expose()));
    said(&stage.tell_verified(settings).await, &["`QSTASH_CURRENT_SIGNING_KEY` is in quotes", "remove them"]);
}

#[tokio::test]
async fn the_token_in_place_of_a_key_is_said_by_name() {
    let stage = Stage::new().await;
    let token = "eyJVc2VySUQiOiJ1IiwiUGFzc3dvcmQiOiJwIn0=";
    let settings = stage.with_keys(token, token);
    let lines = stage.tell_verified(settings).await;
    said(&lines, &["`QSTASH_CURRENT_SIGNING_KEY` looks like the API token", "take the signing key"]);
}

#[tokio::test]
async fn keys_of_another_region_are_said_with_where_to_configure_them() {
    let stage = Stage::new().await;
    let keys = KeySet::new::<&str>([]).region(Region::UsEast1, stage.qstash.signing_keys());
    let settings = Verifier::builder(keys).origin(&stage.origin);
    let lines = stage.tell_verified(settings).await;
    said(
        &lines,
        &[
            "no signing key is configured for the region",
            "configure it for that one too",
            "help=errors.md#region-keys",
        ],
    );
}

#[tokio::test]
async fn a_clock_that_is_an_hour_ahead_is_said_with_what_to_set() {
    let stage = Stage::new().await;
    let settings = stage.verifier().clock(|| SystemTime::now() + Duration::from_secs(3600));
    let lines = stage.tell_verified(settings).await;
    said(&lines, &["the token expired", "set this machine's clock, which is ahead", "help=errors.md#clock"]);
}

#[tokio::test]
async fn a_clock_that_is_behind_does_no_harm_since_tokens_begin_long_ago() {
    let stage = Stage::new().await;
    let settings = stage.verifier().clock(|| SystemTime::now() - Duration::from_secs(3600));
    assert_eq!(stage.tell_verified(settings).await, [""; 0]);
}

#[tokio::test]
async fn a_body_beyond_the_limit_of_the_verifier_is_said_with_the_limit() {
    let stage = Stage::new().await;
    let settings = stage.verifier().body_limit(3);
    let lines = stage.tell_verified(settings).await;
    said(&lines, &["the body is larger than 3 bytes", "help=errors.md#body-limit"]);
    said(&lines, &["answered 413 with \"body too large\"", "(errors.md#body-limit)"]);
}

#[tokio::test]
async fn a_body_beyond_the_limit_of_axum_is_said_with_what_axum_says() {
    let stage = Stage::new().await;
    let receiver = behind(&stage, limited(3));
    said(
        &stage.tell(receiver).await,
        &["answered 413 with ", "length limit exceeded", "(errors.md#body-limit)"],
    );

    // Extractors of ours know no other limit than the verifier's.
    let stage = Stage::new().await;
    let receiver = behind(&stage, routes().layer(axum::extract::DefaultBodyLimit::max(3)));
    assert_eq!(stage.tell(receiver).await, [""; 0]);
}

#[tokio::test]
async fn an_origin_that_is_not_what_qstash_calls_is_said_with_what_to_set() {
    for (wrong, cause) in [("https://127.0.0.1", "scheme alone"), ("http://localhost", "host or port alone")]
    {
        let stage = Stage::new().await;
        let settings = stage.verifier().origin(stage.origin.replace("http://127.0.0.1", wrong));
        let lines = stage.tell_verified(settings).await;
        said(
            &lines,
            &[
                cause,
                "set the origin, or QSTASH_RECEIVER_URL, to the URL that QStash calls",
                "help=errors.md#other-url",
            ],
        );
    }
    let stage = Stage::new().await;
    let settings = stage.verifier().public_prefix("/v1");
    said(&stage.tell_verified(settings).await, &["`public_prefix` is too long", "help=errors.md#other-url"]);
}

#[tokio::test]
async fn no_origin_is_said_with_what_to_set() {
    let stage = Stage::new().await;
    let settings = Verifier::builder(stage.qstash.signing_keys());
    let lines = stage.tell_verified(settings).await;
    said(&lines, &["no origin is set", "set QSTASH_RECEIVER_URL or `origin`", "(errors.md#no-origin)"]);
}

#[tokio::test]
async fn a_body_that_does_not_fit_is_said_with_the_place_where_it_does_not() {
    let number = Router::new().route("/hook", post(async |_: Signed<u32>| ()));
    let callback = Router::new().route("/hook", post(async |_: Signed<Callback>| ()));
    for (routes, place) in
        [(number, "invalid type: map, expected u32"), (callback, "none of the fields that make a callback")]
    {
        let stage = Stage::new().await;
        let receiver = behind(&stage, routes);
        let lines = stage.tell(receiver).await;
        said(&lines, &["does not have the expected form", place, "help=errors.md#unexpected-body"]);
        said(&lines, &["answered 422 with \"unexpected body\"", "(errors.md#unexpected-body)"]);
    }
}

#[tokio::test]
async fn json_of_axum_without_a_media_type_is_said_with_what_axum_wants() {
    let stage = Stage::new().await;
    let receiver = behind(&stage, Router::new().route("/hook", post(async |_: Json<Value>| ())));
    let message = Message::to(format!("{}/hook", stage.origin)).body("{}");
    let lines = stage.tell_about(receiver, message).await;
    said(&lines, &["answered 415", "Content-Type: application/json", "(errors.md#unexpected-body)"]);
}

#[tokio::test]
async fn a_handler_that_fails_is_said_with_its_error() {
    async fn fails(_: Delivery) -> Result<Outcome, HandlerError> {
        let _number: u32 = "seven".parse()?;
        Ok(Outcome::done())
    }
    let stage = Stage::new().await;
    let receiver = behind(&stage, Router::new().route("/hook", post(fails)));
    let lines = stage.tell(receiver).await;
    said(&lines, &["delivery not handled", "invalid digit found in string"]);
    said(&lines, &["answered 500", "(errors.md#handler-failed)"]);
}

#[tokio::test]
async fn a_handler_that_panics_is_a_connection_that_ends() {
    let stage = Stage::new().await;
    let receiver =
        behind(&stage, Router::new().route("/hook", post(async || -> &'static str { panic!("on purpose") })));
    said(
        &stage.tell(receiver).await,
        &["no valid response: connection closed before message completed", "(errors.md#no-response)"],
    );
}

#[tokio::test]
async fn a_path_or_a_method_without_a_route_is_said_with_where_to_read_on() {
    for (path, status) in [("/hok", "answered 404"), ("/get", "answered 405")] {
        let stage = Stage::new().await;
        let receiver = behind(&stage, routes().route("/get", axum::routing::get(async || ())));
        let message = Message::to(format!("{}{path}", stage.origin));
        said(&stage.tell_about(receiver, message).await, &[status, "(errors.md#no-route)"]);
    }
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_said_with_the_question_who_should() {
    let stage = Stage::new().await;
    let message = Message::to("http://localhost:1/hook");
    let lines = stage.tell_about(routes(), message).await;
    said(
        &lines,
        &[
            "refused",
            "does the application listen on localhost:1?",
            "no attempt is left (errors.md#no-response)",
        ],
    );
}

#[tokio::test]
async fn a_receiver_of_ipv6_alone_is_reached_by_its_address_and_by_localhost() {
    for host in ["[::1]", "localhost"] {
        let stage = Stage::at("[::1]:0").await;
        let origin = stage.origin.replace("[::1]", host);
        let settings = stage.verifier().origin(&origin);
        let receiver = routes().layer(VerifySignature::new(settings.build().unwrap()));
        let message = Message::to(format!("{origin}/hook")).json(&42);
        assert_eq!(stage.tell_about(receiver, message).await, [""; 0], "{host}");
    }
    let stage = Stage::at("[::1]:0").await;
    let authority = stage.origin.replace("http://[::1]", "127.0.0.1");
    let message = Message::to(format!("http://{authority}/hook"));
    let lines = stage.tell_about(routes(), message).await;
    said(&lines, &[&*format!("does the application listen on {authority}?"), "(errors.md#no-response)"]);
}
