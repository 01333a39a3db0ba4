//! Which job goes next. A synchronous state machine: it is told the time, never waits and never sees a socket,
//! so it can be run for millions of hosts in one test.
//!
//! A *lane* is a host at work: its queue, and whatever its owner keeps with it (the engine keeps idle connections). A
//! lane goes when the last of its jobs has ended, and what it carries goes with it; of a host that turned requests away
//! its *pace* is remembered for a while.
//!
//! The host with the longest remaining time goes first as long as the run may end late for it, which is what keeps the end
//! of a run short; else what was begun is gone on with, since a new connection takes a slot and time. One turn in sixteen
//! goes to the host that has waited longest. A host that waits holds no slot.

mod aside;
mod delayed;
mod ideal;
mod lane;
mod lease;
mod limits;
mod line_up;
mod pace;
mod pacing;
mod ready;
mod rest;
mod sharing;
mod window;
mod words;

/// What leases are built on; the tests put loom in its place.
mod primitives {
    pub(super) use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering::Relaxed};
    pub(super) use std::sync::{Mutex, MutexGuard};

    pub(super) use tokio::sync::Notify;
}

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use slab::Slab;
use tokio::time::Instant;

pub use ideal::{Bound, HostStatistics, Ideal, Ledger, Machine};
pub use lease::{Allowance, Lease};
pub use limits::{HostLimits, Limits};
pub use words::{Answer, AsideTicket, HostState, Next, Refusal, Ticket};

use delayed::Delayed;
use lane::{Budget, Lane, Standing};
use line_up::Timed;
use pace::{Pace, When};
use ready::Ready;
use rest::Rest;
use sharing::SharedPace;

/// A guess at the time of a request, in seconds, before any has ended.
const FIRST_GUESS: f64 = 1.0;
/// Requests over which the mean time of a request goes.
const USUAL_OVER: u32 = 64;

/// The order of jobs `J` over lanes that carry a `C` each.
pub struct Scheduler<J, C> {
    limits: Limits,
    random: fastrand::Rng,
    lanes: Slab<Lane<J, C>>,
    names: HashMap<Arc<str>, usize>,
    paces: Slab<SharedPace>,
    /// Paces that are shared, by what they are shared by.
    shared: HashMap<Arc<str>, usize>,
    rest: Rest,
    rest_of_groups: Rest,
    ready: Ready,
    ready_count: usize,
    /// Who waits for a time; the earliest first.
    timed: BinaryHeap<Reverse<(Instant, u64, Timed)>>,
    /// Jobs that may not start before a time; the earliest first, and in order of arrival among equals.
    delayed: BinaryHeap<Reverse<Delayed<J>>>,
    /// Jobs that are not to be asked, until their owner takes them.
    refused: VecDeque<(J, Refusal)>,
    /// Lanes that want back what was put aside.
    wanting: VecDeque<usize>,
    stamp: u64,
    waiting: usize,
    in_flight: usize,
    /// How many jobs may be under way, and how often one may start, over all hosts.
    lease: Lease,
    /// Jobs that may be under way whatever the lease says.
    most_in_flight: usize,
    budget: Budget,
    /// The mean time of a request over the last ones, in seconds, and how many those are.
    usual_time: f64,
    timed_requests: u32,
    ledger: Ledger,
    looks: Cell<u64>,
    explained: Option<Arc<str>>,
}

impl<J, C: Default> Scheduler<J, C> {
    /// A scheduler with nothing to do. The same seed gives the same jitter.
    pub fn new(limits: Limits, seed: u64) -> Scheduler<J, C> {
        let allowance = Allowance::new(limits.concurrency, limits.rate, 1);
        Scheduler::sharing(limits, allowance.lease(0), seed)
    }

    /// One of several that keep the run's limits together: what is under way, and the rate of starts, come from the
    /// lease. Each host is the business of one of them.
    pub fn sharing(limits: Limits, lease: Lease, seed: u64) -> Scheduler<J, C> {
        Scheduler {
            limits,
            random: fastrand::Rng::with_seed(seed),
            lanes: Slab::new(),
            names: HashMap::new(),
            paces: Slab::new(),
            shared: HashMap::new(),
            rest: Rest::default(),
            rest_of_groups: Rest::default(),
            ready: Ready::default(),
            ready_count: 0,
            timed: BinaryHeap::new(),
            delayed: BinaryHeap::new(),
            refused: VecDeque::new(),
            wanting: VecDeque::new(),
            stamp: 0,
            waiting: 0,
            in_flight: 0,
            lease,
            most_in_flight: usize::MAX,
            budget: Budget::default(),
            usual_time: FIRST_GUESS,
            timed_requests: 0,
            ledger: Ledger::default(),
            looks: Cell::new(0),
            explained: None,
        }
    }

    /// Keeps how this host's pace is found, for [`Scheduler::explanation`].
    pub fn explain(&mut self, host: &str) {
        self.explained = Some(host.into());
    }

    /// How the pace of the host to explain was found.
    pub fn explanation(&self) -> &[(Instant, String)] {
        let Some(host) = &self.explained else { return &[] };
        match self.names.get(host) {
            Some(lane) => self.paces[self.lanes[*lane].pace].pace.story(),
            None => self.rest.pace(host).map(Pace::story).unwrap_or_default(),
        }
    }

    /// Queues a job on its host's lane.
    pub fn push(&mut self, host: &str, job: J, now: Instant) {
        let lane = self.lane_of(host);
        self.waiting += 1;
        if !self.lanes[lane].breaker.try_probe(now) {
            let refusal = Refusal::GivenUp(self.limits.give_up_after);
            self.refused.push_back((job, refusal));
            self.retire_if_empty(lane, now);
            return;
        }
        let line = &mut self.lanes[lane];
        if line.aside.is_empty() {
            line.queue.push_back(job);
        } else {
            line.tail.push_back(job);
        }
        let count = line.waiting();
        if let Standing::Ready(_) = line.standing {
            if count.is_power_of_two() {
                let stamp = self.stamp();
                self.lanes[lane].standing = Standing::Ready(stamp);
                self.ready.push(lane, stamp, self.rank(lane), self.remaining(lane));
            }
            return;
        }
        self.settle(lane, now);
    }

    /// Queues a job that may not start before `at`; then it goes before the lane's other jobs.
    pub fn push_delayed(&mut self, host: &str, job: J, at: Instant) {
        let lane = self.lane_of(host);
        self.lanes[lane].delayed += 1;
        self.waiting += 1;
        let arrival = self.stamp();
        self.delayed.push(Reverse(Delayed { at, arrival, lane, job }));
    }

    /// What to do at `now`.
    pub fn next(&mut self, now: Instant) -> Next<J> {
        self.release_due(now);
        if let Some((job, refusal)) = self.refused.pop_front() {
            self.waiting -= 1;
            return Next::Refuse(job, refusal);
        }
        if let Some(lane) = self.wanting.pop_front() {
            let aside = self.lanes[lane].aside.front().expect("a lane that wants has something put aside");
            return Next::BringBack(aside.key, AsideTicket { lane });
        }
        if self.ready_count > 0 {
            if self.in_flight >= self.most_in_flight || !self.lease.admits(self.in_flight) {
                return Next::Wait;
            }
            if let Some(time) = self.lease.next_start(now).filter(|time| *time > now) {
                return Next::WaitUntil(time);
            }
        }
        while let Some(lane) = self.pop_ready() {
            self.step_out(lane);
            if self.may_start(lane, now) == When::Now {
                return self.dispatch(lane, now);
            }
            // Its pace has changed meanwhile.
            self.stand(lane, now);
        }
        self.lease.rest(self.in_flight);
        self.drop_stale_times();
        match self.next_due() {
            Some(time) => Next::WaitUntil(time),
            None if self.waiting == 0 && self.in_flight == 0 => Next::Idle,
            None => Next::Wait,
        }
    }

    /// Takes back the ticket of a job that is no longer under way, and what came of it. What follows from it (a retry, a
    /// redirect's next hop) is pushed before, so that a lane with work left keeps what it carries.
    #[expect(clippy::needless_pass_by_value, reason = "a ticket is given back once")]
    pub fn finished(&mut self, ticket: Ticket, answer: Answer, now: Instant) {
        let Ticket { lane, pace, sent } = ticket;
        self.in_flight -= 1;
        self.lease.one_ended(self.in_flight);
        let line = &mut self.lanes[lane];
        line.in_flight -= 1;
        match answer {
            Answer::Accepted { .. } | Answer::Rejected { .. } => line.breaker.answered(),
            Answer::None => line.breaker.unanswered(self.limits.give_up_after, now),
            Answer::Lost | Answer::NotAsked => line.breaker.not_asked(),
        }
        if let Answer::Accepted { .. } | Answer::None = answer {
            let seconds = sent.took(now).as_secs_f64();
            self.ledger.took(seconds, sent.receiving().as_secs_f64());
            self.timed_requests = (self.timed_requests + 1).min(USUAL_OVER);
            self.usual_time += (seconds - self.usual_time) / f64::from(self.timed_requests);
        }
        let not_before = self.paces[pace].pace.not_before();
        self.paces[pace].pace.finished(sent, answer, now, &mut self.random);
        // It may have come to share another one since.
        let since = self.lanes[lane].pace;
        if since != pace
            && let Some((then, since)) = self.paces.get2_mut(pace, since)
        {
            since.pace.heed(&then.pace);
        }
        let is_sooner = self.paces[pace].pace.not_before() < not_before && self.lanes[lane].pace == pace;
        if is_sooner && matches!(self.lanes[lane].standing, Standing::Waiting(_)) {
            self.step_out(lane);
        }
        self.settle(lane, now);
        self.call_up(pace, now);
        self.forget_pace_if_unused(pace, now);
    }

    /// Whether the job may be asked again although it was asked in vain: there are budgets, for the run and for its
    /// host. If so, it is counted.
    pub fn may_retry(&mut self, ticket: &Ticket) -> bool {
        let share = self.limits.retry_share;
        let budget = &mut self.lanes[ticket.lane].budget;
        let may = budget.allows(share) && self.budget.allows(share);
        if may {
            budget.retried();
            self.budget.retried();
        }
        may
    }

    /// What the job's lane carries.
    pub fn carried(&mut self, ticket: &Ticket) -> &mut C {
        &mut self.lanes[ticket.lane].carried
    }

    /// Whether the job's host has ever let a request through.
    pub fn has_accepted(&self, ticket: &Ticket) -> bool {
        self.paces[ticket.pace].pace.counts.accepted > 0
    }

    /// Lets the other jobs of a lane start whose first went alone.
    pub fn open_gate(&mut self, ticket: &Ticket, now: Instant) {
        self.lanes[ticket.lane].is_gated = false;
        self.stand(ticket.lane, now);
    }

    /// Lets the job's host wait for at least so long between two starts from now on, where it goes on with this one (a
    /// robots.txt's Crawl-delay).
    pub fn slow_down(&mut self, ticket: &Ticket, delay: Duration, now: Instant) {
        self.paces[ticket.pace].pace.slow_down(delay, now);
    }

    /// How a host with work stands; `None` for a host without.
    pub fn host(&self, name: &str) -> Option<HostState> {
        let pace = &self.paces[self.lanes[*self.names.get(name)?].pace].pace;
        Some(HostState { window: pace.window(), in_flight: pace.in_flight(), not_before: pace.not_before() })
    }

    /// Jobs of the same lane that are not under way.
    pub fn waiting_behind(&self, ticket: &Ticket) -> usize {
        self.lanes[ticket.lane].waiting()
    }

    /// How often a host was looked at, for what the order costs.
    pub fn looks(&self) -> u64 {
        self.looks.get()
    }

    /// Jobs of a host that are not under way.
    pub fn waiting_for(&self, host: &str) -> usize {
        self.names.get(host).map_or(0, |lane| self.lanes[*lane].waiting())
    }

    /// Jobs that are not under way, wherever they are kept.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Jobs under way.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Hosts with work.
    pub fn hosts(&self) -> usize {
        self.lanes.len()
    }

    /// About how many bytes the hosts with work take, besides their jobs.
    pub fn weight_of_hosts(&self) -> usize {
        const NAMES: usize = 192;
        self.lanes.len() * (size_of::<Lane<J, C>>() + size_of::<SharedPace>() + NAMES)
    }

    /// Whether there are free slots that no host known so far could use: more of the list might help.
    pub fn is_hungry(&self) -> bool {
        self.ready_count == 0 && self.has_slot()
    }

    /// Whether a job could start now, as far as is known.
    pub fn has_ready(&self) -> bool {
        self.ready_count > 0 && self.has_slot()
    }

    fn has_slot(&self) -> bool {
        self.in_flight < self.most_in_flight && self.lease.has_room(self.in_flight)
    }

    /// When a host or a job that waits for a time is to be looked at, at the soonest.
    pub fn next_due(&self) -> Option<Instant> {
        let timed = self.timed.peek().map(|Reverse((time, ..))| *time);
        let delayed = self.delayed.peek().map(|Reverse(first)| first.at);
        timed.into_iter().chain(delayed).min()
    }

    /// No more jobs than this may be under way from now on, though the lease had slots for them.
    pub fn set_most_in_flight(&mut self, most: usize) {
        self.most_in_flight = most;
    }

    /// Takes out all jobs that are not under way, but for those put aside, which are forgotten.
    pub fn drain(&mut self, now: Instant) -> Vec<J> {
        let mut jobs: Vec<J> = self.delayed.drain().map(|Reverse(delayed)| delayed.job).collect();
        jobs.extend(self.refused.drain(..).map(|(job, _)| job));
        self.ready.clear();
        self.ready_count = 0;
        self.timed.clear();
        self.wanting.clear();
        self.waiting = 0;
        let lanes: Vec<usize> = self.lanes.iter().map(|(lane, _)| lane).collect();
        for lane in lanes {
            let line = &mut self.lanes[lane];
            jobs.extend(line.queue.drain(..));
            jobs.extend(line.tail.drain(..));
            line.aside.clear();
            line.aside_count = 0;
            line.delayed = 0;
            line.standing = Standing::Nowhere;
            if let Some(group) = &mut self.paces[line.pace].group {
                group.dissolve();
            }
            if line.in_flight == 0 {
                let line = self.lanes.remove(lane);
                self.names.remove(&line.name);
                self.ledger.host(&line.name, &self.paces[line.pace].pace, &self.limits);
                self.leave_pace(line.pace, now);
            }
        }
        jobs
    }

    /// An input has ended; its requests, one after another, took so long, and the pauses before its retries.
    pub fn input_took(&mut self, busy: Duration, paused: Duration) {
        self.ledger.input_took(busy.as_secs_f64(), paused.as_secs_f64());
    }

    /// What the ideal is reckoned from, with the hosts that are at work.
    pub fn ledger(&self) -> Ledger {
        let mut ledger = self.ledger.clone();
        for (_, line) in &self.lanes {
            ledger.host(&line.name, &self.paces[line.pace].pace, &self.limits);
        }
        ledger
    }
}
