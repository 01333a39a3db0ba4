//! Finds for each record of a run its counterpart in the other. Runs in the same order need no memory; where they differ
//! too much, what is left of both is sorted through files.

use std::cmp::Ordering;
use std::collections::{HashMap, VecDeque};

use super::side::Side;
use crate::error::Error;
use crate::sorting::{Sorted, Sorter};

/// Records that wait in memory for their counterparts. More are sorted.
const MOST_WAITING: usize = 30_000;

/// Records of both runs, as far as they have no counterpart yet. An input may stand in a list more than once: the first
/// of the one run belongs to the first of the other.
pub(super) struct Pairing {
    waiting: [HashMap<String, VecDeque<Side>>; 2],
    count: usize,
    most_waiting: usize,
    /// Once too many were waiting.
    aside: Option<[Sorter<Side, String>; 2]>,
}

/// Which run a record is of.
#[derive(Clone, Copy)]
pub(super) enum Run {
    Old,
    New,
}

/// What is left when both runs have been read.
pub(super) enum Left {
    /// Two of the same input that were put aside.
    Pair(Box<(Side, Side)>),
    /// What is in this run only.
    Only(Run, Box<Side>),
}

impl Pairing {
    pub(super) fn new() -> Pairing {
        Pairing::waiting_for(MOST_WAITING)
    }

    fn waiting_for(most_waiting: usize) -> Pairing {
        Pairing { waiting: [HashMap::new(), HashMap::new()], count: 0, most_waiting, aside: None }
    }

    /// The counterpart of a record, if it came before; else the record waits.
    pub(super) fn add(&mut self, run: Run, side: Side) -> Result<Option<(Side, Side)>, Error> {
        if let Some(aside) = &mut self.aside {
            return aside[run as usize].add(&side).map(|()| None);
        }
        if let Some(other) = take(&mut self.waiting[1 - run as usize], &side.key) {
            self.count -= 1;
            return Ok(Some(match run {
                Run::Old => (side, other),
                Run::New => (other, side),
            }));
        }
        self.waiting[run as usize].entry(side.key.clone()).or_default().push_back(side);
        self.count += 1;
        if self.count > self.most_waiting {
            self.put_aside()?;
        }
        Ok(None)
    }

    fn put_aside(&mut self) -> Result<(), Error> {
        let mut aside = [(); 2].map(|()| Sorter::new(|side: &Side| side.key.clone()));
        for (waiting, sorter) in self.waiting.iter_mut().zip(&mut aside) {
            for side in std::mem::take(waiting).into_values().flatten() {
                sorter.add(&side)?;
            }
        }
        self.aside = Some(aside);
        Ok(())
    }

    /// Gives what is left: the pairs among what was put aside, and what is in one run only.
    pub(super) fn finish(self, mut give: impl FnMut(Left) -> Result<(), Error>) -> Result<(), Error> {
        if let Some(aside) = self.aside {
            let [old, new] = aside.map(Sorter::finish);
            return merge(&old, &new, give);
        }
        for (run, waiting) in [Run::Old, Run::New].into_iter().zip(self.waiting) {
            for side in waiting.into_values().flatten() {
                give(Left::Only(run, Box::new(side)))?;
            }
        }
        Ok(())
    }
}

fn merge(
    old: &Sorted<Side, String>,
    new: &Sorted<Side, String>,
    mut give: impl FnMut(Left) -> Result<(), Error>,
) -> Result<(), Error> {
    let (mut old, mut new) = (old.iter(), new.iter());
    let (mut before, mut after) = (old.next().transpose()?, new.next().transpose()?);
    loop {
        let order = match (&before, &after) {
            (None, None) => return Ok(()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(before), Some(after)) => before.key.cmp(&after.key),
        };
        let was = if order.is_le() { std::mem::replace(&mut before, old.next().transpose()?) } else { None };
        let is = if order.is_ge() { std::mem::replace(&mut after, new.next().transpose()?) } else { None };
        match (was, is) {
            (Some(was), Some(is)) => give(Left::Pair(Box::new((was, is))))?,
            (Some(was), None) => give(Left::Only(Run::Old, Box::new(was)))?,
            (None, Some(is)) => give(Left::Only(Run::New, Box::new(is)))?,
            (None, None) => {}
        }
    }
}

fn take(waiting: &mut HashMap<String, VecDeque<Side>>, key: &str) -> Option<Side> {
    let sides = waiting.get_mut(key)?;
    let side = sides.pop_front();
    if sides.is_empty() {
        waiting.remove(key);
    }
    side
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn side(key: u8, index: usize) -> Side {
        let mut side = Side::default();
        side.key = key.to_string();
        side.index = index as u64;
        side
    }

    /// The pairs by their indexes, in order, and the keys of what is left in each run.
    fn pairs(old: &[u8], new: &[u8], most_waiting: usize) -> (Vec<(u64, u64)>, [Vec<String>; 2]) {
        let mut pairing = Pairing::waiting_for(most_waiting);
        let mut pairs = Vec::new();
        for index in 0..old.len().max(new.len()) {
            for (run, keys) in [(Run::Old, old), (Run::New, new)] {
                let Some(key) = keys.get(index) else { continue };
                pairs.extend(pairing.add(run, side(*key, index)).unwrap());
            }
        }
        let mut left = [Vec::new(), Vec::new()];
        let finished = pairing.finish(|either| {
            match either {
                Left::Pair(pair) => pairs.push(*pair),
                Left::Only(run, side) => left[run as usize].push(side.key),
            }
            Ok(())
        });
        finished.unwrap();
        left.iter_mut().for_each(|keys| keys.sort_unstable());
        let mut indexes: Vec<_> = pairs.iter().map(|(was, is)| (was.index, is.index)).collect();
        indexes.sort_unstable();
        (indexes, left)
    }

    proptest! {
        #[test]
        fn the_pairs_are_the_same_in_memory_and_through_files(
            old in prop::collection::vec(0..12u8, 0..60),
            new in prop::collection::vec(0..12u8, 0..60),
            most_waiting in 0..20usize,
        ) {
            prop_assert_eq!(pairs(&old, &new, most_waiting), pairs(&old, &new, usize::MAX));
        }
    }
}
