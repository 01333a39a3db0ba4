//! The search for how many requests at once make a run fastest, and what this machine has to say about it.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Run;
use crate::policy::blame::{Consequence, Sign};
use crate::policy::growth::Growth;
use crate::transport::Network;

impl<N: Network> Run<N> {
    /// Finds how many requests at once make the run fastest. One loop does so for all.
    pub(super) async fn find_concurrency(self: Rc<Self>, most: usize) {
        let mut growth = Growth::new(self.config.concurrency, most);
        let (mut done, mut concurrency) = (0, self.config.concurrency);
        loop {
            sleep(Duration::from_secs(1)).await;
            let now_done = self.inbox.board().done();
            let answers = (now_done - done) as f64;
            done = now_done;
            // A loop may hold a few slots for what it starts next.
            let was_full = 10 * self.inbox.board().in_flight() >= 9 * concurrency as u64;
            concurrency = growth.second(answers, was_full);
            self.allowance.set_concurrency(concurrency);
            self.changed.notify_one();
        }
    }

    /// Whose fault the end of a request was, and what follows.
    pub(in crate::engine) fn observe(&self, sign: Sign<'_>, now: Instant) -> Consequence {
        let mut blame = self.blame.borrow_mut();
        let mut scheduler = self.scheduler.borrow_mut();
        let (limit, kind) = (blame.limit(), blame.kind());
        let consequence = blame.observe(sign, scheduler.in_flight(), now);
        if blame.limit() != limit {
            scheduler.set_most_in_flight(blame.limit());
            self.changed.notify_one();
        }
        if blame.kind() != kind {
            self.inbox.counters().set_lacks(blame.kind());
        }
        consequence
    }
}
