//! The end of a run: what had begun and did not end, and how it all went.

use std::time::Duration;

use tokio::time::Instant;

use super::{Course, Ended, Run, Waiting};
use crate::Error;
use crate::record::Outcome;
use crate::scheduler::Machine;
use crate::transport::Network;

impl<N: Network> Run<N> {
    /// From now on nothing starts. What had begun and waits for its next request is broken off.
    pub(super) fn begin_to_stop(&self) {
        self.set_course(Course::Stops);
        let now = Instant::now();
        self.memory.set(0);
        let waiting = self.scheduler.borrow_mut().drain(now);
        for waiting in waiting {
            if let Waiting::Begun(mut job) = waiting {
                job.has_waited(now);
                self.broken_off.borrow_mut().push(*job);
            }
        }
    }

    /// Records for what was broken off, also on its way here from another loop.
    pub(super) async fn interrupt_what_broke_off(&self) {
        let mut jobs = self.broken_off.take();
        jobs.extend(self.inbox.close());
        jobs.sort_by_key(|job| job.index);
        for job in jobs {
            let record = Box::new(job).into_record(Outcome::Interrupted, None, &self.config);
            self.put(record, Instant::now()).await;
        }
    }

    /// How it went, as far as this loop knows. `cpu`: the processor time that it took.
    pub(super) fn ended(&self, cpu: Duration) -> Ended {
        let (scheduler, traffic) = (self.scheduler.borrow(), self.connector.traffic());
        let (bytes, bytes_per_second) = (traffic.bytes(), traffic.busiest());
        let machine = Machine { cpu, loops: 1, bytes, bytes_per_second };
        let explanation = scheduler.explanation().to_vec();
        Ended { ledger: scheduler.ledger(), machine, explanation, error: None }
    }
}

impl Ended {
    /// It could not go on.
    pub(in crate::engine) fn failed(error: Error) -> Ended {
        Ended { error: Some(error), ..Ended::default() }
    }

    /// Takes in what another loop of the run knows.
    pub(in crate::engine) fn merge(&mut self, other: Ended) {
        self.ledger.merge(other.ledger);
        self.machine.merge(other.machine);
        // A host belongs to one loop.
        self.explanation.extend(other.explanation);
        self.error = self.error.take().or(other.error);
    }
}
