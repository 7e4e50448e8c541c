//! Callbacks in an AWS Lambda function, behind an HTTP API of API Gateway or a function URL.
//!
//! ```text
//! cargo run -p example-aws-lambda
//! ```
//!
//! Outside of Lambda this answers the recorded events in `events/`; there it answers those that come. `Verifier::from_env` reads
//! `QSTASH_CURRENT_SIGNING_KEY`, `QSTASH_NEXT_SIGNING_KEY` and `QSTASH_RECEIVER_URL`, the URL of the API or of the function.
//!
//! **Only events of format 2.0 will do.** The URL is signed as it was called, and they hold its query as it arrived. Events of REST APIs and of
//! load balancers hold the query taken apart, and what is put together again is not always what was signed: `a=1+2` and `a=1%202`
//! look the same. The feature `apigw_http` alone refuses these events.

#![expect(clippy::print_stdout, reason = "an example talks to the person who runs it")]

use std::{env, time::Duration};

use axum::{Router, routing::post};
use lambda_http::{Error, request};
use qstash_axum::{Callback, HandlerError, KeySet, Outcome, Signed, SigningKey, Verifier, VerifySignature};
use tower::ServiceExt;

const EVENTS: [(&str, &str); 3] = [
    ("HTTP API", include_str!("../events/http-api.json")),
    ("function URL, body in base64", include_str!("../events/function-url.json")),
    ("another query than the signed one", include_str!("../events/other-query.json")),
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    if env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() {
        return lambda_http::run(app(Verifier::from_env()?)).await;
    }
    for (name, status) in replay().await? {
        println!("{name}: {status}");
    }
    Ok(())
}

fn app(verifier: Verifier) -> Router {
    Router::new().route("/callback", post(callback)).layer(VerifySignature::new(verifier))
}

async fn callback(Signed(callback): Signed<Callback>) -> Result<Outcome, HandlerError> {
    println!("status {}: {}", callback.status(), callback.text()?);
    Ok(Outcome::done())
}

/// The events were signed with this key, at a time at which the clock of the verifier stands still.
async fn replay() -> Result<Vec<(&'static str, u16)>, Error> {
    let keys = KeySet::new([("recorded", SigningKey::new("sig_recorded")?)]);
    let verifier = Verifier::builder(keys)
        .origin("https://abcdefghij.execute-api.eu-central-1.amazonaws.com")
        .clock(|| std::time::UNIX_EPOCH + Duration::from_secs(1_790_000_000))
        .build()?;
    let mut answers = Vec::new();
    for (name, event) in EVENTS {
        let answer = app(verifier.clone()).oneshot(request::from_str(event)?).await?;
        answers.push((name, answer.status().as_u16()));
    }
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn recorded_events_are_answered() {
        let statuses: Vec<u16> = replay().await.unwrap().into_iter().map(|(_, status)| status).collect();
        assert_eq!(statuses, [200, 200, 403]);
    }

    #[test]
    fn events_that_do_not_keep_the_query_are_no_requests() {
        let event = r#"{"resource": "/callback", "path": "/callback", "httpMethod": "POST", "headers": {},
            "requestContext": {"httpMethod": "POST", "stage": "prod"}, "isBase64Encoded": false}"#;
        assert!(request::from_str(event).is_err());
    }
}
