//! The hosts that could be asked now: those with the longest remaining time first as far as the run may end late for
//! them, then those that a connection waits for, with a share of turns for those that have waited longest.

use std::collections::{BinaryHeap, VecDeque};

/// One turn in so many goes to who has waited longest, however little work it has. More would open connections to more hosts
/// than can be kept open.
const TURNS: u32 = 16;
/// Entries that are out of date are cleared away once they are so many more than those that hold.
const SLOPPINESS: usize = 64;

/// Lanes in line, by two orders at once. An entry holds as long as its stamp is the lane's.
#[derive(Debug, Default)]
pub(super) struct Ready {
    longest: BinaryHeap<Entry>,
    turns: VecDeque<(usize, u64)>,
    turn: u32,
    /// Lanes that go when no other could.
    spare: VecDeque<(usize, u64)>,
}

/// What makes a lane go before others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Its host would have to be connected to first.
    Cold,
    /// A connection to its host waits.
    Warm,
    /// The run may end late for it.
    Urgent,
}

/// Ordered by rank, then by remaining time, the longest first, but among the warm the shortest; among equals the one that
/// came first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    rank: Rank,
    key: u64,
    stamp: std::cmp::Reverse<u64>,
    lane: usize,
}

impl Ready {
    /// Puts a lane in line. `remaining`: its remaining time, in microseconds. `stamp`: new for every entry.
    pub(super) fn push(&mut self, lane: usize, stamp: u64, rank: Rank, remaining: u64) {
        // What was begun with little work left is done first, so that few connections have to be kept.
        let key = if rank == Rank::Warm { u64::MAX - remaining } else { remaining };
        self.longest.push(Entry { rank, key, stamp: std::cmp::Reverse(stamp), lane });
        self.turns.push_back((lane, stamp));
    }

    /// Puts a lane in line behind all others: its host has not answered yet, and would be asked over one more
    /// connection.
    pub(super) fn push_spare(&mut self, lane: usize, stamp: u64) {
        self.spare.push_back((lane, stamp));
    }

    /// The lane whose turn it is. `holds` says whether an entry is not out of date; the caller makes it so.
    pub(super) fn pop(&mut self, holds: impl Fn(usize, u64) -> bool) -> Option<usize> {
        self.turn = (self.turn + 1) % TURNS;
        if self.turn == 0
            && let Some(lane) = first(&mut self.turns, &holds)
        {
            return Some(lane);
        }
        while let Some(Entry { lane, stamp, .. }) = self.longest.pop() {
            if holds(lane, stamp.0) {
                return Some(lane);
            }
        }
        first(&mut self.spare, holds)
    }

    /// Clears away what is out of date, if that is most. `count`: lanes in line.
    pub(super) fn tidy(&mut self, count: usize, holds: impl Fn(usize, u64) -> bool) {
        let most = 4 * count + SLOPPINESS;
        if self.longest.len() > most {
            self.longest.retain(|entry| holds(entry.lane, entry.stamp.0));
        }
        for line in [&mut self.turns, &mut self.spare] {
            if line.len() > most {
                line.retain(|(lane, stamp)| holds(*lane, *stamp));
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.longest.clear();
        self.turns.clear();
        self.spare.clear();
    }
}

fn first(line: &mut VecDeque<(usize, u64)>, holds: impl Fn(usize, u64) -> bool) -> Option<usize> {
    while let Some((lane, stamp)) = line.pop_front() {
        if holds(lane, stamp) {
            return Some(lane);
        }
    }
    None
}
