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

/// What is in one run only.
pub(super) struct Unpaired {
    pub(super) added: u64,
    pub(super) removed: u64,
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

    /// Gives the pairs among what was put aside, and counts what is in one run only.
    pub(super) fn finish(self, pair: impl FnMut(Side, Side) -> Result<(), Error>) -> Result<Unpaired, Error> {
        let Some(aside) = self.aside else {
            let [old, new] =
                self.waiting.map(|waiting| waiting.values().map(|sides| sides.len() as u64).sum());
            return Ok(Unpaired { added: new, removed: old });
        };
        let [old, new] = aside.map(Sorter::finish);
        merge(&old, &new, pair)
    }
}

fn merge(
    old: &Sorted<Side, String>,
    new: &Sorted<Side, String>,
    mut pair: impl FnMut(Side, Side) -> Result<(), Error>,
) -> Result<Unpaired, Error> {
    let mut unpaired = Unpaired { added: 0, removed: 0 };
    let (mut old, mut new) = (old.iter(), new.iter());
    let (mut before, mut after) = (old.next().transpose()?, new.next().transpose()?);
    loop {
        let order = match (&before, &after) {
            (None, None) => return Ok(unpaired),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(before), Some(after)) => before.key.cmp(&after.key),
        };
        let was = if order.is_le() { std::mem::replace(&mut before, old.next().transpose()?) } else { None };
        let is = if order.is_ge() { std::mem::replace(&mut after, new.next().transpose()?) } else { None };
        match (was, is) {
            (Some(was), Some(is)) => pair(was, is)?,
            (Some(_), None) => unpaired.removed += 1,
            _ => unpaired.added += 1,
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

    /// The pairs by their indexes, in order, and what is left.
    fn pairs(old: &[u8], new: &[u8], most_waiting: usize) -> (Vec<(u64, u64)>, u64, u64) {
        let mut pairing = Pairing::waiting_for(most_waiting);
        let mut pairs = Vec::new();
        for index in 0..old.len().max(new.len()) {
            for (run, keys) in [(Run::Old, old), (Run::New, new)] {
                let Some(key) = keys.get(index) else { continue };
                pairs.extend(pairing.add(run, side(*key, index)).unwrap());
            }
        }
        let left = pairing.finish(|was, is| {
            pairs.push((was, is));
            Ok(())
        });
        let left = left.unwrap();
        let mut indexes: Vec<_> = pairs.iter().map(|(was, is)| (was.index, is.index)).collect();
        indexes.sort_unstable();
        (indexes, left.added, left.removed)
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
