//! A turn: a job under way, which is never lost with its worker.

use std::cell::{Cell, RefMut};
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Job, Lane, Run, Waiting};
use crate::scheduler::{Answer, Scheduler, Ticket};
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

    /// Finding the host and connecting to it took so long.
    pub(in crate::engine) fn set_up_in(&mut self, setup: Duration) {
        if let Some((ticket, _)) = &mut self.held {
            ticket.set_up_in(setup);
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
