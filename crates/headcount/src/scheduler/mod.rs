//! Which job goes next. A synchronous state machine: it is told the time, never waits and never sees a socket,
//! so it can be run for millions of hosts in one test.
//!
//! A *lane* is a host at work: its queue and its limits, and whatever its owner keeps with it (the engine keeps
//! idle connections). A lane goes when the last of its jobs has ended, and what it carries goes with it.

mod lane;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;

use slab::Slab;
use tokio::time::Instant;

use lane::Lane;

/// What may be under way at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Jobs over all hosts.
    pub concurrency: usize,
    /// Jobs of one host.
    pub per_host: usize,
}

/// The order of jobs `J` over lanes that carry a `C` each.
pub struct Scheduler<J, C> {
    limits: Limits,
    lanes: Slab<Lane<J, C>>,
    names: HashMap<Arc<str>, usize>,
    /// Lanes that could start a job, in turn. A lane stands here once at the most.
    ready: VecDeque<usize>,
    /// Jobs that may not start before a time; the earliest first, and in order of arrival among equals.
    delayed: BinaryHeap<Reverse<Delayed<J>>>,
    arrivals: u64,
    waiting: usize,
    in_flight: usize,
}

/// What to do now.
#[derive(Debug)]
pub enum Next<J> {
    /// Start this job. Its ticket goes back with [`Scheduler::finished`].
    Dispatch(Ticket, J),
    /// Nothing can start before this time, unless a job is pushed or finishes first.
    WaitUntil(Instant),
    /// Nothing can start until a job is pushed or finishes.
    Wait,
    /// There are no jobs, waiting or under way.
    Idle,
}

/// A job's place among those under way.
#[must_use = "a ticket that is not given back holds its slot for ever"]
#[derive(Debug)]
pub struct Ticket {
    lane: usize,
}

struct Delayed<J> {
    at: Instant,
    arrival: u64,
    lane: usize,
    job: J,
}

impl<J, C: Default> Scheduler<J, C> {
    /// A scheduler with nothing to do.
    pub fn new(limits: Limits) -> Scheduler<J, C> {
        Scheduler {
            limits,
            lanes: Slab::new(),
            names: HashMap::new(),
            ready: VecDeque::new(),
            delayed: BinaryHeap::new(),
            arrivals: 0,
            waiting: 0,
            in_flight: 0,
        }
    }

    /// Queues a job on its host's lane.
    pub fn push(&mut self, host: &str, job: J) {
        let lane = self.lane_of(host);
        self.lanes[lane].queue.push_back(job);
        self.waiting += 1;
        self.make_ready(lane);
    }

    /// Queues a job that may not start before `at`; then it goes before the lane's other jobs.
    pub fn push_delayed(&mut self, host: &str, job: J, at: Instant) {
        let lane = self.lane_of(host);
        self.lanes[lane].delayed += 1;
        self.waiting += 1;
        self.arrivals += 1;
        self.delayed.push(Reverse(Delayed { at, arrival: self.arrivals, lane, job }));
    }

    /// What to do at `now`. Lanes take turns, one job a turn.
    pub fn next(&mut self, now: Instant) -> Next<J> {
        self.release_due(now);
        if self.in_flight < self.limits.concurrency {
            if let Some(lane) = self.ready.pop_front() {
                self.lanes[lane].is_ready = false;
                let job = self.lanes[lane].queue.pop_front().expect("a ready lane has a job");
                self.lanes[lane].in_flight += 1;
                self.waiting -= 1;
                self.in_flight += 1;
                self.make_ready(lane);
                return Next::Dispatch(Ticket { lane }, job);
            }
            if let Some(Reverse(first)) = self.delayed.peek() {
                return Next::WaitUntil(first.at);
            }
        }
        if self.waiting == 0 && self.in_flight == 0 { Next::Idle } else { Next::Wait }
    }

    /// Takes back the ticket of a job that is no longer under way. What comes of it (a retry, a redirect's next
    /// hop) is pushed before, so that a lane with work left keeps what it carries.
    #[expect(clippy::needless_pass_by_value, reason = "a ticket is given back once")]
    pub fn finished(&mut self, ticket: Ticket) {
        self.in_flight -= 1;
        self.lanes[ticket.lane].in_flight -= 1;
        if self.lanes[ticket.lane].is_empty() {
            let lane = self.lanes.remove(ticket.lane);
            self.names.remove(&lane.name);
        } else {
            self.make_ready(ticket.lane);
        }
    }

    /// What the job's lane carries.
    pub fn carried(&mut self, ticket: &Ticket) -> &mut C {
        &mut self.lanes[ticket.lane].carried
    }

    /// Jobs of the same lane that are not under way.
    pub fn waiting_behind(&self, ticket: &Ticket) -> usize {
        let lane = &self.lanes[ticket.lane];
        lane.queue.len() + lane.delayed
    }

    /// Jobs that are not under way.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Jobs under way.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Takes out all jobs that are not under way.
    pub fn drain(&mut self) -> Vec<J> {
        let mut jobs: Vec<J> = self.delayed.drain().map(|Reverse(delayed)| delayed.job).collect();
        self.ready.clear();
        self.waiting = 0;
        self.lanes.retain(|_, lane| {
            jobs.extend(lane.queue.drain(..));
            lane.is_ready = false;
            lane.delayed = 0;
            if lane.is_empty() {
                self.names.remove(&lane.name);
            }
            !lane.is_empty()
        });
        jobs
    }

    fn lane_of(&mut self, host: &str) -> usize {
        if let Some(lane) = self.names.get(host) {
            return *lane;
        }
        let name: Arc<str> = host.into();
        let lane = self.lanes.insert(Lane::new(Arc::clone(&name)));
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
            self.make_ready(lane);
        }
    }

    fn make_ready(&mut self, index: usize) {
        let lane = &mut self.lanes[index];
        if !lane.is_ready && !lane.queue.is_empty() && lane.in_flight < self.limits.per_host {
            lane.is_ready = true;
            self.ready.push_back(index);
        }
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
