//! Places for idle connections: so many for a run, of which each loop takes and gives back some at a time.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Places that a loop takes at once, at the most.
const LARGEST_BLOCK: usize = 8;

/// The places of one loop.
pub(super) struct IdlePlaces {
    /// Those that no loop has.
    of_run: Arc<AtomicUsize>,
    /// Those that this loop has and does not use.
    spare: Rc<Cell<usize>>,
    loops: usize,
}

/// One of the idle connections that a run may have.
pub(in crate::engine) struct IdlePlace(Rc<Cell<usize>>);

impl IdlePlaces {
    pub(super) fn new(of_run: Arc<AtomicUsize>, loops: usize) -> IdlePlaces {
        IdlePlaces { of_run, spare: Rc::default(), loops }
    }

    /// A place for one more connection, if there is one.
    pub(super) fn take(&self) -> Option<IdlePlace> {
        let block = self.block(self.of_run.load(Relaxed));
        let too_many = self.spare.get().saturating_sub(2 * block);
        if too_many > 0 && self.loops > 1 {
            self.spare.set(self.spare.get() - too_many);
            self.of_run.fetch_add(too_many, Relaxed);
        }
        if self.spare.get() == 0 {
            let mut taken = 0;
            let take = |free: usize| {
                taken = self.block(free).min(free);
                (taken > 0).then_some(free - taken)
            };
            if self.of_run.fetch_update(Relaxed, Relaxed, take).is_ok() {
                self.spare.set(taken);
            }
        }
        let spare = self.spare.get().checked_sub(1)?;
        self.spare.set(spare);
        Some(IdlePlace(Rc::clone(&self.spare)))
    }

    /// How many to take at once: the fewer, the fewer there are, so that none lies with who does not need it.
    fn block(&self, free: usize) -> usize {
        (free / (4 * self.loops)).clamp(1, LARGEST_BLOCK)
    }
}

impl Drop for IdlePlace {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}
