//! A job: one input on its way to its record, over attempts and redirects.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{StatusCode, Version};
use jiff::Timestamp;
use tokio::time::Instant;
use url::{Position, Url};

use super::attempt::Attempt;
use crate::Request;
use crate::config::Config;
use crate::record::{Failure, Kind, Outcome, Phase, Record};
use crate::transport::{Learnt, Trace};

/// An input being worked on. It lives in the scheduler while it waits and with a worker while it is asked.
pub(super) struct Job {
    pub(super) index: u64,
    pub(super) request: Request,
    pub(super) retries: u32,
    pub(super) attempt: Attempt,
    /// Set once a worker has had it: from then on the input gets a record, whatever comes.
    pub(super) begun: bool,
    /// Whoever has to know that it is sent knows.
    pub(super) may_be_sent: bool,
    /// The next request starts the input again from its own URL.
    is_retry_due: bool,
    pub(super) waiting_since: Instant,
    queued: Duration,
    /// What earlier attempts took.
    earlier: Duration,
    /// How long it was not to be asked before its retries.
    paused: Duration,
    /// When its first request started.
    pub(super) started: Option<Instant>,
    /// Times that its host turned it away, and when it did so first.
    pub(super) rejections: u32,
    pub(super) rejected_since: Option<Instant>,
    /// The last request that ended, for the record.
    last: Option<Box<Trace>>,
    /// How it failed, if it is to be asked again for that.
    failure: Option<Box<Failure>>,
}

impl Job {
    /// A job of a request that means this URL, and waits since `now`.
    pub(super) fn new(index: u64, request: Request, url: Url, config: &Config, now: Instant) -> Box<Job> {
        let is_safe = request.method.is_safe();
        let attempt = Attempt::new(url, request.method.clone(), config.timeout);
        Box::new(Job {
            index,
            request,
            retries: 0,
            attempt,
            begun: false,
            may_be_sent: is_safe,
            is_retry_due: false,
            waiting_since: now,
            queued: Duration::ZERO,
            earlier: Duration::ZERO,
            paused: Duration::ZERO,
            started: None,
            rejections: 0,
            rejected_since: None,
            last: None,
            failure: None,
        })
    }

    /// About how many bytes it takes.
    pub(super) fn weight(&self) -> usize {
        size_of::<Job>() + self.request.weight()
    }

    /// The URL to ask next.
    pub(super) fn next_url(&self) -> &Url {
        match self.request.url() {
            Ok(url) if self.is_retry_due => url,
            _ => &self.attempt.url,
        }
    }

    /// The name of the host to ask next, with its port.
    pub(super) fn host(&self) -> String {
        host(self.next_url())
    }

    /// Whether the request that comes next goes to the origin that the user named.
    pub(super) fn is_at_home(&self) -> bool {
        self.attempt.is_at_home(&self.request)
    }

    /// The body to send with the request that comes next.
    pub(super) fn body<'a>(&'a self, config: &'a Config) -> Option<&'a Bytes> {
        self.attempt.body(&self.request, config)
    }

    pub(super) fn last_status(&self) -> Option<StatusCode> {
        self.last.as_ref().and_then(|trace| trace.status())
    }

    /// How long the host asked to be left alone, with its last answer.
    pub(super) fn wait_asked(&self) -> Option<Duration> {
        self.last.as_ref().and_then(|trace| trace.head.as_ref()?.wait)
    }

    /// The time that its requests took so far, without waiting.
    pub(super) fn busy(&self) -> Duration {
        self.earlier + self.attempt.spent
    }

    /// The pauses that its retries were made after.
    pub(super) fn paused(&self) -> Duration {
        self.paused
    }

    /// It is not to be asked until then.
    pub(super) fn pause_until(&mut self, time: Instant, now: Instant) {
        if self.is_retry_due {
            self.paused += time.saturating_duration_since(now);
        }
    }

    /// Has its turn now.
    pub(super) fn begin(&mut self, config: &Config, now: Instant) {
        self.begun = true;
        self.started.get_or_insert(now);
        self.has_waited(now);
        if std::mem::take(&mut self.is_retry_due)
            && let Ok(url) = self.request.url()
        {
            self.earlier += self.attempt.spent;
            self.attempt = Attempt::new(url.clone(), self.request.method.clone(), config.timeout);
        }
    }

    /// Goes back in line.
    pub(super) fn wait_again(&mut self, now: Instant) {
        self.waiting_since = now;
    }

    /// The same, to start from the beginning, after this failure. `is_charged`: it is one of the retries that it may
    /// make.
    pub(super) fn wait_for_retry(&mut self, failure: Option<Failure>, is_charged: bool, now: Instant) {
        self.wait_again(now);
        self.failure = failure.map(Box::new);
        self.is_retry_due = true;
        self.retries += u32::from(is_charged);
    }

    /// Goes back in line to ask the same once more, because the host did not take it now.
    pub(super) fn wait_for_host(&mut self, now: Instant, config: &Config) {
        self.wait_again(now);
        // What the host did not take is no part of the attempt.
        self.attempt.left = config.timeout;
        self.attempt.chain.pop();
    }

    /// Adds the time since it was put in line to what it has waited.
    pub(super) fn has_waited(&mut self, now: Instant) {
        self.queued += now.saturating_duration_since(self.waiting_since);
        self.waiting_since = now;
    }

    /// Takes in a request that has ended, whichever way.
    pub(super) fn took(&mut self, trace: Box<Trace>, now: Instant) {
        self.queued += trace.queued;
        self.attempt.took(&trace, now);
        self.last = Some(trace);
    }

    /// Goes on to where the last answer sends, if it does. `Ok(false)`: the answer is the final one.
    pub(super) fn follow_redirect(&mut self, config: &Config) -> Result<bool, Failure> {
        match &self.last {
            Some(trace) => self.attempt.follow(trace, &self.request, config),
            None => Ok(false),
        }
    }

    /// The record of an input that was to be asked again, and is not: that of its last attempt.
    pub(super) fn into_last_record(mut self: Box<Self>, config: &Config) -> Result<Record, Box<Job>> {
        match self.failure.take() {
            Some(failure) => Ok(self.into_record(Outcome::Failed, Some(*failure), config)),
            None if self.last_status().is_some() => Ok(self.into_record(Outcome::Answered, None, config)),
            None => Err(self),
        }
    }

    /// The record of an input that is over.
    pub(super) fn into_record(
        self: Box<Self>,
        outcome: Outcome,
        error: Option<Failure>,
        config: &Config,
    ) -> Record {
        let Job { index, request, retries, attempt, queued, last, begun, .. } = *self;
        let mut record = blank(index, &request, config);
        record.outcome = outcome;
        record.failed = outcome == Outcome::Failed;
        record.error = error;
        record.time_queued = seconds(queued);
        record.num_retries = retries;
        record.num_redirects = u32::try_from(attempt.redirects()).unwrap_or(u32::MAX);
        record.chain_urls = attempt.urls();
        record.chain_status_codes = attempt.chain;
        if begun {
            record.final_url = Some(attempt.url.as_str().to_owned());
            record.time_total = Some(seconds(attempt.spent));
        }
        let Some(mut trace) = last else { return record };
        if let Some(learnt) = trace.learnt.take() {
            add_learnt(&mut record, *learnt, &attempt.url, &trace);
        }
        record.host_ip = trace.peer;
        record.certificate = trace.certificate;
        record.time_namelookup = trace.namelookup.map(seconds);
        record.time_connect = trace.connect.map(seconds);
        record.time_appconnect = trace.appconnect.map(seconds);
        record.time_starttransfer = trace.starttransfer.map(seconds);
        let Some(head) = trace.head else { return record };
        record.accepted = record.outcome == Outcome::Answered && config.accept.contains(head.status.as_u16());
        record.status_code = Some(head.status.as_u16());
        record.content_type = head.content_type;
        record.content_length = head.content_length;
        record.webserver = head.server;
        record.http_version = Some(version(head.version).to_owned());
        record.body_bytes = Some(trace.body_bytes);
        record.body_bytes_received = trace.coded_bytes;
        record.truncated = trace.truncated;
        record.title = trace.title;
        record
    }
}

/// The name of a URL's host, with its port.
pub(super) fn host(url: &Url) -> String {
    let mut host = url[Position::BeforeHost..Position::AfterPort].to_owned();
    if url.port().is_none() {
        host.push_str(if url.scheme() == "https" { ":443" } else { ":80" });
    }
    host
}

/// Adds what the user has asked for besides. Only whole answers have their bodies kept.
fn add_learnt(record: &mut Record, learnt: Learnt, url: &Url, trace: &Trace) {
    record.header_fields = learnt.header_fields;
    record.extracted = learnt.extracted;
    record.body_sha256 = learnt.sha256;
    let Some(body) = learnt.body.filter(|_| record.outcome == Outcome::Answered) else { return };
    let content_type = trace.head.as_ref().and_then(|head| head.content_type.as_deref());
    match body.put(record.index, url, content_type) {
        Ok(place) => record.body_file = Some(place.to_string_lossy().into_owned()),
        Err(failure) => {
            (record.outcome, record.failed) = (Outcome::Failed, true);
            record.error = Some(failure);
        }
    }
}

/// The record of an input that cannot be asked.
pub(super) fn skipped(index: u64, request: &Request, failure: Failure, config: &Config) -> Record {
    let mut record = blank(index, request, config);
    record.outcome = Outcome::Skipped;
    record.error = Some(failure);
    record
}

/// The record of an input that may have been sent before, and is not safe to repeat.
pub(super) fn in_doubt(index: u64, request: &Request, config: &Config) -> Record {
    let mut record = blank(index, request, config);
    (record.outcome, record.failed) = (Outcome::Failed, true);
    let message = format!(
        "an earlier run may have sent this {}, and was killed before it had its answer",
        request.method
    );
    record.error = Some(Failure::new(Phase::Policy, Kind::InDoubt, message));
    record
}

fn blank(index: u64, request: &Request, config: &Config) -> Record {
    Record {
        index,
        source: request.source.as_ref().map(Arc::clone),
        line: request.line,
        input: request.input.clone(),
        input_fields: request.carried.clone(),
        url: request.url().ok().map(|url| url.as_str().to_owned()),
        final_url: None,
        method: request.method.as_str().to_owned(),
        outcome: Outcome::Interrupted,
        accepted: false,
        failed: false,
        error: None,
        status_code: None,
        title: None,
        content_type: None,
        content_length: None,
        body_bytes: None,
        body_bytes_received: None,
        truncated: false,
        body_sha256: None,
        body_file: None,
        header_fields: None,
        extracted: None,
        webserver: None,
        host_ip: None,
        http_version: None,
        num_redirects: 0,
        num_retries: 0,
        chain_status_codes: Vec::new(),
        chain_urls: None,
        certificate: None,
        insecure: config.insecure,
        timestamp: Timestamp::now(),
        time_queued: 0.0,
        time_namelookup: None,
        time_connect: None,
        time_appconnect: None,
        time_starttransfer: None,
        time_total: None,
    }
}

/// Microseconds are as far as these clocks can be believed; more digits would only fill the disk.
fn seconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e6
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2",
        _ => "HTTP/1.1",
    }
}
