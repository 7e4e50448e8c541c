//! Publish headers: what is written, what is read, and what is refused.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::{collection::vec, option, prelude::*};
use qstash_types::{
    CallbackOptions, Deduplication, DeduplicationId, DeliveryOptions, DeliverySettings, FlowControl,
    FlowLimits, Label, Redaction, RetryDelay, Start, Url,
};

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            (name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        })
        .collect()
}

#[test]
fn no_time_is_cut_short_by_the_whole_seconds_of_the_wire() {
    let moment = Duration::from_nanos(1);
    let mut settings = DeliverySettings::default();
    settings.timeout = Some(moment);
    settings.flow_control = Some(FlowControl::new("k").unwrap().rate(1).period(moment));
    let mut target = CallbackOptions::new(Url::new("https://h").unwrap());
    target.settings = settings.clone();
    let mut options = DeliveryOptions::default();
    options.settings = settings;
    options.callback = Some(target.clone());
    options.failure_callback = Some(target);
    options.start = Some(Start::After(moment));
    let written = options.to_headers().unwrap();
    for prefix in ["upstash-", "upstash-callback-", "upstash-failure-callback-"] {
        assert_eq!(written[format!("{prefix}timeout")], "1s");
        assert_eq!(written[format!("{prefix}flow-control-value")], "rate=1, period=1s");
    }
    assert_eq!(written["upstash-delay"], "1s");
    options.start = Some(Start::At(SystemTime::UNIX_EPOCH + moment));
    assert_eq!(options.to_headers().unwrap()["upstash-not-before"], "1");
}

#[test]
fn each_option_is_written_as_the_documented_header() {
    let mut options = DeliveryOptions::default();
    options.settings.method = Some(Method::PUT);
    options.settings.timeout = Some(Duration::from_millis(1500));
    options.settings.retries = Some(0);
    options.settings.retry_delay = Some("1000 * (1 + retried)".parse().unwrap());
    options.settings.flow_control =
        Some(FlowControl::new("k").unwrap().parallelism(2).rate(10).period(Duration::from_secs(5403)));
    options.settings.forward = headers(&[("x-trace", "abc"), ("x-trace", "def")]);
    options.content_type = Some(HeaderValue::from_static("application/json"));
    options.forward_all_headers = true;
    options.start = Some(Start::After(Duration::from_secs(90)));
    options.deduplication = Some(Deduplication::Id(DeduplicationId::new("order-7").unwrap()));
    options.labels = vec![Label::new("a").unwrap(), Label::new("b c").unwrap()];
    options.redaction = Some(Redaction::body().and_header(HeaderName::from_static("authorization")));
    options.schedule_id = Some("nightly".parse().unwrap());
    options.queue = Some("emails".parse().unwrap());
    let mut callback = CallbackOptions::new(Url::new("https://example.com/cb?job=7").unwrap());
    callback.settings.method = Some(Method::GET);
    callback.settings.timeout = Some(Duration::from_secs(30));
    callback.settings.retries = Some(1);
    callback.settings.retry_delay = Some("1000".parse().unwrap());
    callback.settings.flow_control = Some(FlowControl::new("callbacks").unwrap().rate(5));
    callback.settings.forward = headers(&[("x-tenant", "42")]);
    let mut failure_callback = CallbackOptions::new(Url::new("https://example.com/failed").unwrap());
    failure_callback.settings = callback.settings.clone();
    options.failure_callback = Some(failure_callback);
    options.callback = Some(callback);

    let expected = headers(&[
        ("content-type", "application/json"),
        ("upstash-method", "PUT"),
        ("upstash-timeout", "2s"),
        ("upstash-retries", "0"),
        ("upstash-retry-delay", "1000 * (1 + retried)"),
        ("upstash-flow-control-key", "k"),
        ("upstash-flow-control-value", "parallelism=2, rate=10, period=5403s"),
        ("upstash-forward-x-trace", "abc"),
        ("upstash-forward-x-trace", "def"),
        ("upstash-header-forward", "true"),
        ("upstash-delay", "90s"),
        ("upstash-deduplication-id", "order-7"),
        ("upstash-label", "a,b c"),
        ("upstash-redact-fields", "body,header[authorization]"),
        ("upstash-schedule-id", "nightly"),
        ("upstash-queue-name", "emails"),
        ("upstash-callback", "https://example.com/cb?job=7"),
        ("upstash-callback-method", "GET"),
        ("upstash-callback-timeout", "30s"),
        ("upstash-callback-retries", "1"),
        ("upstash-callback-retry-delay", "1000"),
        ("upstash-callback-flow-control-key", "callbacks"),
        ("upstash-callback-flow-control-value", "rate=5"),
        ("upstash-callback-forward-x-tenant", "42"),
        ("upstash-failure-callback", "https://example.com/failed"),
        ("upstash-failure-callback-method", "GET"),
        ("upstash-failure-callback-timeout", "30s"),
        ("upstash-failure-callback-retries", "1"),
        ("upstash-failure-callback-retry-delay", "1000"),
        ("upstash-failure-callback-flow-control-key", "callbacks"),
        ("upstash-failure-callback-flow-control-value", "rate=5"),
        ("upstash-failure-callback-forward-x-tenant", "42"),
    ]);
    assert_eq!(options.to_headers().unwrap(), expected);
    options.settings.timeout = Some(Duration::from_secs(2));
    assert_eq!(DeliveryOptions::from_headers(&expected).unwrap(), options);

    let mut options = DeliveryOptions::default();
    options.start = Some(Start::At(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)));
    options.deduplication = Some(Deduplication::ByContent);
    options.redaction = Some(Redaction::all_headers());
    let expected = headers(&[
        ("upstash-not-before", "1700000000"),
        ("upstash-content-based-deduplication", "true"),
        ("upstash-redact-fields", "header"),
    ]);
    assert_eq!(options.to_headers().unwrap(), expected);
    assert_eq!(DeliveryOptions::from_headers(&expected).unwrap(), options);
}

#[test]
fn a_message_without_options_writes_no_header() {
    assert_eq!(DeliveryOptions::default().to_headers().unwrap(), HeaderMap::new());
}

#[test]
fn what_official_sdks_send_is_understood() {
    let options = DeliveryOptions::from_headers(&headers(&[
        ("Upstash-Content-Based-Deduplication", "True"),
        ("Upstash-Header-Forward", "False"),
        ("Upstash-Flow-Control-Key", "k"),
        ("Upstash-Flow-Control-Value", "period=1h30m3s,rate=3,parallelism=0"),
        ("Upstash-Delay", "1d10h30m"),
        ("Upstash-Timeout", "30"),
        ("Upstash-Label", " a , ,b"),
        ("Upstash-Redact-Fields", "body, headers[Authorization]"),
        ("Upstash-Telemetry-Sdk", "upstash-qstash-js@2.12.0"),
        ("Upstash-Callback-Workflow-Runid", "wfr_1"),
        ("Upstash-Callback-Retries", "nonsense of a callback that is not there"),
    ]));
    // The last header is a setting of no callback; it is ignored like the one before it.
    let options = options.unwrap();
    assert_eq!(options.deduplication, Some(Deduplication::ByContent));
    let limits = options.settings.flow_control.unwrap().limits;
    assert_eq!(limits, FlowLimits::default().rate(3).period(Duration::from_secs(5403)));
    assert_eq!(options.start, Some(Start::After(Duration::from_secs(34 * 3600 + 30 * 60))));
    assert_eq!(options.settings.timeout, Some(Duration::from_secs(30)));
    assert_eq!(options.labels.iter().map(Label::as_str).collect::<Vec<_>>(), ["a", "b"]);
    let redaction = options.redaction.unwrap();
    assert!(redaction.body && redaction.covers("Authorization") && !redaction.covers("x-other"));
    assert_eq!(options.settings.forward, HeaderMap::new());
    assert!(!options.forward_all_headers);
}

#[test]
fn an_explicit_id_wins_over_content_and_an_absolute_time_over_a_delay() {
    let options = DeliveryOptions::from_headers(&headers(&[
        ("upstash-content-based-deduplication", "true"),
        ("upstash-deduplication-id", "mine"),
        ("upstash-delay", "10s"),
        ("upstash-not-before", "1700000000"),
    ]))
    .unwrap();
    assert_eq!(options.deduplication, Some(Deduplication::Id("mine".parse().unwrap())));
    assert_eq!(options.start, Some(Start::At(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000))));
}

#[test]
fn a_value_that_breaks_its_grammar_is_refused_and_the_header_named() {
    let table = [
        ("upstash-method", "TRACE"),
        ("upstash-method", "no method"),
        ("upstash-delay", "1.5h"),
        ("upstash-delay", "-5s"),
        ("upstash-delay", "5 s"),
        ("upstash-delay", "1h30"),
        ("upstash-delay", "10ms"),
        ("upstash-delay", "99999999999999999999s"),
        ("upstash-delay", ""),
        ("upstash-not-before", "tomorrow"),
        ("upstash-not-before", "+5"),
        ("upstash-not-before", "18446744073709551615"),
        ("upstash-timeout", "soon"),
        ("upstash-retries", "-1"),
        ("upstash-retries", "3.5"),
        ("upstash-retries", "+3"),
        ("upstash-retries", ""),
        ("upstash-retries", "4294967296"),
        ("upstash-retry-delay", "system('rm')"),
        ("upstash-callback", "example.com/cb"),
        ("upstash-callback", "ftp://example.com"),
        ("upstash-failure-callback", "https://"),
        ("upstash-deduplication-id", "a:b"),
        ("upstash-content-based-deduplication", "yes"),
        ("upstash-flow-control-value", "rate=1"),
        ("upstash-redact-fields", "bodies"),
        ("upstash-queue-name", "a/b"),
        ("upstash-schedule-id", ".."),
    ];
    for (name, value) in table {
        let error = DeliveryOptions::from_headers(&headers(&[(name, value)])).expect_err(value);
        // The pair of flow-control headers belongs together; the missing one is named.
        let named = if name == "upstash-flow-control-value" { "upstash-flow-control-key" } else { name };
        assert_eq!(error.name().as_str(), named);
        assert!(error.to_string().starts_with(named), "{error}");
    }
}

#[test]
fn flow_control_without_a_limit_is_not_written() {
    let mut options = DeliveryOptions::default();
    options.settings.flow_control = Some(FlowControl::new("k").unwrap());
    assert_eq!(options.to_headers().unwrap_err().name(), "upstash-flow-control-value");
    options.settings.flow_control =
        Some(FlowControl::new("k").unwrap().rate(1).period(Duration::from_secs(604_801)));
    assert_eq!(options.to_headers().unwrap_err().name(), "upstash-flow-control-value");
}

#[test]
fn a_redaction_of_nothing_is_not_written() {
    let mut options = DeliveryOptions::default();
    let mut nothing = Redaction::body();
    nothing.body = false;
    options.redaction = Some(nothing);
    assert_eq!(options.to_headers().unwrap_err().name(), "upstash-redact-fields");
}

#[test]
fn debug_output_shows_the_names_of_forwarded_headers_but_not_their_values() {
    let mut options = DeliveryOptions::default();
    options.settings.forward = headers(&[("authorization", "Bearer canary")]);
    let shown = format!("{options:?}");
    assert!(shown.contains("authorization") && !shown.contains("canary"), "{shown}");
}

#[test]
fn more_forwarded_headers_than_a_map_holds_are_an_error() {
    let mut options = DeliveryOptions::default();
    let mut forward = HeaderMap::new();
    let mut names = (0..).map(|n| format!("x-{n}").parse::<HeaderName>().unwrap());
    while names.next().is_some_and(|name| forward.try_append(name, HeaderValue::from_static("1")).is_ok()) {}
    options.settings.forward = forward;
    options.settings.retries = Some(1);
    assert!(options.to_headers().is_err());
}

fn whole_seconds() -> impl Strategy<Value = Duration> {
    (0..10_000_000_u64).prop_map(Duration::from_secs)
}

fn settings() -> impl Strategy<Value = DeliverySettings> {
    let method =
        prop::sample::select(vec![Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE]);
    let flow_control = ("[a-zA-Z0-9:/ü-]{1,20}", 0..50_u32, 1..50_u32, option::of(1..604_800_u64)).prop_map(
        |(key, parallelism, rate, period)| {
            let flow = FlowControl::new(key).unwrap().parallelism(parallelism).rate(rate);
            period.map_or(flow.clone(), |seconds| flow.period(Duration::from_secs(seconds)))
        },
    );
    let delay = prop::sample::select(vec!["1000", "pow(2, retried) * 1000", "max(1, retried)"]);
    (
        option::of(method),
        option::of(whole_seconds()),
        option::of(any::<u32>()),
        option::of(delay),
        option::of(flow_control),
        vec(("x-[a-z0-9-]{1,12}", "[!-~]{1,30}"), 0..4),
    )
        .prop_map(|(method, timeout, retries, delay, flow_control, forward)| {
            let mut settings = DeliverySettings::default();
            settings.method = method;
            settings.timeout = timeout;
            settings.retries = retries;
            settings.retry_delay = delay.map(|text| text.parse::<RetryDelay>().unwrap());
            settings.flow_control = flow_control;
            for (name, value) in forward {
                settings.forward.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
            }
            settings
        })
}

/// Every option but the settings and the callbacks.
fn options() -> impl Strategy<Value = DeliveryOptions> {
    let start = prop_oneof![
        whole_seconds().prop_map(Start::After),
        whole_seconds().prop_map(|since| Start::At(SystemTime::UNIX_EPOCH + since)),
    ];
    let deduplication = prop_oneof![
        Just(Deduplication::ByContent),
        "[a-zA-Z0-9/ü-]{1,20}".prop_map(|id| Deduplication::Id(DeduplicationId::new(id).unwrap())),
    ];
    let redaction = prop_oneof![
        Just(Redaction::body()),
        Just(Redaction::all_headers().and_body()),
        "x-[a-z0-9-]{1,12}".prop_map(|name| Redaction::header(name.parse().unwrap())),
    ];
    let name = || option::of("[a-zA-Z0-9_.-]{3,12}");
    (
        option::of("[a-z]{1,9}/[a-z+.-]{1,9}"),
        any::<bool>(),
        option::of(start),
        option::of(deduplication),
        option::of(redaction),
        vec("[a-zA-Z0-9ä ]{0,9}[a-z]", 0..4),
        name(),
        name(),
    )
        .prop_map(
            |(content_type, forward_all, start, deduplication, redaction, labels, schedule_id, queue)| {
                let mut options = DeliveryOptions::default();
                options.content_type = content_type.map(|media_type| media_type.parse().unwrap());
                options.forward_all_headers = forward_all;
                options.start = start;
                options.deduplication = deduplication;
                options.redaction = redaction;
                options.labels = labels.iter().map(|label| Label::new(label.trim()).unwrap()).collect();
                options.schedule_id = schedule_id.map(|id| id.parse().unwrap());
                options.queue = queue.map(|name| name.parse().unwrap());
                options
            },
        )
}

fn whole_options() -> impl Strategy<Value = DeliveryOptions> {
    (options(), settings(), option::of(settings()), option::of(settings())).prop_map(
        |(mut options, own, callback, failure)| {
            let target = |settings| {
                let mut target = CallbackOptions::new(Url::new("https://example.com/cb").unwrap());
                target.settings = settings;
                target
            };
            options.settings = own;
            options.callback = callback.map(target);
            options.failure_callback = failure.map(target);
            options
        },
    )
}

/// What a header is about: several of them make one option.
fn option_of(name: &HeaderName) -> &str {
    let name = name.as_str();
    let groups = [
        ("upstash-callback", "callback"),
        ("upstash-failure-callback", "failure callback"),
        ("upstash-flow-control", "flow control"),
    ];
    match name {
        "upstash-delay" | "upstash-not-before" => "start",
        "upstash-deduplication-id" | "upstash-content-based-deduplication" => "deduplication",
        _ => groups.into_iter().find(|(start, _)| name.starts_with(start)).map_or(name, |(_, group)| group),
    }
}

proptest! {
    #[test]
    fn options_survive_the_wire(options in whole_options()) {
        let headers = options.to_headers().unwrap();
        prop_assert_eq!(DeliveryOptions::from_headers(&headers).unwrap(), options);
    }

    #[test]
    fn defaults_count_where_nothing_else_is_said(own in whole_options(), defaults in whole_options()) {
        let headers = [&own, &defaults].map(|options| options.to_headers().unwrap());
        let joined = own.or(&defaults).to_headers().unwrap();
        let is_own = |name| headers[0].keys().any(|own| option_of(own) == option_of(name));
        for name in headers.iter().flat_map(HeaderMap::keys).chain(joined.keys()) {
            let expected = &headers[usize::from(!is_own(name))];
            let values = |headers: &HeaderMap| headers.get_all(name).iter().cloned().collect::<Vec<_>>();
            prop_assert_eq!(values(&joined), values(expected), "{}", name);
        }
    }

    #[test]
    fn no_header_value_makes_decoding_panic(name in "(upstash-[a-z-]{1,25}|upstash-(delay|label|retries|retry-delay|flow-control-value|redact-fields|not-before))", value in any::<Vec<u8>>()) {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_bytes(&value)) {
            let mut headers = HeaderMap::new();
            headers.insert(name, value);
            let _ = DeliveryOptions::from_headers(&headers);
        }
    }
}
