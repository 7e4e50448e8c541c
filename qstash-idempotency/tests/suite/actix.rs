//! The same behaviour in actix-web, as far as it is not the core's.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use actix_web::{
    App, HttpRequest, HttpResponse,
    body::{BoxBody, MessageBody, to_bytes},
    dev::{Service, ServiceResponse},
    error::ErrorInternalServerError,
    test::{TestRequest, init_service},
    web,
};
use bytes::Bytes;
use futures_util::{FutureExt, stream};
use qstash_actix::VerifySignature;
use qstash_idempotency::{Claim, Idempotent, MemoryStore, Store};

use crate::{
    deliveries::{Attempt, verifier},
    stores::{Fault, FaultyStore, Kind, store},
};

type Handler =
    fn(u32) -> futures_util::future::LocalBoxFuture<'static, Result<HttpResponse, actix_web::Error>>;

/// A service with one handler, which is told how many calls came before.
async fn app<S: Store>(
    idempotent: Idempotent<S>,
    handler: Handler,
) -> (
    impl Service<actix_http::Request, Response = ServiceResponse<impl MessageBody>, Error = actix_web::Error>,
    Arc<AtomicU32>,
) {
    let calls = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&calls);
    let route = web::route().to(move || handler(counter.fetch_add(1, Ordering::SeqCst)));
    let app = App::new().route("/hook", route).wrap(idempotent).wrap(VerifySignature::new(verifier()));
    (init_service(app).await, calls)
}

fn request(attempt: &Attempt) -> actix_http::Request {
    let request = TestRequest::post().uri(attempt.path).set_payload(attempt.body.clone());
    attempt.headers().fold(request, TestRequest::append_header).to_request()
}

struct Answered {
    status: u16,
    body: Bytes,
    replayed: bool,
    not_kept: bool,
    retry_after: Option<String>,
}

async fn read(response: ServiceResponse<impl MessageBody>) -> Answered {
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (status, retry_after) = (response.status().as_u16(), header("retry-after"));
    let (replayed, not_kept) = (header("idempotent-replayed").is_some(), header("idempotent-body").is_some());
    let body = to_bytes(response.into_body()).await.unwrap_or_default();
    Answered { status, body, replayed, not_kept, retry_after }
}

macro_rules! send {
    ($app:expr, $attempt:expr) => {
        read($app.call(request($attempt)).await.unwrap()).await
    };
}

#[actix_web::test]
async fn a_delivery_that_was_handled_is_answered_with_the_first_answer() {
    let (app, calls) = app(Idempotent::new(store()), |call| {
        async move { Ok(HttpResponse::Created().append_header(("x-call", "1")).body(format!("call {call}"))) }
            .boxed_local()
    })
    .await;
    let first = Attempt::new("msg_1", "{}");
    let answered = send!(app, &first);
    assert_eq!((answered.status, &*answered.body, answered.replayed), (201, &b"call 0"[..], false));
    let again = app.call(request(&first.next())).await.unwrap();
    assert_eq!(again.headers().get("x-call").unwrap(), "1");
    let again = read(again).await;
    assert_eq!((again.status, &*again.body, again.replayed), (201, &b"call 0"[..], true));
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[actix_web::test]
async fn failures_of_every_kind_let_the_next_attempt_run() {
    let (app, calls) = app(Idempotent::new(store()).wait(Duration::ZERO), |call| {
        async move {
            match call {
                0 => Ok(HttpResponse::InternalServerError().finish()),
                1 => Err(ErrorInternalServerError("an error")),
                2 => Ok(HttpResponse::Ok().streaming(stream::iter([
                    Ok(Bytes::from_static(b"begun")),
                    Err(std::io::Error::other("broken")),
                ]))),
                _ => Ok(HttpResponse::Ok().finish()),
            }
        }
        .boxed_local()
    })
    .await;
    let first = Attempt::new("msg_1", "{}");
    for status in [500, 500, 200, 200] {
        let answered = match app.call(request(&first.next())).await {
            Ok(response) => read(response).await.status,
            Err(error) => error.as_response_error().status_code().as_u16(),
        };
        assert_eq!(answered, status);
    }
    assert_eq!(calls.load(Ordering::SeqCst), 4);
    assert!(send!(app, &first.next()).replayed);
}

#[actix_web::test]
async fn a_caller_that_hangs_up_lets_the_next_attempt_run_at_once() {
    let (app, calls) = app(Idempotent::new(store()).wait(Duration::ZERO), |call| {
        async move {
            if call == 0 {
                pending::<()>().await;
            }
            Ok(HttpResponse::Ok().finish())
        }
        .boxed_local()
    })
    .await;
    let first = Attempt::new("msg_1", "{}");
    let mut hanging = Box::pin(app.call(request(&first)));
    while calls.load(Ordering::SeqCst) == 0 {
        assert!((&mut hanging).now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    let busy = send!(app, &first.next());
    assert_eq!((busy.status, busy.retry_after.as_deref()), (503, Some("149")));
    drop(hanging);
    tokio::task::yield_now().await;
    assert_eq!(send!(app, &first.next()).status, 200);
}

#[actix_web::test]
async fn a_handler_may_outlive_its_caller() {
    let (app, calls) = app(Idempotent::new(store()).ignore_hang_up(), |_| {
        async move {
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            Ok(HttpResponse::Ok().body("late"))
        }
        .boxed_local()
    })
    .await;
    let first = Attempt::new("msg_1", "{}");
    let mut hanging = Box::pin(app.call(request(&first)));
    while calls.load(Ordering::SeqCst) == 0 {
        assert!((&mut hanging).now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    drop(hanging);
    let again = send!(app, &first.next());
    assert_eq!((again.status, &*again.body, again.replayed), (200, &b"late"[..], true));
}

#[actix_web::test]
async fn a_large_answer_reaches_its_caller_whole_and_is_named_as_missing_later() {
    let (app, _) = app(Idempotent::new(store()).answer_limit(50), |_| {
        async move {
            let chunks = (0..100).map(|number| Ok::<_, std::io::Error>(Bytes::from(format!("{number:02}"))));
            Ok(HttpResponse::Ok().streaming(stream::iter(chunks)))
        }
        .boxed_local()
    })
    .await;
    let first = Attempt::new("msg_1", "{}");
    assert_eq!(send!(app, &first).body.len(), 200);
    let again = send!(app, &first.next());
    assert!(again.replayed && again.not_kept);
}

#[actix_web::test]
async fn without_a_store_no_handler_runs() {
    let faulty = FaultyStore::new();
    faulty.set(&[(Kind::Claim, Fault::Fails)]);
    let (app, calls) =
        app(Idempotent::new(faulty), |_| async { Ok(HttpResponse::Ok().finish()) }.boxed_local()).await;
    let answered = send!(app, &Attempt::new("msg_1", "{}"));
    assert_eq!((answered.status, answered.retry_after), (503, None));
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}

#[actix_web::test]
async fn a_replay_and_a_missing_id_are_refused() {
    let (app, _) =
        app(Idempotent::new(store()), |_| async { Ok(HttpResponse::Ok().finish()) }.boxed_local()).await;
    let first = Attempt::new("msg_1", "{}");
    assert_eq!(send!(app, &first).status, 200);
    assert_eq!(send!(app, &first.with_ids(&["msg_2"])).status, 403);
    assert_eq!(send!(app, &first.next().with_ids(&[])).status, 400);
    assert_eq!(send!(app, &first.next().with_ids(&["msg_1", "msg_1"])).status, 400);
}

#[actix_web::test]
async fn a_handler_takes_its_claim_and_an_unverified_route_says_what_is_missing() {
    async fn handler(claim: Claim<MemoryStore>, _request: HttpRequest) -> HttpResponse {
        HttpResponse::Ok().body(format!("{}", claim.fence().is_some()))
    }
    let verified = App::new()
        .route("/hook", web::post().to(handler))
        .wrap(Idempotent::new(store()))
        .wrap(VerifySignature::new(verifier()));
    let verified = init_service(verified).await;
    assert_eq!(&*send!(verified, &Attempt::new("msg_1", "{}")).body, b"true");

    let unverified = App::new().route("/hook", web::post().to(handler)).wrap(Idempotent::new(store()));
    let unverified = init_service(unverified).await;
    assert_eq!(send!(unverified, &Attempt::new("msg_1", "{}")).status, 500);

    let without = init_service(App::new().route("/hook", web::post().to(handler))).await;
    let answered: ServiceResponse<BoxBody> =
        without.call(request(&Attempt::new("msg_1", "{}"))).await.unwrap();
    assert_eq!(answered.status().as_u16(), 500);
}
