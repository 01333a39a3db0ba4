//! How good a run could have been: the time that its hosts, slots and rate would have allowed, and which of them binds.

use std::sync::Arc;
use std::time::Duration;

use super::Limits;
use super::pace::Pace;

/// Hosts of which statistics are kept: those that take longest.
const HOSTS: usize = 32;

/// The least time that a run could have taken, T*.
///
/// For a host with n necessary requests of s seconds each, which takes k at once, r a second, and one every d seconds:
/// `T_h = max((n − 1)/r, (n − 1)·d, n·s/k) + s`. Over all hosts, with C slots and R starts a second:
/// `T* = max(max T_h, Σ n·s/C, Σ n/R)`, and not less than any single input takes by itself.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Ideal {
    /// T*, in seconds.
    pub seconds: f64,
    /// What makes it so long.
    pub bound: Bound,
    /// The hosts that take longest, the longest first.
    pub hosts: Vec<HostStatistics>,
}

/// What decides how long a run must take.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bound {
    /// This host: its pace, and how much there is to ask it.
    Host(Arc<str>),
    /// The run's concurrency.
    Concurrency,
    /// The run's rate.
    Rate,
    /// A single input, with its redirects and retries.
    Input,
}

/// How one host was asked, and how it took it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct HostStatistics {
    /// Its name, with the port.
    pub name: Arc<str>,
    /// Requests that it answered, other than by turning them away.
    pub answered: u64,
    /// Requests that it turned away (429 and 503).
    pub rejected: u64,
    /// Requests that it gave no answer to.
    pub unanswered: u64,
    /// How long it was held, because it asked for that.
    pub held: Duration,
    /// The most requests that were under way at once.
    pub most_at_once: usize,
    /// Requests that may be under way at once, as found last.
    pub window: usize,
    /// Requests a second that it takes, where that limits it.
    pub rate: Option<f64>,
    /// Seconds that it usually takes for an answer.
    pub usual_time: Option<f64>,
    /// T_h, in seconds: the least time in which it could have been asked all this.
    pub ideal: f64,
}

/// What the ideal is reckoned from: what a scheduler has seen, or several of one run have.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    requests: u64,
    busy: f64,
    longest_input: f64,
    hosts: Vec<HostStatistics>,
    /// None of `hosts` weighs less, once there are as many as are kept. Most hosts of a long list weigh less than that.
    least: f64,
}

impl Ledger {
    /// A necessary request ended after so many seconds.
    pub(super) fn took(&mut self, seconds: f64) {
        self.requests += 1;
        self.busy += seconds;
    }

    /// An input ended whose requests, one after another, took so many seconds.
    pub(super) fn input_took(&mut self, seconds: f64) {
        self.longest_input = self.longest_input.max(seconds);
    }

    /// A host has no work left, or is looked at meanwhile.
    pub(super) fn host(&mut self, name: &Arc<str>, pace: &Pace, limits: &Limits) {
        let statistics = HostStatistics::of(name, pace, limits);
        if let Some(before) = self.hosts.iter_mut().find(|host| host.name == *name) {
            self.least = self.least.min(statistics.weight());
            *before = statistics;
            return;
        }
        if self.hosts.len() < HOSTS {
            self.hosts.push(statistics);
            return;
        }
        if statistics.weight() <= self.least {
            return;
        }
        let least = self.hosts.iter_mut().min_by(|one, other| one.weight().total_cmp(&other.weight()));
        if let Some(least) = least {
            self.least = least.weight();
            if self.least < statistics.weight() {
                *least = statistics;
            }
        }
    }

    /// Takes in what another scheduler of the run has seen.
    pub fn merge(&mut self, other: Ledger) {
        self.requests += other.requests;
        self.busy += other.busy;
        self.longest_input = self.longest_input.max(other.longest_input);
        self.hosts.extend(other.hosts);
        self.hosts.sort_by(|one, other| other.weight().total_cmp(&one.weight()));
        self.hosts.truncate(HOSTS);
        self.least = self.hosts.last().map_or(0.0, HostStatistics::weight);
    }

    /// The least time that a run within these limits could have taken.
    pub fn ideal(&self, limits: &Limits) -> Ideal {
        let mut hosts = self.hosts.clone();
        hosts.sort_by(|one, other| other.weight().total_cmp(&one.weight()));
        let slots = self.busy / limits.concurrency as f64;
        let rate = limits.rate.map_or(0.0, |rate| self.requests.saturating_sub(1) as f64 / rate);
        let mut terms =
            vec![(self.longest_input, Bound::Input), (slots, Bound::Concurrency), (rate, Bound::Rate)];
        terms.extend(hosts.iter().map(|host| (host.ideal, Bound::Host(Arc::clone(&host.name)))));
        let (seconds, bound) = terms
            .into_iter()
            .max_by(|(one, _), (other, _)| one.total_cmp(other))
            .expect("there are always three terms");
        Ideal { seconds, bound, hosts }
    }
}

impl HostStatistics {
    fn of(name: &Arc<str>, pace: &Pace, limits: &Limits) -> HostStatistics {
        let counts = &pace.counts;
        let requests = (counts.accepted + counts.unanswered) as f64;
        let usual_time = pace.usual_time();
        let busy =
            counts.accepted as f64 * usual_time.unwrap_or_default() + counts.unanswered_time.as_secs_f64();
        let longest = if requests > 0.0 { busy / requests } else { 0.0 };
        let following = (requests - 1.0).max(0.0);
        let by_rate = pace.rate().map_or(0.0, |rate| following / rate);
        let by_delay = following * limits.host.delay.as_secs_f64();
        let by_window = busy / pace.known_limit().min(limits.concurrency as f64);
        HostStatistics {
            name: Arc::clone(name),
            answered: counts.accepted,
            rejected: counts.rejected,
            unanswered: counts.unanswered,
            held: counts.held,
            most_at_once: counts.most_at_once,
            window: pace.window(),
            rate: pace.rate(),
            usual_time,
            // A single request takes as long by the window as by itself.
            ideal: if requests > 1.0 { by_rate.max(by_delay).max(by_window) + longest } else { busy },
        }
    }

    fn weight(&self) -> f64 {
        self.ideal + self.held.as_secs_f64()
    }
}
