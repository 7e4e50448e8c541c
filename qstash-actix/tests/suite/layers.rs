//! The middleware among others: scopes, and middleware that changes what it passes on.

use actix_http::Request;
use actix_web::{
    App,
    http::{StatusCode, Uri},
    middleware::{Compress, DefaultHeaders, NormalizePath, TrailingSlash},
    test::init_service,
    web::{self, ServiceConfig},
};
use qstash_actix::VerifyError;
use testkit::{
    log,
    signing::{KEY, now, sign, signature},
};

use crate::receiver::{delivery, middleware, request, send, serve, unsigned};

async fn ok() -> &'static str {
    "handled"
}

fn done(routes: &mut ServiceConfig) {
    routes.route("/done", web::post().to(ok));
}

#[actix_web::test]
async fn in_a_scope_the_whole_path_counts() {
    let inner = || web::scope("/v1").configure(done).wrap(middleware());
    let app = init_service(App::new().service(web::scope("/api").service(inner()))).await;

    for path in ["/api/v1/done", "/api/v1/done?a=1"] {
        assert_eq!(send(&app, delivery(path, "")).await.status, StatusCode::OK, "{path}");
    }
    for signed in ["/done", "/v1/done", "/api/done"] {
        let answer = send(&app, request("/api/v1/done", &signature(signed, b"")).to_request()).await;
        assert!(matches!(answer.reason(), Some(VerifyError::Destination { .. })), "{answer:?}");
    }
}

#[actix_web::test]
async fn around_a_scope_the_whole_path_counts() {
    let app = serve(|routes| {
        routes.service(web::scope("/api").configure(done));
    });
    assert_eq!(send(&app.await, delivery("/api/done", "")).await.status, StatusCode::OK);
}

#[actix_web::test]
async fn around_an_app_the_default_service_is_covered() {
    let app = serve(|routes| {
        routes.configure(done).default_service(web::to(ok));
    })
    .await;
    assert_eq!(send(&app, unsigned("/done").to_request()).await.status, StatusCode::FORBIDDEN);
    assert_eq!(send(&app, unsigned("/other").to_request()).await.status, StatusCode::FORBIDDEN);
    assert_eq!(send(&app, delivery("/other", "")).await.status, StatusCode::OK);
}

#[actix_web::test]
async fn one_resource_can_have_the_middleware_for_itself() {
    let done = web::resource("/done").wrap(middleware()).route(web::post().to(ok));
    let app = init_service(App::new().service(done).route("/health", web::post().to(ok))).await;
    assert_eq!(send(&app, unsigned("/health").to_request()).await.status, StatusCode::OK);
    assert_eq!(send(&app, unsigned("/done").to_request()).await.status, StatusCode::FORBIDDEN);
    assert_eq!(send(&app, delivery("/done", "")).await.status, StatusCode::OK);
}

#[actix_web::test]
async fn the_host_that_the_request_names_is_not_believed() {
    let app = serve(done).await;
    for target in ["http://10.0.0.7:3000/done", "https://evil.example/done"] {
        let mut request = delivery("/done", "");
        *request.uri_mut() = Uri::from_static(target);
        request.headers_mut().insert("x-forwarded-host".parse().unwrap(), "evil.example".parse().unwrap());
        assert_eq!(send(&app, request).await.status, StatusCode::OK);
    }

    let evil = sign(KEY, "https://evil.example/done", b"", now());
    let request = request("/done", &evil).insert_header(("host", "evil.example"));
    assert_eq!(send(&app, request.to_request()).await.status, StatusCode::FORBIDDEN);
}

#[actix_web::test]
async fn a_request_without_a_path_is_refused() {
    let app = serve(|routes| {
        routes.default_service(web::to(ok));
    });
    let mut request = delivery("/", "");
    *request.uri_mut() = Uri::from_static("api.example.com:443");
    assert_eq!(send(&app.await, request).await.status, StatusCode::FORBIDDEN);
}

#[actix_web::test]
async fn a_refusal_passes_through_the_middleware_outside() {
    let cors = DefaultHeaders::new().add(("access-control-allow-origin", "*"));
    let app = init_service(App::new().configure(done).wrap(middleware()).wrap(cors)).await;
    let answer = send(&app, unsigned("/done").to_request()).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.headers.get("access-control-allow-origin").unwrap(), "*");
}

#[actix_web::test]
async fn compression_of_responses_may_stand_on_either_side() {
    let compressed = || request("/done", &signature("/done", b"")).insert_header(("accept-encoding", "gzip"));

    let outside = init_service(App::new().configure(done).wrap(middleware()).wrap(Compress::default())).await;
    let answer = send(&outside, compressed().to_request()).await;
    assert_eq!((answer.status, &answer.body[..2]), (StatusCode::OK, &[31, 139][..]));

    let inside = init_service(App::new().configure(done).wrap(Compress::default()).wrap(middleware())).await;
    let answer = send(&inside, compressed().to_request()).await;
    assert_eq!((answer.status, &answer.body[..2]), (StatusCode::OK, &[31, 139][..]));
}

#[actix_web::test]
async fn path_normalisation_belongs_inside() {
    fn with_slash() -> Request {
        delivery("/done/", "")
    }

    let inside =
        init_service(App::new().configure(done).wrap(NormalizePath::trim()).wrap(middleware())).await;
    assert_eq!(send(&inside, with_slash()).await.status, StatusCode::OK);

    let outside =
        init_service(App::new().configure(done).wrap(middleware()).wrap(NormalizePath::trim())).await;
    log::start();
    let answer = send(&outside, with_slash()).await;
    assert!(matches!(answer.reason(), Some(VerifyError::Destination { .. })), "{answer:?}");
    let lines = log::take();
    assert!(lines[0].contains("path normalisation belongs inside"), "{lines:?}");

    // `//` is merged as well, whatever happens at the end.
    let merging = || NormalizePath::new(TrailingSlash::MergeOnly);
    let inside = init_service(App::new().configure(done).wrap(merging()).wrap(middleware())).await;
    assert_eq!(send(&inside, delivery("//done", "")).await.status, StatusCode::OK);
    let outside = init_service(App::new().configure(done).wrap(middleware()).wrap(merging())).await;
    assert_eq!(send(&outside, delivery("//done", "")).await.status, StatusCode::FORBIDDEN);
}
