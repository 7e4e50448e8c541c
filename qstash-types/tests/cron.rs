//! When a schedule fires.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::time::{Duration, SystemTime};

use jiff::tz::TimeZoneDatabase;
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

/// A field as text, and the values that it allows.
fn field(lowest: u8, highest: u8) -> impl Strategy<Value = (String, Vec<u8>)> {
    let value = lowest..=highest;
    prop_oneof![
        Just(("*".to_owned(), value.clone().collect())),
        value.clone().prop_map(|only| (only.to_string(), vec![only])),
        (2..=highest).prop_map(move |step| {
            (format!("*/{step}"), (lowest..=highest).step_by(usize::from(step)).collect())
        }),
        (value.clone(), value).prop_map(|(one, other)| {
            let (from, to) = (one.min(other), one.max(other));
            (format!("{from}-{to}"), (from..=to).collect())
        }),
    ]
}

/// An expression as text, and whether it fires at a time that clocks show.
#[derive(Clone, Debug)]
struct Fields([(String, Vec<u8>); 5]);

impl Fields {
    fn text(&self) -> String {
        self.0.each_ref().map(|(text, _)| text.as_str()).join(" ")
    }

    fn allow(&self, time: jiff::civil::DateTime) -> bool {
        let weekday = time.weekday().to_sunday_zero_offset();
        let shown = [time.minute(), time.hour(), time.day(), time.month(), weekday];
        let has = |field: usize| self.0[field].1.contains(&shown[field].unsigned_abs());
        let is_any = |field: usize| self.0[field].0.starts_with('*');
        let is_day = if is_any(2) || is_any(4) { has(2) && has(4) } else { has(2) || has(4) };
        has(0) && has(1) && is_day && has(3)
    }
}

fn fields() -> impl Strategy<Value = Fields> {
    let fields = (field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 6));
    fields.prop_map(|(minute, hour, day, month, weekday)| Fields([minute, hour, day, month, weekday]))
}

/// Around the days on which the clocks of these zones are changed, by an hour or by half of one.
const ZONES: [(&str, [&str; 2]); 4] = [
    ("UTC", ["2026-02-28T12:00:00Z", "2026-12-31T12:00:00Z"]),
    ("Europe/Berlin", ["2026-03-28T12:00:00Z", "2026-10-24T12:00:00Z"]),
    ("America/New_York", ["2026-03-07T12:00:00Z", "2026-10-31T12:00:00Z"]),
    ("Australia/Lord_Howe", ["2026-04-04T00:00:00Z", "2026-10-03T00:00:00Z"]),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn an_expression_fires_at_each_minute_that_its_fields_allow_and_at_no_other(
        mut fields in fields(),
        (zone, change, offset) in (0..ZONES.len(), 0..2_usize, 0..1440_i64),
    ) {
        let (name, changes) = ZONES[zone];
        if name != "UTC" {
            // Others are moved along where clocks go forward, and count once where they go back.
            fields.0[1] = ("*".to_owned(), (0..24).collect());
        }
        let zone = TimeZoneDatabase::bundled().get(name).unwrap();
        let start = changes[change].parse::<jiff::Timestamp>().unwrap().as_second() / 60 + offset;
        let end = start + 2 * 1440;
        let minute = |minute: i64| jiff::Timestamp::from_second(minute * 60).unwrap();
        let expected: Vec<_> = (start + 1..=end)
            .map(minute)
            .filter(|&time| fields.allow(zone.to_datetime(time)))
            .collect();
        let Ok(cron) = format!("CRON_TZ={name} {}", fields.text()).parse::<Cron>() else {
            prop_assert!(expected.is_empty());
            return Ok(());
        };
        let found: Vec<_> = cron
            .after(SystemTime::try_from(minute(start)).unwrap())
            .map(|time| jiff::Timestamp::try_from(time).unwrap())
            .take_while(|&time| time <= minute(end))
            .collect();
        prop_assert_eq!(found, expected, "{}", cron);
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
