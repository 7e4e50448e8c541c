//! A server on loopback that breaks in every way, and what each verb makes of it.

use std::{
    collections::BTreeMap,
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use qstash_client::{Client, RetryPolicy};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{
    loopback::{self, http_answer, is_complete, refusing},
    support::{Answer, Script, not_sent, ok},
    verbs::{self, Failure, Got, Twice, Verb},
};

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// The connection is closed before the request is read.
    ClosedAtOnce,
    /// The request is read, but not carried out, and the connection is closed.
    ClosedBefore,
    /// The request is carried out, and the connection is closed.
    ClosedInstead,
    /// The same in the middle of the head of the answer.
    ClosedInTheHead,
    /// The same in the middle of the body of the answer.
    ClosedInTheBody,
    /// The request is carried out, and an odd answer comes.
    Odd(Odd),
    /// The request is not carried out.
    Refused(&'static str, &'static str),
    /// The request is carried out, and an error is answered.
    Broken(&'static str),
    /// The answer comes byte by byte.
    Dripping,
}

/// What comes instead of the answer.
#[derive(Clone, Copy, Debug)]
enum Odd {
    Page,
    /// All of the answer but its end.
    Truncated,
    /// An answer of the same shape with something else in it.
    OtherTypes,
    Text,
    Nothing,
}

impl Odd {
    fn instead_of(self, answer: &str) -> String {
        match self {
            Odd::Page => "<!doctype html><title>Welcome</title>".into(),
            Odd::Truncated => answer.chars().take(answer.len().saturating_sub(1)).collect(),
            Odd::OtherTypes => serde_json::from_str(answer)
                .map_or_else(|_| "7".into(), |answer| other_types(answer).to_string()),
            Odd::Text => r#""text""#.into(),
            Odd::Nothing => String::new(),
        }
    }
}

fn other_types(value: Value) -> Value {
    match value {
        Value::Array(list) if !list.is_empty() => list.into_iter().map(other_types).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, other_types(value))).collect(),
        _ => json!([[7]]),
    }
}

/// When a call is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeated {
    /// It was certainly not carried out.
    IfRefused,
    /// It may have been carried out.
    IfHarmless,
    Never,
}

struct Case {
    fault: Fault,
    got: Got,
    ambiguous: bool,
    repeated: Repeated,
}

const FAR: &str = "99999999999";

fn cases() -> Vec<Case> {
    use Repeated::{IfHarmless, IfRefused, Never};
    let case = |fault, got, ambiguous, repeated| Case { fault, got, ambiguous, repeated };
    let limited = |headers| Fault::Refused("429 Too Many Requests", headers);
    let far = |header: &str| -> &'static str { format!("{header}: {FAR}\r\n").leak() };
    vec![
        case(Fault::ClosedAtOnce, Got::NoAnswer, true, IfHarmless),
        case(Fault::ClosedBefore, Got::NoAnswer, true, IfHarmless),
        case(Fault::ClosedInstead, Got::NoAnswer, true, IfHarmless),
        case(Fault::ClosedInTheHead, Got::NoAnswer, true, IfHarmless),
        case(Fault::ClosedInTheBody, Got::NoAnswer, true, IfHarmless),
        case(Fault::Dripping, Got::Success, false, Never),
        case(limited(""), Got::Status(429), false, IfRefused),
        case(limited("retry-after: 0\r\n"), Got::Status(429), false, IfRefused),
        case(limited("burst-ratelimit-reset: 1\r\n"), Got::Status(429), false, IfRefused),
        case(limited(far("burst-ratelimit-reset")), Got::Status(429), false, Never),
        case(limited(far("ratelimit-limit: 1000\r\nratelimit-reset")), Got::Status(429), false, Never),
        case(
            limited(far("x-ratelimit-limit-requests: 1\r\nx-ratelimit-reset-requests")),
            Got::Status(429),
            false,
            Never,
        ),
        case(limited("retry-after: 86400\r\n"), Got::Status(429), false, Never),
        case(Fault::Refused("400 Bad Request", ""), Got::Status(400), false, Never),
        case(Fault::Refused("401 Unauthorized", ""), Got::Status(401), false, Never),
        case(Fault::Broken("500 Internal Server Error"), Got::Status(500), true, IfHarmless),
        case(Fault::Broken("502 Bad Gateway"), Got::Status(502), true, IfHarmless),
        case(Fault::Odd(Odd::Page), Got::NotUnderstood, true, Never),
        case(Fault::Odd(Odd::Truncated), Got::NotUnderstood, true, Never),
        case(Fault::Odd(Odd::OtherTypes), Got::NotUnderstood, true, Never),
        case(Fault::Odd(Odd::Text), Got::NotUnderstood, true, Never),
        case(Fault::Odd(Odd::Nothing), Got::NotUnderstood, true, Never),
    ]
}

impl Case {
    /// What a verb makes of the fault when it is over, if it ever is.
    fn outcome_of(&self, verb: &Verb) -> Result<(), Failure> {
        match self.fault {
            Fault::Dripping => Ok(()),
            Fault::Odd(_) if verb.answer.is_empty() => Ok(()),
            // The only record without an id: its fields are kept as odd ones.
            Fault::Odd(Odd::OtherTypes) if verb.name == "client.global_parallelism()" => Ok(()),
            _ => Err(Failure { got: self.got, ambiguous: self.ambiguous }),
        }
    }

    /// How often a verb is sent that may be repeated once.
    fn calls_of(&self, verb: &Verb) -> usize {
        let is_repeated = match self.repeated {
            Repeated::IfRefused => verb.twice != Twice::Harmful,
            Repeated::IfHarmless => matches!(verb.twice, Twice::Deduplicated | Twice::Harmless),
            Repeated::Never => false,
        };
        1 + usize::from(is_repeated)
    }
}

/// A server that breaks on its first calls.
struct Server {
    url: String,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    connections: usize,
    /// How often each request was carried out, by its deduplication id. Without one, the same request counts every time.
    carried_out: BTreeMap<String, usize>,
}

impl Server {
    async fn start(fault: Fault, times: usize, answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::<Mutex<Seen>>::default();
        let state = seen.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = {
                    let mut seen = state.lock().unwrap();
                    seen.connections += 1;
                    seen.connections
                };
                let fault = (number <= times).then_some(fault);
                tokio::spawn(serve(stream, fault, answer, state.clone()));
            }
        });
        Self { url, seen }
    }

    fn client(&self, retries: u32) -> Client {
        let policy = RetryPolicy::default().retries(retries).first_wait(Duration::ZERO);
        loopback::builder(&self.url).retry(policy).build().unwrap()
    }

    fn sent(&self) -> usize {
        self.seen.lock().unwrap().connections
    }

    fn carried_out(&self) -> usize {
        self.seen.lock().unwrap().carried_out.values().sum()
    }
}

async fn serve(mut stream: TcpStream, fault: Option<Fault>, answer: &str, seen: Arc<Mutex<Seen>>) {
    if let Some(Fault::ClosedAtOnce) = fault {
        return;
    }
    let mut request = Vec::new();
    while !is_complete(&request) {
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let whole = |body: &str| answered(body).into_bytes();
    let answer = match fault {
        Some(Fault::ClosedBefore) => return,
        Some(Fault::Refused(status, headers)) => {
            http_answer(status, &format!("content-length: 0\r\n{headers}"), "").into_bytes()
        }
        _ => {
            carry_out(&request, &seen);
            match fault {
                Some(Fault::ClosedInstead) => return,
                Some(Fault::ClosedInTheHead) => whole(answer)[..20].to_vec(),
                Some(Fault::ClosedInTheBody) => {
                    let mut answer = whole(answer);
                    answer.truncate(answer.len() - 3);
                    answer
                }
                Some(Fault::Odd(odd)) => whole(&odd.instead_of(answer)),
                Some(Fault::Broken(status)) => http_answer(status, "content-length: 0\r\n", "").into_bytes(),
                _ => whole(answer),
            }
        }
    };
    let step = if let Some(Fault::Dripping) = fault { 1 } else { answer.len() };
    for piece in answer.chunks(step) {
        let _ = stream.write_all(piece).await;
        tokio::task::yield_now().await;
    }
}

fn answered(body: &str) -> String {
    http_answer("200 OK", &format!("connection: close\r\ncontent-length: {}\r\n", body.len()), body)
}

/// Counts a request, unless it is one for a message that is there already.
fn carry_out(request: &[u8], seen: &Mutex<Seen>) {
    let text = String::from_utf8_lossy(request);
    let id = text.split_once("upstash-deduplication-id").map(|(_, rest)| {
        rest.trim_start_matches(['"', ':', ' '])
            .chars()
            .take_while(char::is_ascii_hexdigit)
            .collect::<String>()
    });
    let mut seen = seen.lock().unwrap();
    match id {
        Some(id) => seen.carried_out.insert(id, 1).map_or((), drop),
        None => *seen.carried_out.entry(String::new()).or_default() += 1,
    }
}

#[tokio::test]
async fn for_each_verb_and_fault_the_caller_learns_what_happened_and_nothing_is_sent_too_often() {
    for verb in verbs::all() {
        for case in cases() {
            let name = format!("{}, {:?}", verb.name, case.fault);
            let server = Server::start(case.fault, usize::MAX, verb.answer).await;
            let outcome = (verb.call)(server.client(1)).await;
            assert_eq!(outcome, case.outcome_of(&verb), "{name}");
            assert_eq!(server.sent(), case.calls_of(&verb), "{name}");
            if verb.twice != Twice::Harmless {
                assert!(server.carried_out() <= 1, "{name}");
            }
        }
    }
}

#[tokio::test]
async fn a_message_exists_exactly_once_when_the_fault_is_over() {
    for verb in verbs::all().iter().filter(|verb| verb.twice == Twice::Deduplicated) {
        for case in cases().iter().filter(|case| case.repeated != Repeated::Never) {
            let name = format!("{}, {:?}", verb.name, case.fault);
            let server = Server::start(case.fault, 1, verb.answer).await;
            assert_eq!((verb.call)(server.client(1)).await, Ok(()), "{name}");
            assert_eq!(server.carried_out(), 1, "{name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_never_answered_ends_at_its_deadline_and_is_not_repeated() {
    for verb in verbs::all() {
        let server = Script::default();
        let sent = server.clone();
        let silent = tower::service_fn(move |request| {
            sent.note(request);
            pending::<Answer>()
        });
        let client = Client::builder().base_url("http://qstash.example").token("t").transport(silent);
        let outcome = (verb.call)(client.timeout(Duration::from_secs(60)).build().unwrap()).await;
        assert_eq!(outcome, Err(Failure { got: Got::Timeout, ambiguous: true }), "{}", verb.name);
        assert_eq!(server.requests().len(), 1, "{}", verb.name);
    }
}

#[tokio::test]
async fn a_connection_that_is_refused_may_be_tried_again_by_every_verb() {
    let (url, _socket) = refusing();
    for verb in verbs::all() {
        let client = loopback::builder(&url);
        let failure = (verb.call)(client.retry(RetryPolicy::never()).build().unwrap()).await.unwrap_err();
        assert_eq!(failure, Failure { got: Got::NoAnswer, ambiguous: false }, "{}", verb.name);

        let server = Script::new([not_sent(), ok(verb.answer)]);
        let client = server.builder().retry(RetryPolicy::default().first_wait(Duration::ZERO));
        assert_eq!((verb.call)(client.build().unwrap()).await, Ok(()), "{}", verb.name);
        assert_eq!(server.requests().len(), 2, "{}", verb.name);
    }
}

#[tokio::test]
async fn a_connection_closed_after_the_answer_does_no_harm() {
    for verb in verbs::all() {
        let server = Server::start(Fault::Dripping, 0, verb.answer).await;
        let client = Client::builder().base_url(&*server.url).token("t").retry(RetryPolicy::never());
        let client = client.build().unwrap();
        for _ in 0..3 {
            assert_eq!((verb.call)(client.clone()).await, Ok(()), "{}", verb.name);
        }
        assert_eq!(server.sent(), 3);
    }
}
