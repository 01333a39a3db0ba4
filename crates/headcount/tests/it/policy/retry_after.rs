//! What hosts say about their pace, in every spelling that is in use.

use std::time::{Duration, SystemTime};

use headcount::policy::retry_after::{LONGEST_WAIT, wait_asked, wait_for_quota};
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

/// The clock of this machine: Sun, 06 Nov 1994 08:49:07 GMT.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_747)
}

/// Fields as a host sends them, a line each.
fn fields(lines: &str) -> HeaderMap {
    let line = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.trim().parse::<HeaderName>().ok()?, HeaderValue::from_str(value.trim()).ok()?))
    };
    lines.lines().filter_map(line).fold(HeaderMap::new(), |mut map, (name, value)| {
        map.append(name, value);
        map
    })
}

fn check(lines: &str, expected: Option<u64>) {
    assert_eq!(wait_asked(&fields(lines), now()), expected.map(Duration::from_secs), "{lines}");
}

#[test]
fn seconds_are_taken_as_they_are() {
    check("Retry-After: 120", Some(120));
    check("Retry-After:   7  ", Some(7));
    check("Retry-After: 007", Some(7));
}

#[test]
fn a_fraction_is_understood_though_it_is_no_standard() {
    assert_eq!(wait_asked(&fields("Retry-After: 0.25"), now()), Some(Duration::from_millis(250)));
}

#[test]
fn dates_come_in_three_forms() {
    check("Retry-After: Sun, 06 Nov 1994 08:49:37 GMT", Some(30));
    check("Retry-After: Sunday, 06-Nov-94 08:49:37 GMT", Some(30));
    check("Retry-After: Sun Nov  6 08:49:37 1994", Some(30));
}

#[test]
fn a_date_counts_from_the_hosts_own_clock() {
    check("Date: Sun, 06 Nov 1994 08:48:37 GMT\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT", Some(60));
    check("Date: Mon, 07 Nov 1994 08:49:37 GMT\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT", None);
    check("Date: yesterday\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT", Some(30));
    check("Date: Mon, 07 Nov 1994 08:49:37 GMT\nRetry-After: 5", Some(5));
}

#[test]
fn what_names_no_time_asks_for_none() {
    for nothing in ["", "0", "0.0", "-5", "+5", "5s", "1e3", "soon", "NaN", "inf", ".", "1.2.3", "\u{feff}5"]
    {
        check(&format!("Retry-After: {nothing}"), None);
    }
    check("Retry-After: Sun, 06 Nov 1994 08:48:37 GMT", None);
    check("Retry-After: Sun, 06 Nov 1994 08:49:07 GMT", None);
    check("Retry-After: Sun, 31 Feb 1994 08:49:37 GMT", None);
    check("Server: none", None);
}

#[test]
fn the_absurd_is_a_year() {
    for absurd in ["99999999999999999999999999", "31708800000", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        check(&format!("Retry-After: {absurd}"), Some(LONGEST_WAIT.as_secs()));
    }
}

#[test]
fn of_several_the_longest_counts() {
    check("Retry-After: 5\nRetry-After: 10\nRetry-After: soon", Some(10));
    check("Retry-After: 5, 10", Some(10));
    check("Retry-After: 5\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT", Some(30));
}

#[test]
fn a_spent_quota_is_waited_for() {
    check(r#"RateLimit: "default";r=0;t=30"#, Some(30));
    check(r#"RateLimit: "burst";r=0;t=3, "daily";r=0;t=600, "hourly";r=4;t=3000"#, Some(600));
    check("RateLimit: limit=10, remaining=0, reset=30", Some(30));
    check("RateLimit-Limit: 10\nRateLimit-Remaining: 0\nRateLimit-Reset: 30", Some(30));
    check("X-RateLimit-Remaining: 0\nX-RateLimit-Reset: 30", Some(30));
    check("X-Rate-Limit-Remaining: 0\nX-Rate-Limit-Reset: 30", Some(30));
    check("X-RateLimit-Remaining: 0\nX-RateLimit-Reset: 1000\nX-RateLimit-Reset-After: 2.0", Some(2));
}

#[test]
fn a_reset_may_be_a_time_of_day() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
    for reset in ["1790000030", "1790000030000"] {
        let headers = fields(&format!("X-RateLimit-Remaining: 0\nX-RateLimit-Reset: {reset}"));
        assert_eq!(wait_asked(&headers, now), Some(Duration::from_secs(30)), "{reset}");
    }
    let past = fields("X-RateLimit-Remaining: 0\nX-RateLimit-Reset: 1789999999");
    assert_eq!(wait_asked(&past, now), None);
}

#[test]
fn what_is_left_of_a_quota_asks_for_no_wait() {
    check(r#"RateLimit: "default";r=1;t=30"#, None);
    check("RateLimit: limit=10, remaining=3, reset=30", None);
    check("X-RateLimit-Remaining: 3\nX-RateLimit-Reset: 30", None);
    check("X-RateLimit-Reset: 30", None);
}

#[test]
fn broken_fields_ask_for_no_wait() {
    for broken in
        [r#""a;r=0;t=30"#, r#""a";r=0"#, r#""a";r=0;t=-3"#, r#""a";r="0";t=3"#, "(a b);r=0;t=3", "=,;"]
    {
        check(&format!("RateLimit: {broken}"), None);
    }
}

#[test]
fn retry_after_goes_before_the_quota() {
    check("Retry-After: 5\nRateLimit: \"a\";r=0;t=30", Some(5));
    check("Retry-After: 0\nRateLimit: \"a\";r=0;t=30", Some(30));
    assert_eq!(wait_for_quota(&fields("Retry-After: 5"), now()), None);
}

/// Values that look like something, and some that do not.
fn value() -> impl Strategy<Value = HeaderValue> {
    let text = prop_oneof![
        "[0-9]{0,25}(\\.[0-9]{0,3})?",
        "\"[a-z]{1,3}\";(r|q)=-?[0-9]{1,17};(t|w)=-?[0-9]{1,17}",
        "limit=[0-9]{1,9}, remaining=[01], reset=[0-9]{1,15}",
        "(Sun|Mon), [0-9]{2} (Nov|Feb) [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT",
    ];
    let bytes = proptest::collection::vec(any::<u8>(), 0..40);
    prop_oneof![text.prop_map(String::into_bytes), bytes]
        .prop_filter_map("no field value", |bytes| HeaderValue::from_bytes(&bytes).ok())
}

fn header_map() -> impl Strategy<Value = HeaderMap> {
    let names = [
        "date",
        "retry-after",
        "ratelimit",
        "ratelimit-policy",
        "ratelimit-limit",
        "ratelimit-remaining",
        "ratelimit-reset",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
        "x-ratelimit-reset-after",
        "x-rate-limit-remaining",
        "x-rate-limit-reset",
    ];
    let field = (proptest::sample::select(names.to_vec()), value());
    proptest::collection::vec(field, 0..8).prop_map(|fields| {
        fields.into_iter().fold(HeaderMap::new(), |mut map, (name, value)| {
            map.append(name, value);
            map
        })
    })
}

proptest! {
    /// Whatever a host sends, a wait can be added to a clock and is worth waiting for.
    #[test]
    fn any_fields_give_a_usable_answer(headers in header_map(), since_epoch in 0..4_000_000_000_u64) {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(since_epoch);
        if let Some(wait) = wait_asked(&headers, now) {
            prop_assert!(!wait.is_zero() && wait <= LONGEST_WAIT, "{wait:?}");
        }
    }

    /// Who asks for more time never gets less.
    #[test]
    fn a_longer_retry_after_is_a_longer_wait(one in any::<u64>(), other in any::<u64>()) {
        let wait = |seconds| wait_asked(&fields(&format!("Retry-After: {seconds}")), now());
        prop_assert!(wait(one.min(other)) <= wait(one.max(other)));
    }

    /// The later the date, the longer the wait; the later it is here, the shorter.
    #[test]
    fn a_later_date_is_a_longer_wait(one in 0..100_000_u64, other in 0..100_000_u64) {
        let wait = |passed, ahead| {
            let date = httpdate::fmt_http_date(now() + Duration::from_secs(ahead));
            wait_asked(&fields(&format!("Retry-After: {date}")), now() + Duration::from_secs(passed))
        };
        prop_assert!(wait(0, one.min(other)) <= wait(0, one.max(other)));
        prop_assert!(wait(one.min(other), 50_000) >= wait(one.max(other), 50_000));
    }
}
