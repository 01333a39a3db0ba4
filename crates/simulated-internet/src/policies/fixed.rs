//! A fixed number of requests at once, and a pause for the whole host after a rejection: what most careful clients do.

use std::time::Duration;

use super::{Controller, Start};
use crate::discrete::{Outcome, OutcomeKind};

/// The pause after a rejection that names no time.
const PAUSE: Duration = Duration::from_secs(1);

/// So many at once, with a pause after a 429 or 503.
#[derive(Default)]
pub struct Fixed<const LIMIT: usize> {
    held_until: Duration,
}

impl<const LIMIT: usize> Controller for Fixed<LIMIT> {
    fn may_start(&self, under_way: usize, now: Duration) -> Start {
        if now < self.held_until {
            Start::At(self.held_until)
        } else if under_way < LIMIT {
            Start::Now
        } else {
            Start::Later
        }
    }

    fn started(&mut self, _now: Duration) {}

    fn finished(&mut self, outcome: &Outcome, _under_way: usize, now: Duration) {
        if let OutcomeKind::Rejected { wait } = outcome.kind {
            self.held_until = self.held_until.max(now + wait.unwrap_or(PAUSE));
        }
    }
}
