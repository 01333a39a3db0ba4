//! The frontier under every policy here: a queue for each host, hosts in turn, and a controller for each that says when it
//! may be asked.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::Duration;

use crate::discrete::{Job, Next, Outcome, OutcomeKind, Policy};

/// How fast one host is asked.
pub trait Controller: Default {
    /// Whether one more request may start, with so many under way.
    fn may_start(&self, under_way: usize, now: Duration) -> Start;

    /// A request starts.
    fn started(&mut self, now: Duration);

    /// A request ended; `under_way` counts it still.
    fn finished(&mut self, outcome: &Outcome, under_way: usize, now: Duration);

    /// How long a rejected request waits by itself, whatever its host may do.
    fn wait_of_rejected(&self) -> Duration {
        Duration::ZERO
    }
}

/// When a request may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Now.
    Now,
    /// Not before this time.
    At(Duration),
    /// When another has ended.
    Later,
}

/// A policy that asks each host as its controller says, and hosts in turn.
pub struct PerHost<C> {
    concurrency: usize,
    per_host: usize,
    lanes: HashMap<u32, Lane<C>>,
    /// Hosts that could be asked, in turn. Each stands here once at the most.
    ready: VecDeque<u32>,
    /// When to look at a host again.
    timers: BinaryHeap<Reverse<(Duration, u32)>>,
    /// Jobs that wait by themselves; the number keeps those of one time in order.
    delayed: BinaryHeap<Reverse<(Duration, u64, u32, u32)>>,
    arrivals: u64,
    waiting: usize,
    under_way: usize,
}

#[derive(Default)]
struct Lane<C> {
    /// Jobs that were never asked are all alike: their number will do.
    fresh: usize,
    again: Vec<Job>,
    delayed: usize,
    under_way: usize,
    is_ready: bool,
    /// The earliest timer that is set.
    timer: Option<Duration>,
    controller: C,
}

impl<C: Controller> PerHost<C> {
    /// A policy within these limits.
    pub fn new(concurrency: usize, per_host: usize) -> PerHost<C> {
        PerHost {
            concurrency,
            per_host,
            lanes: HashMap::new(),
            ready: VecDeque::new(),
            timers: BinaryHeap::new(),
            delayed: BinaryHeap::new(),
            arrivals: 0,
            waiting: 0,
            under_way: 0,
        }
    }

    fn look_at(&mut self, host: u32, now: Duration) {
        let Some(lane) = self.lanes.get_mut(&host) else { return };
        let has_jobs = lane.fresh > 0 || !lane.again.is_empty();
        if lane.is_ready || !has_jobs || lane.under_way >= self.per_host {
            return;
        }
        match lane.controller.may_start(lane.under_way, now) {
            Start::At(time) if time > now => {
                if lane.timer.is_none_or(|timer| time < timer) {
                    lane.timer = Some(time);
                    self.timers.push(Reverse((time, host)));
                }
            }
            Start::Now | Start::At(_) => {
                lane.is_ready = true;
                self.ready.push_back(host);
            }
            Start::Later => {}
        }
    }

    fn release_due(&mut self, now: Duration) {
        while let Some(Reverse((time, host))) = self.timers.peek().copied()
            && time <= now
        {
            self.timers.pop();
            if let Some(lane) = self.lanes.get_mut(&host)
                && lane.timer == Some(time)
            {
                lane.timer = None;
            }
            self.look_at(host, now);
        }
        while let Some(Reverse((time, _, host, failures))) = self.delayed.peek().copied()
            && time <= now
        {
            self.delayed.pop();
            let lane = self.lanes.get_mut(&host).expect("a lane stays while a job of it waits");
            lane.delayed -= 1;
            lane.again.push(Job { host, failures });
            self.look_at(host, now);
        }
    }

    /// The next host that may be asked at this moment; one that has become ready may have been stopped since.
    fn start(&mut self, now: Duration) -> Option<Job> {
        while let Some(host) = self.ready.pop_front() {
            let lane = self.lanes.get_mut(&host).expect("a lane stays while it is ready");
            lane.is_ready = false;
            if lane.under_way >= self.per_host || lane.controller.may_start(lane.under_way, now) != Start::Now
            {
                self.look_at(host, now);
                continue;
            }
            let job = lane.again.pop().unwrap_or_else(|| {
                lane.fresh -= 1;
                Job { host, failures: 0 }
            });
            lane.under_way += 1;
            lane.controller.started(now);
            self.waiting -= 1;
            self.under_way += 1;
            self.look_at(host, now);
            return Some(job);
        }
        None
    }
}

impl<C: Controller> Policy for PerHost<C> {
    type Ticket = u32;

    fn push(&mut self, job: Job, _now: Duration) {
        self.waiting += 1;
        let lane = self.lanes.entry(job.host).or_default();
        lane.fresh += 1;
        // Its controller is asked when its turn comes.
        if !lane.is_ready && lane.timer.is_none() && lane.under_way == 0 {
            lane.is_ready = true;
            self.ready.push_back(job.host);
        }
    }

    fn next(&mut self, now: Duration) -> Next<u32> {
        self.release_due(now);
        if self.under_way < self.concurrency {
            if let Some(job) = self.start(now) {
                return Next::Dispatch(job.host, job);
            }
            let timer = self.timers.peek().map(|Reverse((time, _))| *time);
            let delayed = self.delayed.peek().map(|Reverse((time, ..))| *time);
            if let Some(time) = timer.into_iter().chain(delayed).min() {
                return Next::WaitUntil(time);
            }
        }
        if self.waiting == 0 && self.under_way == 0 { Next::Idle } else { Next::Wait }
    }

    fn finished(&mut self, host: u32, outcome: &Outcome, again: Option<(Job, Duration)>, now: Duration) {
        self.under_way -= 1;
        let lane = self.lanes.get_mut(&host).expect("a lane stays while a job of it is under way");
        lane.controller.finished(outcome, lane.under_way, now);
        lane.under_way -= 1;
        if let Some((job, not_before)) = again {
            self.waiting += 1;
            let is_rejected = matches!(outcome.kind, OutcomeKind::Rejected { .. });
            let own_wait = if is_rejected { lane.controller.wait_of_rejected() } else { Duration::ZERO };
            let not_before = not_before.max(now + own_wait);
            if not_before > now {
                lane.delayed += 1;
                self.arrivals += 1;
                self.delayed.push(Reverse((not_before, self.arrivals, host, job.failures)));
            } else {
                lane.again.push(job);
            }
        }
        let has_jobs = lane.fresh > 0 || !lane.again.is_empty() || lane.delayed > 0;
        if has_jobs || lane.under_way > 0 {
            self.look_at(host, now);
        } else {
            self.lanes.remove(&host);
        }
    }

    fn waiting(&self) -> usize {
        self.waiting
    }
}
