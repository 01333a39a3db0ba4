//! A lane: one host at work.

use std::collections::VecDeque;
use std::sync::Arc;

/// One host's jobs, and what its owner keeps with them.
pub(super) struct Lane<J, C> {
    pub(super) name: Arc<str>,
    pub(super) queue: VecDeque<J>,
    /// Jobs in the scheduler's heap of delayed ones.
    pub(super) delayed: usize,
    pub(super) in_flight: usize,
    /// Whether the lane stands among the ready ones.
    pub(super) is_ready: bool,
    pub(super) carried: C,
}

impl<J, C: Default> Lane<J, C> {
    pub(super) fn new(name: Arc<str>) -> Lane<J, C> {
        Lane {
            name,
            queue: VecDeque::new(),
            delayed: 0,
            in_flight: 0,
            is_ready: false,
            carried: C::default(),
        }
    }
}

impl<J, C> Lane<J, C> {
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.delayed == 0 && self.in_flight == 0
    }
}
