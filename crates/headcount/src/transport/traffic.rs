//! Traffic: what came over all connections of a run, and the most that did in a second.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

/// Throughput is measured over at least so long, so that a burst from a buffer is not taken for what the line can do.
const MEASURE: Duration = Duration::from_secs(1);

/// The sum of what the meters of all connections see.
#[derive(Debug)]
pub(crate) struct Traffic {
    bytes: Cell<u64>,
    /// When the measure under way began, and what had come by then. One follows the other, without a gap.
    measure: Cell<(Instant, u64)>,
    busiest: Cell<Option<f64>>,
}

impl Traffic {
    pub(super) fn new(now: Instant) -> Traffic {
        Traffic { bytes: Cell::new(0), measure: Cell::new((now, 0)), busiest: Cell::new(None) }
    }

    pub(super) fn came(&self, bytes: usize, now: Instant) {
        let total = self.bytes.get() + bytes as u64;
        self.bytes.set(total);
        let (since, before) = self.measure.get();
        let took = now.saturating_duration_since(since);
        if took >= MEASURE {
            let rate = (total - before) as f64 / took.as_secs_f64();
            self.busiest.set(Some(self.busiest.get().map_or(rate, |most| most.max(rate))));
            self.measure.set((now, total));
        }
    }

    /// All bytes so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    /// The most that came in a second, measured over one or more; `None` before the first has gone by.
    pub(crate) fn busiest(&self) -> Option<f64> {
        self.busiest.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_second_is_found_and_a_burst_is_none() {
        let start = Instant::now();
        let traffic = Traffic::new(start);
        let came = |bytes, milliseconds| traffic.came(bytes, start + Duration::from_millis(milliseconds));
        came(5_000, 10);
        assert_eq!(traffic.busiest(), None, "ten milliseconds show nothing");
        came(5_000, 1_000);
        assert_eq!(traffic.busiest(), Some(10_000.0));
        // A gap belongs to the measure that it falls in.
        came(8_000, 5_000);
        came(8_000, 6_000);
        assert_eq!((traffic.busiest(), traffic.bytes()), (Some(10_000.0), 26_000));
        came(30_000, 8_000);
        assert_eq!(traffic.busiest(), Some(15_000.0));
    }
}
