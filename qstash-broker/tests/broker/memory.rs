//! What callers can make the broker keep: all of it counts, what is let go is given back, and there is a limit.

use std::time::Duration;

use qstash_broker::{
    Activity, Broker, Cancel, Capacity, ChangeFlowControl, Command, DeleteQueue, DeleteSchedule,
    DeleteUrlGroup, FlowChange, PageRequest, Publication, Publish, PutEndpoints, PutQueue, PutSchedule,
    Refused, RetryDeadLetters, Selector, SetDefaults, SetSchedule, StoredEndpoint,
};
use qstash_types::{
    DeliveryOptions, Destination, EndpointName, FlowControlKey, QueueName, ScheduleId, Url, UrlGroupName,
};

use crate::sim::{START, Sim, answered, header_map, message, publication};

fn used(sim: &Sim) -> u64 {
    sim.broker.memory().0
}

fn key(name: &str) -> FlowControlKey {
    FlowControlKey::new(name).unwrap()
}

fn queue(name: &str) -> PutQueue {
    PutQueue { name: QueueName::new(name).unwrap(), parallelism: None, activity: None }
}

fn group(name: &str, url: &str) -> PutEndpoints {
    let endpoint = StoredEndpoint { name: None, url: Url::received(url).unwrap() };
    PutEndpoints(UrlGroupName::new(name).unwrap(), vec![endpoint])
}

fn schedule(id: &str, mut publication: Publication) -> PutSchedule {
    publication.options.schedule_id = Some(ScheduleId::new(id).unwrap());
    PutSchedule { cron: Box::new("0 0 1 1 *".parse().unwrap()), publication }
}

#[test]
fn what_is_kept_counts_until_it_is_let_go() {
    let mut sim = Sim::new();
    let grows = |sim: &Sim, before: &mut u64, what: &str| {
        assert!(used(sim) > *before, "{what} counts");
        *before = used(sim);
    };
    let mut before = 0;
    let everything: &[(&str, &str)] = &[
        ("upstash-label", "one,two"),
        ("upstash-forward-x", "y"),
        ("upstash-callback", "http://127.0.0.1:9/done"),
        ("upstash-callback-forward-x", "y"),
        ("upstash-failure-callback", "http://127.0.0.1:9/failed"),
        ("upstash-redact-fields", "body,header[x]"),
        ("upstash-retry-delay", "1000 * retried"),
        ("upstash-flow-control-key", "k"),
        ("upstash-flow-control-value", "rate=100"),
        ("upstash-deduplication-id", "d"),
        ("upstash-queue-name", "q"),
        ("upstash-retries", "0"),
    ];
    sim.publish(message(everything));
    grows(&sim, &mut before, "a message");
    sim.publish(publication("http://127.0.0.1:9/later", &[("upstash-delay", "1d")], "later"));
    grows(&sim, &mut before, "a message that waits");
    sim.done(queue("other"));
    grows(&sim, &mut before, "a queue");
    sim.done(group("g", "http://127.0.0.1:9/1"));
    grows(&sim, &mut before, "a URL group");
    sim.done(group("g", "http://127.0.0.1:9/2"));
    grows(&sim, &mut before, "an endpoint");
    let defaults = DeliveryOptions::from_headers(&header_map(everything)).unwrap();
    sim.done(SetDefaults(UrlGroupName::new("g").unwrap(), Box::new(defaults)));
    grows(&sim, &mut before, "a default");
    sim.call(schedule("s", message(everything))).unwrap();
    grows(&sim, &mut before, "a schedule");
    sim.done(ChangeFlowControl(key("other"), FlowChange::Set(Activity::Paused)));
    grows(&sim, &mut before, "a flow-control key");

    // Not all of it can be deleted; the rest ends with its time.
    sim.call(schedule("s", message(everything))).unwrap();
    assert_eq!(used(&sim), before, "what is replaced gives its place to what replaces it");
    sim.done(SetSchedule(ScheduleId::new("s").unwrap(), Activity::Paused));
    sim.done(DeleteSchedule(ScheduleId::new("s").unwrap()));
    sim.done(ChangeFlowControl(key("other"), FlowChange::Set(Activity::Running)));
    sim.done(DeleteUrlGroup(UrlGroupName::new("g").unwrap()));
    while !sim.running.is_empty() {
        sim.end(answered(500));
    }
    let page = PageRequest { after: None, count: 100 };
    sim.call(RetryDeadLetters { selector: Selector::default(), page, changes: Box::default() }).unwrap();
    while !sim.running.is_empty() {
        sim.end(answered(200));
    }
    sim.call(Cancel { selector: Selector::default(), most: 100 }).unwrap();
    for name in ["q", "other"] {
        sim.done(DeleteQueue(QueueName::new(name).unwrap()));
    }
    sim.pass(Duration::from_secs(24 * 60 * 60));
    assert_eq!(used(&sim), 0);
}

/// Has the command carried out for one number after the other until it is refused, and says how often it was not.
fn refused_after<C: Command>(command: impl Fn(usize) -> C) -> usize {
    let mut broker = Broker::sized(1, Capacity { memory: 1 << 20, ..Capacity::default() });
    for number in 0..100_000 {
        let effects = broker.call(START, command(number));
        let refused = effects.into_iter().find_map(|effect| match effect {
            qstash_broker::Effect::Answer(Err(refused)) => Some(refused),
            _ => None,
        });
        if let Some(refused) = refused {
            assert_eq!(refused, Refused::Memory(1 << 20), "{:?}", command(number));
            let (used, most) = broker.memory();
            assert!(used <= most && used > most * 9 / 10, "{used} bytes are used");
            return number;
        }
    }
    panic!("it is never refused")
}

#[test]
fn nothing_is_taken_beyond_the_limit() {
    let delayed = |headers: &[(&'static str, &'static str)]| {
        let mut all = vec![("upstash-delay", "1d")];
        all.extend(headers);
        message(&all)
    };
    let few = refused_after(|_| Publish(delayed(&[])));
    assert!(few < 1024, "a message takes up a kilobyte at least");
    let with_body = refused_after(|_| {
        let mut publication = delayed(&[]);
        publication.body = vec![b'x'; 10_000].into();
        Publish(publication)
    });
    assert!(with_body < few / 5);
    refused_after(|number| {
        let mut publication = delayed(&[]);
        publication.options.settings.flow_control = Some(qstash_types::FlowControl {
            key: key(&number.to_string()),
            limits: qstash_types::FlowLimits::default(),
        });
        Publish(publication)
    });
    refused_after(|number| {
        let mut publication = delayed(&[]);
        publication.body = vec![b'x'; 10_000].into();
        schedule(&number.to_string(), publication)
    });
    refused_after(|number| ChangeFlowControl(key(&number.to_string()), FlowChange::Set(Activity::Paused)));
    let path = "x".repeat(15_000);
    refused_after(|number| group("g", &format!("http://127.0.0.1:9/{number}/{path}")));
}

#[test]
fn every_text_and_list_has_a_limit_of_its_own_that_its_refusal_names() {
    let long = || "x".repeat(1025);
    let base = || message(&[]);
    let mut cases: Vec<(&str, Publication)> = Vec::new();
    let mut case = |field: &'static str, change: &dyn Fn(&mut Publication)| {
        let mut publication = base();
        change(&mut publication);
        cases.push((field, publication));
    };
    let url = format!("http://127.0.0.1:9/{}", "x".repeat(20_000));
    let callback = |url: &str| {
        let headers = [("upstash-callback", url)].map(|(name, value)| {
            (name.parse::<http::HeaderName>().unwrap(), http::HeaderValue::from_str(value).unwrap())
        });
        DeliveryOptions::from_headers(&headers.into_iter().collect()).unwrap().callback
    };
    case("destination", &|all| all.destination = Destination::received(&url).unwrap());
    case("Upstash-Callback", &|all| all.options.callback = callback(&url));
    case("Upstash-Failure-Callback", &|all| all.options.failure_callback = callback(&url));
    case("Upstash-Method", &|all| all.options.settings.method = Some(long().parse().unwrap()));
    case("Upstash-Flow-Control-Key", &|all| {
        let limits = qstash_types::FlowLimits::default();
        all.options.settings.flow_control = Some(qstash_types::FlowControl { key: key(&long()), limits });
    });
    case("Content-Type", &|all| all.options.content_type = Some(long().parse().unwrap()));
    case("Upstash-Label", &|all| all.options.labels = vec![long().parse().unwrap()]);
    case("Upstash-Label", &|all| all.options.labels = vec!["x".parse().unwrap(); 101]);
    case("Upstash-Schedule-Id", &|all| all.options.schedule_id = Some(ScheduleId::new(long()).unwrap()));
    case("queueName", &|all| all.options.queue = Some(QueueName::new(long()).unwrap()));
    case("Upstash-Redact-Fields", &|all| {
        let names: Vec<_> = (0..101).map(|number| format!("header[h{number}]")).collect();
        let names = http::HeaderValue::try_from(names.join(",")).unwrap();
        let headers = std::iter::once((http::HeaderName::from_static("upstash-redact-fields"), names));
        all.options.redaction = DeliveryOptions::from_headers(&headers.collect()).unwrap().redaction;
    });
    case("Upstash-Deduplication-Id", &|all| {
        let id = http::HeaderValue::try_from(long()).unwrap();
        let headers = std::iter::once((http::HeaderName::from_static("upstash-deduplication-id"), id));
        all.options.deduplication = DeliveryOptions::from_headers(&headers.collect()).unwrap().deduplication;
    });
    case("Upstash-Forward-*", &|all| {
        all.options.settings.forward.insert("x", "y".repeat(200_000).parse().unwrap());
    });
    case("Upstash-Forward-*", &|all| {
        for number in 0..101 {
            let name = format!("h{number}").parse::<http::HeaderName>().unwrap();
            all.options.settings.forward.insert(name, "y".parse().unwrap());
        }
    });
    case("Upstash-Forward-*", &|all| {
        all.headers.insert("x", "y".repeat(200_000).parse().unwrap());
    });
    let mut sim = Sim::new();
    for (field, publication) in cases {
        let mut refusals = vec![];
        if field != "Upstash-Schedule-Id" {
            // Whatever id there is, it is of no use to a message.
            refusals.push(sim.call(Publish(publication.clone())).unwrap_err());
        }
        let cron = Box::new("0 0 1 1 *".parse().unwrap());
        refusals.push(sim.call(PutSchedule { cron, publication }).unwrap_err());
        for refused in refusals {
            assert!(refused.to_string().starts_with(&format!("{field}: ")), "{field}: {refused}");
        }
    }
    let named = |refused: Result<(), Refused>| refused.unwrap_err().to_string();
    assert_eq!(named(sim.call(queue(&long()))), "queueName: longer than 1024 bytes");
    assert_eq!(named(sim.call(group(&long(), "http://127.0.0.1:9/"))), "topic: longer than 1024 bytes");
    assert_eq!(named(sim.call(group("g", &url))), "endpoints: longer than 16384 bytes");
    let endpoint = StoredEndpoint {
        name: Some(EndpointName::new(long()).unwrap()),
        url: Url::received("http://127.0.0.1:9/").unwrap(),
    };
    let put = PutEndpoints(UrlGroupName::new("g").unwrap(), vec![endpoint]);
    assert_eq!(named(sim.call(put)), "endpoints: longer than 1024 bytes");
    let change = ChangeFlowControl(key(&long()), FlowChange::Set(Activity::Paused));
    assert_eq!(named(sim.call(change)), "flowControlKey: longer than 1024 bytes");
    assert_eq!(used(&sim), 0);
}
