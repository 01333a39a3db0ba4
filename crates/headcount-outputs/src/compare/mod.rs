//! Two runs beside each other: what broke, what healed, what changed, and what takes longer than chance explains.
//!
//! Inputs are the same if their method and URL are. Both runs are read side by side, so that lists in the same order
//! need no memory; it grows with what one list has and the other has not, or elsewhere, and with the number of
//! differences.

mod noise;
mod page;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use headcount::Record;
use headcount::record::{Certificate, Outcome, Phase};
use serde::Serialize;

use crate::error::Error;
use crate::verdict::end;
pub use noise::TimeNoise;
use noise::{Noise, is_far};

/// A certificate that is valid for fewer days runs out soon: whoever renews by machine has done it by then.
const DAYS_TO_RENEW: i64 = 14;

/// What two runs come to beside each other.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct Comparison {
    /// How many inputs came to what.
    pub counts: Counts,
    /// What was taken for chance in response times.
    pub time_noise: TimeNoise,
    /// Every input that is not as it was, the worst first, then in the order of the new run.
    pub changes: Vec<Change>,
}

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
#[derive(Clone, Debug, PartialEq, Serialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
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
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// `end` (a status, or a phase and a kind), `title`, `final_url`, `certificate`, `certificate_expiry` (it runs out
    /// soon, and did not before) or `time_total`.
    pub field: &'static str,
    /// What it was.
    pub before: Option<String>,
    /// What it is.
    pub after: Option<String>,
}

/// What is kept of a record until its counterpart comes.
struct Side {
    index: u64,
    input: String,
    url: Option<String>,
    final_url: Option<String>,
    title: Option<String>,
    certificate: Option<Arc<Certificate>>,
    /// Days for which the certificate was valid then.
    days_left: Option<i64>,
    end: String,
    is_accepted: bool,
    is_answered: bool,
    is_evidence: bool,
    seconds: Option<f64>,
}

impl Comparison {
    /// Compares two runs.
    pub fn of(
        old: impl Iterator<Item = Result<Record, Error>>,
        new: impl Iterator<Item = Result<Record, Error>>,
    ) -> Result<Comparison, Error> {
        let (mut old, mut new) = (old.fuse(), new.fuse());
        let mut comparing = Comparing::default();
        loop {
            let (before, after) = (old.next().transpose()?, new.next().transpose()?);
            if before.is_none() && after.is_none() {
                return Ok(comparing.finish());
            }
            if let Some(record) = before {
                comparing.add_old(&record);
            }
            if let Some(record) = after {
                comparing.add_new(&record);
            }
        }
    }
}

#[derive(Default)]
struct Comparing {
    counts: Counts,
    noise: Noise,
    changes: Vec<Change>,
    /// As before but for their time, which the noise will judge.
    candidates: Vec<(f64, Change)>,
    /// Records whose counterpart has not come, by method and URL. An input may stand in a list more than once.
    old: Waiting,
    new: Waiting,
}

type Waiting = HashMap<String, VecDeque<Side>>;

impl Comparing {
    fn add_old(&mut self, record: &Record) {
        let key = key(record);
        match take(&mut self.new, &key) {
            Some(after) => self.compare(&Side::of(record), after),
            None => self.old.entry(key).or_default().push_back(Side::of(record)),
        }
    }

    fn add_new(&mut self, record: &Record) {
        let key = key(record);
        match take(&mut self.old, &key) {
            Some(before) => self.compare(&before, Side::of(record)),
            None => self.new.entry(key).or_default().push_back(Side::of(record)),
        }
    }

    fn compare(&mut self, before: &Side, after: Side) {
        let differences = differences(before, &after);
        let kind = match (before.is_accepted, after.is_accepted) {
            _ if differences.is_empty() => None,
            _ if !(before.is_evidence && after.is_evidence) => {
                self.counts.not_comparable += 1;
                return;
            }
            (true, false) => Some(ChangeKind::Broke),
            (false, true) => Some(ChangeKind::Healed),
            _ => Some(ChangeKind::Changed),
        };
        let change = |kind, differences, after: Side| Change {
            kind,
            input: after.input,
            url: after.url,
            old_index: before.index,
            new_index: after.index,
            differences,
        };
        if let Some(kind) = kind {
            self.changes.push(change(kind, differences, after));
            return;
        }
        self.counts.unchanged += 1;
        let (Some(was), Some(is)) = (before.seconds, after.seconds) else { return };
        if !after.is_answered || was <= 0.0 || is <= 0.0 {
            return;
        }
        self.noise.add(was, is);
        if is_far(was, is) {
            let kind = if is > was { ChangeKind::Slower } else { ChangeKind::Faster };
            let text = |seconds: f64| Some(crate::visible::time(seconds));
            let difference = Difference { field: "time_total", before: text(was), after: text(is) };
            self.candidates.push(((is / was).ln(), change(kind, vec![difference], after)));
        }
    }

    fn finish(mut self) -> Comparison {
        let time_noise = self.noise.judge();
        for (ratio, change) in self.candidates {
            if time_noise.explains(ratio) {
                continue;
            }
            self.counts.unchanged -= 1;
            self.changes.push(change);
        }
        for change in &self.changes {
            match change.kind {
                ChangeKind::Broke => self.counts.broke += 1,
                ChangeKind::Healed => self.counts.healed += 1,
                ChangeKind::Changed => self.counts.changed += 1,
                ChangeKind::Slower => self.counts.slower += 1,
                ChangeKind::Faster => self.counts.faster += 1,
            }
        }
        let left = |waiting: &Waiting| waiting.values().map(|sides| sides.len() as u64).sum();
        self.counts.added = left(&self.new);
        self.counts.removed = left(&self.old);
        self.changes.sort_by_key(|change| (change.kind, change.new_index));
        Comparison { counts: self.counts, time_noise, changes: self.changes }
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

impl Side {
    fn of(record: &Record) -> Side {
        let is_local = record.error.as_ref().is_some_and(|error| error.phase == Phase::Local);
        Side {
            index: record.index,
            input: record.input.clone(),
            url: record.url.clone(),
            final_url: record.final_url.clone(),
            title: record.title.clone(),
            certificate: record.certificate.clone(),
            days_left: record.certificate.as_ref().map(|certificate| {
                certificate.not_after.duration_since(record.timestamp).as_hours().div_euclid(24)
            }),
            end: end(record),
            is_accepted: record.accepted,
            is_answered: record.outcome == Outcome::Answered,
            // What was never asked, was cut off, or failed for this machine's sake says nothing of the host.
            is_evidence: matches!(record.outcome, Outcome::Answered | Outcome::Failed) && !is_local,
            seconds: record.time_total,
        }
    }
}

fn differences(before: &Side, after: &Side) -> Vec<Difference> {
    let difference = |field, before: Option<&str>, after: Option<&str>| {
        (before != after).then(|| Difference {
            field,
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        })
    };
    let mut all = vec![difference("end", Some(&before.end), Some(&after.end))];
    // Half an answer has half a chain and no title.
    if before.is_answered && after.is_answered {
        all.push(difference("title", before.title.as_deref(), after.title.as_deref()));
        all.push(difference("final_url", before.final_url.as_deref(), after.final_url.as_deref()));
    }
    all.extend(certificate_differences(before, after));
    all.into_iter().flatten().collect()
}

/// Another certificate, and one that will not be valid for much longer.
fn certificate_differences(before: &Side, after: &Side) -> [Option<Difference>; 2] {
    let (Some(was), Some(is)) = (&before.certificate, &after.certificate) else { return [None, None] };
    let shown = |certificate: &Certificate| {
        let Certificate { subject, issuer, not_after, .. } = certificate;
        Some(format!("{subject}, by {issuer}, until {not_after}"))
    };
    let is_another = was.fingerprint_sha256 != is.fingerprint_sha256;
    let another = Difference { field: "certificate", before: shown(was), after: shown(is) };
    let runs_out = |days: Option<i64>| days.is_some_and(|days| days < DAYS_TO_RENEW);
    let days = |days: Option<i64>| days.map(|days| format!("{days} days left"));
    let expiry = Difference {
        field: "certificate_expiry",
        before: days(before.days_left),
        after: days(after.days_left),
    };
    let is_news = runs_out(after.days_left) && !runs_out(before.days_left);
    [is_another.then_some(another), is_news.then_some(expiry)]
}

fn key(record: &Record) -> String {
    format!("{} {}", record.method, record.url.as_deref().unwrap_or(&record.input))
}

fn take(waiting: &mut Waiting, key: &str) -> Option<Side> {
    let sides = waiting.get_mut(key)?;
    let side = sides.pop_front();
    if sides.is_empty() {
        waiting.remove(key);
    }
    side
}
