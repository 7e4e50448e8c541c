//! Which URL a delivery must have been signed for, wherever the middleware stands.
//!
//! Actix answers a target that is not ASCII with 400 before any middleware, so those are left out here.

use actix_http::Request;
use actix_web::{
    App, Error,
    body::MessageBody,
    dev::{Service, ServiceResponse},
    http::StatusCode,
    test::init_service,
    web,
};
use qstash_actix::{VerifyError, VerifySignature};
use testkit::destinations::{Call, check_settings, check_spellings};

use crate::receiver::{request, send};

async fn handled() -> &'static str {
    ""
}

/// Calls an app, and answers why it refused.
async fn call<B: MessageBody>(
    app: &impl Service<Request, Response = ServiceResponse<B>, Error = Error>,
    signature: &str,
    target: &str,
) -> Option<VerifyError> {
    let answer = send(app, request(target, signature).to_request()).await;
    if answer.reason().is_none() {
        assert_eq!(answer.status, StatusCode::OK, "{target}");
    }
    answer.reason().cloned()
}

#[actix_web::test]
async fn each_setting_takes_the_urls_of_its_service_and_no_others() {
    check_settings(async |Call { verifier, signature, target }| {
        let app = App::new().default_service(web::to(handled)).wrap(VerifySignature::new(verifier));
        call(&init_service(app).await, &signature, &target).await
    })
    .await;
}

#[actix_web::test]
async fn around_an_app_every_spelling_gets_its_verdict() {
    check_spellings("", str::is_ascii, async |Call { verifier, signature, target }| {
        let app = App::new().default_service(web::to(handled)).wrap(VerifySignature::new(verifier));
        call(&init_service(app).await, &signature, &target).await
    })
    .await;
}

#[actix_web::test]
async fn on_a_resource_every_spelling_gets_its_verdict() {
    check_spellings("/api", str::is_ascii, async |Call { verifier, signature, target }| {
        let resource = web::resource("/api/{rest}*").wrap(VerifySignature::new(verifier)).to(handled);
        call(&init_service(App::new().service(resource)).await, &signature, &target).await
    })
    .await;
}

#[actix_web::test]
async fn in_nested_scopes_every_spelling_gets_its_verdict() {
    check_spellings("/api/v1", str::is_ascii, async |Call { verifier, signature, target }| {
        let inner = web::scope("/v1").default_service(web::to(handled)).wrap(VerifySignature::new(verifier));
        let app = App::new().service(web::scope("/api").service(inner));
        call(&init_service(app).await, &signature, &target).await
    })
    .await;
}
