//! What is learnt of one request on its way, kept also when it fails half-way.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION, SERVER, SET_COOKIE};
use http::response::Parts;
use http::{HeaderName, HeaderValue, StatusCode, Version};
use tokio::time::Instant;

use super::coding::Coding;
use super::learning::Learnt;
use crate::Config;
use crate::policy::addresses::Reach;
use crate::policy::redirect::is_redirect;
use crate::policy::retry::is_rejection;
use crate::policy::retry_after::{QUOTA_FIELDS, wait_asked, wait_for_quota};
use crate::record::{Certificate, Phase};

/// One request's progress: where it stands, how long each part took, what was answered.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) phase: Phase,
    pub(crate) started: Instant,
    /// What was spent in line since it got its turn. Its start was put off by as much.
    pub(crate) queued: Duration,
    /// Where it may connect to.
    pub(crate) reach: Reach,
    pub(crate) peer: Option<IpAddr>,
    /// What the host's certificate says, if somebody wants to know.
    pub(crate) certificate: Option<Arc<Certificate>>,
    pub(crate) namelookup: Option<Duration>,
    pub(crate) connect: Option<Duration>,
    pub(crate) appconnect: Option<Duration>,
    pub(crate) starttransfer: Option<Duration>,
    pub(crate) head: Option<Head>,
    pub(crate) body_bytes: u64,
    /// Bytes of the body as they came, if it had codings that were taken off.
    pub(crate) coded_bytes: Option<u64>,
    pub(crate) truncated: bool,
    pub(crate) title: Option<String>,
    /// What the user has asked for besides.
    pub(crate) learnt: Option<Box<Learnt>>,
    /// The body itself, if somebody wants it.
    pub(crate) kept_body: Option<Vec<u8>>,
}

/// The part of an answer's header that records and rules need.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) version: Version,
    pub(crate) content_type: Option<String>,
    pub(crate) content_length: Option<u64>,
    pub(crate) server: Option<String>,
    /// The codings of the body.
    pub(super) codings: Vec<Coding>,
    /// Where a redirect leads.
    pub(crate) location: Option<HeaderValue>,
    /// What a redirect sets of cookies.
    pub(crate) set_cookies: Vec<HeaderValue>,
    /// How long the host asks to be left alone.
    pub(crate) wait: Option<Duration>,
}

impl Trace {
    pub(crate) fn new(started: Instant) -> Trace {
        Trace {
            phase: Phase::Dns,
            started,
            queued: Duration::ZERO,
            reach: Reach::Anywhere,
            peer: None,
            certificate: None,
            namelookup: None,
            connect: None,
            appconnect: None,
            starttransfer: None,
            head: None,
            body_bytes: 0,
            coded_bytes: None,
            truncated: false,
            title: None,
            learnt: None,
            kept_body: None,
        }
    }

    pub(crate) fn status(&self) -> Option<StatusCode> {
        self.head.as_ref().map(|head| head.status)
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

impl Head {
    pub(crate) fn new(parts: &Parts) -> Head {
        // Field values are bytes; what is not UTF-8 is shown as U+FFFD rather than dropped.
        let text = |value: &HeaderValue| match value.to_str() {
            Ok(text) => text.to_owned(),
            Err(_) => String::from_utf8_lossy(value.as_bytes()).into_owned(),
        };
        let headers = &parts.headers;
        let location = headers.get(LOCATION).filter(|_| is_redirect(parts.status)).cloned();
        let set_cookies = match location {
            Some(_) => headers.get_all(SET_COOKIE).iter().cloned().collect(),
            None => Vec::new(),
        };
        Head {
            status: parts.status,
            version: parts.version,
            content_type: headers.get(CONTENT_TYPE).map(text),
            content_length: headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok()),
            server: headers.get(SERVER).map(text),
            codings: Coding::of(headers),
            location,
            set_cookies,
            wait: wait(parts),
        }
    }

    /// Whether this is a redirect that is to be followed.
    pub(crate) fn sends_elsewhere(&self, config: &Config) -> bool {
        self.location.is_some() && config.max_redirects > 0
    }
}

fn wait(parts: &Parts) -> Option<Duration> {
    if is_rejection(parts.status) {
        return wait_asked(&parts.headers, SystemTime::now());
    }
    // Most answers have none of these fields.
    let speaks_of_quotas =
        |name: &HeaderName| QUOTA_FIELDS.iter().any(|beginning| name.as_str().starts_with(beginning));
    if parts.headers.keys().any(speaks_of_quotas) {
        wait_for_quota(&parts.headers, SystemTime::now())
    } else {
        None
    }
}
