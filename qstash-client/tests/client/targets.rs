//! What the rule for URLs promises: nothing on the way to the socket changes a URL that it lets through.

use http::Uri;
use proptest::prelude::*;
use qstash_client::{Client, Error, Message, types::Url};

use crate::loopback::RawServer;

/// URLs that are mostly legal, with what parsers treat specially sprinkled in.
fn candidates() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-zA-Z0-9._~!$&()*+,;=:@|-]{1,6}",
        2 => Just("/".to_owned()),
        1 => prop_oneof![Just("//"), Just("/./"), Just("/../"), Just("/..%2f"), Just("/%2e"), Just("%2E%2e/"), Just(".%2E")]
            .prop_map(str::to_owned),
        1 => prop_oneof![Just("?"), Just("#"), Just("\\"), Just("'"), Just("%"), Just("[")].prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => (0x20_u8..0x7f).prop_map(|byte| char::from(byte).to_string()),
    ];
    let rest = prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat());
    let start = prop_oneof![Just("https://"), Just("http://"), Just("HTTP://"), Just("https:/"), Just("")];
    let host =
        prop_oneof![Just("h"), Just("EXAMPLE.com:443"), Just("user:pass@h:80"), Just("[::1]:8080"), Just("")];
    (start, host, rest).prop_map(|(start, host, rest)| format!("{start}{host}{rest}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn a_url_that_is_accepted_survives_every_parser_on_the_way(text in candidates()) {
        if Url::new(&text).is_ok() {
            let target = format!("/v2/publish/{text}");
            let address = format!("https://qstash.example{target}");

            let parsed = url::Url::parse(&address).unwrap();
            prop_assert_eq!(&parsed[url::Position::BeforePath..], &target);
            prop_assert_eq!(parsed.as_str(), &address);

            let uri: Uri = address.parse().unwrap();
            prop_assert_eq!(uri.path_and_query().unwrap().as_str(), &target);
        }
    }

    #[test]
    fn a_url_that_a_parser_would_change_is_refused(text in candidates()) {
        let target = format!("/v2/publish/{text}");
        let changed = url::Url::parse(&format!("https://qstash.example{target}"))
            .is_ok_and(|parsed| parsed[url::Position::BeforePath..] != target);
        prop_assert!(!changed || Url::new(&text).is_err());
    }
}

/// What parsers treat specially, beside single characters.
const SEQUENCES: &str = r"
    .. ... // /. /.. /../ /../../../../v2/messages %2e %2E%2e /.%2e/ /%2e./x ..; /..;/ %252e%252e /..%2f %2f..%2f %5c \..\
    %00 %0d%0a :: @evil.example :80@evil.example [::1] %% %4 %zz %27 %20 ?? ?' ?%27 ?/../x ?.. ?\ #x ?#
    ?qstash_token=x ?upstash-method=GET ?a&Upstash-Delay ?qstash%5Ftoken=1 &%55pstash-x=1";

/// URLs with such things at each place.
fn suspects() -> impl Iterator<Item = String> {
    let characters =
        (0..=0x7f).chain([0xad, 0x3002, 0xff0e, 0x1f600]).filter_map(char::from_u32).map(String::from);
    let sequences = SEQUENCES.split_whitespace().map(str::to_owned);
    let others = ["\r\nx: y".to_owned(), "a".repeat(8_000), "a".repeat(70_000)];
    let texts = characters.chain(sequences).chain(others);
    texts.flat_map(|text| {
        [
            format!("{text}https://h/x"),
            format!("https:{text}//h/x"),
            format!("HTTP://{text}h:8080/x"),
            format!("https://u{text}@h/x"),
            format!("https://h:{text}/x"),
            format!("https://h{text}"),
            format!("https://h/a{text}b?c"),
            format!("https://h/{text}/x"),
            format!("https://[::1]/x?a{text}b=c"),
        ]
    })
}

/// What the first lines and the callbacks of requests said.
fn sent(server: &RawServer) -> Vec<(String, Option<String>)> {
    let requests = server.requests();
    let callback = |request: &str| {
        let line = request.lines().find_map(|line| line.strip_prefix("upstash-callback: "));
        line.map(str::to_owned)
    };
    requests.iter().map(|request| (request.lines().next().unwrap().to_owned(), callback(request))).collect()
}

#[tokio::test]
async fn what_leaves_through_the_socket_is_what_was_written_and_all_else_is_refused() {
    let server = RawServer::accepting().await;
    let client = Client::new(&*server.url, "t").unwrap();
    let mut expected = Vec::new();
    let mut refused = 0;
    for url in suspects() {
        match client.queue("q").enqueue(Message::to(&url)).await {
            Ok(_) => expected.push((format!("POST /v2/enqueue/q/{url} HTTP/1.1"), None)),
            Err(Error::Input(mistake)) => {
                assert_eq!(mistake.field(), "destination", "{url:?}");
                refused += 1;
            }
            Err(other) => panic!("{url:?}: {other:?}"),
        }
        match client.publish(Message::to("https://h").callback(&url)).await {
            Ok(_) => expected.push(("POST /v2/publish/https://h HTTP/1.1".to_owned(), Some(url))),
            Err(Error::Input(mistake)) => assert_eq!(mistake.field(), "callback URL", "{url:?}"),
            Err(other) => panic!("{url:?}: {other:?}"),
        }
    }
    assert!(expected.len() > 1000 && refused > 300, "{} were accepted and {refused} refused", expected.len());
    assert_eq!(sent(&server), expected);
}
