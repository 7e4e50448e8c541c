//! A server that repeats the token in its answers does not get it into an error.

use qstash_client::RetryPolicy;
use serde_json::{Value, json};

use crate::{
    support::{Script, TOKEN, ok, status},
    verbs,
};

/// The same document with another value in each of its places.
fn filled(document: Value, value: &Value) -> Value {
    match document {
        Value::Array(list) if !list.is_empty() => list.into_iter().map(|item| filled(item, value)).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, field)| (name, filled(field, value))).collect()
        }
        _ => value.clone(),
    }
}

/// Answers that hold the token, each with its status.
fn answers(usual: &str) -> Vec<(u16, String)> {
    let mut answers = Vec::new();
    for code in [400, 401, 404, 429, 500] {
        answers.push((code, json!({ "error": format!("no such token: {TOKEN}.") }).to_string()));
        answers.push((code, format!("<html><h1>Authorization: Bearer {TOKEN}</h1></html>")));
        answers.push((code, format!("{}{TOKEN}", "x".repeat(990))));
        answers.push((code, format!("https://gateway.example/?token={}", percent(TOKEN))));
    }
    let usual: Value = serde_json::from_str(usual).unwrap_or_default();
    for value in [json!(TOKEN), json!([[TOKEN]]), json!({ TOKEN: TOKEN })] {
        answers.push((200, filled(usual.clone(), &value).to_string()));
        answers.push((200, value.to_string()));
    }
    answers.push((200, json!([{ "error": format!("{TOKEN} is wrong") }]).to_string()));
    answers
}

fn percent(text: &str) -> String {
    qstash_client::types::percent::encode(text).into_owned()
}

/// [`verbs::Failure`] looks into every error for the token.
#[tokio::test]
async fn an_answer_that_repeats_the_token_does_not_get_it_into_the_text_of_an_error() {
    for verb in verbs::all() {
        for (code, body) in answers(verb.answer) {
            let server = Script::new([status(code, body.leak()), ok("")]);
            let client = server.builder().retry(RetryPolicy::never()).build().unwrap();
            let _ = (verb.call)(client).await;
        }
    }
}

#[tokio::test]
async fn the_rest_of_such_an_answer_can_be_read() {
    let server = Script::new([status(400, format!(r#"{{"error":"no such token: {TOKEN}."}}"#).leak())]);
    let error = server.client().queue("q").pause().await.unwrap_err();
    assert_eq!(error.to_string(), "QStash answered 400 Bad Request: no such token: [token].");
}
