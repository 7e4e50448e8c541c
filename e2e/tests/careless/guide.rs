//! `docs/errors.md` has each topic that a text refers to, and quotes texts as they are shown.

use std::{collections::BTreeSet, error::Error, fs, io, iter, path::Path, time::Duration};

use axum::{Router, routing::post};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use qstash_axum::{KeySet, Refusal, Region, Signed, SigningKey, Verifier, VerifyError, VerifySignature};
use qstash_client::{
    Client, ClientBuilder, Message, RetryPolicy,
    error::{ConfigError, TransportError},
    types::{Cron, Help, RetryDelay, Url},
};
use qstash_dev::StartError;
use tower::service_fn;

use crate::play::{Stage, routes};

/// A text and where it says to read on, as the log of a receiver shows them.
fn logged(refusal: &Refusal) -> String {
    format!("{refusal} help={}", refusal.help())
}

/// The topics of the guide, each with the texts that it quotes.
fn topics() -> Vec<(String, Vec<String>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/errors.md");
    let mut topics: Vec<(String, Vec<String>)> = Vec::new();
    for line in fs::read_to_string(path).unwrap().lines() {
        if let Some(heading) = line.strip_prefix("### ") {
            topics.push((heading.to_owned(), Vec::new()));
        } else if let Some(quote) = line.strip_prefix("- `") {
            let text = quote.trim_matches('`').to_owned();
            topics.last_mut().unwrap().1.push(text);
        }
    }
    topics
}

#[test]
fn the_guide_has_each_topic_and_no_other_in_the_same_order() {
    let headings: Vec<String> = topics().into_iter().map(|(heading, _)| heading).collect();
    let expected: Vec<&str> = Help::ALL.iter().map(|help| help.heading()).collect();
    assert_eq!(headings, expected);
    assert_eq!(expected.iter().collect::<BTreeSet<_>>().len(), expected.len());
}

#[tokio::test]
async fn each_text_of_the_guide_is_shown_and_refers_to_its_heading() {
    let shown = [at_the_start(), published().await, delivered().await, refused()].concat();
    let mut missing = Vec::new();
    for (heading, quotes) in topics() {
        assert!(!quotes.is_empty(), "{heading} quotes nothing");
        let reference = format!("errors.md#{heading}");
        let is_shown =
            |quote: &String| shown.iter().any(|text| is_as(text, quote) && text.contains(&reference));
        missing.extend(
            quotes.into_iter().filter(|quote| !is_shown(quote)).map(|quote| (heading.clone(), quote)),
        );
    }
    assert!(missing.is_empty(), "not shown, or not with a reference to the heading: {missing:#?}");
}

/// Whether the parts of a quote stand in a text in their order.
fn is_as(text: &str, quote: &str) -> bool {
    let mut rest = Some(text);
    for part in quote.split('…') {
        rest = rest.and_then(|rest| Some(rest.split_once(part)?.1));
    }
    rest.is_some()
}

/// A program whose `main` returns an error prints its `Debug`.
#[test]
fn an_error_that_leaves_main_is_its_text_with_its_causes() {
    let in_use = || io::Error::from(io::ErrorKind::AddrInUse);
    let listen = StartError::Listen { address: ([127, 0, 0, 1], 8080).into(), source: in_use() };
    let receiver_url = Verifier::from_vars(|name| {
        let value = if name == "QSTASH_RECEIVER_URL" { "https://h/?a=1" } else { "sig_a" };
        (name != "QSTASH_REGION").then(|| value.to_owned())
    });
    let errors: [Box<dyn Error>; 8] = [
        Box::new(listen),
        Box::new(receiver_url.unwrap_err()),
        Box::new(VerifyError::UnknownKey),
        Box::new(Url::new("h").unwrap_err()),
        Box::new("* *".parse::<Cron>().unwrap_err()),
        Box::new("soon".parse::<RetryDelay>().unwrap_err()),
        Box::new(SigningKey::new(" ").unwrap_err()),
        Box::new("mars".parse::<Region>().unwrap_err()),
    ];
    for error in errors {
        let causes = iter::successors(Some(&*error), |&error| error.source());
        let texts: Vec<String> = causes.map(ToString::to_string).collect();
        assert_eq!(format!("{error:?}"), texts.join(": "));
    }
}

fn at_the_start() -> Vec<String> {
    let current = |value: &'static str| {
        move |name: &str| match name {
            "QSTASH_CURRENT_SIGNING_KEY" => Some(value.to_owned()),
            "QSTASH_NEXT_SIGNING_KEY" => Some("sig_next".to_owned()),
            "QSTASH_RECEIVER_URL" => Some("api.example.com".to_owned()),
            _ => None,
        }
    };
    let next = |name: &str| match name {
        "QSTASH_CURRENT_SIGNING_KEY" => Some("sig_current".to_owned()),
        "QSTASH_NEXT_SIGNING_KEY" => Some(String::new()),
        _ => None,
    };
    let published =
        |name: &str| name.ends_with("_SIGNING_KEY").then(|| "sig_7kYjw48mhY7kAjqNGcy6cr29RJ6r".to_owned());
    let client = |variables: &'static [(&str, &str)]| {
        let variable = |wanted: &str| {
            let found = variables.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| (*value).to_owned())
        };
        ClientBuilder::from_vars(variable).build().map(drop).unwrap_err()
    };
    let folder = || "data".into();
    let clients: [ConfigError; 7] = [
        client(&[]),
        client(&[("QSTASH_TOKEN", " t")]),
        client(&[("QSTASH_TOKEN", "'t'")]),
        client(&[("QSTASH_TOKEN", "Bearer t")]),
        client(&[("QSTASH_TOKEN", "a t")]),
        client(&[("QSTASH_TOKEN", "t"), ("QSTASH_URL", "localhost:8080")]),
        client(&[("QSTASH_TOKEN", "t"), ("QSTASH_URL", "http://127.0.0.1:8080/v2")]),
    ];
    let verifiers = [
        Verifier::from_vars(|_| None),
        Verifier::from_vars(next),
        Verifier::from_vars(current("sig_current ")),
        Verifier::from_vars(current("\"sig_current\"")),
        Verifier::from_vars(published),
        Verifier::from_vars(current("sig_current")),
    ];
    let listen = |kind: io::ErrorKind| StartError::Listen {
        address: ([127, 0, 0, 1], 8080).into(),
        source: kind.into(),
    };
    let mut shown: Vec<String> = clients.iter().map(ToString::to_string).collect();
    shown.extend(verifiers.into_iter().map(|verifier| verifier.unwrap_err().to_string()));
    shown.push(Verifier::builder(KeySet::new::<&str>([])).build().unwrap_err().to_string());
    shown.push(listen(io::ErrorKind::AddrInUse).to_string());
    shown.push(StartError::Data { folder: folder(), source: io::ErrorKind::NotFound.into() }.to_string());
    shown.push(StartError::DataInUse { folder: folder() }.to_string());
    shown
        .push(StartError::DataDamaged { folder: folder(), problem: "its end is missing".into() }.to_string());
    // These are put together in a program: without certificates, on a port that is taken, and once in its life.
    for (file, start, help) in [
        ("qstash-client/src/transport/built_in.rs", "TLS: ", Help::Tls),
        ("qstash-cli/src/serve.rs", "cannot listen on 127.0.0.1:8080: ", Help::Listen),
        ("qstash-verify/src/adapter/guard.rs", "", Help::NoMiddleware),
    ] {
        let source = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)).unwrap();
        let literals = source.split('"').skip(1).step_by(2);
        shown.extend(
            literals.map(|literal| format!("{start}{} ({help})", literal.replace("{option}", "--port"))),
        );
    }
    shown
}

async fn published() -> Vec<String> {
    let publish = async |base_url: &str, answer: fn() -> Result<Response<Bytes>, TransportError>| {
        let transport = service_fn(move |_: Request<Bytes>| async move { answer() });
        let builder = Client::builder().base_url(base_url).token("t").transport(transport);
        let client = builder.retry(RetryPolicy::never()).build().unwrap();
        client.publish(Message::to("https://api.example.com")).await.unwrap_err().to_string()
    };
    let hosted = "https://qstash.upstash.io";
    let local = "http://127.0.0.1:8080";
    let client = Client::builder().token("t").transport(service_fn(async |_: Request<Bytes>| {
        Err::<Response<Bytes>, _>(TransportError::not_sent("never called"))
    }));
    let client = client.build().unwrap();
    vec![
        client.publish(Message::to("http://localhost:3000")).await.unwrap_err().to_string(),
        publish(hosted, || Ok(answer(401))).await,
        publish(hosted, || Ok(answer(412))).await,
        publish(hosted, || Ok(answer(413))).await,
        publish(hosted, || Ok(answer(429))).await,
        publish(hosted, || Ok(answer(503))).await,
        publish(local, || Err(TransportError::not_sent("refused"))).await,
        publish(hosted, || Err(TransportError::not_sent("refused"))).await,
        publish("https://127.0.0.1:8080", || Err(TransportError::no_tls("plain"))).await,
        publish(hosted, || Err(TransportError::interrupted("reset"))).await,
        publish(hosted, || Err(TransportError::interrupted("late").timed_out())).await,
    ]
}

fn answer(status: u16) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(b"{\"error\":\"no\"}"));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

/// What the logs say of messages that are not delivered, and of a receiver without an origin.
async fn delivered() -> Vec<String> {
    let mut lines = Vec::new();
    for url in ["http://127.0.0.1:1/", "http://elsewhere.example/"] {
        lines.extend(Stage::new().await.tell_about(routes(), Message::to(url)).await);
    }
    let stage = Stage::new().await;
    let silent = Router::new().route("/hook", post(async || -> () { panic!("on purpose") }));
    lines.extend(stage.tell(silent).await);
    for status in [404, 405, 500] {
        let status = StatusCode::from_u16(status).unwrap();
        lines.extend(Stage::new().await.tell(Router::new().route("/hook", post(async move || status))).await);
    }
    let stage = Stage::new().await;
    let settings = stage.with_keys("sig_a", "sig_b");
    lines.extend(stage.tell_verified(settings).await);
    let stage = Stage::new().await;
    let settings = Verifier::builder(stage.qstash.signing_keys()).body_limit(3);
    lines.extend(stage.tell_verified(settings).await);
    let stage = Stage::new().await;
    let layer = VerifySignature::new(stage.verifier().build().unwrap());
    lines
        .extend(stage.tell(Router::new().route("/hook", post(async |_: Signed<u32>| ())).layer(layer)).await);
    lines
}

fn refused() -> Vec<String> {
    let by = Duration::from_secs(3300);
    let url = |host: &str| format!("https://{host}.example/");
    [
        VerifyError::Missing,
        VerifyError::Repeated,
        VerifyError::Malformed { what: "it has only two segments" },
        VerifyError::Algorithm,
        VerifyError::Claims { what: "they are not base64url" },
        VerifyError::Claim { name: "exp", wanted: "a number" },
        VerifyError::Issuer,
        VerifyError::UnknownKey,
        VerifyError::NoKeys,
        VerifyError::Expired { by },
        VerifyError::NotYetValid { by },
        VerifyError::Destination { expected: url("a"), subject: url("b") },
        VerifyError::BodyMismatch { len: 7 },
        VerifyError::BodyTooLarge { limit: 7 },
        VerifyError::BodyTooSlow { timeout: by },
    ]
    .map(Refusal::from)
    .into_iter()
    .chain([Refusal::broken_body("reset")])
    .map(|refusal| logged(&refusal))
    .collect()
}
