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
    pub(crate) fn complaint(&self) -> Option<&'static str> {
        let drift = self.drift_to.unwrap_or(1.0);
        let demands = [
            (is_time(self.round_trip_ms), "round_trip_ms is a time"),
            (
                self.service.is_sound(),
                "a service has a mean, and one tail at most: log_normal to 5, pareto above 1",
            ),
            (self.slots > 0, "a host has one of its slots at least"),
            (
                self.bucket.as_ref().is_none_or(Bucket::is_sound),
                "a bucket has a rate above 0 and a burst of 1 at least",
            ),
            (self.bandwidth.is_none_or(is_positive), "a bandwidth is above 0"),
            (is_share(self.redirects), "redirects is a share"),
            (self.idle_ms.is_none_or(is_time), "idle_ms is a time"),
            (self.faults.values().copied().all(is_share), "faults are shares"),
            (
                self.outages.iter().all(Outage::is_sound),
                "an outage has times, and ends before it comes again",
            ),
            (self.capacity.iter().all(Step::is_sound), "a step of capacity is a time and a share"),
            (
                self.capacity.is_sorted_by(|one, other| one.at_s < other.at_s),
                "steps of capacity are in order",
            ),
            (is_share(drift) && is_positive(self.drift_s), "drift goes to a share, in a time above 0"),
        ];
        demands.into_iter().find_map(|(is_met, demand)| (!is_met).then_some(demand))
    }
}

impl Service {
    fn is_sound(&self) -> bool {
        let tail = match (self.log_normal, self.pareto) {
            (None, None) => true,
            (Some(sigma), None) => (0.0..=5.0).contains(&sigma),
            (None, Some(shape)) => shape > 1.0 && shape.is_finite(),
            (Some(_), Some(_)) => false,
        };
        is_time(self.mean_ms) && tail
    }
}

impl Bucket {
    fn is_sound(&self) -> bool {
        is_positive(self.rate) && self.burst >= 1.0 && self.burst.is_finite()
    }
}

impl Outage {
    fn is_sound(&self) -> bool {
        let times = [self.from_s, self.lasts_s, self.spread_s];
        times.into_iter().all(is_time)
            && self.every_s.is_none_or(|every| every > self.lasts_s && is_time(every))
    }
}

impl Step {
    fn is_sound(&self) -> bool {
        is_time(self.at_s) && is_share(self.factor)
    }
}

fn is_time(value: f64) -> bool {
    (0.0..=1e9).contains(&value)
}

fn is_share(value: f64) -> bool {
    (0.0..=1.0).contains(&value)
}

fn is_positive(value: f64) -> bool {
    value > 0.0 && value.is_finite()
}

pub(crate) fn milliseconds(milliseconds: f64) -> Duration {
    Duration::from_secs_f64(milliseconds / 1e3)
}
