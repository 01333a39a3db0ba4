//! The list on its way into the scheduler: how far it is read ahead, and what of it is put aside.

use std::rc::Rc;

use tokio::time::Instant;

use super::{Course, Lane, Run, Waiting, host, in_doubt, skipped};
use crate::engine::feed::Arrival;
use crate::scheduler::Scheduler;
use crate::transport::Network;
use crate::{Error, Request};

/// Jobs go aside in pieces of at least so many of one host.
const PIECE: usize = 256;

impl<N: Network> Run<N> {
    /// Takes in what comes for this loop, as long as anything may.
    pub(super) async fn read(self: Rc<Self>) {
        while let Some(arrivals) = self.inbox.next().await {
            let now = Instant::now();
            let mut inputs = Vec::with_capacity(arrivals.len());
            for arrival in arrivals {
                match arrival {
                    Arrival::Input(index, request) => inputs.push((index, request)),
                    // Before anything is waited for: it must not be lost with this task.
                    Arrival::Passed(job, time) => {
                        self.push(&job.host(), Waiting::Begun(job), Some(time), now);
                    }
                }
            }
            for (index, request) in inputs {
                self.take_in(index, request).await;
            }
            self.say_appetite(&self.scheduler.borrow());
            self.changed.notify_one();
        }
        if self.inbox.is_broken() {
            self.set_course(Course::Broken);
        }
        self.changed.notify_one();
    }

    async fn take_in(&self, index: u64, request: Request) {
        let now = Instant::now();
        match request.url() {
            Ok(_) if request.is_in_doubt => self.put(in_doubt(index, &request, &self.config), now).await,
            Ok(url) => {
                let host = host(url);
                let packed = self.packer.borrow_mut().pack(index, &request, url, now);
                self.push(&host, Waiting::Fresh(packed), None, now);
                self.put_aside(&host, now);
            }
            Err(failure) => {
                let failure = failure.clone();
                self.put(skipped(index, &request, failure, &self.config), now).await;
            }
        }
    }

    /// Lets the list's reader know whether this loop has enough for now.
    pub(super) fn say_appetite(&self, scheduler: &Scheduler<Waiting, Lane<N>>) {
        let has_enough = self.has_enough(scheduler);
        if self.has_enough.replace(has_enough) != has_enough {
            self.inbox.set_has_enough(has_enough);
        }
    }

    /// More of the list is read as long as little waits, or slots are free that nothing read so far could use.
    fn has_enough(&self, scheduler: &Scheduler<Waiting, Lane<N>>) -> bool {
        let is_full = self.memory.get() + scheduler.weight_of_hosts() >= self.part.memory;
        is_full || (scheduler.waiting() >= self.part.read_ahead && !scheduler.is_hungry())
    }

    pub(super) fn take_from_aside(&self, key: u64) -> Vec<Waiting> {
        match self.aside.borrow_mut().take(key) {
            Ok(jobs) => {
                self.is_aside_full.set(false);
                let weight: usize = jobs.iter().map(Waiting::weight).sum();
                self.memory.set(self.memory.get() + weight);
                jobs
            }
            Err(error_of_disk) => {
                let error = Error::runtime("cannot read back what was put aside in a temporary file");
                self.inbox.break_off(error.because(error_of_disk));
                self.set_course(Course::Broken);
                Vec::new()
            }
        }
    }

    /// Writes the end of a host's line to a temporary file, if the line is long and memory short.
    pub(super) fn put_aside(&self, host: &str, now: Instant) {
        if self.memory.get() < self.part.memory / 2 || self.is_aside_full.get() {
            return;
        }
        let mut scheduler = self.scheduler.borrow_mut();
        let Some((key, jobs)) = scheduler.put_aside(host, PIECE) else { return };
        let weight: usize = jobs.iter().map(Waiting::weight).sum();
        match self.aside.borrow_mut().put(key, jobs) {
            Ok(begun) => {
                self.memory.set(self.memory.get().saturating_sub(weight));
                drop(scheduler);
                for job in begun {
                    self.push(host, job, Some(now), now);
                }
            }
            // The disk is full, or so much of it as may be used. They stay in memory, and what has no place there is
            // not read.
            Err((jobs, _)) => {
                self.is_aside_full.set(true);
                scheduler.undo_put_aside(host, key, jobs, now);
            }
        }
    }
}
