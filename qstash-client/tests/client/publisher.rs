//! Streams of messages: batching, order, back-pressure, rate limits.

use std::{
    collections::HashSet,
    num::NonZeroUsize,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use futures_util::{FutureExt, Stream, StreamExt, stream};
use http::{Request, Response, StatusCode};
use qstash_client::{Client, ClientBuilder, Error, Message, error::TransportError};
use serde_json::{Value, json};
use tokio::{
    runtime::{Builder, Runtime},
    time::Instant,
};

use crate::support::{Script, ok, status, with_headers};

fn number(of: usize) -> NonZeroUsize {
    NonZeroUsize::new(of).unwrap()
}

fn messages(count: usize) -> impl Stream<Item = Message> {
    stream::iter(0..count).map(|number| Message::to("https://example.com").json(&number))
}

/// What happens to one call before or after it is carried out.
#[derive(Clone, Copy)]
enum Fault {
    None,
    LostRequest,
    LostAnswer,
    Limited { seconds: u64 },
}

/// A server that deduplicates, and answers after a second of its time.
#[derive(Clone)]
struct Server {
    state: Arc<State>,
    fault: fn(usize) -> Fault,
}

#[derive(Default)]
struct State {
    calls: Mutex<Vec<(Instant, usize)>>,
    open: AtomicUsize,
    most_open: AtomicUsize,
    ids: Mutex<HashSet<String>>,
    bodies: Mutex<Vec<String>>,
}

impl Server {
    fn new(fault: fn(usize) -> Fault) -> Self {
        Self { state: Arc::default(), fault }
    }

    fn builder(&self) -> ClientBuilder {
        let server = self.clone();
        let transport = tower::service_fn(move |request| server.clone().serve(request));
        Script::default().builder().transport(transport)
    }

    fn client(&self) -> Client {
        self.builder().build().unwrap()
    }

    async fn serve(self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let state = &self.state;
        let items: Vec<Value> = serde_json::from_slice(request.body()).unwrap();
        let call = {
            let mut calls = state.calls.lock().unwrap();
            calls.push((Instant::now(), items.len()));
            calls.len() - 1
        };
        let open = state.open.fetch_add(1, Ordering::SeqCst) + 1;
        state.most_open.fetch_max(open, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_secs(1)).await;
        state.open.fetch_sub(1, Ordering::SeqCst);
        let fault = (self.fault)(call);
        match fault {
            Fault::LostRequest => return Err(TransportError::not_sent("refused")),
            Fault::Limited { seconds } => {
                let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
                let mut response = Response::new(Bytes::new());
                *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
                response.headers_mut().insert("burst-ratelimit-reset", (now + seconds).into());
                return Ok(response);
            }
            Fault::None | Fault::LostAnswer => {}
        }
        let answers = items.iter().map(|item| self.accept(item)).collect::<Vec<_>>();
        if let Fault::LostAnswer = fault {
            return Err(TransportError::interrupted("reset"));
        }
        Ok(Response::new(serde_json::to_vec(&answers).unwrap().into()))
    }

    fn accept(&self, item: &Value) -> Value {
        let body = item["body"].as_str().unwrap();
        let id = item["headers"]["upstash-deduplication-id"].as_str().unwrap();
        if self.state.ids.lock().unwrap().insert(id.to_owned()) {
            self.state.bodies.lock().unwrap().push(body.to_owned());
        }
        json!({ "messageId": format!("msg_{body}") })
    }

    fn sizes(&self) -> Vec<usize> {
        self.state.calls.lock().unwrap().iter().map(|(_, size)| *size).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn every_message_gets_its_receipt_in_order_and_exists_once_although_calls_are_lost() {
    let server = Server::new(|call| match call % 7 {
        2 => Fault::LostRequest,
        5 => Fault::LostAnswer,
        _ => Fault::None,
    });
    let publisher = server.client().publisher().batch_messages(number(10)).in_flight(number(4));
    let results: Vec<_> = publisher.publish(messages(1005)).collect().await;

    assert_eq!(results.len(), 1005);
    for (number, result) in results.into_iter().enumerate() {
        let receipt = result.unwrap().receipts()[0].clone();
        assert_eq!(receipt.message_id.as_str(), format!("msg_{number}"));
        assert!(!receipt.deduplicated);
    }
    let mut bodies: Vec<usize> =
        server.state.bodies.lock().unwrap().iter().map(|body| body.parse().unwrap()).collect();
    bodies.sort_unstable();
    assert_eq!(bodies, (0..1005).collect::<Vec<_>>());
    assert_eq!(server.state.most_open.load(Ordering::SeqCst), 4);
}

#[tokio::test(start_paused = true)]
async fn a_few_messages_wait_for_others_only_so_long() {
    let server = Server::new(|_| Fault::None);
    let slow = messages(3).then(|message| async move {
        tokio::time::sleep(Duration::from_millis(400)).await;
        message
    });
    let start = Instant::now();
    let publisher = server.client().publisher().longest_wait(Duration::from_millis(500));
    let results: Vec<_> = publisher.publish(slow).collect().await;
    assert_eq!(results.len(), 3);
    assert_eq!(server.sizes(), [2, 1]);
    let calls = server.state.calls.lock().unwrap();
    let times: Vec<_> = calls.iter().map(|(time, _)| (*time - start).as_millis()).collect();
    assert!((900..910).contains(&times[0]), "the first came at 400 ms and waited 500: {times:?}");
    assert!((1200..1210).contains(&times[1]), "the end of the stream waits for nothing: {times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_batch_does_not_inherit_the_wait_of_the_one_before() {
    let server = Server::new(|_| Fault::None);
    let start = Instant::now();
    let source = messages(4).enumerate().then(|(number, message)| async move {
        tokio::time::sleep_until(start + Duration::from_millis([0, 400, 450, 2000][number])).await;
        message
    });
    let publisher = server.client().publisher().batch_messages(number(2));
    let results: Vec<_> = publisher.longest_wait(Duration::from_millis(500)).publish(source).collect().await;
    assert_eq!(results.len(), 4);
    assert_eq!(server.sizes(), [2, 1, 1]);
    let second = server.state.calls.lock().unwrap()[1].0 - start;
    assert!((950..960).contains(&second.as_millis()), "it came at 450 ms and waited 500: {second:?}");
}

#[tokio::test(start_paused = true)]
async fn no_message_is_taken_while_the_calls_under_way_are_full() {
    let server = Server::new(|_| Fault::None);
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = taken.clone();
    let source = messages(10_000).inspect(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    let publisher = server.client().publisher().batch_messages(number(10)).in_flight(number(2));
    let mut results = pin!(publisher.publish(source));

    assert!(results.next().now_or_never().is_none());
    assert_eq!(taken.load(Ordering::SeqCst), 20);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(taken.load(Ordering::SeqCst), 20, "nobody has asked for a result");
    results.next().await.unwrap().unwrap();
    assert!(taken.load(Ordering::SeqCst) <= 40);
}

/// A server that answers its first call after a second, and every further one another second later. It counts what was
/// begun and what was finished.
fn slow(begun: &Arc<AtomicUsize>, finished: &Arc<AtomicUsize>) -> Client {
    let (begun, finished) = (begun.clone(), finished.clone());
    let transport = tower::service_fn(move |_: Request<Bytes>| {
        let seconds = begun.fetch_add(1, Ordering::SeqCst) + 1;
        let finished = finished.clone();
        async move {
            for _ in 0..seconds {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            finished.fetch_add(1, Ordering::SeqCst);
            ok(r#"[{"messageId":"msg_1"}]"#)
        }
    });
    Script::default().builder().transport(transport).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_caller_may_take_longer_over_a_receipt_than_a_call_may_take() {
    let (begun, finished) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    let client = slow(&begun, &finished);
    let mut results = pin!(client.publisher().batch_messages(number(1)).publish(messages(20)));
    while let Some(result) = results.next().await {
        result.unwrap();
        tokio::time::sleep(Duration::from_secs(3600)).await;
    }
    assert_eq!((begun.load(Ordering::SeqCst), finished.load(Ordering::SeqCst)), (20, 20));
}

#[tokio::test(start_paused = true)]
async fn a_publisher_that_is_dropped_gives_up_its_calls_and_begins_no_other() {
    let (begun, finished) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    let publisher = slow(&begun, &finished).publisher().batch_messages(number(1)).in_flight(number(3));
    let mut results = Box::pin(publisher.publish(messages(100)));
    assert!(results.next().now_or_never().is_none());
    tokio::time::sleep(Duration::from_millis(500)).await;
    drop(results);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!((begun.load(Ordering::SeqCst), finished.load(Ordering::SeqCst)), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_holds_back_every_call_until_it_is_over() {
    // Within the deadline of a call, and far beyond it.
    let short: fn(usize) -> Fault =
        |call| if call == 1 { Fault::Limited { seconds: 30 } } else { Fault::None };
    let long: fn(usize) -> Fault =
        |call| if call == 1 { Fault::Limited { seconds: 3600 } } else { Fault::None };
    for (fault, seconds) in [(short, 30), (long, 3600)] {
        let server = Server::new(fault);
        let publisher = server.client().publisher().batch_messages(number(1)).in_flight(number(3));
        let start = Instant::now();
        let results: Vec<_> = publisher.publish(messages(9)).collect().await;
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        let calls = server.state.calls.lock().unwrap();
        assert_eq!(calls.len(), 10, "one was made again");
        let during = calls.iter().filter(|(time, _)| {
            let since = time.duration_since(start);
            since > Duration::ZERO && since < Duration::from_secs(seconds - 3)
        });
        assert_eq!(during.count(), 0, "{calls:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_is_not_waited_for_when_qstash_may_have_forgotten_the_ids_by_then() {
    let server = Server::new(|call| match call {
        0 => Fault::LostAnswer,
        1 => Fault::Limited { seconds: 3600 },
        _ => Fault::None,
    });
    let results: Vec<_> = server.client().publisher().publish(messages(1)).collect().await;
    let [Err(failed)] = &results[..] else {
        panic!("{results:?}");
    };
    assert!(failed.is_ambiguous() && failed.is_retryable());
    assert_eq!(server.sizes(), [1, 1]);
}

#[tokio::test(start_paused = true)]
async fn an_early_lost_answer_is_not_forgotten_when_rate_limits_follow_one_another() {
    let server = Server::new(|call| match call {
        0 => Fault::LostAnswer,
        1 => Fault::Limited { seconds: 30 },
        2 => Fault::Limited { seconds: 3600 },
        _ => Fault::None,
    });
    let results: Vec<_> = server.client().publisher().publish(messages(1)).collect().await;
    let [Err(failed)] = &results[..] else {
        panic!("{results:?}");
    };
    assert!(failed.is_ambiguous() && failed.is_retryable());
    assert_eq!(server.sizes(), [1, 1, 1], "a fourth call would come when the ids may be forgotten");
}

#[tokio::test(start_paused = true)]
async fn after_a_lost_answer_no_call_is_begun_that_may_end_when_the_ids_are_forgotten() {
    let limited = |call| match call {
        0 => Fault::LostAnswer,
        1 => Fault::Limited { seconds: 280 },
        _ => Fault::None,
    };
    for (timeout, calls) in [(200, 3), (500, 2)] {
        let server = Server::new(limited);
        let client = server.builder().timeout(Duration::from_secs(timeout)).build().unwrap();
        let results: Vec<_> = client.publisher().publish(messages(1)).collect().await;
        assert_eq!(results[0].is_ok(), calls == 3, "{results:?}");
        assert_eq!(server.sizes().len(), calls);
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_with_a_mistake_comes_back_in_its_place() {
    let server = Server::new(|_| Fault::None);
    let source = messages(6).enumerate().map(|(number, message)| match number {
        1 => message.label("a,b"),
        3 => message.body(vec![0xff]),
        4 => message.header("x-own", [0xff]),
        _ => message,
    });
    let results: Vec<_> = server.client().publisher().publish(source).collect().await;
    let [Ok(_), Err(label), Ok(_), Err(body), Err(header), Ok(last)] = &results[..] else {
        panic!("{results:?}");
    };
    assert_eq!(last.message_id().as_str(), "msg_5");
    for (failed, field) in [(label, "label"), (body, "body"), (header, "header")] {
        let Some(Error::Input(mistake)) = failed.error() else {
            panic!("{failed:?}");
        };
        assert_eq!(mistake.field(), field);
    }
    assert!(label.message().parts().is_err());
    assert_eq!(body.message().parts().unwrap().body.as_ref(), [0xff]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_handed_over_comes_back_with_its_id() {
    let server = Server::new(|_| Fault::LostRequest);
    let results: Vec<_> = server.client().publisher().publish(messages(2)).collect().await;
    for result in results {
        let failed = result.unwrap_err();
        assert!(failed.is_retryable() && !failed.is_ambiguous());
        assert!(failed.message().parts().unwrap().options.deduplication.is_some());
    }
    assert_eq!(server.sizes(), [2; 6]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_for_eternity_is_asked_again_the_next_day() {
    let script = Script::new([
        with_headers(status(429, ""), &[("retry-after", u64::MAX.to_string())]),
        ok(r#"[{"messageId":"msg_0"}]"#),
    ]);
    let start = Instant::now();
    let publisher = script.client().publisher().longest_wait(Duration::MAX);
    let results: Vec<_> = publisher.publish(messages(1)).collect().await;
    assert!(results[0].is_ok(), "{results:?}");
    assert_eq!(start.elapsed().as_secs(), 24 * 60 * 60);
}

#[test]
fn the_stream_of_results_can_be_made_without_a_runtime() {
    drop(Server::new(|_| Fault::None).client().publisher().publish(messages(1)));
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

#[test]
fn calls_that_end_with_their_runtime_fail_and_the_next_one_goes_on_with_the_rest() {
    let server = Server::new(|_| Fault::None);
    let publisher = server.client().publisher().batch_messages(number(2)).in_flight(number(1));
    let mut results = Box::pin(publisher.publish(messages(4)));
    runtime().block_on(async {
        assert!(results.next().now_or_never().is_none());
        tokio::task::yield_now().await;
    });
    assert_eq!(server.sizes(), [2]);

    let results = runtime().block_on(results.collect::<Vec<_>>());
    let [Err(first), Err(second), Ok(_), Ok(last)] = &results[..] else {
        panic!("{results:?}");
    };
    assert_eq!(last.message_id().as_str(), "msg_3");
    for (number, failed) in [first, second].into_iter().enumerate() {
        assert!(failed.is_retryable() && failed.is_ambiguous());
        let parts = failed.message().parts().unwrap();
        assert_eq!(parts.body, number.to_string());
        assert!(parts.options.deduplication.is_some());
        let cause = failed.error().and_then(std::error::Error::source).unwrap();
        assert_eq!(cause.to_string(), "the runtime that the call was made on was shut down");
    }
}

#[test]
fn messages_that_wait_for_others_outlive_the_runtime_that_they_came_on() {
    let server = Server::new(|_| Fault::None);
    let source = messages(1).chain(stream::pending());
    let mut results = Box::pin(server.client().publisher().publish(source));
    runtime().block_on(async { assert!(results.next().now_or_never().is_none()) });
    assert!(runtime().block_on(results.next()).unwrap().is_ok());
    assert_eq!(server.sizes(), [1]);
}

#[tokio::test(start_paused = true)]
async fn an_empty_stream_makes_no_call() {
    let server = Server::new(|_| Fault::None);
    assert_eq!(server.client().publisher().publish(messages(0)).count().await, 0);
    assert!(server.sizes().is_empty());
}
