//! What a host says about its pace, in whatever fields: a wait that can be kept.

use std::time::{Duration, SystemTime};

use headcount::policy::retry_after::{LONGEST_WAIT, wait_asked, wait_for_quota};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Field lines of an answer.
pub fn pace(data: &[u8]) {
    let headers = fields(data);
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    for wait in [wait_asked(&headers, now), wait_for_quota(&headers, now)].into_iter().flatten() {
        assert!(!wait.is_zero() && wait <= LONGEST_WAIT, "{wait:?}");
    }
}

fn fields(data: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n').take(100) {
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default().trim_ascii();
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(&line[..colon]), HeaderValue::from_bytes(value))
        {
            headers.append(name, value);
        }
    }
    headers
}
