//! A lane: one host at work.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::aside::Aside;

/// One host's jobs, and what its owner keeps with them.
pub(super) struct Lane<J, C> {
    pub(super) name: Arc<str>,
    /// Jobs that are next.
    pub(super) queue: VecDeque<J>,
    /// Jobs behind those in `queue` that their owner has put aside, in order.
    pub(super) aside: VecDeque<Aside>,
    /// How many those are.
    pub(super) aside_count: usize,
    /// Jobs behind those put aside.
    pub(super) tail: VecDeque<J>,
    /// The owner was asked to bring back what stands first in `aside`.
    pub(super) is_awaiting: bool,
    /// Jobs in the scheduler's heap of delayed ones.
    pub(super) delayed: usize,
    pub(super) in_flight: usize,
    /// The most that were under way at once: about as many connections are open.
    pub(super) most_in_flight: usize,
    pub(super) standing: Standing,
    /// Ready, but behind all others.
    pub(super) is_spare: bool,
    /// The place of its pace; several lanes may share one.
    pub(super) pace: usize,
    /// One job goes alone first; nothing else starts until it says so.
    pub(super) is_gated: bool,
    pub(super) breaker: Breaker,
    pub(super) budget: Budget,
    pub(super) carried: C,
}

/// Where a lane stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing to start, or nothing may.
    Nowhere,
    /// Among the ready; with the stamp of its entry.
    Ready(u64),
    /// Waits for a time; with the stamp of its entry.
    Waiting(u64),
    /// In the line of a pace that it shares; with the stamp of its entry.
    Behind(u64),
}

/// Retries are a share of the requests, beyond a reserve that small runs never use up. The idea is Finagle's retry
/// budget: retries must not multiply the load on a host that is failing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Budget {
    asked: u64,
    retried: u64,
}

/// Retries that every host, and every run, may make before the share counts.
const RESERVE: u64 = 100;

impl Budget {
    pub(super) fn asked(&mut self) {
        self.asked += 1;
    }

    pub(super) fn allows(&self, share: f64) -> bool {
        let first = self.asked.saturating_sub(self.retried);
        (self.retried as f64) < RESERVE as f64 + share * first as f64
    }

    pub(super) fn retried(&mut self) {
        self.retried += 1;
    }
}

/// Gives a host up that gives no answer at all, and tries it again now and then.
#[derive(Clone, Debug, Default)]
pub(super) struct Breaker {
    /// Attempts without an answer in a row.
    unanswered: u32,
    /// While it is open: when the next attempt may be made, and how long after that the one after.
    open: Option<(Instant, Duration)>,
    /// The attempt that is made while it is open.
    is_probing: bool,
}

/// The first attempt after a host was given up comes after this; the wait doubles up to the longest.
const FIRST_PROBE: Duration = Duration::from_secs(30);
const LONGEST_PROBE: Duration = Duration::from_secs(600);

impl Breaker {
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Whether what waits for the host is to be given up.
    pub(super) fn refuses(&self) -> bool {
        self.is_open() && !self.is_probing
    }

    /// Whether an attempt may be made now; then it is the only one for a while.
    pub(super) fn try_probe(&mut self, now: Instant) -> bool {
        match &mut self.open {
            Some((at, wait)) if *at <= now => {
                *wait = (*wait * 2).min(LONGEST_PROBE);
                *at = now + *wait;
                self.is_probing = true;
                true
            }
            Some(_) => false,
            None => true,
        }
    }

    pub(super) fn answered(&mut self) {
        *self = Breaker::default();
    }

    /// An attempt has ended that says nothing of the host.
    pub(super) fn not_asked(&mut self) {
        self.is_probing = false;
    }

    /// `limit`: attempts without an answer in a row at which the host is given up.
    pub(super) fn unanswered(&mut self, limit: u32, now: Instant) {
        self.is_probing = false;
        self.unanswered = self.unanswered.saturating_add(1);
        if self.unanswered >= limit && self.open.is_none() {
            self.open = Some((now + FIRST_PROBE, FIRST_PROBE));
        }
    }
}

impl<J, C: Default> Lane<J, C> {
    pub(super) fn new(name: Arc<str>, pace: usize, breaker: Breaker, is_gated: bool) -> Lane<J, C> {
        Lane {
            name,
            queue: VecDeque::new(),
            aside: VecDeque::new(),
            aside_count: 0,
            tail: VecDeque::new(),
            is_awaiting: false,
            delayed: 0,
            in_flight: 0,
            most_in_flight: 0,
            standing: Standing::Nowhere,
            is_spare: false,
            pace,
            is_gated,
            breaker,
            budget: Budget::default(),
            carried: C::default(),
        }
    }
}

impl<J, C> Lane<J, C> {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting() == 0 && self.in_flight == 0
    }

    /// Jobs that are not under way.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len() + self.aside_count + self.tail.len() + self.delayed
    }
}
