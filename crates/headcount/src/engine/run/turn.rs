//! Turns: jobs under way, which are never lost with their workers; how they begin, and how they are given back.

use std::cell::{Cell, RefMut};
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Job, Lane, Run, Waiting};
use crate::record::{Failure, Outcome};
use crate::scheduler::{Answer, Next, Scheduler, Ticket};
use crate::transport::{Network, Trace};

/// A job under way, with its place among those under way. Dropped before it was given back, it leaves both with the
/// run, so that no input is lost with its worker.
pub(in crate::engine) struct Turn<N: Network> {
    pub(super) run: Rc<Run<N>>,
    pub(super) held: Option<(Ticket, Box<Job>)>,
    /// What was learnt of a request that was broken off.
    pub(super) broken_off: Cell<Option<Box<Trace>>>,
}

impl<N: Network> Turn<N> {
    pub(in crate::engine) fn peek(&self) -> &Job {
        &self.held.as_ref().expect("a turn holds its job until it is taken").1
    }

    pub(in crate::engine) fn job(&mut self) -> &mut Job {
        &mut self.held.as_mut().expect("a turn holds its job until it is taken").1
    }

    /// What the job's host carries. Not to be held across an await.
    pub(in crate::engine) fn lane(&self) -> RefMut<'_, Lane<N>> {
        RefMut::map(self.run.scheduler.borrow_mut(), |scheduler| scheduler.carried(self.ticket()))
    }

    /// What the scheduler knows of the job's host.
    pub(in crate::engine) fn scheduler(&self) -> (RefMut<'_, Scheduler<Waiting, Lane<N>>>, &Ticket) {
        (self.run.scheduler.borrow_mut(), self.ticket())
    }

    /// Jobs of the same host that could use a connection next.
    pub(in crate::engine) fn waiting_behind(&self) -> usize {
        self.run.scheduler.borrow().waiting_behind(self.ticket())
    }

    /// What of its request's time is not the host's: in line, until there was a connection, and while the body came.
    pub(in crate::engine) fn note_times(&mut self, trace: &Trace, now: Instant) {
        if let Some((ticket, _)) = &mut self.held {
            ticket.set_up_in(trace.queued + trace.appconnect.max(trace.connect).unwrap_or_default());
            let before = trace.starttransfer.map(|before| trace.started + before);
            ticket
                .received_for(before.map_or(Duration::ZERO, |before| now.saturating_duration_since(before)));
        }
    }

    /// Keeps what was learnt of a request that is being dropped.
    pub(in crate::engine) fn break_off(&self, trace: Box<Trace>) {
        self.broken_off.set(Some(trace));
    }

    fn ticket(&self) -> &Ticket {
        &self.held.as_ref().expect("a turn holds its ticket until it is taken").0
    }

    pub(super) fn take(mut self) -> (Ticket, Box<Job>) {
        self.held.take().expect("a turn is taken once")
    }
}

impl<N: Network> Run<N> {
    pub(super) fn turn(self: &Rc<Self>, ticket: Ticket, waiting: Waiting) -> Turn<N> {
        let mut job = self.unpacked(waiting);
        job.begin(&self.config, Instant::now());
        Turn { run: Rc::clone(self), held: Some((ticket, job)), broken_off: Cell::new(None) }
    }

    pub(super) fn unpacked(&self, waiting: Waiting) -> Box<Job> {
        match waiting {
            Waiting::Fresh(packed) => self.packer.borrow().unpack(&packed, &self.config),
            Waiting::Begun(job) => job,
        }
    }

    /// The next job that may start now. `None`: not now.
    pub(in crate::engine) fn next_turn(self: &Rc<Self>) -> Option<Turn<N>> {
        match self.next(Instant::now()) {
            Next::Dispatch(ticket, job) => {
                if self.scheduler.borrow().has_ready() {
                    self.changed.notify_one();
                }
                Some(self.turn(ticket, job))
            }
            _ => None,
        }
    }

    /// Puts a job back in line, to start at `time` at the soonest, before those that have not begun: what has begun takes
    /// more memory than what has not. `answer`: what came of its request.
    pub(in crate::engine) fn go_on(&self, turn: Turn<N>, time: Instant, answer: Answer, now: Instant) {
        let (ticket, mut job) = turn.take();
        job.pause_until(time, now);
        if let Some(job) = self.inbox.pass_on(job, time) {
            self.push(&job.host(), Waiting::Begun(job), Some(time), now);
        }
        let mut scheduler = self.scheduler.borrow_mut();
        scheduler.finished(ticket, answer, now);
        self.count_in_flight(&scheduler);
        self.changed.notify_one();
    }

    /// Puts a job in line.
    pub(super) fn push(&self, host: &str, job: Waiting, time: Option<Instant>, now: Instant) {
        self.memory.set(self.memory.get() + job.weight());
        let mut scheduler = self.scheduler.borrow_mut();
        match time {
            Some(time) => scheduler.push_delayed(host, job, time),
            None => scheduler.push(host, job, now),
        }
    }

    /// Ends a job with its record. The job keeps its place until the record is handed over, so that a slow taker
    /// slows the run.
    pub(in crate::engine) async fn end(
        &self,
        turn: Turn<N>,
        outcome: Outcome,
        failure: Option<Failure>,
        answer: Answer,
        now: Instant,
    ) {
        let (ticket, job) = turn.take();
        let (busy, paused) = (job.busy(), job.paused());
        self.put(job.into_record(outcome, failure, &self.config), now).await;
        let mut scheduler = self.scheduler.borrow_mut();
        scheduler.input_took(busy, paused);
        scheduler.finished(ticket, answer, now);
        // The worker takes one job more itself. Others are for whoever attends: a window that has grown, a host that is
        // to be looked at sooner.
        let is_sooner =
            scheduler.next_due().is_some_and(|due| self.next_look.get().is_none_or(|look| due < look));
        if is_sooner {
            self.changed.notify_one();
        }
        self.count_in_flight(&scheduler);
    }
}

impl<N: Network> Drop for Turn<N> {
    fn drop(&mut self) {
        if let Some((ticket, mut job)) = self.held.take() {
            if let Some(trace) = self.broken_off.take() {
                job.took(trace, Instant::now());
            }
            self.run.broken_off.borrow_mut().push(*job);
            let mut scheduler = self.run.scheduler.borrow_mut();
            scheduler.finished(ticket, Answer::NotAsked, Instant::now());
            self.run.count_in_flight(&scheduler);
        }
    }
}
