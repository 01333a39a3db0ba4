//! What the scheduler says, and what it is told.

use std::time::Duration;

use tokio::time::Instant;

use super::pace::Sent;

/// What to do now.
#[derive(Debug)]
pub enum Next<J> {
    /// Start this job. Its ticket goes back with [`Scheduler::finished`](super::Scheduler::finished).
    Dispatch(Ticket, J),
    /// This job is not to be asked.
    Refuse(J, Refusal),
    /// Bring back what was put aside under this key, with [`Scheduler::bring_back`](super::Scheduler::bring_back), then ask again.
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
    /// No answer came, for which this machine may be to blame: the host is asked with care, and charged nothing.
    Lost,
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
    pub(super) lane: usize,
    pub(super) pace: usize,
    pub(super) sent: Sent,
}

/// The place of jobs that were put aside.
#[must_use = "the jobs of this place are lost unless they are brought back"]
#[derive(Debug)]
pub struct AsideTicket {
    pub(super) lane: usize,
}

impl Ticket {
    /// Finding the host and connecting to it took so long: a new connection does not make it a slow host.
    pub fn set_up_in(&mut self, setup: Duration) {
        self.sent.set_up_in(setup);
    }

    /// Its answer's body came for so long.
    pub fn received_for(&mut self, receiving: Duration) {
        self.sent.received_for(receiving);
    }
}
