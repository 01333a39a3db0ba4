//! The scheduler that ships, as a policy.

use std::time::Duration;

use headcount::scheduler::{self, Answer, HostLimits, Limits, Scheduler, Ticket};
use tokio::time::Instant;

use crate::Scenario;
use crate::discrete::{Job, Next, Outcome, OutcomeKind, Policy};

/// The scheduler of the engine, within a scenario's limits.
pub struct Shipping {
    scheduler: Scheduler<Job, ()>,
    begun: Instant,
}

impl Shipping {
    /// A scheduler with nothing to do.
    pub fn new(scenario: &Scenario, seed: u64) -> Shipping {
        let limits = Limits {
            concurrency: scenario.concurrency,
            host: HostLimits { at_once: scenario.per_host, ..Limits::default().host },
            ..Limits::default()
        };
        Shipping { scheduler: Scheduler::new(limits, seed), begun: Instant::now() }
    }
}

fn name(host: u32) -> String {
    host.to_string()
}

impl Policy for Shipping {
    type Ticket = Ticket;

    fn push(&mut self, job: Job, now: Duration) {
        self.scheduler.push(&name(job.host), job, self.begun + now);
    }

    fn next(&mut self, now: Duration) -> Next<Ticket> {
        match self.scheduler.next(self.begun + now) {
            scheduler::Next::Dispatch(ticket, job) => Next::Dispatch(ticket, job),
            scheduler::Next::Refuse(job, _) => Next::GiveUp(job),
            scheduler::Next::BringBack(..) => unreachable!("nothing is put aside here"),
            scheduler::Next::WaitUntil(time) => Next::WaitUntil(time - self.begun),
            scheduler::Next::Wait => Next::Wait,
            scheduler::Next::Idle => Next::Idle,
        }
    }

    fn finished(&mut self, ticket: Ticket, outcome: &Outcome, again: Option<(Job, Duration)>, now: Duration) {
        if let Some((job, time)) = again {
            self.scheduler.push_delayed(&name(job.host), job, self.begun + time);
        }
        let answer = match outcome.kind {
            OutcomeKind::Answered => Answer::Accepted { wait: None },
            OutcomeKind::Rejected { wait } => Answer::Rejected { wait },
            OutcomeKind::NoResponse => Answer::None,
        };
        self.scheduler.finished(ticket, answer, self.begun + now);
    }

    fn may_retry(&mut self, ticket: &Ticket) -> bool {
        self.scheduler.may_retry(ticket)
    }

    fn waiting(&self) -> usize {
        self.scheduler.waiting()
    }
}
