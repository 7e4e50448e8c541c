//! What is refused, when, and what is said about it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::StatusCode,
    routing::{any, post},
};
use qstash_axum::{KeySet, Refusal, Rejection, SigningKey, Verifier, VerifyError, VerifySignature};
use qstash_verify::Diagnosis;
use testkit::{
    log,
    signing::{KEY, ORIGIN, forged_signature, keys, now, sign, signature, verifier},
};
use tokio::time::Instant;
use tracing::Level;

use crate::{
    receiver::{Answer, delivery, layer, request, send},
    scripted_body::ScriptedBody,
};

/// An app that nothing in this file may get into.
fn app() -> Router {
    app_with(layer())
}

fn app_with(layer: VerifySignature) -> Router {
    Router::new().route("/done", any(unreachable_handler)).layer(layer)
}

async fn unreachable_handler(request: Request) {
    panic!("{request:?} reached the handler");
}

/// An app whose verifier reads this many bytes.
fn limited(body_limit: usize) -> Router {
    app_with(VerifySignature::new(verifier().body_limit(body_limit).build().unwrap()))
}

async fn send_body(app: &Router, signature: &str, body: ScriptedBody) -> Answer {
    send(app, request("/done", signature).body(Body::new(body)).unwrap()).await
}

#[tokio::test]
async fn a_forged_request_is_refused_and_its_body_is_never_polled() {
    let body = ScriptedBody::endless().announcing(u64::MAX);
    let polls = body.polls();

    let answer = send_body(&app(), &forged_signature("/done", b""), body).await;

    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.reason(), Some(&VerifyError::UnknownKey));
    assert_eq!(polls.count(), 0);
}

#[tokio::test]
async fn an_expired_token_is_refused_before_the_body_is_read() {
    let body = ScriptedBody::endless();
    let polls = body.polls();
    let issued = now() - Duration::from_secs(342);

    let answer = send_body(&app(), &sign(KEY, &format!("{ORIGIN}/done"), b"", issued), body).await;

    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.reason(), Some(&VerifyError::Expired { by: Duration::from_secs(42) }));
    assert_eq!(polls.count(), 0);
}

#[tokio::test]
async fn a_token_for_another_url_is_refused_before_the_body_is_read() {
    for path in ["/failed", "/done/", "/done?a=1", "/Done", "/"] {
        let body = ScriptedBody::endless();
        let polls = body.polls();

        let answer = send_body(&app(), &signature(path, b""), body).await;

        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        let expected = VerifyError::Destination {
            expected: format!("{ORIGIN}/done"),
            subject: format!("{ORIGIN}{path}"),
        };
        assert_eq!(answer.reason(), Some(&expected));
        assert_eq!(polls.count(), 0);
    }
}

#[tokio::test]
async fn a_request_without_a_signature_is_refused() {
    let request = Request::post("/done").body(Body::from("{}")).unwrap();
    let answer = send(&app(), request).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.reason(), Some(&VerifyError::Missing));
}

#[tokio::test]
async fn two_signatures_are_refused_even_if_both_are_good() {
    let mut request = delivery("/done", "{}");
    let good = request.headers()["upstash-signature"].clone();
    request.headers_mut().append("upstash-signature", good);

    let answer = send(&app(), request).await;

    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.reason(), Some(&VerifyError::Repeated));
}

#[tokio::test]
async fn an_altered_body_is_refused_however_it_is_cut() {
    let altered = "transfer 9 to bob";
    for size in [1, 2, 5, altered.len()] {
        let body = ScriptedBody::chunked(altered, size);
        let answer = send_body(&app(), &signature("/done", b"transfer 1 to bob"), body).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert_eq!(answer.reason(), Some(&VerifyError::BodyMismatch { len: 17 }));
    }
}

#[tokio::test]
async fn a_content_length_above_the_limit_is_refused_before_the_body_is_read() {
    let body = ScriptedBody::endless();
    let polls = body.polls();
    let request = request("/done", &signature("/done", b"")).header("content-length", "1025");

    let answer = send(&limited(1024), request.body(Body::new(body)).unwrap()).await;

    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.reason(), Some(&VerifyError::BodyTooLarge { limit: 1024 }));
    assert_eq!(polls.count(), 0);
}

#[tokio::test]
async fn a_body_that_knows_that_it_is_above_the_limit_is_refused_before_it_is_read() {
    let body = ScriptedBody::endless().announcing(1025);
    let polls = body.polls();

    let answer = send_body(&limited(1024), &signature("/done", b""), body).await;

    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(polls.count(), 0);
}

#[tokio::test]
async fn a_body_that_never_ends_is_read_up_to_the_limit() {
    let body = ScriptedBody::endless();
    let polls = body.polls();

    let answer = send_body(&limited(4096), &signature("/done", b""), body).await;

    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.reason(), Some(&VerifyError::BodyTooLarge { limit: 4096 }));
    assert_eq!(polls.count(), 5);
}

#[tokio::test]
async fn a_content_length_that_lies_does_not_lift_the_limit() {
    let body = ScriptedBody::endless();
    let polls = body.polls();
    let request = request("/done", &signature("/done", b"")).header("content-length", "2");

    let answer = send(&limited(4096), request.body(Body::new(body)).unwrap()).await;

    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(polls.count(), 5);
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_is_read() {
    let layer = VerifySignature::new(verifier().body_limit(8).build().unwrap());
    let app = Router::new().route("/done", post(async |body: String| body)).layer(layer);
    let answer = send(&app, delivery("/done", "12345678")).await;
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"12345678"[..]));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_bad_request() {
    log::start();
    let body = ScriptedBody::broken("trans", "the connection was reset");

    let answer = send_body(&app(), &signature("/done", b"transfer 1 to bob"), body).await;

    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(matches!(answer.rejection, Some(Rejection(Refusal::BrokenBody(_)))));
    let lines = log::take();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].starts_with("WARN message=request refused reason=the body could not be read"),
        "{lines:?}"
    );
    assert!(lines[0].contains("reason=the connection was reset"), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_given_up_when_its_time_is_over() {
    let signature = signature("/done", b"transfer 1 to bob");
    let receiver =
        app_with(VerifySignature::new(verifier().body_timeout(Duration::from_secs(60)).build().unwrap()));
    let started = Instant::now();

    let body = ScriptedBody::chunked("transfer 1 to ", 3).then_nothing();
    let answer = send_body(&receiver, &signature, body).await;

    assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(answer.body, "body too slow");
    assert_eq!(answer.reason(), Some(&VerifyError::BodyTooSlow { timeout: Duration::from_secs(60) }));
    assert_eq!(started.elapsed().as_secs(), 60);

    // Unless set otherwise, longer than a token lives.
    let receiver = app_with(VerifySignature::new(verifier().build().unwrap()));
    let body = ScriptedBody::chunked("transfer 1 to ", 3).then_nothing();
    send_body(&receiver, &signature, body).await;
    assert_eq!(started.elapsed().as_secs(), 60 + 600);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_trickles_is_given_up_at_the_chunk_that_comes_too_late() {
    static SECOND: AtomicU64 = AtomicU64::new(0);
    // Each time that it is asked, a second has passed.
    let clock = || now() + Duration::from_secs(SECOND.fetch_add(1, Ordering::Relaxed));
    let receiver = app_with(VerifySignature::new(
        verifier().body_timeout(Duration::from_secs(60)).clock(clock).build().unwrap(),
    ));
    let body = ScriptedBody::endless();
    let polls = body.polls();

    let answer = send_body(&receiver, &signature("/done", b""), body).await;

    assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT);
    assert!((50..=62).contains(&polls.count()), "{} chunks", polls.count());
}

#[tokio::test]
async fn the_response_says_no_more_than_a_stranger_may_know() {
    let signed = |signature: &str| request("/done", signature);
    let cases = [
        (Request::post("/done"), "missing signature"),
        (signed("nonsense"), "invalid signature"),
        (signed(&forged_signature("/done", b"{}")), "invalid signature"),
        (signed(&signature("/admin?token=secret", b"{}")), "invalid signature"),
        (signed(&signature("/done", b"[]")), "invalid signature"),
        (signed(&signature("/done", b"{}")).header("content-length", "9999999999"), "body too large"),
    ];
    for (request, text) in cases {
        let answer = send(&app(), request.body(Body::from("{}")).unwrap()).await;
        assert_eq!(answer.body, text);
        assert_eq!(answer.response.headers()["content-type"], "text/plain; charset=utf-8");
        assert_eq!(answer.response.headers().len(), 2, "{:?}", answer.response);
    }
}

#[tokio::test]
async fn a_refusal_of_what_a_known_key_signed_is_always_a_warning() {
    log::start();
    log::listen_at(Level::INFO);
    let app = app();
    for _ in 0..3 {
        let request = request("/done", &signature("/done", b"[]"));
        send(&app, request.body(Body::from("{}")).unwrap()).await;
    }
    let line =
        "WARN message=request refused reason=the body of 2 bytes is not the signed one, its digest differs";
    let lines = log::take();
    assert_eq!(lines.len(), 3);
    for told in lines {
        assert!(
            told.starts_with(line) && told.contains(" likely_cause=") && told.ends_with(" suppressed=0"),
            "{told}"
        );
    }
}

#[tokio::test]
async fn refusals_of_strangers_are_a_warning_once_a_minute() {
    static SECOND: AtomicU64 = AtomicU64::new(0);
    log::start();
    let clock = || now() + Duration::from_secs(SECOND.load(Ordering::Relaxed));
    let app = app_with(VerifySignature::new(verifier().clock(clock).build().unwrap()));
    for second in [0, 1, 59, 60] {
        SECOND.store(second, Ordering::Relaxed);
        let request = request("/done", &forged_signature("/done", b"{}"));
        send(&app, request.body(Body::from("{}")).unwrap()).await;
    }
    let line = format!(
        "message=request refused reason={} likely_cause={} help=errors.md#unknown-key method=POST path=/done",
        VerifyError::UnknownKey,
        Diagnosis::OtherAccount
    );
    assert_eq!(
        log::take(),
        [
            format!("WARN {line} suppressed=0"),
            format!("DEBUG {line}"),
            format!("DEBUG {line}"),
            format!("WARN {line} suppressed=2"),
        ],
    );
}

#[tokio::test]
async fn a_missing_signature_is_only_worth_a_debug_event() {
    log::start();
    send(&app(), Request::post("/done").body(Body::empty()).unwrap()).await;
    assert_eq!(
        log::take(),
        [format!(
            "DEBUG message=request refused reason={} help=errors.md#no-signature method=POST path=/done",
            VerifyError::Missing
        )],
    );
}

#[tokio::test]
async fn no_four_characters_of_a_token_or_a_key_are_logged_or_answered() {
    // Nothing of it stands in any name or sentence.
    const SECRET: &str = "Zq7Xw9Kv2Jx4Qz8Wk3Vj6Xq5Zw1Kq";
    log::start();
    let key = format!("sig_{SECRET}");
    let keys = KeySet::new([("current", SigningKey::new(&key).unwrap())]);
    let verifier = Verifier::builder(keys).origin(ORIGIN).clock(now).build().unwrap();
    let app = app_with(VerifySignature::new(verifier));
    let tokens = [
        forged_signature("/done", b"{}"),
        sign(&key, &format!("{ORIGIN}/done"), b"[]", now()),
        sign(&key, &format!("{ORIGIN}/elsewhere?qstash_token={SECRET}"), b"{}", now()),
        sign(&key, &format!("{ORIGIN}/done"), b"{}", now() - Duration::from_secs(3600)),
        format!("Bearer {}", sign(&key, &format!("{ORIGIN}/done"), b"{}", now())),
        key,
    ];
    for token in &tokens {
        let request = request("/done", token).body(Body::from("{}")).unwrap();
        let answer = send(&app, request).await;
        let text = format!("{:?} {:?}", log::take(), answer);
        assert!(text.contains("request refused"), "{text}");
        // The first segment is the same for all tokens.
        for secret in token.split('.').skip(usize::from(token.contains('.'))).chain([SECRET]) {
            assert_eq!(log::leak(&text, secret.trim_start_matches("sig_")), None, "{text}");
        }
    }
}

#[test]
fn a_verifier_without_an_origin_is_worth_one_warning() {
    log::start();
    let layer = VerifySignature::new(Verifier::builder(keys()).build().unwrap());
    let _app =
        app_with(layer.clone()).merge(Router::new().route("/failed", any(unreachable_handler)).layer(layer));
    let lines = log::take();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("WARN message=no origin is set"), "{lines:?}");

    VerifySignature::new(Verifier::builder(keys()).origin(ORIGIN).build().unwrap());
    VerifySignature::new(Verifier::builder(keys()).exact_url(ORIGIN).build().unwrap());
    assert_eq!(log::take(), [""; 0]);
}

#[test]
fn doubts_about_the_environment_are_logged_once() {
    log::start();
    let verifier = Verifier::from_vars(|name| match name {
        "QSTASH_CURRENT_SIGNING_KEY" | "QSTASH_NEXT_SIGNING_KEY" => Some(KEY.to_owned()),
        "QSTASH_REGION" => Some("MARS_NORTH_9".to_owned()),
        "QSTASH_RECEIVER_URL" => Some(ORIGIN.to_owned()),
        _ => None,
    });

    let layer = VerifySignature::new(verifier.unwrap());
    let _app =
        app_with(layer.clone()).merge(Router::new().route("/failed", any(unreachable_handler)).layer(layer));

    let lines = log::take();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("WARN message=QSTASH_REGION"), "{lines:?}");
}

#[tokio::test]
async fn a_refusal_is_logged_with_its_likely_cause_at_its_own_level() {
    log::start();
    log::listen_at(Level::WARN);
    let good = signature("/done", b"{}");
    let re_serialised = || request("/done", &signature("/done", b"{\"a\": 1}")).body(Body::from("{\"a\":1}"));
    let cases = [
        (request("/done", &format!("Bearer {good}")).body(Body::from("{}")), "starts with `Bearer`"),
        (request("/done", &signature("/v1/done", b"")).body(Body::empty()), "`public_prefix`"),
        (re_serialised(), "parsed and written again"),
    ];
    let app = app();
    for (request, cause) in cases {
        send(&app, request.unwrap()).await;
        let lines = log::take();
        assert_eq!(lines.len(), 1, "{lines:?}");
        let (_, told) = lines[0].split_once(" likely_cause=").unwrap();
        assert!(told.contains(cause), "{lines:?}");
    }
}

#[tokio::test]
async fn a_refusal_names_the_request_without_its_query() {
    log::start();
    let request = request("/a%0Ab?token=secret", &signature("/done", b""))
        .header("upstash-message-id", "msg_1")
        .body(Body::empty());
    send(&app(), request.unwrap()).await;

    let lines = log::take();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains(" method=POST path=/a%0Ab message_id=msg_1 suppressed=0"), "{lines:?}");
    assert!(!lines[0].contains('\n'), "{lines:?}");

    // What a stranger writes does not fill the log.
    let request = Request::post("/a").header("upstash-message-id", "m".repeat(5_000)).body(Body::empty());
    send(&app(), request.unwrap()).await;

    let lines = log::take();
    assert!(lines[0].len() < 500 && lines[0].ends_with("mmm…"), "{lines:?}");
}
