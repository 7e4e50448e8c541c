//! A server without a network, which answers as the description says, and notes what the client turns out to support.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    iter,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header::CONTENT_TYPE};
use qstash_client::{Client, RetryPolicy};
use serde_json::{Value, json};

use crate::{
    calls::{Call, Failure},
    description::{Answer, Description, Operation},
};

pub(crate) struct Server {
    /// With the answers that each has.
    operations: Vec<(Operation, Vec<Answer>)>,
    facts: Mutex<BTreeSet<String>>,
}

impl Server {
    pub(crate) fn new(description: &'static Description) -> Arc<Self> {
        let operations = description.operations().into_iter();
        let operations = operations.map(|operation| (operation.answers(), operation));
        let operations = operations.map(|(answers, operation)| (operation, answers)).collect();
        Arc::new(Self { operations, facts: Mutex::default() })
    }

    /// How often each call has to be watched until it has got every answer.
    pub(crate) fn rounds(&self) -> usize {
        self.operations.iter().map(|(_, answers)| answers.len()).max().unwrap()
    }

    pub(crate) fn facts(&self) -> BTreeSet<String> {
        self.facts.lock().unwrap().clone()
    }

    /// Lets the client make a call, and notes what was sent last and what came out.
    pub(crate) async fn watch(self: &Arc<Self>, round: usize, call: Call) {
        let last = Arc::<Mutex<Option<Request<Bytes>>>>::default();
        let (server, seen) = (self.clone(), last.clone());
        let transport = tower::service_fn(move |request: Request<Bytes>| {
            let answer = server.answer(round, &request).map(|(_, answer)| response(answer));
            *seen.lock().unwrap() = Some(request);
            // The client knows another way to do it when the one that it has tried is not described.
            let answer = answer.unwrap_or_else(|| empty(StatusCode::METHOD_NOT_ALLOWED));
            async { Ok::<_, Infallible>(answer) }
        });
        let builder = Client::builder().base_url("https://qstash.example").token("token-of-a-test");
        let client = builder.retry(RetryPolicy::never()).transport(transport).build().unwrap();
        let result = call(client).await;

        let request = last.lock().unwrap().take().unwrap();
        let (operation, answer) = self.answer(round, &request).unwrap_or_else(|| {
            panic!("{} {} is not in the description", request.method(), request.uri().path())
        });
        let mut facts = self.facts.lock().unwrap();
        facts.extend(sent(operation, &request));
        facts.extend(read(operation, answer, result));
    }

    /// The operation that a request is for, and its answer in this round.
    fn answer(&self, round: usize, request: &Request<Bytes>) -> Option<(&Operation, &Answer)> {
        let (method, path) = (request.method().as_str(), request.uri().path());
        let (operation, answers) =
            self.operations.iter().find(|(operation, _)| operation.is(method, path))?;
        Some((operation, &answers[round % answers.len()]))
    }
}

fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

fn response(answer: &Answer) -> Response<Bytes> {
    let body = answer.body.as_ref().map(|body| body.to_string().into()).unwrap_or_default();
    empty(answer.status).map(|_: Bytes| body)
}

/// What a request shows that the client can send.
fn sent(operation: &Operation, request: &Request<Bytes>) -> Vec<String> {
    let query = request.uri().query().unwrap_or_default();
    let query: Vec<_> = query.split('&').filter_map(|pair| Some(pair.split_once('=')?.0)).collect();
    let is_sent = |(place, name): &(&str, &str)| match (*place, name.strip_suffix('*')) {
        ("path", _) => true,
        ("query", _) => query.contains(name),
        ("header", None) => request.headers().contains_key(*name),
        ("header", Some(prefix)) => request.headers().keys().any(|header| {
            let rest = header.as_str().strip_prefix(&prefix.to_lowercase());
            rest.is_some_and(|rest| prefix.contains("Forward") || !rest.starts_with("forward"))
        }),
        (place, _) => panic!("{place} is no place for a parameter"),
    };
    let parameters =
        operation.parameters().filter(is_sent).map(|parameter| operation.parameter_fact(parameter));

    let media_type = request.headers().get(CONTENT_TYPE).map_or("", |value| value.to_str().unwrap());
    let body = serde_json::from_slice::<Value>(request.body()).ok();
    let has =
        |field: &str| field.is_empty() || body.as_ref().is_some_and(|body| body.pointer(field).is_some());
    let fields = operation.request_fields();
    let fields = fields.filter(|(described, field)| media_type.starts_with(described) && has(field));
    parameters.chain(fields.map(|(media_type, field)| operation.request_fact(media_type, &field))).collect()
}

/// What an answer shows that the client can read.
fn read(operation: &Operation, answer: &Answer, result: Result<Value, Failure>) -> Vec<String> {
    let read = match result {
        Ok(read) if answer.status.is_success() => read,
        // Of dead letters that are tried again by their ids, those that are gone are passed over.
        Ok(_) if operation.name == "POST /v2/dlq/retry" && answer.status == StatusCode::NOT_FOUND => {
            json!({})
        }
        Err(failure) if failure.status == Some(answer.status) => json!({ "error": failure.message }),
        other => panic!("{} answered {}: {other:?}", operation.name, answer.status),
    };
    let fields = operation.answer_fields().filter(|(status, _)| *status == answer.status);
    let fields = fields.flat_map(|(status, fields)| iter::repeat(status).zip(fields));
    let is_read = |field: &str| match &answer.body {
        Some(body) => body.pointer(field).is_some_and(|value| read.pointer(field) == Some(value)),
        None => true,
    };
    fields
        .filter(|(_, field)| is_read(field))
        .map(|(status, field)| operation.answer_fact(status, &field))
        .collect()
}
