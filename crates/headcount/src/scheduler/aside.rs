//! Jobs that are put aside: a long line's middle is in its owner's care, and comes back when its beginning has become short.

use tokio::time::Instant;

use super::{AsideTicket, Scheduler};

/// A lane asks for what its owner has put aside once its line is so short.
const SHORT_LINE: usize = 64;

/// Jobs that are put aside together, at the most: a piece comes back as a whole, and if it alone filled the memory, it
/// would have to go again at once.
const LONGEST_PIECE: usize = 1_024;

/// Jobs that their owner keeps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Aside {
    pub(super) key: u64,
    pub(super) count: usize,
}

impl<J, C: Default> Scheduler<J, C> {
    /// Takes a part of a host's line into the owner's care, if what is behind its beginning is at least `least` long.
    /// The jobs come back in order, by [`Next::BringBack`](super::Next) with the key, when the line has become short.
    pub fn put_aside(&mut self, host: &str, least: usize) -> Option<(u64, Vec<J>)> {
        let lane = *self.names.get(host)?;
        let key = self.stamp();
        let line = &mut self.lanes[lane];
        if line.aside.is_empty() {
            let stays = least.max(SHORT_LINE);
            if line.queue.len() < stays + least {
                return None;
            }
            line.tail = line.queue.split_off(stays);
        }
        if line.tail.len() < least {
            return None;
        }
        let count = line.tail.len().min(LONGEST_PIECE.max(least));
        let jobs: Vec<J> = line.tail.drain(..count).collect();
        line.aside.push_back(Aside { key, count: jobs.len() });
        line.aside_count += jobs.len();
        Some((key, jobs))
    }

    /// The jobs that were taken last by [`Scheduler::put_aside`] could not be kept: they stay where they were.
    pub fn undo_put_aside(&mut self, host: &str, key: u64, jobs: Vec<J>, now: Instant) {
        let Some(lane) = self.names.get(host).copied() else { return };
        let line = &mut self.lanes[lane];
        if line.aside.back().is_some_and(|last| last.key == key) {
            line.aside.pop_back();
            line.aside_count -= jobs.len();
        }
        for job in jobs.into_iter().rev() {
            line.tail.push_front(job);
        }
        if line.aside.is_empty() {
            let tail = std::mem::take(&mut line.tail);
            line.queue.extend(tail);
        }
        self.stand(lane, now);
    }

    /// Jobs that were put aside are back.
    #[expect(clippy::needless_pass_by_value, reason = "a place is filled once")]
    pub fn bring_back(&mut self, place: AsideTicket, jobs: Vec<J>, now: Instant) {
        let line = &mut self.lanes[place.lane];
        line.is_awaiting = false;
        if let Some(aside) = line.aside.pop_front() {
            line.aside_count -= aside.count;
            self.waiting = self.waiting - aside.count + jobs.len();
        }
        line.queue.extend(jobs);
        if line.aside.is_empty() {
            let tail = std::mem::take(&mut line.tail);
            line.queue.extend(tail);
        }
        self.settle(place.lane, now);
    }

    pub(super) fn want_if_short(&mut self, lane: usize) {
        let line = &mut self.lanes[lane];
        if line.queue.len() < SHORT_LINE && !line.aside.is_empty() && !line.is_awaiting {
            line.is_awaiting = true;
            self.wanting.push_back(lane);
        }
    }
}
