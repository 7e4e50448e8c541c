//! Calls that the client has no method for.

use http::Request;
use qstash_client::Error;

use crate::support::{Script, TOKEN, interrupted, not_sent, ok, status, values};

#[tokio::test]
async fn a_call_without_a_method_goes_to_its_path_below_the_base_url_with_the_token() {
    let script = Script::new([status(404, "there is no such message")]);
    let client = script.behind(script.builder().base_url("https://gateway.example/qstash")).build().unwrap();
    let call = Request::put("/dev/a%2Fb?c=d").header("x-tenant", "42").body("{}".into()).unwrap();
    let answer = client.send(call).await.unwrap();

    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (404, &b"there is no such message"[..]));
    let request = script.request();
    assert_eq!(request.method(), "PUT");
    assert_eq!(request.uri(), "https://gateway.example/qstash/dev/a%2Fb?c=d");
    assert_eq!(&request.body()[..], b"{}");
    assert_eq!(values(request.headers(), "x-tenant"), ["42"]);
    assert_eq!(values(request.headers(), "authorization"), [format!("Bearer {TOKEN}")]);
}

#[tokio::test]
async fn nothing_is_known_of_such_a_call_so_it_is_never_repeated() {
    for failure in [not_sent, interrupted] {
        let script = Script::new([failure(), ok("")]);
        let call = Request::post("/dev/reset").body("{}".into()).unwrap();
        let error = script.client().send(call).await.unwrap_err();
        assert!(matches!(error, Error::Transport(_)), "{error}");
        assert_eq!(script.requests().len(), 1);
    }
}

#[tokio::test]
async fn the_token_goes_to_the_base_url_alone() {
    for uri in ["https://elsewhere.example/dev/clock", "elsewhere.example", "elsewhere.example:80", "*"] {
        let script = Script::default();
        let error = script.client().send(Request::get(uri).body("".into()).unwrap()).await.unwrap_err();
        assert!(matches!(error, Error::Input(_)), "{uri}: {error}");
        assert!(error.to_string().contains("must be a path"), "{uri}: {error}");
        assert!(script.requests().is_empty(), "{uri}");
    }
}
