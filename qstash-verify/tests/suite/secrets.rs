//! Nothing that is printed shows any part of a key or a token.

use std::{
    collections::BTreeMap,
    error::Error,
    fmt::{self, Write as _},
};

use bytes::Bytes;
use hmac::{EagerHash, block_api::HmacCore, digest::block_api::Buffer};
use qstash_types::{
    Callback, CallbackOptions, CallbackParts, DeadLetter, DeliveryHeaders, DeliveryOptions, Destination,
    FailureCallback, FlowControlRecord, FlowLimits, GlobalParallelism, HeaderMap, HeaderText, HeaderValue,
    Headers, Label, LogEntry, MessageLog, MessageRecord, QueueRecord, Receipt, Redaction, Region,
    ScheduleRecord, SigningKey, SigningKeys, Url, UrlGroupRecord, UrlText, query_pairs,
};
use qstash_verify::{
    Delivery, HandlerError, KeySet, LogLevel, Outcome, Presented, Refresh, RefusalLog, Verifier, VerifyError,
};
use serde::de::DeserializeOwned;
use serde_json::json;
use sha2::Sha256;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::support::{HEADER, ISSUED, at, claims_with, segment, signed};

/// No four characters of these stand in any name or sentence of ours.
const KEY: &str = "sig_Zq7Xw9Kv2Jx4Qz8Wk3Vj6Xq5Zw1Kq";
const API_TOKEN: &str = "eyJVc2VySUQiOiJ4cTl6IiwiUGFzc3dvcmQiOiJ3N3ZrejJqeDRxejgifQ==";

/// What the types print, by the name of the type.
#[derive(Default)]
struct Printed(BTreeMap<&'static str, String>);

impl Printed {
    fn debug(&mut self, name: &'static str, value: &dyn fmt::Debug) {
        let text = self.0.entry(name).or_default();
        write!(text, "{value:?} {value:#?} ").expect("text takes all text");
    }

    fn error(&mut self, name: &'static str, error: &dyn Error) {
        let mut link = Some(error);
        while let Some(error) = link {
            self.debug(name, &error);
            self.debug(name, &format_args!("{error}"));
            link = error.source();
        }
    }
}

fn key() -> SigningKey {
    SigningKey::new(KEY).expect("a key")
}

fn token() -> String {
    token_for(&format!("https://user:{API_TOKEN}@api.example.com/hook?qstash_token={API_TOKEN}&a=1"))
}

fn token_for(subject: &str) -> String {
    signed(KEY, &format!("{}.{}", segment(HEADER), segment(claims_with("sub", subject).to_string())))
}

/// Everything of `qstash-verify`, made of the secrets.
#[expect(clippy::unwrap_used, reason = "a part of the tests below")]
fn verify_types(printed: &mut Printed) {
    let keys = || {
        KeySet::from(SigningKeys::new(key(), key()))
            .region(Region::UsEast1, KeySet::new([("us", key())]))
            .retired([("old", key())])
    };
    let lenient = || Verifier::builder(keys()).any_destination();
    let strict = Verifier::builder(keys()).origin("https://other.example.com").build().unwrap();
    let secret_url = format!("https://user:{API_TOKEN}@h/?qstash_token={API_TOKEN}#x");
    let exact = || Verifier::builder(keys()).exact_url(&secret_url);
    let verifier = lenient().build().unwrap();
    let token = token();
    let target = format!("/hook?qstash_token={API_TOKEN}");
    let request = Presented::new([token.as_bytes()], &target).content_encoding(Some(API_TOKEN.as_bytes()));
    let unread = || verifier.authenticate(&request, at(ISSUED)).unwrap();
    let proven = verifier.verify(&request, "", at(ISSUED)).unwrap();

    printed.debug("SigningKey", &key());
    printed.debug("HeaderText", &HeaderText::Text(API_TOKEN));
    printed.debug("SigningKeys", &SigningKeys::new(key(), key()));
    printed.debug("KeySet", &keys());
    printed.debug("VerifierBuilder", &lenient());
    printed.debug("Verifier", &verifier);
    printed.debug("Verifier", &strict);
    printed.debug("VerifierBuilder", &exact());
    let exact = exact().build().unwrap();
    printed.debug("Verifier", &exact);
    printed.debug("Presented", &request);
    printed.debug("Unread", &unread());
    printed.debug("Claims", proven.claims());
    printed.debug("Verified", &proven);
    printed.debug("Delivery", &Delivery::new(proven.clone(), DeliveryHeaders::default()));
    printed.debug("Outcome", &Outcome::non_retryable("gone"));
    printed.debug("HandlerError", &HandlerError::from(proven.json::<u8>().unwrap_err()));
    printed.error("JsonError", &proven.json::<u8>().unwrap_err());
    printed.debug("Refresh", &Refresh::Done);
    printed.debug("RefusalLog", &RefusalLog::new());
    printed.debug("LogLevel", &LogLevel::Debug);
    #[cfg(feature = "sign")]
    {
        use qstash_verify::{Defect, Signer, TokenBuilder};
        let url = format!("https://user:{API_TOKEN}@api.example.com/?qstash_token={API_TOKEN}");
        printed.debug("Signer", &Signer::new(key()));
        printed.debug("TokenBuilder", &TokenBuilder::new(&url, API_TOKEN.as_bytes(), at(ISSUED)));
        printed.debug("Defect", &Defect::ALL);
        printed.error(
            "InvalidUrl",
            &Signer::new(key()).request(&TokenBuilder::new(KEY, b"", at(ISSUED))).unwrap_err(),
        );
    }

    let spoiled = format!("{token}x");
    let bearer = format!("Bearer {token}");
    let unknown = signed("sig_other", &format!("{}.{}", segment(HEADER), segment("{}")));
    for (verifier, header, body) in [
        (&verifier, spoiled.as_str(), ""),
        (&verifier, &bearer, ""),
        (&verifier, KEY, ""),
        (&verifier, API_TOKEN, ""),
        (&verifier, &unknown, ""),
        (&verifier, &token, API_TOKEN),
        (&strict, &token, ""),
        (&exact, &token, ""),
        (&strict, &token_for(&format!("ftp://user:{API_TOKEN}@h/?qstash_token={API_TOKEN}#a@b")), ""),
        (&strict, &token_for(&format!("https://{API_TOKEN}@h\\/?a=1&qstash_token=@{API_TOKEN}")), ""),
        (&strict, &token_for(&format!("x?qstash_token={API_TOKEN}&a=https://h")), ""),
    ] {
        let request = Presented::new([header.as_bytes()], &target);
        let error = verifier.verify(&request, body, at(ISSUED)).unwrap_err();
        printed.error("VerifyError", &error);
        printed.debug("VerifyError", &error.public_text());
        printed.debug("Help", &error.help());
        if let Some(diagnosis) = verifier.diagnose(&error, &request, body.as_bytes()) {
            printed.error("Diagnosis", &diagnosis);
        }
    }
    let expired = verifier.verify(&request, "", at(ISSUED + 1000)).unwrap_err();
    assert!(matches!(expired, VerifyError::Expired { .. }));
    printed.error("VerifyError", &expired);

    printed.error("BuildError", &Verifier::builder(keys()).origin(KEY).build().unwrap_err());
    printed.error("BuildError", &Verifier::builder(keys()).public_prefix(API_TOKEN).build().unwrap_err());
    printed.error("InvalidSigningKey", &SigningKey::new(" ").unwrap_err());
    for vars in [
        [("QSTASH_CURRENT_SIGNING_KEY", format!(" {KEY}")), ("QSTASH_NEXT_SIGNING_KEY", KEY.into())],
        [("QSTASH_CURRENT_SIGNING_KEY", KEY.into()), ("QSTASH_REGION", KEY.into())],
    ] {
        let var = |name: &str| vars.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        printed.error("EnvError", &KeySet::from_vars(var).unwrap_err());
    }
    let misplaced = |name: &str| (name != "QSTASH_US").then(|| KEY.to_owned());
    printed.error("EnvError", &Verifier::from_vars(misplaced).unwrap_err());
    printed.debug("KeySet", &KeySet::from_vars(misplaced).unwrap().warnings());
}

fn from_json<T: DeserializeOwned>(json: &serde_json::Value) -> T {
    serde_json::from_value(json.clone()).expect("the example has the right form")
}

/// Everything of `qstash-types`, with the secrets where a person might have put them.
#[expect(clippy::unwrap_used, reason = "a part of the tests below")]
fn wire_types(printed: &mut Printed) {
    let url = format!("https://user:{API_TOKEN}@api.example.com/hook?qstash_token={API_TOKEN}");
    let bearer = format!("Bearer {API_TOKEN}");
    let secret_headers = || {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::try_from(&bearer).unwrap());
        headers
    };

    let callback = json!({
        "url": url, "header": {"Authorization": [bearer]},
        "sourceHeader": {"Authorization": [bearer]}, "status": 200, "method": "POST", "sourceMessageId": "msg_1",
        "dlqId": "1-0",
    });
    printed.debug("Callback", &from_json::<Callback>(&callback));
    printed.debug("FailureCallback", &from_json::<FailureCallback>(&callback));
    let record = json!({
        "messageId": "msg_1", "dlqId": "1-0", "url": url, "callback": url, "createdAt": 1, "time": 1, "state": "ERROR",
        "error": url, "header": {"Authorization": [bearer]}, "responseHeader": {"X": [bearer]},
        "callbackHeader": {"X": [bearer]}, "callbackHeaders": {"X": [bearer]},
    });
    let message = from_json::<MessageRecord>(&record);
    printed.debug("MessageRecord", &message);
    printed.debug("DeliveryRecord", &message.delivery);
    let odd = json!({"messageId": "msg_1", "queueName": [bearer], "notBefore": url});
    printed.debug("OddFields", &from_json::<MessageRecord>(&odd).odd);
    printed.debug("DeadLetter", &from_json::<DeadLetter>(&record));
    printed.debug("QueueRecord", &from_json::<QueueRecord>(&serde_json::json!({ "name": "emails" })));
    let schedule = json!({
        "scheduleId": "scd_1", "cron": "* * * * *", "destination": url, "createdAt": 1, "callback": url,
        "header": {"Authorization": [bearer]}, "body": bearer,
    });
    printed.debug("ScheduleRecord", &from_json::<ScheduleRecord>(&schedule));
    let group = from_json::<UrlGroupRecord>(&json!({ "name": "team", "endpoints": [{ "url": url }] }));
    printed.debug("UrlGroupRecord", &group);
    printed.debug("EndpointRecord", &group.endpoints);
    printed.debug("LogEntry", &from_json::<LogEntry>(&record));
    printed.debug("MessageLog", &from_json::<MessageLog>(&json!({"messageId": "msg_1", "events": [record]})));
    let flow_control = json!({ "flowControlKey": "openai" });
    printed.debug("FlowControlRecord", &from_json::<FlowControlRecord>(&flow_control));
    printed.debug("GlobalParallelism", &from_json::<GlobalParallelism>(&json!({})));
    printed.debug("Receipt", &from_json::<Receipt>(&record));
    let source_headers = Headers::record(&secret_headers());
    let body = Bytes::from(bearer.clone());
    let parts = CallbackParts { source_headers, source_body: body.clone(), body, ..CallbackParts::default() };
    printed.debug("CallbackParts", &parts);
    printed.debug("Callback", &Callback::from(parts));
    printed.debug("Headers", &Headers::record(&secret_headers()));
    let parsed = Url::new(&url).unwrap();
    printed.debug("Url", &parsed);
    printed.debug("UserInfo", &parsed.user_info());
    printed.debug("UrlText", &UrlText::new(&url));
    printed.debug("QueryPair", &query_pairs(parsed.query()).collect::<Vec<_>>());
    printed.debug("Destination", &Destination::try_from(&url).unwrap());
    let mut options = DeliveryOptions::default();
    options.settings.forward = secret_headers();
    options.callback = Some(CallbackOptions::new(Url::new(&url).unwrap()));
    printed.debug("DeliveryOptions", &options);
    printed.debug("DeliverySettings", &options.settings);
    printed.debug("HeaderText", &HeaderText::Text(&bearer));
    printed.debug("CallbackOptions", &options.callback);

    for secret in [KEY, API_TOKEN] {
        printed.error("InvalidUrl", &Url::new(secret).unwrap_err());
        let parsed = from_json::<Callback>(&json!({"status": secret.len(), "body": format!("*{secret}")}));
        printed.error("FieldError", &parsed.body().unwrap_err());
        let broken = json!({"status": -1, "body": [secret], "url": secret}).to_string();
        printed.error("InvalidCallback", &Callback::from_json(broken.as_bytes()).unwrap_err());
        printed.error("InvalidId", &Label::new(format!("{secret},")).unwrap_err());
        printed.error("InvalidDestination", &Destination::try_from(format!("{secret}/")).unwrap_err());
        printed.error("InvalidFlowControl", &secret.parse::<FlowLimits>().unwrap_err());
        printed.error("InvalidRedaction", &secret.parse::<Redaction>().unwrap_err());
        printed.error("UnknownRegion", &secret.parse::<Region>().unwrap_err());
        let mut odd = HeaderMap::new();
        odd.insert("upstash-retries", HeaderValue::from_static("x"));
        odd.insert("upstash-delay", HeaderValue::try_from(secret).unwrap());
        printed.error("InvalidHeader", &DeliveryOptions::from_headers(&odd).unwrap_err());
        for json in [json!(secret), json!({"current": [secret], "next": secret})] {
            let error = serde_json::from_value::<SigningKeys>(json).unwrap_err();
            printed.error("SigningKeys", &error);
        }
    }
}

/// Ids, names, hosts, expressions, numbers, times and constants: whatever is in them is there to be shown.
const NO_SECRETS: &[&str] = &[
    "Authority",
    "Cron",
    "InvalidCron",
    "Deduplication",
    "DeduplicationId",
    "DeliveryHeaders",
    "DlqId",
    "EndpointName",
    "FlowControl",
    "FlowControlKey",
    "FlowLimits",
    // A trait.
    "HeaderSink",
    "Host",
    "Label",
    "LogState",
    "MessageId",
    "PublishedAccount",
    "QueueName",
    "RedactedHeaders",
    "Redaction",
    "Region",
    "RetryDelay",
    "InvalidRetryDelay",
    "RunState",
    "ScheduleId",
    "Scheme",
    "Start",
    "Term",
    // Random ids, which are sent to everybody.
    "TraceParent",
    "InvalidTraceParent",
    "UrlGroupName",
    // A trait.
    "HeaderSink",
    // Types of `http`.
    "HeaderMap",
    "HeaderName",
    "HeaderValue",
    "Method",
];

/// The types that the front page of a crate exports.
fn exported(front_page: &str) -> impl Iterator<Item = &str> {
    let uses = front_page.split("pub use ").skip(1).filter_map(|rest| rest.split(';').next());
    uses.flat_map(|names| names.split(|c: char| !c.is_alphanumeric() && c != '_'))
        .filter(|name| name.chars().any(char::is_lowercase) && name.starts_with(char::is_uppercase))
}

fn printed() -> BTreeMap<&'static str, String> {
    let mut printed = Printed::default();
    verify_types(&mut printed);
    wire_types(&mut printed);
    printed.0
}

#[test]
fn nothing_public_prints_four_characters_of_a_key_or_a_token() {
    let token = token();
    // Every key begins like this, and everybody knows the header of a token.
    let (_, key) = KEY.split_at("sig".len());
    let (_, token) = token.split_at(segment(HEADER).len() + 1);
    for (name, text) in printed() {
        for secret in [key, API_TOKEN, token] {
            for at in 0..secret.len() - 3 {
                assert!(
                    !text.contains(&secret[at..at + 4]),
                    "{name} shows {} in {text}",
                    &secret[at..at + 4]
                );
            }
        }
    }
}

#[test]
fn every_public_type_is_among_them() {
    let printed = printed();
    let front_pages = [include_str!("../../src/lib.rs"), include_str!("../../../qstash-types/src/lib.rs")];
    let missing = front_pages
        .into_iter()
        .flat_map(exported)
        .filter(|name| !printed.contains_key(name) && !NO_SECRETS.contains(name))
        .filter(|name| {
            cfg!(feature = "sign") || !["Signer", "TokenBuilder", "Defect", "InvalidUrl"].contains(name)
        })
        .collect::<Vec<_>>();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn keys_are_wiped_when_they_are_dropped() {
    fn assert_wiped<T: ZeroizeOnDrop>() {}

    // What `SigningKey` holds.
    assert_wiped::<Zeroizing<String>>();
    // What a key set and a signer hold: HMAC is a buffer and two states of this hash.
    assert_wiped::<<Sha256 as EagerHash>::Core>();
    assert_wiped::<Buffer<HmacCore<Sha256>>>();
}
