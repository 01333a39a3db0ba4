//! A rate: so many in a period, on the loop's clock.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use crate::deadline::sleep_until;
use crate::name::Name;
use crate::semaphore::Semaphore;

/// So many turns in a period: after a rest that many at once, then one each time a part of the period
/// has passed. The first period may therefore see nearly twice as many, the long run never more.
/// Clones share it.
#[derive(Clone)]
pub struct Rate(Rc<State>);

struct State {
    interval: Duration,
    burst: Duration,
    /// When the turns taken so far would all have come, one an interval.
    taken_until: Cell<Option<Instant>>,
    /// Who waits for a turn does so alone, at the head of the line.
    line: Semaphore,
}

impl Rate {
    /// `turns`, at least one, in each `period`. The name is for the task tree.
    #[must_use]
    pub fn new(name: impl Into<Name>, turns: u32, period: Duration) -> Self {
        let interval = period / turns.max(1);
        let line = Semaphore::new(name, 1);
        Self(Rc::new(State {
            interval,
            burst: interval * (turns.max(1) - 1),
            taken_until: Cell::new(None),
            line,
        }))
    }

    /// Waits for a turn; those who wait are served in their order.
    ///
    /// Cancel safety: a turn is taken only when this returns; dropping the future leaves the line.
    /// Source: `aiolimiter`, since asyncio has none.
    pub async fn acquire(&self) {
        let _head_of_the_line = self.0.line.acquire().await;
        let taken_until = loop {
            let now = Instant::now();
            let taken_until = self.0.taken_until.get().map_or(now, |taken| taken.max(now));
            let free = taken_until.checked_sub(self.0.burst).unwrap_or(now);
            if free <= now {
                break taken_until;
            }
            sleep_until(free).await;
        };
        self.0.taken_until.set(Some(taken_until + self.0.interval));
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rate").field("interval", &self.0.interval).finish()
    }
}
