//! How good a run could have been: the time that its hosts, slots and rate would have allowed, and which of them binds.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Limits;
use super::pace::{Counts, Pace};

/// Hosts of which statistics are kept: those that take longest.
const HOSTS: usize = 32;

/// The least time that a run could have taken, T*.
///
/// For a host with n necessary requests of s seconds each, which takes k at once, r a second, and one every d seconds:
/// `T_h = max((n − 1)/r, (n − 1)·d, (n − k)·s/k) + s`. Over all hosts, with C slots, R starts and B bytes a second:
/// `T* = max(max T_h, Σ n·s/C, Σ n/R, Σ bytes/B, Σ n·cpu/loops)`, and not less than any single input takes by itself, with the
/// pauses before its retries.
///
/// B is the most that came in any second. That a run's answers come evenly does not make the line its limit: the term
/// counts where requests spent most of their time on bodies that were coming. Whether it was this machine's line or the
/// hosts that gave no more cannot be told from here.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Ideal {
    /// T*, in seconds.
    pub seconds: f64,
    /// What makes it so long.
    pub bound: Bound,
    /// The hosts that take longest, the longest first.
    pub hosts: Vec<HostStatistics>,
    /// The most bytes that came in a second, if the run took that long.
    pub bytes_per_second: Option<f64>,
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
    /// The same, most of whose time was pauses before its retries.
    Retries,
    /// How fast bodies came.
    Bytes,
    /// This machine's processor.
    Cpu,
}

/// What this machine did in a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Machine {
    /// Processor time of the event loops together.
    pub cpu: Duration,
    /// How many loops those are: those that had something to do.
    pub loops: usize,
    /// Bytes that came.
    pub bytes: u64,
    /// The most that came in a second; `None` if the run took less.
    pub bytes_per_second: Option<f64>,
}

impl Machine {
    /// Takes in what another loop of the run did.
    pub fn merge(&mut self, other: Machine) {
        self.cpu += other.cpu;
        self.loops += other.loops;
        self.bytes += other.bytes;
        // Their busiest seconds may not have been the same, and then the line could do less than this.
        let both = [self.bytes_per_second, other.bytes_per_second];
        self.bytes_per_second = both.into_iter().flatten().reduce(|one, other| one + other);
    }
}

/// Where the machine's own terms come so near to the longest one, they are what binds: the times of requests, which the
/// other terms are made of, contain the wait for a machine that is busy.
const NEARLY: f64 = 0.9;
/// Bytes count if requests spent this share of their time on bodies that were coming, and so do an input's pauses.
const MOSTLY: f64 = 0.5;

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
    /// Of these seconds, those in which bodies came.
    receiving: f64,
    longest_input: f64,
    /// Of these seconds, those in pauses before its retries.
    pauses: f64,
    hosts: Vec<Entry>,
    /// None of `hosts` weighs less, once there are as many as are kept. Most hosts of a long list weigh less than that.
    least: f64,
}

/// A host of the ledger. It may come and go; if its pace was not kept meanwhile, the next one counts from 0.
#[derive(Clone, Debug)]
struct Entry {
    statistics: HostStatistics,
    /// When the last pace began, and what it counted.
    begun: Option<Instant>,
    counts: Counts,
    /// What those before it counted.
    earlier: Counts,
}

impl Ledger {
    /// A necessary request ended after so many seconds, in the last ones of which its body came.
    pub(super) fn took(&mut self, seconds: f64, receiving: f64) {
        self.requests += 1;
        self.busy += seconds;
        self.receiving += receiving;
    }

    /// An input ended whose requests, one after another, took so many seconds, and as many the pauses before its retries.
    pub(super) fn input_took(&mut self, busy: f64, pauses: f64) {
        self.keep_longest_input(busy + pauses, pauses);
    }

    fn keep_longest_input(&mut self, seconds: f64, pauses: f64) {
        if seconds > self.longest_input {
            (self.longest_input, self.pauses) = (seconds, pauses);
        }
    }

    /// A host has no work left, or is looked at meanwhile.
    pub(super) fn host(&mut self, name: &Arc<str>, pace: &Pace, limits: &Limits) {
        if let Some(entry) = self.hosts.iter_mut().find(|entry| entry.statistics.name == *name) {
            entry.come_again(pace, limits);
            self.least = self.least.min(entry.weight());
            return;
        }
        let entry = Entry::new(name, pace, limits);
        if self.hosts.len() < HOSTS {
            self.hosts.push(entry);
            return;
        }
        if entry.weight() <= self.least {
            return;
        }
        let least = self.hosts.iter_mut().min_by(|one, other| one.weight().total_cmp(&other.weight()));
        if let Some(least) = least {
            self.least = least.weight();
            if self.least < entry.weight() {
                *least = entry;
            }
        }
    }

    /// Takes in what another scheduler of the run has seen.
    pub fn merge(&mut self, other: Ledger) {
        self.requests += other.requests;
        self.busy += other.busy;
        self.receiving += other.receiving;
        self.keep_longest_input(other.longest_input, other.pauses);
        self.hosts.extend(other.hosts);
        self.hosts.sort_by(|one, other| other.weight().total_cmp(&one.weight()));
        self.hosts.truncate(HOSTS);
        self.least = self.hosts.last().map_or(0.0, Entry::weight);
    }

    /// The least time that a run within these limits, on this machine, could have taken. None where nobody was asked.
    pub fn ideal(&self, limits: &Limits, machine: &Machine) -> Ideal {
        let mut hosts: Vec<HostStatistics> =
            self.hosts.iter().map(|entry| entry.statistics.clone()).collect();
        hosts.sort_by(|one, other| other.weight().total_cmp(&one.weight()));
        let slots = self.busy / limits.concurrency as f64;
        let rate = limits.rate.map_or(0.0, |rate| self.requests.saturating_sub(1) as f64 / rate);
        let by_input = if self.pauses > MOSTLY * self.longest_input { Bound::Retries } else { Bound::Input };
        let mut terms =
            vec![(self.longest_input, by_input), (slots, Bound::Concurrency), (rate, Bound::Rate)];
        terms.extend(hosts.iter().map(|host| (host.ideal, Bound::Host(Arc::clone(&host.name)))));
        let by_others = longest(terms);
        let by_machine = longest(vec![(self.bytes(machine), Bound::Bytes), (machine.cpu(), Bound::Cpu)]);
        let seconds = if self.requests == 0 { 0.0 } else { by_others.0.max(by_machine.0) };
        let bound = if by_machine.0 > NEARLY * seconds { by_machine.1 } else { by_others.1 };
        Ideal { seconds, bound, hosts, bytes_per_second: machine.bytes_per_second }
    }

    /// `Σ bytes/B`, where that says something.
    fn bytes(&self, machine: &Machine) -> f64 {
        match machine.bytes_per_second {
            Some(most) if self.receiving > MOSTLY * self.busy => machine.bytes as f64 / most,
            _ => 0.0,
        }
    }
}

impl Machine {
    fn cpu(&self) -> f64 {
        self.cpu.as_secs_f64() / self.loops.max(1) as f64
    }
}

fn longest(terms: Vec<(f64, Bound)>) -> (f64, Bound) {
    let longest = terms.into_iter().max_by(|(one, _), (other, _)| one.total_cmp(other));
    longest.expect("there are always two terms")
}

impl Entry {
    fn new(name: &Arc<str>, pace: &Pace, limits: &Limits) -> Entry {
        Entry {
            statistics: HostStatistics::of(name, pace, &pace.counts, None, limits),
            begun: pace.begun(),
            counts: pace.counts.clone(),
            earlier: Counts::default(),
        }
    }

    fn come_again(&mut self, pace: &Pace, limits: &Limits) {
        if self.begun != pace.begun() {
            self.earlier.add(&self.counts);
            self.begun = pace.begun();
        }
        self.counts = pace.counts.clone();
        let mut counts = self.earlier.clone();
        counts.add(&self.counts);
        let before = &self.statistics;
        self.statistics = HostStatistics::of(&before.name, pace, &counts, Some(before), limits);
    }

    fn weight(&self) -> f64 {
        self.statistics.weight()
    }
}

impl HostStatistics {
    /// `before`: what was known of the host, where this pace does not tell.
    fn of(
        name: &Arc<str>,
        pace: &Pace,
        counts: &Counts,
        before: Option<&HostStatistics>,
        limits: &Limits,
    ) -> HostStatistics {
        let requests = (counts.accepted + counts.unanswered) as f64;
        let usual_time = pace.usual_time().or_else(|| before?.usual_time);
        let rate = pace.rate().or_else(|| before?.rate);
        let busy =
            counts.accepted as f64 * usual_time.unwrap_or_default() + counts.unanswered_time.as_secs_f64();
        let longest = if requests > 0.0 { busy / requests } else { 0.0 };
        let following = (requests - 1.0).max(0.0);
        let by_rate = rate.map_or(0.0, |rate| following / rate);
        let by_delay = following * limits.host.delay.as_secs_f64();
        // The last k requests are under way together: they take no longer than one.
        let by_window = busy / pace.known_limit().min(limits.concurrency as f64) - longest;
        HostStatistics {
            name: Arc::clone(name),
            answered: counts.accepted,
            rejected: counts.rejected,
            unanswered: counts.unanswered,
            held: counts.held,
            most_at_once: counts.most_at_once,
            window: pace.window(),
            rate,
            usual_time,
            ideal: by_rate.max(by_delay).max(by_window) + longest,
        }
    }

    fn weight(&self) -> f64 {
        self.ideal + self.held.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten requests of a second each, one after another, with their bodies coming for this share of it.
    fn ideal(share: f64, machine: Machine) -> (f64, Bound) {
        let mut ledger = Ledger::default();
        for _ in 0..10 {
            ledger.took(1.0, share);
        }
        let ideal = ledger.ideal(&Limits { concurrency: 1, ..Limits::default() }, &machine);
        (ideal.seconds, ideal.bound)
    }

    const IDLE: Machine = Machine { cpu: Duration::ZERO, loops: 1, bytes: 0, bytes_per_second: None };

    #[test]
    fn a_busy_processor_binds_although_the_requests_took_as_long() {
        let machine = |cpu, loops| Machine { cpu: Duration::from_secs(cpu), loops, ..IDLE };
        assert_eq!(ideal(0.0, machine(8, 1)), (10.0, Bound::Concurrency));
        assert_eq!(ideal(0.0, machine(9, 1)), (10.0, Bound::Concurrency));
        assert_eq!(ideal(0.0, machine(10, 1)), (10.0, Bound::Cpu));
        assert_eq!(ideal(0.0, machine(12, 1)), (12.0, Bound::Cpu));
        assert_eq!(
            ideal(0.0, machine(12, 2)),
            (10.0, Bound::Concurrency),
            "each of two loops was idle at times"
        );
    }

    #[test]
    fn bytes_bind_where_requests_were_about_them() {
        let machine = |bytes, most| Machine { bytes, bytes_per_second: most, ..IDLE };
        assert_eq!(ideal(0.8, machine(19_000, Some(2_000.0))), (10.0, Bound::Bytes));
        assert_eq!(
            ideal(0.3, machine(19_000, Some(2_000.0))),
            (10.0, Bound::Concurrency),
            "they came by the way"
        );
        assert_eq!(
            ideal(0.8, machine(10_000, Some(2_000.0))),
            (10.0, Bound::Concurrency),
            "more would have come"
        );
        assert_eq!(ideal(0.8, machine(19_000, None)), (10.0, Bound::Concurrency), "it was never measured");
    }
}
