//! What a host says about its own pace: how long it asks to be left alone.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};
use sfv::{BareItem, Dictionary, Item, List, ListEntry, Parser};

/// No wait is longer. Clocks can add it without overflowing, and no run lives to see its end.
pub const LONGEST_WAIT: Duration = Duration::from_secs(366 * 24 * 3_600);

/// As a number of seconds to wait this would be 31 years, so it is a time since 1970.
const FIRST_EPOCH_SECONDS: f64 = 1e9;

/// As seconds since 1970 this would be the year 5138, so it is milliseconds.
const FIRST_EPOCH_MILLISECONDS: f64 = 1e11;

/// How the fields of the time before the standard begin. The first is an earlier draft's, the others custom's.
const OLDER_FIELDS: [&str; 3] = ["ratelimit-", "x-ratelimit-", "x-rate-limit-"];

/// How the fields begin that [`wait_for_quota`] looks at.
pub(crate) const QUOTA_FIELDS: [&str; 2] = ["ratelimit", "x-rate"];

/// How long the host that sent these fields asks to be left alone, longer than zero and at most [`LONGEST_WAIT`].
/// `None`: it names no time, or one that has passed.
///
/// Retry-After goes before the RateLimit fields, as their draft demands. Times of day are counted from the answer's own
/// Date, so that a host's wrong clock does no harm; `now` stands in where there is none. Of several answers to the same
/// question the longest counts.
pub fn wait_asked(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let clock = host_clock(headers, now);
    let waits = values(headers, RETRY_AFTER.as_str()).filter_map(|value| wait(value, clock));
    longest(waits).or_else(|| wait_for_quota(headers, now))
}

/// How long until a quota that is used up is renewed: what the RateLimit fields of any answer say, also of one that was
/// not rejected. `None`: something is left, or the host does not say.
pub fn wait_for_quota(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let clock = host_clock(headers, now);
    longest(values(headers, "ratelimit").filter_map(standard_wait))
        .or_else(|| OLDER_FIELDS.iter().find_map(|prefix| older_wait(headers, prefix, clock)))
}

fn values<'h>(headers: &'h HeaderMap, name: &str) -> impl Iterator<Item = &'h str> {
    headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok())
}

fn host_clock(headers: &HeaderMap, now: SystemTime) -> SystemTime {
    let date = headers.get(DATE).and_then(|date| date.to_str().ok());
    date.and_then(|date| httpdate::parse_http_date(date.trim()).ok()).unwrap_or(now)
}

/// A value of Retry-After: a date, a number of seconds, or several of those that a proxy has put together.
fn wait(value: &str, clock: SystemTime) -> Option<Duration> {
    match httpdate::parse_http_date(value.trim()) {
        Ok(date) => date.duration_since(clock).ok(),
        Err(_) => longest(value.split(',').filter_map(number).map(duration)),
    }
}

/// A value of `RateLimit`: `"name";r=0;t=30`, or `limit=10, remaining=0, reset=30` as drafts before the eighth had it.
fn standard_wait(value: &str) -> Option<Duration> {
    if let Some(policies) = list(value) {
        return longest(policies.iter().filter_map(|entry| {
            let item = item(entry)?;
            if parameter(item, "r")? == 0 { parameter(item, "t").map(seconds) } else { None }
        }));
    }
    let fields = Parser::new(value).parse::<Dictionary>().ok()?;
    let field = |name| fields.get(name).and_then(item).and_then(|item| natural(&item.bare_item));
    if field("remaining")? == 0 { field("reset").map(seconds) } else { None }
}

/// A field each for what remains and when it is renewed, as `X-RateLimit-Remaining` and `X-RateLimit-Reset`.
fn older_wait(headers: &HeaderMap, prefix: &str, clock: SystemTime) -> Option<Duration> {
    let numbers = |name: &str| {
        let name = format!("{prefix}{name}");
        let values = values(headers, &name).flat_map(|value| value.split(','));
        values.filter_map(number).collect::<Vec<f64>>()
    };
    if !numbers("remaining").contains(&0.0) {
        return None;
    }
    let after = numbers("reset-after").into_iter().map(duration);
    let at = numbers("reset").into_iter().map(|reset| {
        let since_epoch = match reset {
            FIRST_EPOCH_MILLISECONDS.. => duration(reset / 1e3),
            FIRST_EPOCH_SECONDS.. => duration(reset),
            _ => return duration(reset),
        };
        let now = clock.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        since_epoch.saturating_sub(now)
    });
    longest(after).or_else(|| longest(at))
}

fn longest(waits: impl Iterator<Item = Duration>) -> Option<Duration> {
    waits.max().filter(|wait| !wait.is_zero()).map(|wait| wait.min(LONGEST_WAIT))
}

fn list(value: &str) -> Option<List> {
    Parser::new(value).parse::<List>().ok()
}

fn item(entry: &ListEntry) -> Option<&Item> {
    match entry {
        ListEntry::Item(item) => Some(item),
        ListEntry::InnerList(_) => None,
    }
}

fn parameter(item: &Item, name: &str) -> Option<u64> {
    item.params.get(name).and_then(natural)
}

fn natural(item: &BareItem) -> Option<u64> {
    u64::try_from(i64::from(item.as_integer()?)).ok()
}

/// Digits, with a fraction as some hosts send it; no sign and no exponent.
fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if is_plain { text.parse().ok() } else { None }
}

fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds).min(LONGEST_WAIT)
}
