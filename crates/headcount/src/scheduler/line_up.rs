//! Where each lane stands: ready, waiting for a time, or for a request to end; and when it goes.

use std::cmp::Reverse;
use std::sync::Arc;

use tokio::time::Instant;

use super::lane::{Breaker, Lane, Standing};
use super::pace::{Pace, When};
use super::ready::Rank;
use super::sharing::SharedPace;
use super::{Delayed, Next, Refusal, Scheduler, Ticket};

/// A host's own estimate may be wrong by so much.
const MARGIN: f64 = 2.0;

/// Who waits for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timed {
    Lane(usize),
    /// Those that share this pace.
    Group(usize),
}

impl<J, C: Default> Scheduler<J, C> {
    pub(super) fn dispatch(&mut self, lane: usize, now: Instant) -> Next<J> {
        let line = &mut self.lanes[lane];
        let job = line.queue.pop_front().expect("a ready lane has a job");
        line.in_flight += 1;
        line.most_in_flight = line.most_in_flight.max(line.in_flight);
        line.budget.asked();
        let pace = line.pace;
        self.budget.asked();
        self.waiting -= 1;
        self.in_flight += 1;
        self.lease.started();
        let sent = self.paces[pace].pace.started(now);
        self.want_if_short(lane);
        self.stand(lane, now);
        self.call_up(pace, now);
        Next::Dispatch(Ticket { lane, pace, sent }, job)
    }

    pub(super) fn lane_of(&mut self, host: &str) -> usize {
        if let Some(lane) = self.names.get(host) {
            return *lane;
        }
        let name: Arc<str> = host.into();
        let (mut pace, breaker) =
            self.rest.take(host).unwrap_or_else(|| (Pace::new(self.limits.host), Breaker::default()));
        if self.explained.as_deref() == Some(host) {
            pace.tell();
        }
        let pace = self.paces.insert(SharedPace::of_one(pace));
        let lane = self.lanes.insert(Lane::new(Arc::clone(&name), pace, breaker, self.limits.host.one_first));
        self.names.insert(name, lane);
        lane
    }

    pub(super) fn release_due(&mut self, now: Instant) {
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
        while let Some(Reverse((time, stamp, who))) = self.timed.peek().copied() {
            let holds = self.waits(who, stamp);
            if holds && time > now {
                break;
            }
            self.timed.pop();
            match who {
                Timed::Lane(lane) if holds => {
                    self.lanes[lane].standing = Standing::Nowhere;
                    self.stand(lane, now);
                }
                Timed::Group(pace) if holds => {
                    if let Some(group) = &mut self.paces[pace].group {
                        group.timed = None;
                    }
                    self.call_up(pace, now);
                }
                _ => {}
            }
        }
    }

    pub(super) fn drop_stale_times(&mut self) {
        while let Some(Reverse((_, stamp, who))) = self.timed.peek()
            && !self.waits(*who, *stamp)
        {
            self.timed.pop();
        }
    }

    fn waits(&self, who: Timed, stamp: u64) -> bool {
        match who {
            Timed::Lane(lane) => {
                self.lanes.get(lane).is_some_and(|line| line.standing == Standing::Waiting(stamp))
            }
            Timed::Group(pace) => {
                let group = self.paces.get(pace).and_then(|shared| shared.group.as_ref());
                group.and_then(|group| group.timed).is_some_and(|(_, since)| since == stamp)
            }
        }
    }

    pub(super) fn pop_ready(&mut self) -> Option<usize> {
        let (lanes, looks) = (&self.lanes, &self.looks);
        let holds = |lane: usize, stamp: u64| {
            looks.set(looks.get() + 1);
            lanes.get(lane).is_some_and(|line| line.standing == Standing::Ready(stamp))
        };
        if self.ready_count == 0 {
            return None;
        }
        self.ready.tidy(self.ready_count, holds);
        self.ready.pop(holds)
    }

    pub(super) fn may_start(&self, lane: usize, now: Instant) -> When {
        if self.is_held_up_by_its_own(lane) {
            return When::OneEnds;
        }
        self.paces[self.lanes[lane].pace].pace.when(now)
    }

    /// Whether a lane waits for one of its own jobs: its gate is closed, or as many are under way as any host gets. Those
    /// that started before it came to share a pace do not count there.
    fn is_held_up_by_its_own(&self, lane: usize) -> bool {
        let line = &self.lanes[lane];
        (line.is_gated && line.in_flight > 0) || line.in_flight >= self.limits.host.at_once
    }

    /// Something has changed for a lane: its jobs are refused, or it goes, or it stands where it belongs now.
    pub(super) fn settle(&mut self, lane: usize, now: Instant) {
        let pace = self.lanes[lane].pace;
        self.refuse_if_due(lane, now);
        if !self.retire_if_empty(lane, now) {
            self.stand(lane, now);
        }
        self.call_up(pace, now);
    }

    /// Whether the lane's next request would need one more connection, while there is no hurry: its host has not answered
    /// yet, or its work is done in time over the connections that it has. A new connection holds a slot for as long as it
    /// is made, which others could use.
    pub(super) fn is_spare(&self, lane: usize) -> bool {
        let line = &self.lanes[lane];
        if line.in_flight == 0 || line.in_flight < line.most_in_flight {
            return false;
        }
        self.paces[line.pace].pace.is_unknown() || !self.is_urgent(lane)
    }

    /// Whether the lane's work may take longer than the rest of the run, over the connections that it has.
    fn is_urgent(&self, lane: usize) -> bool {
        let line = &self.lanes[lane];
        let pace = &self.paces[line.pace].pace;
        let at_once = line.most_in_flight.min(pace.window()).max(1);
        let own = line.waiting() as f64 * pace.time_of_one(self.usual_time) / at_once as f64;
        MARGIN * own > self.waiting as f64 * self.usual_time / self.lease.hope() as f64
    }

    pub(super) fn rank(&self, lane: usize) -> Rank {
        let line = &self.lanes[lane];
        if self.is_urgent(lane) {
            Rank::Urgent
        } else if line.in_flight < line.most_in_flight {
            Rank::Warm
        } else {
            Rank::Cold
        }
    }

    /// Puts a lane where it belongs, if it stands nowhere.
    pub(super) fn stand(&mut self, lane: usize, now: Instant) {
        self.looks.set(self.looks.get() + 1);
        let line = &self.lanes[lane];
        if line.queue.is_empty() {
            self.want_if_short(lane);
            return;
        }
        match line.standing {
            // Something has come of its first request: it is one like the others now.
            Standing::Ready(_) if line.is_spare && !self.is_spare(lane) => self.step_out(lane),
            Standing::Ready(_) | Standing::Waiting(_) | Standing::Behind(_) => return,
            Standing::Nowhere => {}
        }
        if self.is_held_up_by_its_own(lane) {
            return;
        }
        if self.join_group(lane) {
            self.call_up(self.lanes[lane].pace, now);
            return;
        }
        match self.may_start(lane, now) {
            When::Now => self.get_ready(lane),
            When::At(time) => {
                let stamp = self.stamp();
                self.lanes[lane].standing = Standing::Waiting(stamp);
                self.timed.push(Reverse((time, stamp, Timed::Lane(lane))));
            }
            // Then it is looked at anyway, since the one is its own.
            When::OneEnds => {}
        }
    }

    /// Puts a lane among the ready.
    pub(super) fn get_ready(&mut self, lane: usize) {
        let (stamp, is_spare) = (self.stamp(), self.is_spare(lane));
        let line = &mut self.lanes[lane];
        (line.standing, line.is_spare) = (Standing::Ready(stamp), is_spare);
        self.ready_count += 1;
        if is_spare {
            self.ready.push_spare(lane, stamp);
        } else {
            self.ready.push(lane, stamp, self.rank(lane), self.remaining(lane));
        }
    }

    /// Takes a lane from where it stands. Its entry there is out of date from now on.
    pub(super) fn step_out(&mut self, lane: usize) {
        let line = &mut self.lanes[lane];
        let standing = std::mem::replace(&mut line.standing, Standing::Nowhere);
        let group = &mut self.paces[line.pace].group;
        match (standing, group) {
            (Standing::Ready(_), group) => {
                self.ready_count -= 1;
                if let Some(group) = group {
                    group.uncall();
                }
            }
            (Standing::Behind(_), Some(group)) => group.step_out(),
            _ => {}
        }
    }

    /// A lane's remaining time in microseconds, at the pace that it has now.
    pub(super) fn remaining(&self, lane: usize) -> u64 {
        let line = &self.lanes[lane];
        let interval = self.paces[line.pace].pace.interval(self.usual_time);
        (line.waiting() as f64 * interval * 1e6) as u64
    }

    /// Takes the jobs of a host out of its line that is not to be asked now.
    pub(super) fn refuse_if_due(&mut self, lane: usize, now: Instant) {
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
    pub(super) fn retire_if_empty(&mut self, lane: usize, now: Instant) -> bool {
        if !self.lanes[lane].is_empty() {
            return false;
        }
        let line = self.lanes.remove(lane);
        self.names.remove(&line.name);
        let shared = &self.paces[line.pace];
        self.ledger.host(&line.name, &shared.pace, &self.limits);
        let pace = shared.pace_of_one(self.limits.host);
        if pace.is_worth_keeping(now) || line.breaker.is_open() {
            self.rest.put(line.name, pace.into_owned(), line.breaker);
        }
        self.leave_pace(line.pace, now);
        true
    }

    pub(super) fn stamp(&mut self) -> u64 {
        self.stamp += 1;
        self.stamp
    }
}
