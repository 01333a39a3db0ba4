//! What the loops of one run share: how many jobs may be under way over all of them, and how often one may start. Both are
//! leased to each loop in blocks, so that busy loops seldom meet. Locks and atomics come through `super::primitives`, so
//! that the tests can compile this very file against loom.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::pacing::SLACK;
use super::primitives::{AtomicIsize, AtomicUsize, Mutex, MutexGuard, Notify, Relaxed};

/// Who wants no limit may ask for as many slots as there are numbers; what is free is counted with a sign.
const MOST_SLOTS: usize = usize::MAX / 4;
/// Slots that go to a loop at once, at the most.
const LARGEST_BLOCK: usize = 8;
/// Starts that go to a loop at once are those of this time. What it does not use of them is lost.
const BLOCK_OF_STARTS: Duration = Duration::from_millis(10);

/// The slots and starts of one run.
#[derive(Debug)]
pub struct Allowance {
    state: Mutex<State>,
    /// Copies, to be looked at without the lock: loops that want slots, those of them that have less than their share,
    /// and slots that nobody holds.
    wanting: AtomicUsize,
    needy: AtomicUsize,
    free: AtomicIsize,
    /// For each loop: slots have become free that it wants, or others want those that it does not use.
    changed: Box<[Notify]>,
    /// Starts in a second.
    rate: Option<f64>,
}

#[derive(Debug)]
struct State {
    total: usize,
    /// Slots that nobody holds; less than none where there are fewer slots now than are held.
    free: isize,
    seats: Box<[Seat]>,
    /// The first start that nobody has.
    next_start: Option<Instant>,
}

/// A loop, as the others see it.
#[derive(Clone, Copy, Debug, Default)]
struct Seat {
    /// Slots that it holds, used or not.
    held: usize,
    /// It could start a job and has no slot for it.
    wants: bool,
}

/// One loop's part of an [`Allowance`].
#[derive(Debug)]
pub struct Lease {
    allowance: Arc<Allowance>,
    seat: usize,
    held: usize,
    /// Slots that it would have if all loops wanted some.
    share: usize,
    wants: bool,
    starts: Option<Starts>,
}

/// Starts that a loop has: one every so often.
#[derive(Clone, Copy, Debug)]
struct Starts {
    next: Instant,
    /// How many there are; those of a loop that is alone do not end.
    left: Option<u64>,
    /// When the first start comes that it has not.
    end: Instant,
}

impl Allowance {
    /// So many slots, and starts in a second, for so many loops.
    pub fn new(concurrency: usize, rate: Option<f64>, loops: usize) -> Arc<Allowance> {
        let (concurrency, loops) = (concurrency.min(MOST_SLOTS), loops.max(1));
        let seats = vec![Seat::default(); loops].into();
        let state = State { total: concurrency, free: concurrency as isize, seats, next_start: None };
        Arc::new(Allowance {
            free: AtomicIsize::new(state.free),
            state: Mutex::new(state),
            wanting: AtomicUsize::new(0),
            needy: AtomicUsize::new(0),
            changed: std::iter::repeat_with(Notify::new).take(loops).collect(),
            rate,
        })
    }

    /// The part of the loop with this number. Each takes its own once.
    pub fn lease(self: &Arc<Allowance>, seat: usize) -> Lease {
        let share = self.lock().share();
        Lease { allowance: Arc::clone(self), seat, held: 0, share, wants: false, starts: None }
    }

    /// Another number of slots from now on. What is under way beyond it ends as it would.
    pub fn set_concurrency(&self, concurrency: usize) {
        let concurrency = concurrency.min(MOST_SLOTS);
        let mut state = self.lock();
        state.free += concurrency as isize - state.total as isize;
        state.total = concurrency;
        self.publish(&state);
        self.wake_others(&state, None);
    }

    /// Whether every slot is held.
    pub fn is_used_up(&self) -> bool {
        self.free.load(Relaxed) <= 0
    }

    /// Waits until there may be a slot for the loop with this number, or others want those that it does not use.
    /// Dropping the future loses nothing.
    pub async fn changed(&self, seat: usize) {
        self.changed[seat].notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the copies say what the state is. Whoever is to be woken for it is woken after this: a loop that has waited looks
    /// at them without the lock, and what it has seen there may send it back to sleep. A wake-up orders what was stored
    /// before it.
    fn publish(&self, state: &State) {
        self.free.store(state.free, Relaxed);
        let share = state.share();
        let count = |is_it: &dyn Fn(&Seat) -> bool| state.seats.iter().filter(|seat| is_it(seat)).count();
        self.wanting.store(count(&|seat| seat.wants), Relaxed);
        self.needy.store(count(&|seat| seat.wants && seat.held < share), Relaxed);
    }

    /// Wakes the loops that want slots, or all but one.
    fn wake_others(&self, state: &State, one: Option<usize>) {
        for (seat, changed) in self.changed.iter().enumerate() {
            if one.map_or(state.seats[seat].wants, |one| seat != one) {
                changed.notify_one();
            }
        }
    }

    fn is_alone(&self) -> bool {
        self.changed.len() == 1
    }
}

impl State {
    /// A loop's part when all want slots.
    fn share(&self) -> usize {
        self.total.div_ceil(self.seats.len())
    }

    fn block(&self) -> usize {
        match self.seats.len() {
            1 => usize::MAX,
            _ => (self.share() / 4).clamp(1, LARGEST_BLOCK),
        }
    }

    /// Free slots that this loop may have: beyond its share, only what others do not want for theirs.
    fn free_for(&self, seat: usize) -> usize {
        let share = self.share();
        let others = self.seats.iter().enumerate().filter(|(other, state)| *other != seat && state.wants);
        let theirs: usize = others.map(|(_, state)| share.saturating_sub(state.held)).sum();
        let free = usize::try_from(self.free).unwrap_or(0);
        free.min(free.saturating_sub(theirs).max(share.saturating_sub(self.seats[seat].held)))
    }
}

impl Starts {
    /// Those before `earliest` have passed unused.
    fn pass(&mut self, earliest: Instant, rate: f64) {
        let late = earliest.saturating_duration_since(self.next);
        match &mut self.left {
            None => self.next += late,
            // It keeps to its own times: those between them are others'.
            Some(left) => {
                let missed = (late.as_secs_f64() * rate).ceil();
                self.next += Duration::from_secs_f64(missed / rate);
                *left = left.saturating_sub(missed as u64);
            }
        }
    }
}

impl Lease {
    /// Whether one job more may be under way, beside so many.
    pub(super) fn admits(&mut self, in_flight: usize) -> bool {
        if self.allowance.free.load(Relaxed) < 0 && self.held > in_flight {
            self.give_back(in_flight, |state, spare| spare.min(state.free.min(0).unsigned_abs()));
        }
        in_flight < self.held || self.take_block(in_flight)
    }

    /// Whether there is a slot for one more, here or with nobody.
    pub(super) fn has_room(&self, in_flight: usize) -> bool {
        in_flight < self.held || !self.allowance.is_used_up()
    }

    /// A job has ended. If others have less than their share, and this loop more, they get the slot.
    pub(super) fn one_ended(&mut self, in_flight: usize) {
        if self.held > self.share && self.allowance.needy.load(Relaxed) > 0 {
            let held = self.held;
            self.give_back(in_flight, |state, spare| spare.min(held.saturating_sub(state.share())));
        }
    }

    /// There is nothing to start now: slots that others could use go back.
    pub(super) fn rest(&mut self, in_flight: usize) {
        if self.allowance.is_alone() {
            return;
        }
        self.return_starts();
        let others_want = self.others_want();
        let spare = self.held - in_flight;
        if self.wants || spare > LARGEST_BLOCK || (others_want && spare > 0) {
            self.give_back(in_flight, |state, spare| match others_want {
                true => spare,
                false => spare.saturating_sub(state.block()),
            });
        }
    }

    /// When the next job may start as far as the run's rate goes; `None`: whenever it likes.
    pub(super) fn next_start(&mut self, now: Instant) -> Option<Instant> {
        let rate = self.allowance.rate?;
        let earliest = now.checked_sub(SLACK).unwrap_or(now);
        if let Some(starts) = &mut self.starts {
            starts.pass(earliest, rate);
            if starts.left != Some(0) {
                return Some(starts.next);
            }
        }
        let mut state = self.allowance.lock();
        let next = state.next_start.map_or(now, |next| next.max(earliest));
        let count = (rate * BLOCK_OF_STARTS.as_secs_f64()).floor().max(1.0);
        let end = next + Duration::from_secs_f64(count / rate);
        state.next_start = Some(end);
        let left = (!self.allowance.is_alone()).then_some(count as u64);
        self.starts = Some(Starts { next, left, end });
        Some(next)
    }

    /// A job has started.
    pub(super) fn started(&mut self) {
        if let (Some(rate), Some(starts)) = (self.allowance.rate, &mut self.starts) {
            starts.next += Duration::from_secs_f64(1.0 / rate);
            starts.left = starts.left.map(|left| left.saturating_sub(1));
        }
    }

    /// Slots that this loop may hope for.
    pub(super) fn hope(&self) -> usize {
        self.held.max(self.share)
    }

    /// Loops that are not this one could start a job and have no slot for it.
    fn others_want(&self) -> bool {
        self.allowance.wanting.load(Relaxed) > usize::from(self.wants)
    }

    fn take_block(&mut self, in_flight: usize) -> bool {
        if self.wants && self.allowance.is_used_up() {
            return false;
        }
        let allowance = Arc::clone(&self.allowance);
        let mut state = allowance.lock();
        self.share = state.share();
        let count = state.free_for(self.seat).min(state.block());
        state.free -= count as isize;
        self.held += count;
        let (wanted, wants) = (self.wants, in_flight >= self.held);
        self.sit(&mut state, wants);
        if wants && !wanted && !allowance.is_alone() {
            // They may have slots to spare.
            allowance.wake_others(&state, Some(self.seat));
        }
        !wants
    }

    /// Gives back as many of its spare slots as `count` says.
    fn give_back(&mut self, in_flight: usize, count: impl FnOnce(&State, usize) -> usize) {
        let allowance = Arc::clone(&self.allowance);
        let mut state = allowance.lock();
        self.share = state.share();
        let count = count(&state, self.held.saturating_sub(in_flight));
        self.held -= count;
        state.free += count as isize;
        self.sit(&mut state, false);
    }

    /// Lets the others know what it has and wants now.
    fn sit(&mut self, state: &mut State, wants: bool) {
        let before = std::mem::replace(&mut state.seats[self.seat], Seat { held: self.held, wants });
        self.wants = wants;
        self.allowance.publish(state);
        // They may have kept to their share for its sake.
        if state.free > 0 && (self.held < before.held || (before.wants && !wants)) {
            self.allowance.wake_others(state, None);
        }
    }

    /// Gives back the starts that it has and will not use, if they are the last that anybody has.
    fn return_starts(&mut self) {
        if let Some(Starts { next, end, .. }) = self.starts.take() {
            let mut state = self.allowance.lock();
            if state.next_start == Some(end) {
                state.next_start = Some(next);
            }
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.give_back(0, |_, spare| spare);
    }
}
