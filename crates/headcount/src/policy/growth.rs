//! How many requests at once a run should make, found by trying: more, for as long as that makes it faster.

/// A step up is this much.
const STEP: f64 = 1.5;
/// It has to make the run at least so much faster to stand.
const WORTH_IT: f64 = 1.1;
/// Seconds until a limit that was found is tried again.
const REST: u32 = 30;

/// The search for a run's concurrency, looked at once a second.
#[derive(Debug)]
pub(crate) struct Growth {
    concurrency: usize,
    most: usize,
    /// Before the last step: the concurrency, and how many answers a second came with it.
    before: Option<(usize, f64)>,
    /// The first second after a step still belongs to what was.
    is_settling: bool,
    rest: u32,
}

impl Growth {
    pub(crate) fn new(first: usize, most: usize) -> Growth {
        Growth { concurrency: first.min(most), most, before: None, is_settling: false, rest: 0 }
    }

    /// A second has passed, with so many answers. `was_full`: every slot was in use, so more might help. Returns the
    /// concurrency from now on.
    pub(crate) fn second(&mut self, answers: f64, was_full: bool) -> usize {
        if std::mem::take(&mut self.is_settling) {
            return self.concurrency;
        }
        if let Some((concurrency, rate)) = self.before.take()
            && answers < rate * WORTH_IT
        {
            self.concurrency = concurrency;
            self.rest = REST;
            return self.concurrency;
        }
        if self.rest > 0 {
            self.rest -= 1;
        } else if was_full && self.concurrency < self.most {
            self.before = Some((self.concurrency, answers));
            self.is_settling = true;
            let more = (self.concurrency as f64 * STEP).ceil() as usize;
            self.concurrency = more.min(self.most);
        }
        self.concurrency
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the search ends against a machine that serves `capacity` at once in a second each.
    fn found(capacity: usize, most: usize) -> usize {
        let mut growth = Growth::new(100, most);
        let mut concurrency = 100;
        for _ in 0..40 {
            concurrency = growth.second(concurrency.min(capacity) as f64, true);
        }
        concurrency
    }

    #[test]
    fn it_grows_while_that_helps_and_goes_back_when_it_does_not() {
        assert_eq!(found(100_000, 10_000), 10_000);
        let concurrency = found(1_000, 10_000);
        assert!((700..=1_200).contains(&concurrency), "{concurrency}");
        assert_eq!(found(50, 10_000), 100);
    }

    #[test]
    fn a_run_that_does_not_use_its_slots_gets_no_more() {
        let mut growth = Growth::new(100, 10_000);
        assert!((0..100).all(|_| growth.second(1_000.0, false) == 100));
    }
}
