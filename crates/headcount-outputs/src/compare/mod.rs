//! Two runs beside each other: what broke, what healed, what changed, and what takes longer than chance explains.
//!
//! Inputs are the same if their method and URL are. Both runs are read side by side. Memory grows neither with the lists nor
//! with what differs: what is too much is sorted through files.

mod change;
mod noise;
mod page;
mod pairing;
mod side;

use headcount::Record;
use jiff::Timestamp;
use serde::Serialize;

use crate::error::Error;
use crate::sorting::{Sorted, Sorter};
pub use change::{Change, ChangeKind, Difference, Field, Ignored};
pub use noise::TimeNoise;
use noise::{Noise, is_far};
use pairing::{Left, Pairing, Run};
use side::Side;

/// What two runs come to beside each other.
#[non_exhaustive]
pub struct Comparison {
    /// How many inputs came to what.
    pub counts: Counts,
    /// What was taken for chance in response times.
    pub time_noise: TimeNoise,
    /// When the first input of the old run ended, and that of the new one.
    pub first_ended: [Option<Timestamp>; 2],
    /// Every input that is not as it was, or of which that cannot be said, the worst first, then in the order of the new run.
    pub changes: Changes,
}

/// Every input that is not known to be as it was. There may be more than memory holds.
pub struct Changes {
    sorted: Sorted<Change, ChangeOrder>,
    count: u64,
}

type ChangeOrder = (ChangeKind, Option<u64>);

/// Inputs by what became of them. All but the last two add up to the inputs that both runs have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Counts {
    /// Accepted before, and not any more.
    pub broke: u64,
    /// Not accepted before, and accepted now.
    pub healed: u64,
    /// Another status, reason, title, redirect target or certificate.
    pub changed: u64,
    /// As before, but slower than chance explains.
    pub slower: u64,
    /// As before, but faster than chance explains.
    pub faster: u64,
    /// As before.
    pub unchanged: u64,
    /// Not asked, or not to the end, in one of the runs, which says nothing of the host.
    pub not_comparable: u64,
    /// In the new run only.
    pub added: u64,
    /// In the old run only.
    pub removed: u64,
}

impl Comparison {
    /// Compares two runs.
    pub fn of(
        old: impl Iterator<Item = Result<Record, Error>>,
        new: impl Iterator<Item = Result<Record, Error>>,
    ) -> Result<Comparison, Error> {
        Comparison::without(&[], old, new)
    }

    /// Compares two runs in all but these, which may be another every time.
    pub fn without(
        ignored: &[Ignored],
        old: impl Iterator<Item = Result<Record, Error>>,
        new: impl Iterator<Item = Result<Record, Error>>,
    ) -> Result<Comparison, Error> {
        let (mut old, mut new) = (old.fuse(), new.fuse());
        let mut comparing = Comparing::new(ignored);
        loop {
            let (before, after) = (old.next().transpose()?, new.next().transpose()?);
            if before.is_none() && after.is_none() {
                return comparing.finish();
            }
            if let Some(record) = before {
                comparing.add(Run::Old, &record)?;
            }
            if let Some(record) = after {
                comparing.add(Run::New, &record)?;
            }
        }
    }
}

struct Comparing {
    ignored: Vec<Ignored>,
    counts: Counts,
    first_ended: [Option<Timestamp>; 2],
    noise: Noise,
    pairing: Pairing,
    changes: Found,
    /// As before but for their time, with the logarithm of its ratio, which the noise will judge.
    candidates: Sorter<(f64, Change), ()>,
}

/// Changes, counted and sorted.
struct Found {
    sorter: Sorter<Change, ChangeOrder>,
    count: u64,
}

impl Comparing {
    fn new(ignored: &[Ignored]) -> Comparing {
        Comparing {
            ignored: ignored.to_vec(),
            counts: Counts::default(),
            first_ended: [None; 2],
            noise: Noise::default(),
            pairing: Pairing::new(),
            changes: Found {
                sorter: Sorter::new(|change: &Change| (change.kind, change.new_index.or(change.old_index))),
                count: 0,
            },
            candidates: Sorter::new(|_| ()),
        }
    }

    fn add(&mut self, run: Run, record: &Record) -> Result<(), Error> {
        let [old, new] = &mut self.first_ended;
        let first = if matches!(run, Run::Old) { old } else { new };
        *first = Some(first.map_or(record.timestamp, |first| first.min(record.timestamp)));
        match self.pairing.add(run, Side::of(record))? {
            Some((before, after)) => self.compare(&before, after),
            None => Ok(()),
        }
    }

    fn compare(&mut self, before: &Side, after: Side) -> Result<(), Error> {
        if !(before.is_evidence && after.is_evidence) {
            let ends = before.ends(&after);
            let change = change(ChangeKind::NotComparable, before, after, vec![ends]);
            return self.changes.add(&mut self.counts, &change);
        }
        let mut differences = before.differences(&after);
        differences.retain(|difference| !self.ignored.iter().any(|ignored| ignored.is_of(difference.field)));
        let kind = match (before.is_accepted, after.is_accepted) {
            _ if differences.is_empty() => None,
            (true, false) => Some(ChangeKind::Broke),
            (false, true) => Some(ChangeKind::Healed),
            _ => Some(ChangeKind::Changed),
        };
        if let Some(kind) = kind {
            return self.changes.add(&mut self.counts, &change(kind, before, after, differences));
        }
        self.counts.unchanged += 1;
        let (Some(was), Some(is)) = (before.seconds, after.seconds) else { return Ok(()) };
        let is_ignored = self.ignored.contains(&Ignored::TimeTotal);
        if is_ignored || !after.is_answered || was <= 0.0 || is <= 0.0 {
            return Ok(());
        }
        self.noise.add(was, is);
        if !is_far(was, is) {
            return Ok(());
        }
        let kind = if is > was { ChangeKind::Slower } else { ChangeKind::Faster };
        let text = |seconds: f64| Some(crate::visible::time(seconds));
        let difference = Difference { field: Field::TimeTotal, before: text(was), after: text(is) };
        self.candidates.add(&((is / was).ln(), change(kind, before, after, vec![difference])))
    }

    fn finish(mut self) -> Result<Comparison, Error> {
        let pairing = std::mem::replace(&mut self.pairing, Pairing::new());
        pairing.finish(|left| match left {
            Left::Pair(pair) => {
                let (before, after) = *pair;
                self.compare(&before, after)
            }
            Left::Only(run, side) => self.changes.add(&mut self.counts, &only(run, *side)),
        })?;
        let Comparing { mut counts, first_ended, noise, mut changes, candidates, .. } = self;
        let time_noise = noise.judge();
        for candidate in candidates.finish().iter() {
            let (ratio, change) = candidate?;
            if !time_noise.explains(ratio) {
                counts.unchanged -= 1;
                changes.add(&mut counts, &change)?;
            }
        }
        let changes = Changes { sorted: changes.sorter.finish(), count: changes.count };
        Ok(Comparison { counts, time_noise, first_ended, changes })
    }
}

impl Found {
    fn add(&mut self, counts: &mut Counts, change: &Change) -> Result<(), Error> {
        *match change.kind {
            ChangeKind::Broke => &mut counts.broke,
            ChangeKind::Healed => &mut counts.healed,
            ChangeKind::Changed => &mut counts.changed,
            ChangeKind::Slower => &mut counts.slower,
            ChangeKind::Faster => &mut counts.faster,
            ChangeKind::NotComparable => &mut counts.not_comparable,
            ChangeKind::Removed => &mut counts.removed,
            ChangeKind::Added => &mut counts.added,
        } += 1;
        self.count += 1;
        self.sorter.add(change)
    }
}

fn change(kind: ChangeKind, before: &Side, after: Side, differences: Vec<Difference>) -> Change {
    Change {
        kind,
        input: after.input,
        url: after.url,
        old_index: Some(before.index),
        new_index: Some(after.index),
        differences,
    }
}

/// What is in one run only.
fn only(run: Run, side: Side) -> Change {
    let differences = vec![side.end_in(run)];
    let (kind, old_index, new_index) = match run {
        Run::Old => (ChangeKind::Removed, Some(side.index), None),
        Run::New => (ChangeKind::Added, None, Some(side.index)),
    };
    Change { kind, input: side.input, url: side.url, old_index, new_index, differences }
}

impl Changes {
    /// Each of them, the worst first. It can be asked for again.
    pub fn iter(&self) -> impl Iterator<Item = Result<Change, Error>> {
        self.sorted.iter()
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }
}

impl Counts {
    /// Inputs that both runs have.
    pub fn in_both(&self) -> u64 {
        let Counts { broke, healed, changed, slower, faster, unchanged, not_comparable, .. } = self;
        broke + healed + changed + slower + faster + unchanged + not_comparable
    }

    /// Those of them of which both runs know something.
    pub fn compared(&self) -> u64 {
        self.in_both() - self.not_comparable
    }

    /// Whether the old run has inputs, and not one of them could be compared. That nothing broke means nothing then.
    pub fn is_no_comparison(&self) -> bool {
        self.compared() == 0 && self.in_both() + self.removed > 0
    }
}
