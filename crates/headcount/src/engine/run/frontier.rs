//! The list on its way into the scheduler: how far it is read ahead, and what of it is put aside.

use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::time::Instant;

use super::{Lane, Run, Waiting, add, feed, host, in_doubt, skipped};
use crate::scheduler::Scheduler;
use crate::transport::Network;
use crate::{Error, Request};

/// Jobs go aside in pieces of at least so many of one host.
const PIECE: usize = 256;

impl<N: Network> Run<N> {
    /// Reads the list into the scheduler, as far ahead as it may.
    pub(super) async fn read(self: Rc<Self>, mut feed: feed::Receiver) {
        while let Some(batch) = feed.next().await {
            for request in batch {
                match request {
                    Ok(request) => self.take_in(request).await,
                    Err(error) => {
                        self.list_error.replace(Some(error));
                        self.changed.notify_one();
                        return;
                    }
                }
            }
            self.changed.notify_one();
            while !self.has_room_for_more(&self.scheduler.borrow()) {
                self.has_room.notified().await;
            }
        }
        self.counters.read_all.store(true, Relaxed);
        self.changed.notify_one();
    }

    pub(super) async fn take_in(&self, request: Request) {
        let index = request.index.unwrap_or_else(|| self.counters.read.load(Relaxed));
        add(&self.counters.read, 1);
        let now = Instant::now();
        match request.url() {
            Ok(_) if request.is_in_doubt => self.put(in_doubt(index, &request, &self.config), now).await,
            Ok(url) => {
                let host = host(url);
                let job = Waiting::Fresh(self.packer.borrow_mut().pack(index, &request, url, now));
                self.memory.set(self.memory.get() + job.weight());
                self.scheduler.borrow_mut().push(&host, job, now);
                self.put_aside(&host, now);
            }
            Err(failure) => {
                let failure = failure.clone();
                self.put(skipped(index, &request, failure, &self.config), now).await;
            }
        }
    }

    /// More of the list is read as long as little waits, or slots are free that nothing read so far could use.
    pub(super) fn has_room_for_more(&self, scheduler: &Scheduler<Waiting, Lane<N>>) -> bool {
        let has_memory = self.memory.get() < self.config.memory;
        has_memory && (scheduler.waiting() < self.config.read_ahead || scheduler.is_hungry())
    }

    pub(super) fn take_from_aside(&self, key: u64) -> Vec<Waiting> {
        match self.aside.borrow_mut().take(key) {
            Ok(jobs) => {
                self.is_aside_full.set(false);
                let weight: usize = jobs.iter().map(Waiting::weight).sum();
                self.memory.set(self.memory.get() + weight);
                jobs
            }
            Err(error) => {
                let error =
                    Error::runtime("cannot read back what was put aside in a temporary file").because(error);
                self.list_error.replace(Some(error));
                self.is_stopping.set(true);
                self.changed.notify_one();
                Vec::new()
            }
        }
    }

    /// Writes the end of a host's line to a temporary file, if the line is long and memory short.
    pub(super) fn put_aside(&self, host: &str, now: Instant) {
        if self.memory.get() < self.config.memory / 2 || self.is_aside_full.get() {
            return;
        }
        let mut scheduler = self.scheduler.borrow_mut();
        let Some((key, jobs)) = scheduler.put_aside(host, PIECE) else { return };
        let weight: usize = jobs.iter().map(Waiting::weight).sum();
        match self.aside.borrow_mut().put(key, jobs) {
            Ok(begun) => {
                self.memory.set(self.memory.get().saturating_sub(weight));
                for job in begun {
                    self.memory.set(self.memory.get() + job.weight());
                    scheduler.push_delayed(host, job, now);
                }
            }
            // The disk is full, or so much of it as may be used. They stay in memory, and what has no place there is not read.
            Err((jobs, _)) => {
                self.is_aside_full.set(true);
                scheduler.undo_put_aside(host, key, jobs, now);
            }
        }
    }
}
