//! A server on loopback that breaks in every way, and what each verb makes of it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::{BoxFuture, FutureExt};
use http::StatusCode;
use qstash_client::{Client, Error, Message, RetryPolicy};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::support::{http_answer, is_complete};

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
    /// The request is carried out, and never answered.
    Silent,
    /// The request is carried out, and an odd answer comes.
    Odd(&'static str),
    /// The request is not carried out.
    Refused(&'static str, &'static str),
    /// The request is carried out, and an error is answered.
    Broken(&'static str),
    /// The answer comes byte by byte.
    Dripping,
}

/// What the caller gets in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Got {
    Success,
    NoAnswer,
    Timeout,
    Status(u16),
    NotUnderstood,
}

/// When a call is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeated {
    Always,
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
    use Repeated::{Always, IfHarmless, Never};
    let case = |fault, got, ambiguous, repeated| Case { fault, got, ambiguous, repeated };
    let limited = |headers| Fault::Refused("429 Too Many Requests", headers);
    let far = |header: &str| -> &'static str { format!("{header}: {FAR}\r\n").leak() };
    vec![
        case(Fault::ClosedAtOnce, Got::NoAnswer, true, IfHarmless),
        case(Fault::ClosedBefore, Got::NoAnswer, true, IfHarmless),
        case(Fault::ClosedInstead, Got::NoAnswer, true, IfHarmless),
        case(Fault::ClosedInTheHead, Got::NoAnswer, true, IfHarmless),
        case(Fault::ClosedInTheBody, Got::NoAnswer, true, IfHarmless),
        // The deadline is over by then.
        case(Fault::Silent, Got::Timeout, true, Never),
        case(Fault::Dripping, Got::Success, false, Never),
        case(limited(""), Got::Status(429), false, Always),
        case(limited("retry-after: 0\r\n"), Got::Status(429), false, Always),
        case(limited("burst-ratelimit-reset: 1\r\n"), Got::Status(429), false, Always),
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
        case(Fault::Odd("<!doctype html><title>Welcome</title>"), Got::NotUnderstood, true, Never),
        case(Fault::Odd(r#"[{"messageId":"msg_"#), Got::NotUnderstood, true, Never),
        case(Fault::Odd(r#"{"messageId":7,"current":7,"next":7}"#), Got::NotUnderstood, true, Never),
        case(Fault::Odd(r#""text""#), Got::NotUnderstood, true, Never),
        case(Fault::Odd(""), Got::NotUnderstood, true, Never),
    ]
}

/// A call of the API.
struct Verb {
    name: &'static str,
    /// Whether it may arrive twice.
    harmless: bool,
    answer: &'static str,
    call: fn(Client) -> BoxFuture<'static, Result<(), Failure>>,
}

/// What a failure tells.
#[derive(Debug, PartialEq, Eq)]
struct Failure {
    got: Got,
    ambiguous: bool,
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let got = match error {
            Error::Transport(_) if error.is_timeout() => Got::Timeout,
            Error::Transport(_) => Got::NoAnswer,
            Error::Decode(_) => Got::NotUnderstood,
            _ => Got::Status(error.status().map_or(0, |status: StatusCode| status.as_u16())),
        };
        Self { got, ambiguous: error.is_ambiguous() }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        (&error).into()
    }
}

fn message() -> Message {
    Message::to("https://example.com").text("hello")
}

async fn publish(client: Client, message: Message) -> Result<(), Failure> {
    client.publish(message).await?;
    Ok(())
}

async fn batch(client: Client, message: Message) -> Result<(), Failure> {
    let outcome = client.batch([message]).await?;
    match &outcome.results()[0] {
        Ok(_) => Ok(()),
        Err(failed) => Err(failed.error().unwrap().into()),
    }
}

fn verbs() -> Vec<Verb> {
    const RECEIPT: &str = r#"{"messageId":"msg_1"}"#;
    const RECEIPTS: &str = r#"[{"messageId":"msg_1"}]"#;
    vec![
        Verb {
            name: "publish",
            harmless: true,
            answer: RECEIPT,
            call: |client| publish(client, message()).boxed(),
        },
        Verb {
            name: "publish without deduplication",
            harmless: false,
            answer: RECEIPT,
            call: |client| publish(client, message().without_deduplication()).boxed(),
        },
        Verb {
            name: "enqueue",
            harmless: true,
            answer: RECEIPT,
            call: |client| publish(client, message().in_queue("q")).boxed(),
        },
        Verb {
            name: "batch",
            harmless: true,
            answer: RECEIPTS,
            call: |client| batch(client, message()).boxed(),
        },
        Verb {
            name: "batch without deduplication",
            harmless: false,
            answer: RECEIPTS,
            call: |client| batch(client, message().without_deduplication()).boxed(),
        },
    ]
}

/// A server that breaks on its first calls.
struct Server {
    url: String,
    /// How long the client may take: long enough for a busy machine, except where nothing is ever answered.
    deadline: Duration,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    connections: usize,
    /// How often each message was enqueued, by its deduplication id. Without one, the same message counts every time.
    enqueued: BTreeMap<String, usize>,
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
        let deadline = Duration::from_millis(if let Fault::Silent = fault { 300 } else { 30_000 });
        Self { url, deadline, seen }
    }

    fn client(&self, retries: u32) -> Client {
        let policy = RetryPolicy::default().retries(retries).first_wait(Duration::ZERO);
        let builder = Client::builder().base_url(&*self.url).token("t").retry(policy);
        builder.timeout(self.deadline).build().unwrap()
    }

    fn sent(&self) -> usize {
        self.seen.lock().unwrap().connections
    }

    fn enqueued(&self) -> usize {
        self.seen.lock().unwrap().enqueued.values().sum()
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
    let whole = |body: &str| ok(body).into_bytes();
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
                Some(Fault::Silent) => return std::future::pending().await,
                Some(Fault::Odd(body)) => whole(body),
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

fn ok(body: &str) -> String {
    http_answer("200 OK", &format!("connection: close\r\ncontent-length: {}\r\n", body.len()), body)
}

/// Enqueues the message of a request, unless it is there already.
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
        Some(id) => seen.enqueued.insert(id, 1).map_or((), drop),
        None => *seen.enqueued.entry(String::new()).or_default() += 1,
    }
}

#[tokio::test]
async fn for_each_verb_and_fault_the_caller_learns_what_happened_and_nothing_is_sent_too_often() {
    for verb in verbs() {
        for Case { fault, got, ambiguous, repeated } in cases() {
            let name = format!("{}, {fault:?}", verb.name);
            let server = Server::start(fault, usize::MAX, verb.answer).await;
            let outcome = (verb.call)(server.client(1)).await;
            let expected = if got == Got::Success { Ok(()) } else { Err(Failure { got, ambiguous }) };
            assert_eq!(outcome, expected, "{name}");
            let twice = match repeated {
                Repeated::Always => true,
                Repeated::IfHarmless => verb.harmless,
                Repeated::Never => false,
            };
            assert_eq!(server.sent(), if twice { 2 } else { 1 }, "{name}");
            assert!(server.enqueued() <= 1, "{name}");
        }
    }
}

#[tokio::test]
async fn a_message_exists_exactly_once_when_the_fault_is_over() {
    for verb in verbs().iter().filter(|verb| verb.harmless) {
        for Case { fault, repeated, .. } in cases() {
            let name = format!("{}, {fault:?}", verb.name);
            let server = Server::start(fault, 1, verb.answer).await;
            let outcome = (verb.call)(server.client(1)).await;
            if repeated != Repeated::Never {
                assert_eq!(outcome, Ok(()), "{name}");
                assert_eq!(server.enqueued(), 1, "{name}");
            }
        }
    }
}

#[tokio::test]
async fn a_connection_that_is_refused_may_be_tried_again_by_every_verb() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for verb in verbs() {
        let client =
            Client::builder().base_url(&*url).token("t").retry(RetryPolicy::never()).build().unwrap();
        let failure = (verb.call)(client).await.unwrap_err();
        assert_eq!(failure, Failure { got: Got::NoAnswer, ambiguous: false }, "{}", verb.name);
    }
}

#[tokio::test]
async fn a_connection_closed_after_the_answer_does_no_harm() {
    for verb in verbs() {
        let server = Server::start(Fault::Dripping, 0, verb.answer).await;
        let client = server.client(0);
        for _ in 0..3 {
            assert_eq!((verb.call)(client.clone()).await, Ok(()), "{}", verb.name);
        }
        assert_eq!(server.sent(), 3);
    }
}
