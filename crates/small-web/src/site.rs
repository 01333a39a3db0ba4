//! What the connections of one host share: its temperament, its counts and its log.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::limits::Bucket;
use crate::{Seen, Temperament};

const MOST_SEEN: usize = 10_000;

#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) temperament: Temperament,
    pub(crate) tally: Tally,
    pub(crate) bucket: Mutex<Bucket>,
    started: Instant,
    log: Option<Mutex<Vec<Seen>>>,
}

/// What a host counts, or all those that share a port.
#[derive(Debug, Default)]
pub struct Tally {
    pub(crate) requests: AtomicU64,
    pub(crate) connections: AtomicU64,
    pub(crate) open: Gauge,
    pub(crate) in_flight: Gauge,
}

/// How many there are of something, and how many there were at the most.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    now: AtomicUsize,
    most: AtomicUsize,
}

/// One of what a gauge counts, until it is dropped, which also happens when its task is cancelled.
pub(crate) struct Counted<'gauge> {
    gauge: &'gauge Gauge,
    /// How many there were with this one.
    pub(crate) count: usize,
}

impl Site {
    pub(crate) fn new(temperament: Temperament, log: bool) -> Site {
        let bucket = match temperament {
            Temperament::Bucket { per_second, burst, .. } => Bucket::new(per_second, burst),
            _ => Bucket::default(),
        };
        Site {
            temperament,
            tally: Tally::default(),
            bucket: Mutex::new(bucket),
            started: Instant::now(),
            log: log.then(Mutex::default),
        }
    }

    /// How long the host has been there.
    pub(crate) fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// Whether `note` keeps what it is given.
    pub(crate) fn has_log(&self) -> bool {
        self.log.is_some()
    }

    pub(crate) fn note(&self, seen: impl FnOnce() -> Seen) {
        if let Some(log) = &self.log {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            if log.len() < MOST_SEEN {
                log.push(seen());
            }
        }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        let Some(log) = &self.log else { return Vec::new() };
        log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Tally {
    /// How many requests were read.
    pub fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> u64 {
        self.connections.load(Relaxed)
    }

    /// How many connections are open now.
    pub fn open_connections(&self) -> usize {
        self.open.now()
    }

    /// How many connections were open at once, at the most.
    pub fn most_open_connections(&self) -> usize {
        self.open.most()
    }

    /// How many requests were being answered at once, at the most.
    pub fn most_in_flight(&self) -> usize {
        self.in_flight.most()
    }
}

impl Gauge {
    pub(crate) fn enter(&self) -> Counted<'_> {
        let count = self.now.fetch_add(1, Relaxed) + 1;
        self.most.fetch_max(count, Relaxed);
        Counted { gauge: self, count }
    }

    fn now(&self) -> usize {
        self.now.load(Relaxed)
    }

    fn most(&self) -> usize {
        self.most.load(Relaxed)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.gauge.now.fetch_sub(1, Relaxed);
    }
}
