//! What a run has done so far, for whoever watches it from another thread.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::record::Kind;
use crate::scheduler::Ideal;

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
    /// What this machine lacks, for now: `descriptors`, `network` or `resolver`. Meanwhile it asks less, and again.
    pub lacks: Option<Kind>,
}

/// How a run went, beside how it could have gone.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Verdict {
    /// The least time that it could have taken, and why.
    pub ideal: Ideal,
    /// The time that it took.
    pub took: Duration,
    /// How the pace of [`Config::explain`](crate::Config::explain)'s host was found: what happened, and when.
    pub explanation: Vec<(Duration, String)>,
}

/// What this machine can lack.
const LACKS: [Kind; 3] = [Kind::Descriptors, Kind::Network, Kind::Resolver];

/// A run's counts: the list's, and those of each loop.
#[derive(Debug)]
pub(super) struct Board {
    pub(super) read: AtomicU64,
    pub(super) read_all: AtomicBool,
    pub(super) loops: Box<[Counters]>,
    pub(super) verdict: OnceLock<Verdict>,
}

/// The counts of one loop, apart in memory from those of the others, which write theirs at the same time.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Counters {
    pub(super) done: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) in_flight: AtomicU64,
    /// 0, or the place in `LACKS` from 1 on.
    lacks: AtomicU8,
}

impl Board {
    pub(super) fn new(loops: usize) -> Arc<Board> {
        Arc::new(Board {
            read: AtomicU64::new(0),
            read_all: AtomicBool::new(false),
            loops: std::iter::repeat_with(Counters::default).take(loops).collect(),
            verdict: OnceLock::new(),
        })
    }

    pub(super) fn done(&self) -> u64 {
        self.sum(|counters| &counters.done)
    }

    pub(super) fn in_flight(&self) -> u64 {
        self.sum(|counters| &counters.in_flight)
    }

    pub(super) fn snapshot(&self) -> Progress {
        // What is done was read: in this order, no more is ever done than was read.
        let (done, failed) = (self.done(), self.sum(|counters| &counters.failed));
        Progress {
            read: self.read.load(Relaxed),
            read_all: self.read_all.load(Relaxed),
            done,
            failed,
            in_flight: self.in_flight(),
            lacks: self.loops.iter().find_map(Counters::lacks),
        }
    }

    fn sum(&self, counter: impl Fn(&Counters) -> &AtomicU64) -> u64 {
        self.loops.iter().map(|counters| counter(counters).load(Relaxed)).sum()
    }
}

impl Counters {
    fn lacks(&self) -> Option<Kind> {
        LACKS.get(usize::from(self.lacks.load(Relaxed)).wrapping_sub(1)).copied()
    }

    pub(super) fn set_lacks(&self, kind: Option<Kind>) {
        let place = kind.and_then(|kind| LACKS.iter().position(|known| *known == kind));
        self.lacks.store(place.map_or(0, |place| place as u8 + 1), Relaxed);
    }
}

/// Adds to a counter that only one thread writes.
pub(super) fn add(counter: &AtomicU64, more: u64) {
    counter.store(counter.load(Relaxed) + more, Relaxed);
}
