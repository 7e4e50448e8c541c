//! When a schedule fires.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use qstash_types::{Cron, InvalidCron};

fn cron(text: &str) -> Cron {
    text.parse().unwrap()
}

/// The next times after one.
fn times(text: &str, after: &str, count: usize) -> Vec<String> {
    let after: jiff::Timestamp = after.parse().unwrap();
    let times = cron(text).after(after.try_into().unwrap()).take(count).collect::<Vec<SystemTime>>();
    times.into_iter().map(|time| jiff::Timestamp::try_from(time).unwrap().to_string()).collect()
}

#[test]
fn the_next_time_is_the_first_one_that_lies_later() {
    let cases = [
        ("* * * * *", "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"),
        ("* * * * *", "2026-01-01T00:00:59.999Z", "2026-01-01T00:01:00Z"),
        ("*/15 * * * *", "2026-01-01T00:46:00Z", "2026-01-01T01:00:00Z"),
        ("5,7 3-4 * * *", "2026-01-01T03:07:00Z", "2026-01-01T04:05:00Z"),
        ("10-30/10 0 * * *", "2026-01-01T00:20:00Z", "2026-01-01T00:30:00Z"),
        ("0 0 1 * *", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"),
        ("0 0 31 * *", "2026-01-31T00:00:00Z", "2026-03-31T00:00:00Z"),
        ("0 0 29 2 *", "2097-01-01T00:00:00Z", "2104-02-29T00:00:00Z"),
        ("0 12 * * 0", "2026-01-01T00:00:00Z", "2026-01-04T12:00:00Z"),
        ("0 12 * * 7", "2026-01-01T00:00:00Z", "2026-01-04T12:00:00Z"),
        ("0 12 * * MON-fri", "2026-01-02T12:00:00Z", "2026-01-05T12:00:00Z"),
        ("0 0 * JAN,mar *", "2026-01-31T00:00:00Z", "2026-03-01T00:00:00Z"),
        ("0 0 13 * 5", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
        ("59 23 31 12 *", "2026-12-31T23:59:00Z", "2027-12-31T23:59:00Z"),
    ];
    for (cron, after, next) in cases {
        assert_eq!(times(cron, after, 1), [next], "{cron}");
    }
}

#[test]
fn a_time_zone_decides_what_the_fields_mean() {
    let cron = "CRON_TZ=America/New_York 0 4 * * *";
    assert_eq!(times(cron, "2026-01-10T00:00:00Z", 1), ["2026-01-10T09:00:00Z"]);
    assert_eq!(times(cron, "2026-07-10T00:00:00Z", 1), ["2026-07-10T08:00:00Z"]);
    let cron = "CRON_TZ=Asia/Kolkata 0 0 * * *";
    assert_eq!(times(cron, "2026-01-10T00:00:00Z", 1), ["2026-01-10T18:30:00Z"]);
}

#[test]
fn a_time_that_clocks_skip_is_moved_along() {
    // In Berlin, 29 March 2026 has no time from 2:00 to 3:00.
    let cron = "CRON_TZ=Europe/Berlin 30 2 * * *";
    let expected = ["2026-03-28T01:30:00Z", "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"];
    assert_eq!(times(cron, "2026-03-28T00:00:00Z", 3), expected);
}

#[test]
fn a_time_that_clocks_show_twice_counts_once() {
    // In Berlin, 25 October 2026 has the time from 2:00 to 3:00 twice.
    let cron = "CRON_TZ=Europe/Berlin 30 2 * * *";
    let expected = ["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"];
    assert_eq!(times(cron, "2026-10-24T00:00:00Z", 3), expected);
}

#[test]
fn an_expression_for_every_hour_follows_the_hours_as_they_pass() {
    let cron = "CRON_TZ=Europe/Berlin 30 * * * *";
    let expected =
        ["2026-03-28T23:30:00Z", "2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z", "2026-03-29T02:30:00Z"];
    assert_eq!(times(cron, "2026-03-28T23:00:00Z", 4), expected);
    let expected = ["2026-10-24T23:30:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"];
    assert_eq!(times(cron, "2026-10-24T23:00:00Z", 3), expected);
}

#[test]
fn an_expression_is_looked_for_until_the_calendar_repeats_it() {
    // 29 February on a Sunday.
    let expected = ["2088-02-29T00:00:00Z", "2128-02-29T00:00:00Z"];
    assert_eq!(times("0 0 29 2 */7", "2061-01-01T00:00:00Z", 2), expected);
    assert_eq!(times("0 0 1 1 *", "9999-06-01T00:00:00Z", 1), [""; 0]);
}

#[test]
fn a_refusal_names_the_field_and_says_why() {
    for (text, fault) in [
        ("", "expected five fields, minute hour day month weekday, found 0"),
        ("* * * *", "expected five fields, minute hour day month weekday, found 4"),
        ("* * * * * *", "expected five fields, minute hour day month weekday, found 6"),
        ("@every 5m", "expected five fields, minute hour day month weekday, found 2"),
        ("CRON_TZ=UTC", "expected five fields, minute hour day month weekday, found 0"),
        ("60 * * * *", "\"60\" is no minute, expected 0 to 59"),
        ("* 24 * * *", "\"24\" is no hour, expected 0 to 23"),
        ("* * 0 * *", "\"0\" is no day, expected 1 to 31"),
        ("* * L * *", "\"L\" is no day, expected 1 to 31"),
        ("* * * 1,feb,foo *", "\"foo\" is no month, expected 1 to 12"),
        ("* * * * 8", "\"8\" is no weekday, expected 0 to 7"),
        ("* * * * jan", "\"jan\" is no weekday, expected 0 to 7"),
        ("99999999999 * * * *", "\"99999999999\" is no minute, expected 0 to 59"),
        ("+5 * * * *", "\"+5\" is no minute, expected 0 to 59"),
        ("*5 * * * *", "\"*5\" is no minute, expected 0 to 59"),
        ("-1 * * * *", "\"\" is no minute, expected 0 to 59"),
        ("1, * * * *", "\"\" is no minute, expected 0 to 59"),
        ("* 17-9 * * *", "the range \"17-9\" of the hour field runs backwards"),
        ("*/0 * * * *", "the step \"0\" of the minute field is no whole number above zero"),
        ("* 1/x * * *", "the step \"x\" of the hour field is no whole number above zero"),
        ("1/2/3 * * * *", "the step \"2/3\" of the minute field is no whole number above zero"),
        ("CRON_TZ=Mars/Base * * * * *", "unknown time zone \"Mars/Base\""),
        ("CRON_TZ= * * * * *", "unknown time zone \"\""),
        ("CRON_TZ=Etc/Unknown * * * * *", "unknown time zone \"Etc/Unknown\""),
        ("0 0 30 2 *", "the expression never fires"),
        ("0 0 31 4,jun,9 *", "the expression never fires"),
    ] {
        assert_eq!(text.parse::<Cron>().unwrap_err().to_string(), fault, "{text}");
    }
    assert!("0 0 30 2 MON".parse::<Cron>().is_ok(), "a Monday in February will do");
}

#[test]
fn an_expression_is_written_with_its_time_zone_in_front() {
    assert_eq!(cron("  0\t4  * * mon ").to_string(), "0 4 * * mon");
    let berlin = cron("0 4 * * *").time_zone("europe/berlin").unwrap();
    assert_eq!(berlin.to_string(), "CRON_TZ=Europe/Berlin 0 4 * * *");
    assert_eq!(berlin, cron("CRON_TZ=Europe/Berlin 0 4 * * *"));
    assert_eq!(berlin.time_zone("UTC").unwrap().to_string(), "CRON_TZ=UTC 0 4 * * *");
}

#[test]
fn a_time_zone_that_the_database_does_not_know_can_be_named_all_the_same() {
    let base = cron("0 4 * * *").unchecked_time_zone("Mars/Base_1").unwrap();
    assert_eq!(base.to_string(), "CRON_TZ=Mars/Base_1 0 4 * * *");
    assert_eq!(base.after(SystemTime::UNIX_EPOCH).next(), None);
    for name in ["", "a b", "a\nb", "ä"] {
        let refused = cron("0 4 * * *").unchecked_time_zone(name);
        assert_eq!(refused, Err(InvalidCron::TimeZone(name.to_owned())));
    }
}

proptest! {
    #[test]
    fn what_is_an_expression_fires_in_order_and_reads_back(
        text in "(CRON_TZ=(UTC|Asia/Kolkata|America/New_York|Pacific/Apia) )?\
                 ((\\*|\\*/[1-9]|[1-9]|[1-4]-[5-9]|2,3?[0-9]|[0-9*,/-]{2}) ){4}(\\*|[0-7]|mon-fri|\\PC)",
        seconds in 0_u64..10_000_000_000,
    ) {
        if let Ok(cron) = text.parse::<Cron>() {
            prop_assert_eq!(&cron.to_string().parse::<Cron>().unwrap(), &cron);
            let mut last = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            for time in cron.after(last).take(3) {
                prop_assert!(time > last);
                last = time;
            }
        }
    }
}
