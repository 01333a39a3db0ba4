//! Whose fault a failure is: when hosts that have nothing to do with each other fail alike, it is this machine's.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use tokio::time::Instant;

use crate::record::Kind;

/// So many attempts in a row without any answer, of at least so many hosts, are no coincidence.
const ATTEMPTS: usize = 24;
const HOSTS: usize = 8;
/// Requests under way at once while nothing works. Those that silence swallows hold their places until they time out, and
/// those that find out that it is over need some besides.
const PROBES: f64 = 64.0;
/// Their starts are so far apart: what one of them finds out, many at once would not find out sooner.
const APART: Duration = Duration::from_millis(100);
/// Between two attempts while nothing works: the first, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Watches for trouble on this machine.
#[derive(Debug)]
pub(crate) struct Blame {
    concurrency: usize,
    /// Requests that may be under way now.
    limit: f64,
    silent: VecDeque<(u64, Kind)>,
    trouble: Option<Trouble>,
    /// The next start, while nothing works.
    next_probe: Option<Instant>,
    patience: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Trouble {
    kind: Kind,
    since: Instant,
    pause: Duration,
}

/// What an attempt says of this machine.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sign<'n> {
    /// Something came from the network.
    Answer,
    /// This machine failed: a kind of the phase `local`.
    Failed(Kind),
    /// This host did not answer, though it did before, or there was no way to it: a kind of the phase `local`, should
    /// it be no coincidence.
    Silence(&'n str, Kind),
}

/// What follows for the attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Consequence {
    /// It is as it seems.
    None,
    /// Ask again, at this host's and this input's charge nothing, after a pause.
    AskAgain(Duration),
    /// It has lasted for too long: the record says `local`, and this kind.
    Record(Kind),
}

impl Blame {
    pub(crate) fn new(concurrency: usize, patience: Duration) -> Blame {
        Blame {
            concurrency,
            limit: concurrency as f64,
            silent: VecDeque::new(),
            trouble: None,
            next_probe: None,
            patience,
        }
    }

    /// Takes in an attempt that has ended.
    pub(crate) fn observe(&mut self, sign: Sign<'_>, in_flight: usize, now: Instant) -> Consequence {
        match sign {
            Sign::Answer => {
                self.silent.clear();
                if self.trouble.is_some_and(|trouble| trouble.kind != Kind::Descriptors) {
                    self.limit = self.concurrency as f64;
                }
                self.trouble = None;
                self.next_probe = None;
                self.limit = (self.limit + 1.0 / self.limit).min(self.concurrency as f64);
                Consequence::None
            }
            Sign::Failed(kind) => self.trouble(kind, in_flight, now),
            Sign::Silence(host, kind) => {
                let mut hasher = DefaultHasher::new();
                host.hash(&mut hasher);
                self.silent.push_back((hasher.finish(), kind));
                if self.silent.len() > ATTEMPTS {
                    self.silent.pop_front();
                }
                let mut hosts: Vec<u64> = self.silent.iter().map(|(host, _)| *host).collect();
                hosts.sort_unstable();
                hosts.dedup();
                if self.trouble.is_none() && (self.silent.len() < ATTEMPTS || hosts.len() < HOSTS) {
                    return Consequence::None;
                }
                self.trouble(kind, in_flight, now)
            }
        }
    }

    /// Requests that may be under way.
    pub(crate) fn limit(&self) -> usize {
        (self.limit as usize).clamp(1, self.concurrency)
    }

    /// The time before which no request is to start.
    pub(crate) fn next_start(&self) -> Option<Instant> {
        self.next_probe
    }

    /// A request starts.
    pub(crate) fn started(&mut self, now: Instant) {
        if let Some(next) = &mut self.next_probe {
            *next = now + APART;
        }
    }

    /// What this machine lacks, for whoever watches.
    pub(crate) fn kind(&self) -> Option<Kind> {
        self.trouble.map(|trouble| trouble.kind)
    }

    fn trouble(&mut self, kind: Kind, in_flight: usize, now: Instant) -> Consequence {
        let trouble = self.trouble.get_or_insert(Trouble { kind, since: now, pause: FIRST_PAUSE });
        if now.saturating_duration_since(trouble.since) >= self.patience {
            // No need to be careful any more: what is left gets its record.
            self.limit = self.concurrency as f64;
            self.next_probe = None;
            return Consequence::Record(trouble.kind);
        }
        let pause = trouble.pause;
        trouble.pause = (pause * 2).min(LONGEST_PAUSE);
        self.limit = match kind {
            // Some descriptors there are: as many as are in use without this one.
            Kind::Descriptors => self.limit.min(in_flight.saturating_sub(1) as f64).max(1.0),
            // Enough to notice soon when it is over.
            _ => {
                self.next_probe.get_or_insert(now);
                self.limit.min(PROBES)
            }
        };
        Consequence::AskAgain(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    #[test]
    fn many_silent_hosts_that_answered_before_are_an_outage_and_few_are_not() {
        let now = Instant::now();
        let mut blame = Blame::new(100, PATIENCE);
        for attempt in 0..1_000 {
            let host = format!("host-{}", attempt % (HOSTS - 1));
            assert_eq!(blame.observe(Sign::Silence(&host, Kind::Network), 50, now), Consequence::None);
        }
        assert_eq!(blame.limit(), 100);
        let mut blame = Blame::new(100, PATIENCE);
        let consequences: Vec<Consequence> = (0..ATTEMPTS)
            .map(|attempt| blame.observe(Sign::Silence(&attempt.to_string(), Kind::Network), 50, now))
            .collect();
        assert!(matches!(consequences.last(), Some(Consequence::AskAgain(_))));
        assert_eq!((blame.limit(), blame.kind()), (PROBES as usize, Some(Kind::Network)));
    }

    #[test]
    fn an_answer_ends_the_trouble_and_patience_ends() {
        let now = Instant::now();
        let mut blame = Blame::new(100, PATIENCE);
        assert!(matches!(blame.observe(Sign::Failed(Kind::Network), 50, now), Consequence::AskAgain(_)));
        blame.started(now);
        assert_eq!(blame.next_start(), Some(now + APART), "one request after another finds out");
        blame.observe(Sign::Answer, 50, now);
        assert_eq!((blame.limit(), blame.kind(), blame.next_start()), (100, None, None));
        blame.observe(Sign::Failed(Kind::Network), 50, now);
        let late = now + PATIENCE;
        let consequence = blame.observe(Sign::Failed(Kind::Network), 1, late);
        assert_eq!(consequence, Consequence::Record(Kind::Network));
        assert_eq!((blame.limit(), blame.next_start()), (100, None));
    }

    #[test]
    fn without_descriptors_fewer_are_used_and_more_are_tried_again() {
        let now = Instant::now();
        let mut blame = Blame::new(100, PATIENCE);
        blame.observe(Sign::Failed(Kind::Descriptors), 40, now);
        assert_eq!(blame.limit(), 39);
        for _ in 0..10_000 {
            blame.observe(Sign::Answer, 39, now);
        }
        assert_eq!(blame.limit(), 100);
    }
}
