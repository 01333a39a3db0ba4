//! What a run has done so far, for whoever watches it from another thread.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// A run's counts at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Inputs read from the list.
    pub read: u64,
    /// The list has been read to its end, so `read` is the total.
    pub read_all: bool,
    /// Inputs that have their record.
    pub done: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// Requests under way.
    pub in_flight: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) read: AtomicU64,
    pub(super) read_all: AtomicBool,
    pub(super) done: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) in_flight: AtomicU64,
}

impl Counters {
    pub(super) fn snapshot(&self) -> Progress {
        Progress {
            read: self.read.load(Relaxed),
            read_all: self.read_all.load(Relaxed),
            done: self.done.load(Relaxed),
            failed: self.failed.load(Relaxed),
            in_flight: self.in_flight.load(Relaxed),
        }
    }
}

/// Adds to a counter that only the engine's thread writes.
pub(super) fn add(counter: &AtomicU64, more: u64) {
    counter.store(counter.load(Relaxed) + more, Relaxed);
}
