//! When a schedule fires.

use qstash_dev::broker::{Cron, InvalidCron, Millis};

fn time(text: &str) -> Millis {
    Millis::new(text.parse::<jiff::Timestamp>().unwrap().as_millisecond().try_into().unwrap())
}

/// The next times after one.
fn times(cron: &str, after: &str, count: usize) -> Vec<String> {
    let cron: Cron = cron.parse().unwrap();
    let mut time = time(after);
    (0..count)
        .map(|_| {
            time = cron.next(time).unwrap();
            jiff::Timestamp::from_millisecond(time.since_epoch().try_into().unwrap()).unwrap().to_string()
        })
        .collect()
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
fn what_is_no_expression_of_five_fields_is_refused() {
    for text in ["", "* * * *", "* * * * * *", "@every 5m", "CRON_TZ=UTC"] {
        assert_eq!(text.parse::<Cron>(), Err(InvalidCron::Fields), "{text}");
    }
    for field in ["60", "-1", "5-1", "*/0", "1/x", "1,", "a", "1-", "*5", "+5", "L", "99999999999"] {
        let cron = format!("{field} * * * *").parse::<Cron>();
        assert_eq!(cron, Err(InvalidCron::Field(field.to_owned())));
    }
    assert!(matches!("CRON_TZ=Mars/Base * * * * *".parse::<Cron>(), Err(InvalidCron::Zone(_))));
    assert_eq!("0 0 30 2 *".parse::<Cron>(), Err(InvalidCron::Never));
}
