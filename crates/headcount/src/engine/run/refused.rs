//! Jobs that are not to be asked, on their way to their records.

use std::rc::Rc;

use tokio::time::Instant;

use super::{Job, Run};
use crate::record::{Failure, Kind, Outcome, Phase, Record};
use crate::scheduler::Refusal;
use crate::transport::Network;

impl<N: Network> Run<N> {
    /// Records for jobs that are not to be asked.
    pub(super) async fn end_refused(self: Rc<Self>) {
        loop {
            self.has_refused.notified().await;
            self.end_all_refused().await;
            self.changed.notify_one();
        }
    }

    pub(super) async fn end_all_refused(&self) {
        loop {
            let Some((job, refusal)) = self.refused.borrow_mut().pop_front() else { return };
            let now = Instant::now();
            self.put(self.refused_record(self.unpacked(job), refusal, now), now).await;
        }
    }

    pub(super) fn refused_record(&self, mut job: Box<Job>, refusal: Refusal, now: Instant) -> Record {
        job.has_waited(now);
        let job = match job.into_last_record(&self.config) {
            Ok(record) => return record,
            Err(job) => job,
        };
        let failure = match refusal {
            Refusal::RateLimited(wait) => {
                let message = format!(
                    "the host asked to be left alone for {:.0} s more; --max-hold is {:.0} s",
                    wait.as_secs_f64(),
                    self.config.max_hold.as_secs_f64()
                );
                Failure::new(Phase::Policy, Kind::RateLimited, message)
            }
            Refusal::GivenUp(attempts) => {
                let message = format!("the host gave no answer to {attempts} attempts in a row");
                Failure::new(Phase::Policy, Kind::GivenUp, message)
            }
        };
        job.into_record(Outcome::Failed, Some(failure), &self.config)
    }
}
