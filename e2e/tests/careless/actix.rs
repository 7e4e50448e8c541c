//! Mistakes in a receiver of actix-web, as the local server tells them. What the receiver logs is the same as in axum.

use actix_web::web::{self, Json, PayloadConfig, ServiceConfig};
use qstash_actix::{Signed, VerifySignature};
use qstash_client::Message;
use serde_json::{Value, json};

use crate::play::{Stage, said};

fn message(stage: &Stage) -> Message {
    Message::to(format!("{}/hook", stage.origin))
}

/// Routes behind the middleware.
fn behind(
    stage: &Stage,
    routes: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    let layer = VerifySignature::new(stage.verifier().build().unwrap());
    move |app| {
        app.service(web::scope("").wrap(layer.clone()).configure(routes.clone()));
    }
}

fn signed(app: &mut ServiceConfig) {
    app.route("/hook", web::post().to(async |_: Signed<Value>| ""));
}

#[tokio::test]
async fn the_middleware_twice_does_no_harm() {
    let stage = Stage::new().await;
    let (message, routes) = (message(&stage).json(&42), behind(&stage, behind(&stage, signed)));
    assert_eq!(stage.tell_actix(routes, message).await, [""; 0]);
}

#[tokio::test]
async fn a_route_without_the_middleware_is_said() {
    let stage = Stage::new().await;
    let message = message(&stage).json(&42);
    let lines = stage.tell_actix(signed, message).await;
    said(
        &lines,
        &["answered 500 with \"this route is not behind `VerifySignature`\"", "(errors.md#handler-failed)"],
    );
}

#[tokio::test]
async fn a_body_beyond_the_limit_of_actix_is_said_with_what_actix_says() {
    let limited = |app: &mut ServiceConfig| {
        app.app_data(PayloadConfig::new(3)).route("/hook", web::post().to(async |_: String| ""));
    };
    let stage = Stage::new().await;
    let (message, routes) = (message(&stage).json(&json!({ "pages": 42 })), behind(&stage, limited));
    said(&stage.tell_actix(routes, message).await, &["answered 413 with ", "(errors.md#body-limit)"]);
}

#[tokio::test]
async fn json_of_actix_without_a_media_type_is_said() {
    let json = |app: &mut ServiceConfig| {
        app.route("/hook", web::post().to(async |_: Json<Value>| ""));
    };
    let stage = Stage::new().await;
    let (message, routes) = (message(&stage).body("{}"), behind(&stage, json));
    said(
        &stage.tell_actix(routes, message).await,
        &["answered 400 with \"Content type error\"", "(errors.md#unexpected-body)"],
    );
}

#[tokio::test]
async fn a_handler_that_panics_is_a_connection_that_ends() {
    let silent = |app: &mut ServiceConfig| {
        app.route("/hook", web::post().to(async || -> &'static str { panic!("on purpose") }));
    };
    let stage = Stage::new().await;
    let (message, routes) = (message(&stage), behind(&stage, silent));
    said(&stage.tell_actix(routes, message).await, &["no valid response: ", "(errors.md#no-response)"]);
}
