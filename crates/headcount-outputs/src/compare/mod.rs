//! Two runs beside each other: what broke, what healed, what changed, and what takes longer than chance explains.
//!
//! Inputs are the same if their method and URL are. Both runs are read side by side. Memory grows neither with the lists nor
//! with what differs: what is too much is sorted through files.

mod noise;
mod page;
mod pairing;
mod side;

use headcount::Record;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::sorting::{Sorted, Sorter};
pub use noise::TimeNoise;
use noise::{Noise, is_far};
use pairing::{Pairing, Run, Unpaired};
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
    /// Every input that is not as it was, the worst first, then in the order of the new run.
    pub changes: Changes,
}

/// Every input that is not as it was. There may be more than memory holds.
pub struct Changes {
    sorted: Sorted<Change, ChangeOrder>,
    count: u64,
}

type ChangeOrder = (ChangeKind, u64);

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
    /// Not asked to the end in one of the runs, which says nothing of the host.
    pub not_comparable: u64,
    /// In the new run only.
    pub added: u64,
    /// In the old run only.
    pub removed: u64,
}

/// One input that is not as it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Change {
    /// What became of it.
    pub kind: ChangeKind,
    /// The input as it stood in the new list.
    pub input: String,
    /// Its URL.
    pub url: Option<String>,
    /// Its place in the old run.
    pub old_index: u64,
    /// Its place in the new run.
    pub new_index: u64,
    /// What is not as it was.
    pub differences: Vec<Difference>,
}

/// What became of an input, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// Accepted before, and not any more.
    Broke,
    /// Not accepted before, and accepted now.
    Healed,
    /// Another status, reason, title, redirect target or certificate.
    Changed,
    /// Slower than chance explains.
    Slower,
    /// Faster than chance explains.
    Faster,
}

/// One thing that is not as it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// What it is of the record.
    pub field: Field,
    /// What it was.
    pub before: Option<String>,
    /// What it is.
    pub after: Option<String>,
}

/// What of a record may not be as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Field {
    /// How it ended: a status, or a phase and a kind.
    End,
    /// The title.
    Title,
    /// Where redirects led to.
    FinalUrl,
    /// The certificate is another, and not the same that was renewed.
    Certificate,
    /// The certificate runs out soon, and did not before.
    CertificateExpiry,
    /// The time.
    TimeTotal,
}

impl Comparison {
    /// Compares two runs.
    pub fn of(
        old: impl Iterator<Item = Result<Record, Error>>,
        new: impl Iterator<Item = Result<Record, Error>>,
    ) -> Result<Comparison, Error> {
        let (mut old, mut new) = (old.fuse(), new.fuse());
        let mut comparing = Comparing::new();
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
    fn new() -> Comparing {
        Comparing {
            counts: Counts::default(),
            first_ended: [None; 2],
            noise: Noise::default(),
            pairing: Pairing::new(),
            changes: Found {
                sorter: Sorter::new(|change: &Change| (change.kind, change.new_index)),
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
        let differences = before.differences(&after);
        let kind = match (before.is_accepted, after.is_accepted) {
            _ if differences.is_empty() => None,
            _ if !(before.is_evidence && after.is_evidence) => {
                self.counts.not_comparable += 1;
                return Ok(());
            }
            (true, false) => Some(ChangeKind::Broke),
            (false, true) => Some(ChangeKind::Healed),
            _ => Some(ChangeKind::Changed),
        };
        if let Some(kind) = kind {
            return self.changes.add(&mut self.counts, &change(kind, before, after, differences));
        }
        self.counts.unchanged += 1;
        let (Some(was), Some(is)) = (before.seconds, after.seconds) else { return Ok(()) };
        if !after.is_answered || was <= 0.0 || is <= 0.0 {
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
        let Unpaired { added, removed } = pairing.finish(|before, after| self.compare(&before, after))?;
        let Comparing { counts, first_ended, noise, mut changes, candidates, .. } = self;
        let mut counts = Counts { added, removed, ..counts };
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
        old_index: before.index,
        new_index: after.index,
        differences,
    }
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
}

impl ChangeKind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            ChangeKind::Broke => "broke",
            ChangeKind::Healed => "healed",
            ChangeKind::Changed => "changed",
            ChangeKind::Slower => "slower",
            ChangeKind::Faster => "faster",
        }
    }
}
