//! Requests to an app, and what comes back.

use actix_http::Request;
use actix_web::{
    App, Error,
    body::MessageBody,
    dev::{Service, ServiceResponse},
    http::{StatusCode, header::HeaderMap},
    test::{TestRequest, call_service, init_service, read_body},
    web::{Bytes, ServiceConfig},
};
use qstash_actix::{Refusal, Rejection, VerifyError, VerifySignature};
use testkit::signing::{signature, verifier};

pub(crate) fn middleware() -> VerifySignature {
    VerifySignature::new(verifier().build().unwrap())
}

/// An app with these routes behind the middleware.
pub(crate) async fn serve(
    routes: impl FnOnce(&mut ServiceConfig),
) -> impl Service<Request, Response = ServiceResponse<impl MessageBody>, Error = Error> {
    serve_behind(middleware(), routes).await
}

pub(crate) async fn serve_behind(
    middleware: VerifySignature,
    routes: impl FnOnce(&mut ServiceConfig),
) -> impl Service<Request, Response = ServiceResponse<impl MessageBody>, Error = Error> {
    init_service(App::new().configure(routes).wrap(middleware)).await
}

/// A delivery with this signature, still without its body.
pub(crate) fn request(path: &str, signature: &str) -> TestRequest {
    unsigned(path).insert_header(("upstash-signature", signature))
}

pub(crate) fn unsigned(path: &str) -> TestRequest {
    TestRequest::post().uri(path)
}

/// A delivery as QStash sends it.
pub(crate) fn delivery(path: &str, body: impl Into<Bytes>) -> Request {
    let body = body.into();
    request(path, &signature(path, &body)).set_payload(body).to_request()
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) rejection: Option<Rejection>,
}

impl Answer {
    /// The verifier's reason for a refusal.
    pub(crate) fn reason(&self) -> Option<&VerifyError> {
        match &self.rejection {
            Some(Rejection(Refusal::Unverified(error))) => Some(error),
            _ => None,
        }
    }
}

pub(crate) async fn send<B: MessageBody>(
    app: &impl Service<Request, Response = ServiceResponse<B>, Error = Error>,
    request: Request,
) -> Answer {
    let response = call_service(app, request).await;
    let rejection = response.response().extensions().get().cloned();
    Answer {
        status: response.status(),
        headers: response.headers().clone(),
        body: read_body(response).await,
        rejection,
    }
}
