//! Which job goes next. A synchronous state machine: it is told the time, never waits and never sees a socket,
//! so it can be run for millions of hosts in one test.
//!
//! A *lane* is a host at work: its queue, and whatever its owner keeps with it (the engine keeps idle connections). A
//! lane goes when the last of its jobs has ended, and what it carries goes with it; of a host that turned requests away
//! its *pace* is remembered for a while.
//!
//! The host with the longest remaining time goes first, which is what keeps the end of a run short; one turn in four
//! goes to the host that has waited longest. A host that waits holds no slot.

mod ideal;
mod lane;
mod limits;
mod pace;
mod pacing;
mod ready;
mod rest;
mod window;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use slab::Slab;
use tokio::time::Instant;

pub use ideal::{Bound, HostStatistics, Ideal};
pub use limits::{HostLimits, Limits};

use ideal::Ledger;
use lane::{Aside, Breaker, Budget, Lane, Standing};
use pace::{Pace, Sent, When};
use ready::Ready;
use rest::Rest;

/// A lane asks for what its owner has put aside once its line is so short.
const SHORT_LINE: usize = 64;
/// A guess at the time of a request, in seconds, before any has ended.
const FIRST_GUESS: f64 = 1.0;

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
    ready: Ready,
    ready_count: usize,
    /// Lanes that wait for a time; the earliest first.
    timed: BinaryHeap<Reverse<(Instant, u64, usize)>>,
    /// Jobs that may not start before a time; the earliest first, and in order of arrival among equals.
    delayed: BinaryHeap<Reverse<Delayed<J>>>,
    /// Jobs that are not to be asked, until their owner takes them.
    refused: VecDeque<(J, Refusal)>,
    /// Lanes that want back what was put aside.
    wanting: VecDeque<usize>,
    stamp: u64,
    waiting: usize,
    in_flight: usize,
    /// The next start that the run's rate allows.
    next_start: Option<Instant>,
    budget: Budget,
    /// The mean time of a request, in seconds.
    usual_time: f64,
    ledger: Ledger,
    explained: Option<Arc<str>>,
}

/// What to do now.
#[derive(Debug)]
pub enum Next<J> {
    /// Start this job. Its ticket goes back with [`Scheduler::finished`].
    Dispatch(Ticket, J),
    /// This job is not to be asked.
    Refuse(J, Refusal),
    /// Bring back what was put aside under this key, with [`Scheduler::bring_back`], then ask again.
    BringBack(u64, AsideTicket),
    /// Nothing can start before this time, unless a job is pushed or finishes first.
    WaitUntil(Instant),
    /// Nothing can start until a job is pushed or finishes.
    Wait,
    /// There are no jobs, waiting or under way.
    Idle,
}

/// Why a job is not to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its host asked to wait for longer than the run would: for so long.
    RateLimited(Duration),
    /// Its host has given no answer to so many attempts in a row.
    GivenUp(u32),
}

/// What came of a job, as far as its host's pace is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The host answered, whatever it said. `wait`: it said that it would turn away what comes sooner.
    Accepted {
        /// How long it asked to wait.
        wait: Option<Duration>,
    },
    /// The host turned it away, for now.
    Rejected {
        /// How long it asked to wait, if it did.
        wait: Option<Duration>,
    },
    /// No answer came.
    None,
    /// The host was not asked, or this machine failed.
    NotAsked,
}

/// What a host could take at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostState {
    /// Requests that may be under way to it.
    pub window: usize,
    /// Requests that are.
    pub in_flight: usize,
    /// Nothing starts before.
    pub not_before: Option<Instant>,
}

/// A job's place among those under way.
#[must_use = "a ticket that is not given back holds its slot for ever"]
#[derive(Debug)]
pub struct Ticket {
    lane: usize,
    pace: usize,
    sent: Sent,
}

/// The place of jobs that were put aside.
#[must_use = "the jobs of this place are lost unless they are brought back"]
#[derive(Debug)]
pub struct AsideTicket {
    lane: usize,
}

impl Ticket {
    /// Finding the host and connecting to it took so long: a new connection does not make it a slow host.
    pub fn set_up_in(&mut self, setup: Duration) {
        self.sent.set_up_in(setup);
    }
}

struct SharedPace {
    pace: Pace,
    lanes: usize,
    /// Lanes that wait until a request ends.
    behind: VecDeque<usize>,
    /// What it is shared by.
    key: Option<Arc<str>>,
}

struct Delayed<J> {
    at: Instant,
    arrival: u64,
    lane: usize,
    job: J,
}

impl<J, C: Default> Scheduler<J, C> {
    /// A scheduler with nothing to do. The same seed gives the same jitter.
    pub fn new(limits: Limits, seed: u64) -> Scheduler<J, C> {
        Scheduler {
            limits,
            random: fastrand::Rng::with_seed(seed),
            lanes: Slab::new(),
            names: HashMap::new(),
            paces: Slab::new(),
            shared: HashMap::new(),
            rest: Rest::default(),
            ready: Ready::default(),
            ready_count: 0,
            timed: BinaryHeap::new(),
            delayed: BinaryHeap::new(),
            refused: VecDeque::new(),
            wanting: VecDeque::new(),
            stamp: 0,
            waiting: 0,
            in_flight: 0,
            next_start: None,
            budget: Budget::default(),
            usual_time: FIRST_GUESS,
            ledger: Ledger::default(),
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
                self.ready.push(lane, stamp, self.remaining(lane));
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
        if self.in_flight >= self.limits.concurrency {
            return Next::Wait;
        }
        if let Some(time) = self.next_start.filter(|time| *time > now) {
            if self.ready_count > 0 {
                return Next::WaitUntil(time);
            }
        } else {
            while let Some(lane) = self.pop_ready() {
                self.step_out(lane);
                if self.may_start(lane, now) == When::Now {
                    return self.dispatch(lane, now);
                }
                // Its pace has changed meanwhile.
                self.stand(lane, now);
            }
        }
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
        let line = &mut self.lanes[lane];
        line.in_flight -= 1;
        match answer {
            Answer::Accepted { .. } | Answer::Rejected { .. } => line.breaker.answered(),
            Answer::None => line.breaker.unanswered(self.limits.give_up_after, now),
            Answer::NotAsked => {}
        }
        if let Answer::Accepted { .. } | Answer::None = answer {
            let seconds = sent.took(now).as_secs_f64();
            self.ledger.took(seconds);
            self.usual_time += (seconds - self.usual_time) / 64.0;
        }
        self.paces[pace].pace.finished(sent, answer, now, &mut self.random);
        self.settle(lane, now);
        self.wake_behind(pace, now);
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

    /// Until when the job's host is held.
    pub fn held_until(&self, ticket: &Ticket) -> Option<Instant> {
        self.paces[ticket.pace].pace.held_until()
    }

    /// Lets the other jobs of a lane start whose first went alone.
    pub fn open_gate(&mut self, ticket: &Ticket, now: Instant) {
        self.lanes[ticket.lane].is_gated = false;
        self.stand(ticket.lane, now);
    }

    /// Lets the job's host wait for at least so long between two starts from now on (a robots.txt's Crawl-delay).
    pub fn slow_down(&mut self, ticket: &Ticket, delay: Duration) {
        self.paces[ticket.pace].pace.slow_down(delay);
    }

    /// Lets the job's host share its pace with all that give the same key, as hosts behind one address may.
    pub fn share_pace(&mut self, ticket: &Ticket, key: &str, now: Instant) {
        let lane = ticket.lane;
        let from = self.lanes[lane].pace;
        if self.paces[from].key.as_deref() == Some(key) {
            return;
        }
        let to = match self.shared.get(key) {
            Some(pace) => *pace,
            None => {
                let key: Arc<str> = key.into();
                let pace = self.paces.insert(SharedPace::new(self.limits.host, Some(Arc::clone(&key))));
                self.shared.insert(key, pace);
                pace
            }
        };
        self.paces[to].lanes += 1;
        self.lanes[lane].pace = to;
        self.leave_pace(from);
        self.step_out(lane);
        self.stand(lane, now);
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

    /// Whether there are free slots that no host known so far could use: more of the list might help.
    pub fn is_hungry(&self) -> bool {
        self.ready_count == 0 && self.in_flight < self.limits.concurrency
    }

    /// Whether a job could start now, as far as is known.
    pub fn has_ready(&self) -> bool {
        self.ready_count > 0 && self.in_flight < self.limits.concurrency
    }

    /// When a host or a job that waits for a time is to be looked at, at the soonest.
    pub fn next_due(&self) -> Option<Instant> {
        let timed = self.timed.peek().map(|Reverse((time, ..))| *time);
        let delayed = self.delayed.peek().map(|Reverse(first)| first.at);
        timed.into_iter().chain(delayed).min()
    }

    /// Jobs that may be under way at once from now on.
    pub fn set_concurrency(&mut self, concurrency: usize) {
        self.limits.concurrency = concurrency;
    }

    /// Takes the end of a host's line into the owner's care, if it is at least `least` long there and in what stays.
    /// The jobs come back in order, by [`Next::BringBack`] with the key, when the line has become short.
    pub fn put_aside(&mut self, host: &str, least: usize) -> Option<(u64, Vec<J>)> {
        let lane = *self.names.get(host)?;
        let key = self.stamp();
        let line = &mut self.lanes[lane];
        let jobs: Vec<J> = if line.aside.is_empty() {
            let stays = least.max(SHORT_LINE);
            if line.queue.len() < stays + least {
                return None;
            }
            line.queue.drain(stays..).collect()
        } else {
            if line.tail.len() < least {
                return None;
            }
            line.tail.drain(..).collect()
        };
        line.aside.push_back(Aside { key, count: jobs.len() });
        line.aside_count += jobs.len();
        Some((key, jobs))
    }

    /// The jobs that were taken last by [`Scheduler::put_aside`] could not be kept: they stay where they were.
    pub fn undo_put_aside(&mut self, host: &str, key: u64, jobs: Vec<J>, now: Instant) {
        let Some(lane) = self.names.get(host).copied() else { return };
        let line = &mut self.lanes[lane];
        if line.aside.back().is_some_and(|last| last.key == key) {
            line.aside.pop_back();
            line.aside_count -= jobs.len();
        }
        let end = if line.aside.is_empty() { &mut line.queue } else { &mut line.tail };
        end.extend(jobs);
        self.stand(lane, now);
    }

    /// Jobs that were put aside are back.
    #[expect(clippy::needless_pass_by_value, reason = "a place is filled once")]
    pub fn bring_back(&mut self, place: AsideTicket, jobs: Vec<J>, now: Instant) {
        let line = &mut self.lanes[place.lane];
        line.is_awaiting = false;
        if let Some(aside) = line.aside.pop_front() {
            line.aside_count -= aside.count;
            self.waiting = self.waiting - aside.count + jobs.len();
        }
        line.queue.extend(jobs);
        if line.aside.is_empty() {
            let tail = std::mem::take(&mut line.tail);
            line.queue.extend(tail);
        }
        self.settle(place.lane, now);
    }

    /// Takes out all jobs that are not under way, but for those put aside, which are forgotten.
    pub fn drain(&mut self) -> Vec<J> {
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
            if line.in_flight == 0 {
                let line = self.lanes.remove(lane);
                self.names.remove(&line.name);
                self.ledger.host(&line.name, &self.paces[line.pace].pace, &self.limits);
                self.leave_pace(line.pace);
            }
        }
        jobs
    }

    /// An input has ended; its requests, one after another, took so long.
    pub fn input_took(&mut self, took: Duration) {
        self.ledger.input_took(took.as_secs_f64());
    }

    /// What the run could have taken at best, as far as its hosts are known by now.
    pub fn ideal(&self) -> Ideal {
        let mut ledger = self.ledger.clone();
        for (_, line) in &self.lanes {
            ledger.host(&line.name, &self.paces[line.pace].pace, &self.limits);
        }
        ledger.ideal(&self.limits)
    }

    fn dispatch(&mut self, lane: usize, now: Instant) -> Next<J> {
        let line = &mut self.lanes[lane];
        let job = line.queue.pop_front().expect("a ready lane has a job");
        line.in_flight += 1;
        line.budget.asked();
        let pace = line.pace;
        self.budget.asked();
        self.waiting -= 1;
        self.in_flight += 1;
        if let Some(rate) = self.limits.rate {
            let earliest = now.checked_sub(pacing::SLACK).unwrap_or(now);
            let start = self.next_start.map_or(now, |next| next.max(earliest));
            self.next_start = Some(start + Duration::from_secs_f64(1.0 / rate));
        }
        let sent = self.paces[pace].pace.started(now);
        self.want_if_short(lane);
        self.stand(lane, now);
        Next::Dispatch(Ticket { lane, pace, sent }, job)
    }

    fn lane_of(&mut self, host: &str) -> usize {
        if let Some(lane) = self.names.get(host) {
            return *lane;
        }
        let name: Arc<str> = host.into();
        let (mut pace, breaker) =
            self.rest.take(host).unwrap_or_else(|| (Pace::new(self.limits.host), Breaker::default()));
        if self.explained.as_deref() == Some(host) {
            pace.tell();
        }
        let pace = self.paces.insert(SharedPace { pace, lanes: 1, behind: VecDeque::new(), key: None });
        let lane = self.lanes.insert(Lane::new(Arc::clone(&name), pace, breaker, self.limits.host.one_first));
        self.names.insert(name, lane);
        lane
    }

    fn release_due(&mut self, now: Instant) {
        let mut due = Vec::new();
        while self.delayed.peek().is_some_and(|Reverse(first)| first.at <= now) {
            due.extend(self.delayed.pop());
        }
        // Each goes before the others, so the last comes first.
        for Reverse(Delayed { lane, job, .. }) in due.into_iter().rev() {
            self.lanes[lane].delayed -= 1;
            self.lanes[lane].queue.push_front(job);
            self.settle(lane, now);
        }
        while let Some(Reverse((time, stamp, lane))) = self.timed.peek().copied() {
            let holds = self.waits(lane, stamp);
            if holds && time > now {
                break;
            }
            self.timed.pop();
            if holds {
                self.lanes[lane].standing = Standing::Nowhere;
                self.stand(lane, now);
            }
        }
    }

    fn drop_stale_times(&mut self) {
        while let Some(Reverse((_, stamp, lane))) = self.timed.peek()
            && !self.waits(*lane, *stamp)
        {
            self.timed.pop();
        }
    }

    fn waits(&self, lane: usize, stamp: u64) -> bool {
        self.lanes.get(lane).is_some_and(|line| line.standing == Standing::Waiting(stamp))
    }

    fn pop_ready(&mut self) -> Option<usize> {
        let lanes = &self.lanes;
        let holds = |lane: usize, stamp: u64| {
            lanes.get(lane).is_some_and(|line| line.standing == Standing::Ready(stamp))
        };
        if self.ready_count == 0 {
            return None;
        }
        self.ready.tidy(self.ready_count, holds);
        self.ready.pop(holds)
    }

    fn may_start(&self, lane: usize, now: Instant) -> When {
        let line = &self.lanes[lane];
        if line.is_gated && line.in_flight > 0 {
            return When::OneEnds;
        }
        self.paces[line.pace].pace.when(now)
    }

    /// Something has changed for a lane: its jobs are refused, or it goes, or it stands where it belongs now.
    fn settle(&mut self, lane: usize, now: Instant) {
        self.refuse_if_due(lane, now);
        if !self.retire_if_empty(lane, now) {
            self.stand(lane, now);
        }
    }

    /// Puts a lane where it belongs, if it stands nowhere.
    fn stand(&mut self, lane: usize, now: Instant) {
        let line = &self.lanes[lane];
        if line.queue.is_empty() {
            self.want_if_short(lane);
            return;
        }
        let is_spare = line.in_flight > 0 && self.paces[line.pace].pace.is_unknown();
        match line.standing {
            // Something has come of its first request: it is one like the others now.
            Standing::Ready(_) if line.is_spare && !is_spare => self.step_out(lane),
            Standing::Ready(_) | Standing::Waiting(_) => return,
            Standing::Behind if self.may_start(lane, now) == When::OneEnds => return,
            Standing::Behind | Standing::Nowhere => {}
        }
        match self.may_start(lane, now) {
            When::Now => {
                let stamp = self.stamp();
                self.lanes[lane].standing = Standing::Ready(stamp);
                self.ready_count += 1;
                self.lanes[lane].is_spare = is_spare;
                if is_spare {
                    self.ready.push_spare(lane, stamp);
                } else {
                    self.ready.push(lane, stamp, self.remaining(lane));
                }
            }
            When::At(time) => {
                let stamp = self.stamp();
                self.lanes[lane].standing = Standing::Waiting(stamp);
                self.timed.push(Reverse((time, stamp, lane)));
            }
            When::OneEnds => {
                let pace = self.lanes[lane].pace;
                self.lanes[lane].standing = Standing::Behind;
                // With a pace of its own, it is looked at when one of its own ends.
                if self.paces[pace].key.is_some() {
                    self.paces[pace].behind.push_back(lane);
                }
            }
        }
    }

    /// Takes a lane from where it stands. Its entry there is out of date from now on.
    fn step_out(&mut self, lane: usize) {
        let standing = std::mem::replace(&mut self.lanes[lane].standing, Standing::Nowhere);
        self.ready_count -= usize::from(matches!(standing, Standing::Ready(_)));
    }

    /// A request of this pace has ended: others that share it may start.
    fn wake_behind(&mut self, pace: usize, now: Instant) {
        let Some(shared) = self.paces.get_mut(pace) else { return };
        for lane in std::mem::take(&mut shared.behind) {
            let is_there = self
                .lanes
                .get(lane)
                .is_some_and(|line| line.pace == pace && line.standing == Standing::Behind);
            if is_there {
                self.lanes[lane].standing = Standing::Nowhere;
                self.stand(lane, now);
            }
        }
        self.forget_pace_if_unused(pace);
    }

    /// A lane's remaining time in microseconds, at the pace that it has now.
    fn remaining(&self, lane: usize) -> u64 {
        let line = &self.lanes[lane];
        let interval = self.paces[line.pace].pace.interval(self.usual_time);
        (line.waiting() as f64 * interval * 1e6) as u64
    }

    fn want_if_short(&mut self, lane: usize) {
        let line = &mut self.lanes[lane];
        if line.queue.len() < SHORT_LINE && !line.aside.is_empty() && !line.is_awaiting {
            line.is_awaiting = true;
            self.wanting.push_back(lane);
        }
    }

    /// Takes the jobs of a host out of its line that is not to be asked now.
    fn refuse_if_due(&mut self, lane: usize, now: Instant) {
        let line = &self.lanes[lane];
        if line.queue.is_empty() && line.tail.is_empty() {
            return;
        }
        let held_until = self.paces[line.pace].pace.held_until();
        let refusal = if line.breaker.refuses() {
            Refusal::GivenUp(self.limits.give_up_after)
        } else if let Some(end) = held_until.filter(|end| *end > now + self.limits.max_hold) {
            Refusal::RateLimited(end - now)
        } else {
            return;
        };
        let line = &mut self.lanes[lane];
        let jobs = line.queue.drain(..).chain(line.tail.drain(..));
        self.refused.extend(jobs.map(|job| (job, refusal)));
        self.step_out(lane);
        self.want_if_short(lane);
    }

    /// Whether the lane was empty and has gone.
    fn retire_if_empty(&mut self, lane: usize, now: Instant) -> bool {
        if !self.lanes[lane].is_empty() {
            return false;
        }
        let line = self.lanes.remove(lane);
        self.names.remove(&line.name);
        let shared = &self.paces[line.pace];
        self.ledger.host(&line.name, &shared.pace, &self.limits);
        if shared.key.is_none() && (shared.pace.is_worth_keeping(now) || line.breaker.is_open()) {
            self.rest.put(line.name, shared.pace.clone(), line.breaker);
        }
        self.leave_pace(line.pace);
        true
    }

    fn leave_pace(&mut self, pace: usize) {
        self.paces[pace].lanes -= 1;
        self.forget_pace_if_unused(pace);
    }

    fn forget_pace_if_unused(&mut self, pace: usize) {
        let shared = &self.paces[pace];
        if shared.lanes == 0 && shared.pace.in_flight() == 0 {
            let shared = self.paces.remove(pace);
            if let Some(key) = shared.key {
                self.shared.remove(&key);
            }
        }
    }

    fn stamp(&mut self) -> u64 {
        self.stamp += 1;
        self.stamp
    }
}

impl SharedPace {
    fn new(limits: HostLimits, key: Option<Arc<str>>) -> SharedPace {
        SharedPace { pace: Pace::new(limits), lanes: 0, behind: VecDeque::new(), key }
    }
}

impl<J> Ord for Delayed<J> {
    fn cmp(&self, other: &Delayed<J>) -> std::cmp::Ordering {
        (self.at, self.arrival).cmp(&(other.at, other.arrival))
    }
}

impl<J> PartialOrd for Delayed<J> {
    fn partial_cmp(&self, other: &Delayed<J>) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<J> PartialEq for Delayed<J> {
    fn eq(&self, other: &Delayed<J>) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<J> Eq for Delayed<J> {}
