//! What a host is like, in the words of a scenario file.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

/// A kind of host. What is left out does not limit: no bucket, no faults, no outages.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Model {
    /// There and back again, for each question of whatever kind.
    pub round_trip_ms: f64,
    /// How long the host works on a request.
    pub service: Service,
    /// How many it works on at once.
    pub slots: usize,
    /// How many more may wait for a slot. Beyond that they are rejected.
    pub queue: usize,
    /// The status of a rejection by the queue.
    pub full: u16,
    /// A limit of requests in a time.
    pub bucket: Option<Bucket>,
    /// Bytes of an answer's body.
    pub body: u64,
    /// Bytes a second over one connection.
    pub bandwidth: Option<f64>,
    /// The share of answers that redirect, once.
    pub redirects: f64,
    /// An idle connection is closed after this time.
    pub idle_ms: Option<f64>,
    /// The share of requests that meet each fault.
    pub faults: BTreeMap<Fault, f64>,
    /// Times at which the host is gone.
    pub outages: Vec<Outage>,
    /// Changes of the number of slots.
    pub capacity: Vec<Step>,
    /// A capacity that rises and falls: the lowest share of it.
    pub drift_to: Option<f64>,
    /// The time of one rise and fall.
    pub drift_s: f64,
}

impl Default for Model {
    fn default() -> Model {
        Model {
            round_trip_ms: 50.0,
            service: Service { mean_ms: 20.0, log_normal: None, pareto: None },
            slots: 1_000,
            queue: 1_000,
            full: 503,
            bucket: None,
            body: 512,
            bandwidth: None,
            redirects: 0.0,
            idle_ms: None,
            faults: BTreeMap::new(),
            outages: Vec::new(),
            capacity: Vec::new(),
            drift_to: None,
            drift_s: 60.0,
        }
    }
}

/// A time of service: a mean, and at most one kind of tail.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The mean, tail included.
    pub mean_ms: f64,
    /// The deviation of the time's logarithm.
    pub log_normal: Option<f64>,
    /// The shape of a Pareto distribution, above 1. The lower, the longer the tail.
    pub pareto: Option<f64>,
}

/// A token bucket.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// Tokens a second.
    pub rate: f64,
    /// Tokens that a quiet host has saved up.
    pub burst: f64,
    /// What a 429 says in Retry-After, in whole seconds.
    pub retry_after_s: Option<u64>,
}

/// A time at which the host is gone.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// When it begins.
    pub from_s: f64,
    /// How long it lasts.
    pub lasts_s: f64,
    /// It comes again after this time, counted from beginning to beginning.
    pub every_s: Option<f64>,
    /// Hosts begin theirs by a random time later, up to this.
    #[serde(default)]
    pub spread_s: f64,
    /// What it looks like.
    pub kind: OutageKind,
}

/// What an outage looks like from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutageKind {
    /// No answer, of any kind.
    Silent,
    /// Connections are refused.
    Refused,
    /// A 503 at once.
    Unavailable,
}

/// From a time on, the host has this share of its slots.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// When.
    pub at_s: f64,
    /// The share of the slots that are there.
    pub factor: f64,
}

/// What can go wrong with one request, in the order in which it is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The name does not exist.
    NameNotFound,
    /// The name server says that it failed.
    NameServerFailure,
    /// The name server is silent.
    NameSilence,
    /// The connection is refused.
    Refused,
    /// The connection is reset before it stands.
    ConnectReset,
    /// The connection never comes.
    ConnectSilence,
    /// The TLS handshake is broken off. Only encrypted connections meet it.
    TlsReset,
    /// The TLS handshake is met with silence. Only encrypted connections meet it.
    TlsSilence,
    /// The connection is reset before an answer.
    HeadersReset,
    /// The connection is closed before an answer.
    HeadersClosed,
    /// What comes is no HTTP.
    Malformed,
    /// No answer comes.
    HeadersSilence,
    /// The connection is reset in the middle of the body.
    BodyReset,
    /// The connection is closed in the middle of the body.
    BodyClosed,
    /// The body stops in the middle.
    BodySilence,
    /// A 500 comes.
    ServerError,
}

impl Fault {
    /// Whether it is met before a connection stands: by the name, or by the connection.
    pub(crate) fn is_of_name(self) -> bool {
        self <= Fault::NameSilence
    }

    pub(crate) fn is_of_connection(self) -> bool {
        !self.is_of_name() && self <= Fault::ConnectSilence
    }

    pub(crate) fn is_of_tls(self) -> bool {
        matches!(self, Fault::TlsReset | Fault::TlsSilence)
    }

    /// Whether it is met before a request can be sent.
    pub(crate) fn is_of_connecting(self) -> bool {
        self <= Fault::TlsSilence
    }

    /// Whether nothing tells that it happened.
    pub fn is_silence(self) -> bool {
        matches!(
            self,
            Fault::NameSilence
                | Fault::ConnectSilence
                | Fault::TlsSilence
                | Fault::HeadersSilence
                | Fault::BodySilence
        )
    }
}

impl Model {
    pub(crate) fn round_trip(&self) -> Duration {
        milliseconds(self.round_trip_ms)
    }

    /// How long a body takes on its way.
    pub(crate) fn transfer(&self) -> Duration {
        let seconds = self.bandwidth.map_or(0.0, |bandwidth| self.body as f64 / bandwidth);
        Duration::from_secs_f64(seconds)
    }

    /// Why these numbers describe no host.
    pub(crate) fn complaint(&self) -> Option<String> {
        let is_time = |value: f64| (0.0..=1e9).contains(&value);
        let is_share = |value: f64| (0.0..=1.0).contains(&value);
        let positive = |value: f64| value > 0.0 && value.is_finite();
        let service = &self.service;
        let complaints = [
            (!is_time(self.round_trip_ms), "round_trip_ms is no time"),
            (!is_time(service.mean_ms), "service.mean_ms is no time"),
            (service.log_normal.is_some() && service.pareto.is_some(), "a service has one tail at most"),
            (
                service.log_normal.is_some_and(|sigma| !(0.0..=5.0).contains(&sigma)),
                "log_normal goes from 0 to 5",
            ),
            (
                service.pareto.is_some_and(|shape| !(shape > 1.0 && shape.is_finite())),
                "pareto begins above 1",
            ),
            (self.slots == 0, "a host has a slot at least"),
            (self.bucket.as_ref().is_some_and(|bucket| !positive(bucket.rate)), "a bucket's rate is above 0"),
            (
                self.bucket.as_ref().is_some_and(|bucket| !(bucket.burst >= 1.0 && positive(bucket.burst))),
                "a bucket holds a token at least",
            ),
            (self.bandwidth.is_some_and(|bandwidth| !positive(bandwidth)), "a bandwidth is above 0"),
            (self.idle_ms.is_some_and(|idle| !is_time(idle)), "idle_ms is no time"),
            (!is_share(self.redirects), "redirects is a share"),
            (self.faults.values().any(|share| !is_share(*share)), "faults are shares"),
            (
                self.capacity.iter().any(|step| !is_time(step.at_s) || !is_share(step.factor)),
                "a step of capacity is a time and a share",
            ),
            (
                !self.capacity.is_sorted_by(|one, other| one.at_s < other.at_s),
                "steps of capacity are in order",
            ),
            (self.drift_to.is_some_and(|lowest| !is_share(lowest)), "drift_to is a share"),
            (!positive(self.drift_s), "drift_s is a time above 0"),
            (
                self.outages.iter().any(|outage| {
                    !is_time(outage.from_s) || !is_time(outage.lasts_s) || !is_time(outage.spread_s)
                }),
                "an outage has times",
            ),
            (
                self.outages.iter().any(|outage| {
                    outage.every_s.is_some_and(|every| {
                        every.partial_cmp(&outage.lasts_s) != Some(std::cmp::Ordering::Greater)
                    })
                }),
                "an outage ends before it comes again",
            ),
        ];
        complaints.into_iter().find_map(|(is_wrong, complaint)| is_wrong.then(|| complaint.to_owned()))
    }
}

pub(crate) fn milliseconds(milliseconds: f64) -> Duration {
    Duration::from_secs_f64(milliseconds / 1e3)
}
