//! Jobs that may not start before a time.

use tokio::time::Instant;

/// The earliest goes first, and among equals the one that arrived first.
pub(super) struct Delayed<J> {
    pub(super) at: Instant,
    pub(super) arrival: u64,
    pub(super) lane: usize,
    pub(super) job: J,
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
