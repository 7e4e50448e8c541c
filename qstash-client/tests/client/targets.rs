//! What the rule for URLs promises: nothing on the way to the socket changes a URL that it lets through.

use http::Uri;
use proptest::prelude::*;
use qstash_client::Url;

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
