//! Whether base URL, token and region fit.

use bytes::Bytes;
use http::{Request, Response};
use qstash_client::{Client, RetryPolicy, error::CheckError, types::Region};

use crate::support::{Answer, Script, not_sent, ok, status};

const KEYS: &str = r#"{"current":"sig_1","next":"sig_2"}"#;

fn check(answer: Answer) -> (Script, Client) {
    let server = Script::new([answer]);
    let client = server.builder().retry(RetryPolicy::never()).build().unwrap();
    (server, client)
}

#[tokio::test]
async fn a_server_that_shows_its_keys_is_the_right_one() {
    let (server, client) = check(ok(KEYS));
    client.check().await.unwrap();
    let request = server.request();
    assert_eq!(request.method(), http::Method::GET);
    assert_eq!(request.uri().path(), "/v2/keys");
}

#[tokio::test]
async fn what_does_not_fit_is_named() {
    type Expected = fn(&CheckError) -> bool;
    let cases: [(Answer, Expected); 8] = [
        (not_sent(), |error| matches!(error, CheckError::Url(_))),
        (status(404, "<html>"), |error| matches!(error, CheckError::Url(_))),
        (status(301, ""), |error| matches!(error, CheckError::Url(_))),
        (ok("<html>welcome</html>"), |error| matches!(error, CheckError::Url(_))),
        (status(401, r#"{"error":"unauthorized"}"#), |error| matches!(error, CheckError::Token(_))),
        (status(403, ""), |error| matches!(error, CheckError::Token(_))),
        (status(429, ""), |error| matches!(error, CheckError::Unavailable(_))),
        (status(503, ""), |error| matches!(error, CheckError::Unavailable(_))),
    ];
    for (answer, expected) in cases {
        let (server, client) = check(answer);
        let error = client.check().await.unwrap_err();
        assert!(expected(&error), "{error:?}");
        assert_eq!(server.requests().len(), 1, "a server of one's own has no other regions");
    }
}

/// QStash, where the token belongs to one region.
fn cloud(home: &'static str) -> qstash_client::ClientBuilder {
    Client::builder().token("t").transport(tower::service_fn(move |request: Request<Bytes>| async move {
        let mut response = Response::new(Bytes::from_static(KEYS.as_bytes()));
        if request.uri().host() != Some(home) {
            *response.status_mut() = http::StatusCode::UNAUTHORIZED;
        }
        Ok::<_, std::io::Error>(response)
    }))
}

#[tokio::test]
async fn a_token_of_another_region_is_told_from_a_wrong_one() {
    let american = || cloud("qstash-us-east-1.upstash.io");
    american().region(Region::UsEast1).build().unwrap().check().await.unwrap();
    for client in [american(), american().region(Region::EuCentral1)] {
        let error = client.build().unwrap().check().await.unwrap_err();
        assert!(matches!(error, CheckError::Region { belongs_to: Region::UsEast1 }), "{error:?}");
        assert!(error.to_string().contains("US_EAST_1"), "{error}");
    }
    let error = cloud("nowhere").build().unwrap().check().await.unwrap_err();
    assert!(matches!(error, CheckError::Token(_)), "{error:?}");
}
