//! The small grammars: durations, retry delays, ids, base64, times.

use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD};
use proptest::{collection::vec, prelude::*, sample::Index};
use qstash_types::{
    DeduplicationId, Destination, FlowControlKey, FlowLimits, InvalidFlowControl, InvalidRedaction,
    InvalidRetryDelay, Label, MessageId, QueueName, Redaction, Region, RetryDelay, SigningKey, SigningKeys,
    Term, Url, base64_bytes, base64url, duration, header,
};

#[test]
fn durations_are_read_in_every_documented_form() {
    for (text, seconds) in [
        ("30s", 30),
        ("5m", 300),
        ("2h", 7200),
        ("7d", 604_800),
        ("1d10h30m", 124_200),
        ("60", 60),
        ("0s", 0),
        ("1h30m3s", 5403),
    ] {
        assert_eq!(duration::parse(text), Ok(Duration::from_secs(seconds)), "{text}");
    }
}

#[test]
fn a_part_of_a_second_is_rounded_up() {
    assert_eq!(duration::to_text(Duration::from_millis(1)), "1s");
    assert_eq!(duration::to_text(Duration::from_millis(90_001)), "91s");
    assert_eq!(duration::to_text(Duration::ZERO), "0s");
    assert_eq!(duration::to_text(Duration::MAX), format!("{}s", u64::MAX));
}

#[test]
fn flow_limits_are_read_in_every_order_and_refused_outside_the_grammar() {
    let all = FlowLimits::default().parallelism(2).rate(10).period(Duration::from_secs(90));
    for text in [
        "parallelism=2, rate=10, period=90s",
        "period=1m30s,rate=10,parallelism=2",
        " rate=10 ,parallelism=2,  period=90",
    ] {
        assert_eq!(text.parse(), Ok(all), "{text}");
    }
    assert_eq!("rate=10, parallelism=0".parse(), Ok(FlowLimits::default().rate(10)));
    for (text, error) in [
        ("", InvalidFlowControl::Grammar),
        ("rate", InvalidFlowControl::Grammar),
        ("rate=", InvalidFlowControl::Grammar),
        ("rate=+10", InvalidFlowControl::Grammar),
        ("rate=-1", InvalidFlowControl::Grammar),
        ("rate=1.5", InvalidFlowControl::Grammar),
        ("rate=4294967296", InvalidFlowControl::Grammar),
        ("rate=10,", InvalidFlowControl::Grammar),
        ("Rate=10", InvalidFlowControl::Grammar),
        ("rate=10, burst=3", InvalidFlowControl::Grammar),
        ("rate=10, period=1.5s", InvalidFlowControl::Grammar),
        ("period=60s", InvalidFlowControl::NoLimit),
        ("parallelism=0, rate=0", InvalidFlowControl::NoLimit),
        ("rate=10, period=0s", InvalidFlowControl::Period),
        ("rate=10, period=8d", InvalidFlowControl::Period),
    ] {
        assert_eq!(text.parse::<FlowLimits>(), Err(error), "{text}");
    }
}

#[test]
fn redaction_is_read_in_both_spellings_and_written_in_the_short_one() {
    for (text, written) in [
        ("body", "body"),
        ("header", "header"),
        ("headers", "header"),
        ("header[Authorization]", "header[authorization]"),
        ("headers[X-Key], BODY", "body,header[x-key]"),
        ("header[a],Headers[b]", "header[a],header[b]"),
        ("header[a], header", "header"),
        ("header, header[a]", "header"),
    ] {
        let redaction: Redaction = text.parse().expect(text);
        assert_eq!(redaction.to_string(), written, "{text}");
        assert_eq!(written.parse(), Ok(redaction), "{text}");
    }
    for text in ["", "body,", "url", "header[]", "header[a", "header[a b]", "header a"] {
        assert_eq!(text.parse::<Redaction>(), Err(InvalidRedaction), "{text}");
    }
}

#[test]
fn documented_retry_delays_mean_what_the_documentation_says() {
    let table = [
        ("1000", [1000, 1000, 1000]),
        ("1000 * (1 + retried)", [1000, 2000, 3000]),
        ("pow(2, retried) * 1000", [1000, 2000, 4000]),
        ("max(1000, pow(2, retried) * 100)", [1000, 1000, 1000]),
        ("min(3, 2, retried)", [0, 1, 2]),
        ("-retried + 10 / 4 - 0.5", [2, 1, 0]),
        ("--5", [5, 5, 5]),
        ("round(exp(1)) + floor(1.9) + ceil(0.1) + abs(-1) + sqrt(16)", [10, 10, 10]),
        // Division by zero, a negative and an undefined result, and one beyond a day.
        ("1 / retried", [86_400_000, 1, 0]),
        ("0 - 5", [0, 0, 0]),
        ("sqrt(0 - 1)", [0, 0, 0]),
        ("pow(10, 300) * pow(10, 300)", [86_400_000; 3]),
        ("90000000", [86_400_000; 3]),
    ];
    for (expression, millis) in table {
        let delay: RetryDelay = expression.parse().expect(expression);
        let found: Vec<u128> = (0..3).map(|retried| delay.delay(retried).as_millis()).collect();
        assert_eq!(found, millis, "{expression}");
        assert_eq!(delay.as_str(), expression);
    }
}

#[test]
fn an_expression_outside_the_grammar_is_refused() {
    let deep = "(".repeat(500) + "1" + &")".repeat(500);
    let long = "1+".repeat(600) + "1";
    for expression in [
        "",
        " ",
        "1 +",
        "(1",
        "1)",
        "1 2",
        "foo",
        "retried()",
        "pow(2)",
        "pow(1,2,3)",
        "sqrt(1,2)",
        "min(1)",
        "1..2",
        "2 ^ 3",
        "5 % 2",
        "retriedx",
        "pow 2, 3",
        "1e3",
        "é",
        "max(1,)",
        ",",
        deep.as_str(),
        long.as_str(),
    ] {
        let error = expression.parse::<RetryDelay>().expect_err(expression);
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn an_expression_written_in_rust_means_what_it_means_there() {
    type Case = (fn(Term) -> Term, &'static str, [u64; 3]);
    let cases: [Case; 10] = [
        (|_| Term::from(1500), "1500", [1500; 3]),
        (|retried| 1000 * (1 + retried), "1000 * (1 + retried)", [1000, 2000, 3000]),
        (|retried| Duration::from_secs(1) * retried + 0.5, "1000 * retried + 0.5", [0, 1000, 2000]),
        (|retried| 10 - (retried.clone() - 2) - retried, "10 - (retried - 2) - retried", [12, 10, 8]),
        (|retried| 60 / ((1 + retried) * 2) / 3, "60 / ((1 + retried) * 2) / 3", [10, 5, 3]),
        (|retried| (retried * -2.5 + 9).floor(), "floor(retried * (0 - 2.5) + 9)", [9, 6, 4]),
        (|retried| (retried - 4).abs().sqrt().ceil(), "ceil(sqrt(abs(retried - 4)))", [2, 2, 2]),
        (|retried| (retried / 2).exp().round(), "round(exp(retried / 2))", [1, 2, 3]),
        (
            |retried| (Term::from(2).pow(retried) * 1000).max(1500).min(Duration::from_secs(3)),
            "min(max(pow(2, retried) * 1000, 1500), 3000)",
            [1500, 2000, 3000],
        ),
        (|retried| retried + Duration::from_micros(1), "retried + 1", [1, 2, 3]),
    ];
    for (written, text, millis) in cases {
        let delay = RetryDelay::from_fn(written).unwrap();
        assert_eq!(delay.as_str(), text);
        assert_eq!(delay.delays(3).collect::<Vec<_>>(), millis.map(Duration::from_millis), "{text}");
    }
}

#[test]
fn an_expression_written_in_rust_keeps_to_the_same_bounds() {
    let long = RetryDelay::from_fn(|retried| (0..200).fold(retried, |sum, number| sum + number));
    assert_eq!(long, Err(InvalidRetryDelay::TooLong));
    let deep = RetryDelay::from_fn(|retried| (0..50).fold(retried, |inner, _| inner.abs()));
    assert_eq!(deep, Err(InvalidRetryDelay::TooDeep));
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(matches!(RetryDelay::from_fn(|_| number.into()), Err(InvalidRetryDelay::UnknownName(_))));
    }
}

#[test]
fn a_duration_is_the_same_wait_before_every_retry() {
    let delay = RetryDelay::from(Duration::from_micros(1_500_001));
    assert_eq!(delay.as_str(), "1501");
    assert_eq!(delay.delays(2).collect::<Vec<_>>(), [Duration::from_millis(1501); 2]);
    assert_eq!(RetryDelay::from(Duration::MAX).delay(0), Duration::from_secs(86_400));
}

#[test]
fn without_an_expression_the_waits_are_those_of_the_documentation() {
    let seconds = [12.18, 148.41, 1808.04, 22026.47, 86400.0, 86400.0];
    for (wait, documented) in RetryDelay::default().delays(6).zip(seconds) {
        assert!((wait.as_secs_f64() - documented).abs() < 0.01, "{wait:?} {documented}");
    }
}

#[test]
fn an_id_never_changes_what_a_request_means() {
    for id in ["", " ", "\t\n", ".", "..", "a\nb", " a", "a "] {
        assert!(MessageId::new(id).is_err(), "{id:?}");
        assert!(FlowControlKey::new(id).is_err(), "{id:?}");
        assert!(QueueName::new(id).is_err(), "{id:?}");
    }
    for name in ["a/b", "a b", "ä", "a:b"] {
        assert!(QueueName::new(name).is_err(), "{name:?}");
    }
    assert!(FlowControlKey::new("user:42 / über").is_ok());
    assert_eq!(DeduplicationId::new("a:b").unwrap_err().to_string(), "deduplication id must not contain ':'");
    assert_eq!(Label::new("a,b").unwrap_err().to_string(), "label must not contain ','");
    for json in ["\"\"", "\"..\"", "\" \""] {
        assert!(serde_json::from_str::<MessageId>(json).is_err(), "{json}");
    }
    assert_eq!(
        serde_json::from_str::<QueueName>("\"made elsewhere/1\"").unwrap().as_str(),
        "made elsewhere/1"
    );
}

#[test]
fn signing_keys_are_never_empty_and_never_shown() {
    for blank in ["", " ", "\n"] {
        assert!(SigningKey::new(blank).is_err());
        assert!(serde_json::from_value::<SigningKey>(blank.into()).is_err());
    }
    // As a file or a variable gives it that was read to its end.
    for broken in ["sig_1\n", "sig_1\r\n", "sig_1\nsig_2", "\tsig_1", "sig_1\0"] {
        let error = SigningKey::new(broken).unwrap_err();
        assert!(error.to_string().contains("line break"), "{error}");
    }
    let keys: SigningKeys =
        serde_json::from_str(r#"{"current":"sig_canary1","next":"sig_canary2"}"#).unwrap();
    let shown = format!("{keys:?}");
    assert!(!shown.contains("sig_") && !shown.contains("canary"), "{shown}");
    assert_eq!(keys.current.expose(), "sig_canary1");
}

#[test]
fn regions_are_read_in_every_spelling() {
    for text in ["us-east-1", "US-EAST-1", "US_EAST_1", "us_EAST-1"] {
        assert_eq!(text.parse(), Ok(Region::UsEast1));
    }
    for text in ["", "us-east-2", "us east 1", "EU_CENTRAL_1 "] {
        assert!(text.parse::<Region>().is_err(), "{text:?}");
    }
}

#[test]
fn header_names_get_the_spelling_of_the_service() {
    assert_eq!(header::canonical("x-trace-id"), "X-Trace-Id");
    assert_eq!(header::canonical("CONTENT-TYPE"), "Content-Type");
}

#[test]
fn times_are_read_as_numbers_and_text_in_both_units() {
    use qstash_types::timestamp::{unix_millis, unix_seconds};
    let millis = |json: &str| unix_millis::deserialize(&mut serde_json::Deserializer::from_str(json));
    let seconds = |json: &str| unix_seconds::deserialize(&mut serde_json::Deserializer::from_str(json));
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_250);
    assert_eq!(millis("1700000000250").unwrap(), time);
    assert_eq!(millis("\"1700000000250\"").unwrap(), time);
    assert_eq!(seconds("\"1700000000\"").unwrap(), time - Duration::from_millis(250));
    assert_eq!(seconds("1700000000").unwrap(), time - Duration::from_millis(250));
    assert!(millis("\"soon\"").is_err() && millis("1.5").is_err() && millis("18446744073709551615").is_err());
    for (time, number) in
        [(time, "1700000000250"), (SystemTime::UNIX_EPOCH - Duration::from_millis(250), "-250")]
    {
        let mut written = Vec::new();
        unix_millis::serialize(&time, &mut serde_json::Serializer::new(&mut written)).unwrap();
        assert_eq!(written, number.as_bytes());
        assert_eq!(millis(number).unwrap(), time);
    }
}

proptest! {
    #[test]
    fn base64_is_read_in_both_alphabets_padded_or_not(bytes in any::<Vec<u8>>()) {
        let padded = base64_bytes::encode(&bytes);
        let url_safe = padded.replace('+', "-").replace('/', "_");
        for text in [&padded, &url_safe] {
            prop_assert_eq!(&base64_bytes::decode(text.as_bytes()).unwrap()[..], &bytes[..]);
            prop_assert_eq!(&base64_bytes::decode(text.trim_end_matches('=').as_bytes()).unwrap()[..], &bytes[..]);
        }
    }

    #[test]
    fn a_written_duration_reads_back_rounded_up(millis in any::<u64>()) {
        let read = duration::parse(&duration::to_text(Duration::from_millis(millis))).unwrap();
        let added = read.checked_sub(Duration::from_millis(millis)).expect("nothing is lost");
        prop_assert!(added < Duration::from_secs(1));
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in "\\PC{0,40}") {
        let _ = duration::parse(&text);
        let _ = Url::new(&text);
        let _ = Destination::received(&text);
        let _ = base64_bytes::decode(text.as_bytes());
        if let Ok(delay) = text.parse::<RetryDelay>() {
            prop_assert!(delay.delay(u32::MAX) <= Duration::from_secs(86_400));
        }
    }

    #[test]
    fn no_expression_makes_evaluation_panic(text in "(retried|[0-9.]{1,4}|pow|min|sqrt|exp|[-+*/(), ]){1,30}", retried in any::<u32>()) {
        if let Ok(delay) = text.parse::<RetryDelay>() {
            prop_assert!(delay.delay(retried) <= Duration::from_secs(86_400));
        }
    }
}

proptest! {
    #[test]
    fn a_digest_is_read_as_the_bytes_that_any_base64_is(digest: [u8; 32], at in 0..43_usize, byte: u8, len in 0..60_usize) {
        let text = URL_SAFE_NO_PAD.encode(digest);
        prop_assert_eq!(base64url::decode_digest(&text), Some(digest));
        // With any character replaced, and of any length, it is what another decoder makes of it.
        let mut other = text.clone().into_bytes();
        other[at] = byte;
        let expected = |text: &[u8]| URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        prop_assert_eq!(base64url::decode_digest(&other), expected(&other));
        let longer = text.repeat(2);
        prop_assert_eq!(base64url::decode_digest(&longer[..len]), expected(&longer.as_bytes()[..len]));
    }

    #[test]
    fn a_text_is_decoded_whether_or_not_it_fits_into_the_buffer(bytes in vec(any::<u8>(), 1..300), at: Index, byte: u8, room in 0..400_usize) {
        let mut buffer = vec![0; room];
        let mut decode = |text: &[u8]| base64url::decode_into(text, &mut buffer).map(Cow::into_owned);
        let mut text = URL_SAFE_NO_PAD.encode(&bytes).into_bytes();
        prop_assert_eq!(decode(&text), Some(bytes));
        let at = at.index(text.len());
        text[at] = byte;
        prop_assert_eq!(decode(&text), URL_SAFE_NO_PAD.decode(&text).ok());
    }
}
