//! What the official SDKs send for the same messages, as `conformance/record` wrote it down, means what ours means.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use qstash_client::{
    CallbackTarget, Message,
    types::{FlowLimits, Redaction},
};
use qstash_types::DeliveryOptions;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::support::{ACCEPTED, Script, ok};

/// Every difference there is: whose, of which header, what we send, what they send, and why. An empty text stands for
/// nothing. A message that an SDK cannot send has its own name in place of a header's.
const DIFFERENCES: [(&str, &str, &str, &str, &str); 8] = [
    ("javascript", "upstash-method", "", "POST", "it names the default"),
    ("javascript", "content-type", "", "text/plain;charset=UTF-8", "its HTTP client adds it to a text"),
    ("javascript", "content-type", "", "application/json", "it says so of a schedule that says nothing else"),
    ("javascript", "upstash-deduplication-id", A_FRESH_ID, "", REPEATABLE),
    ("javascript", "upstash-schedule-id", A_FRESH_ID, "", REPEATABLE),
    ("python", "upstash-deduplication-id", A_FRESH_ID, "", REPEATABLE),
    ("python", "upstash-schedule-id", A_FRESH_ID, "", REPEATABLE),
    ("python", "all headers forwarded", "sent", "", "it has no word for this"),
];

const A_FRESH_ID: &str = "a fresh id";
const REPEATABLE: &str = "a call of ours whose answer is lost can be repeated";

/// One message as it was sent.
struct Sent {
    /// The path, with the destination and its query.
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

/// A request as it was written down.
#[derive(Deserialize)]
struct Recorded {
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    body: String,
}

/// A message in a batch.
#[derive(Deserialize)]
struct Item {
    destination: String,
    headers: BTreeMap<String, String>,
    body: String,
    queue: Option<String>,
}

impl Sent {
    /// A request, or the only message in it if it is a batch.
    fn new(path: String, headers: HeaderMap, body: Bytes) -> Self {
        if path != "/v2/batch" {
            return Self { path, headers, body };
        }
        let [item]: [Item; 1] = serde_json::from_slice(&body).unwrap();
        let path = match item.queue {
            Some(queue) => format!("batch, {queue}, {}", item.destination),
            None => format!("batch, {}", item.destination),
        };
        Self { path, headers: header_map(&item.headers), body: item.body.into() }
    }

    /// What the headers mean: read and written again, and those that are nobody's options as they are.
    fn meaning(&self) -> BTreeMap<String, String> {
        let options = DeliveryOptions::from_headers(&self.headers).unwrap();
        let mut meaning = texts(&self.headers);
        meaning.extend(texts(&options.to_headers().unwrap()));
        meaning.insert("path".to_owned(), self.path.clone());
        let body = match serde_json::from_slice::<Value>(&self.body) {
            Ok(json) => json.to_string(),
            Err(_) => String::from_utf8(self.body.to_vec()).unwrap(),
        };
        meaning.insert("body".to_owned(), body);
        meaning
    }
}

fn texts(headers: &HeaderMap) -> BTreeMap<String, String> {
    let texts = headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    texts.collect()
}

fn header_map(headers: &BTreeMap<String, String>) -> HeaderMap {
    headers
        .iter()
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap()))
        .collect()
}

fn read<T: for<'a> Deserialize<'a>>(name: &str) -> T {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../conformance/");
    serde_json::from_slice(&fs::read(format!("{folder}{name}")).unwrap()).unwrap()
}

fn seconds(value: &Value) -> Duration {
    Duration::from_secs(value.as_u64().unwrap())
}

fn number<T: TryFrom<u64, Error: std::fmt::Debug>>(value: &Value) -> T {
    value.as_u64().unwrap().try_into().unwrap()
}

/// A message of ours with these values.
fn message(values: &Map<String, Value>) -> Message {
    let url = values.get("url").map_or("https://example.com/hook", |url| url.as_str().unwrap());
    let start = match values.get("urlGroup") {
        Some(group) => Message::to_url_group(group.as_str().unwrap()),
        None => Message::to(url),
    };
    values.iter().fold(start, |message, (name, value)| {
        let text = value.as_str().unwrap_or_default();
        match name.as_str() {
            "json" => message.json(value),
            "body" => message.body(text.to_owned()),
            "contentType" => message.content_type(text),
            "method" => message.method(text.parse().unwrap()),
            "forward" => entries(value).fold(message, |message, (name, value)| message.forward(name, value)),
            "forwardAllHeaders" => message.forward_all_headers(),
            "delay" => message.delay(seconds(value)),
            "notBefore" => message.not_before(SystemTime::UNIX_EPOCH + seconds(value)),
            "timeout" => message.timeout(seconds(value)),
            "retries" => message.retries(number(value)),
            "retryDelay" => message.retry_delay(text),
            "callback" => message.callback(target(value)),
            "failureCallback" => message.failure_callback(target(value)),
            "deduplicationId" => message.deduplication_id(text),
            "contentBasedDeduplication" => message.deduplicate_by_content(),
            "flowControl" => message.flow_control(value["key"].as_str().unwrap(), limits(value)),
            "labels" => {
                let labels = value.as_array().unwrap().iter();
                labels.fold(message, |message, label| message.label(label.as_str().unwrap()))
            }
            "redact" => message.redact(redaction(value)),
            "queue" => message.in_queue(text),
            "url" | "urlGroup" | "verb" | "cron" | "scheduleId" => message,
            unknown => panic!("{unknown}: unknown here"),
        }
    })
}

fn entries(object: &Value) -> impl Iterator<Item = (&str, &str)> {
    object.as_object().unwrap().iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
}

fn target(value: &Value) -> CallbackTarget {
    let settings: BTreeMap<_, _> =
        value.get("settings").map(|value| entries(value).collect()).unwrap_or_default();
    let target = CallbackTarget::to(value["url"].as_str().unwrap());
    settings.iter().fold(target, |target, (&name, &text)| match name {
        "Method" => target.method(text.parse().unwrap()),
        "Timeout" => target.timeout(qstash_types::duration::parse(text).unwrap()),
        "Retries" => target.retries(text.parse().unwrap()),
        "Retry-Delay" => target.retry_delay(text),
        "Flow-Control-Key" => {
            target.flow_control(text, settings["Flow-Control-Value"].parse::<FlowLimits>().unwrap())
        }
        "Flow-Control-Value" => target,
        name => target.forward(name.strip_prefix("Forward-").unwrap(), text),
    })
}

fn limits(value: &Value) -> FlowLimits {
    let fields = value.as_object().unwrap().iter();
    fields.fold(FlowLimits::default(), |limits, (name, value)| match name.as_str() {
        "parallelism" => limits.parallelism(number(value)),
        "rate" => limits.rate(number(value)),
        "period" => limits.period(seconds(value)),
        _ => limits,
    })
}

fn redaction(value: &Value) -> Redaction {
    let redaction = match &value["header"] {
        Value::Null => return Redaction::body(),
        Value::Array(names) => {
            let mut names = names.iter().map(|name| name.as_str().unwrap().parse().unwrap());
            let first = Redaction::header(names.next().unwrap());
            names.fold(first, Redaction::and_header)
        }
        _ => Redaction::all_headers(),
    };
    if value["body"] == true { redaction.and_body() } else { redaction }
}

/// What our client sends.
async fn ours(values: &Map<String, Value>) -> Request<Bytes> {
    let text = |name: &str| values.get(name).and_then(Value::as_str);
    let server = Script::new([ok(match text("verb") {
        Some("batch") => r#"[{"messageId":"msg_1"}]"#,
        Some("schedule") => r#"{"scheduleId":"scd_1"}"#,
        _ => ACCEPTED,
    })]);
    let (client, message) = (server.client(), message(values));
    let sent = match (text("verb"), text("scheduleId")) {
        (Some("batch"), _) => client.batch([message]).await.map(drop),
        (Some("schedule"), None) => client.schedules().create(text("cron").unwrap(), message).await.map(drop),
        (Some("schedule"), Some(id)) => client.schedule(id).upsert(text("cron").unwrap(), message).await,
        _ => client.publish(message).await.map(drop),
    };
    sent.unwrap();
    server.request()
}

#[tokio::test]
async fn the_official_sdks_send_what_we_send_but_for_the_listed_differences() {
    let messages: BTreeMap<String, Map<String, Value>> = read("messages.json");
    let mut found = BTreeSet::new();
    for sdk in ["javascript", "python"] {
        let recorded: BTreeMap<String, Option<Recorded>> = read(&format!("recorded/{sdk}.json"));
        assert!(recorded.keys().eq(messages.keys()), "conformance/record has not seen every message");
        for (option, theirs) in recorded {
            let request = ours(&messages[&option]).await;
            let Some(theirs) = theirs else {
                found.insert([sdk.to_owned(), option, "sent".to_owned(), String::new()]);
                continue;
            };
            assert_eq!(request.method().as_str(), theirs.method, "{option}");
            let (head, body) = request.into_parts();
            let mut ours = Sent::new(head.uri.path_and_query().unwrap().to_string(), head.headers, body);
            ours.headers.remove(http::header::AUTHORIZATION);
            ours.headers.remove(http::header::USER_AGENT);
            let ours = ours.meaning();
            let theirs = Sent::new(theirs.path, header_map(&theirs.headers), theirs.body.into()).meaning();
            for name in ours.keys().chain(theirs.keys()) {
                let [ours, theirs] = [&ours, &theirs].map(|sent| sent.get(name).cloned().unwrap_or_default());
                if ours != theirs {
                    found.insert([sdk.to_owned(), name.clone(), without_chance(ours), theirs]);
                }
            }
        }
    }
    let listed = DIFFERENCES.map(|(sdk, of, ours, theirs, _)| [sdk, of, ours, theirs].map(str::to_owned));
    assert_eq!(found, BTreeSet::from(listed));
}

/// An id that the client has made has no meaning of its own.
fn without_chance(text: String) -> String {
    let is_fresh = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_fresh { A_FRESH_ID.to_owned() } else { text }
}
