//! What all records come to, for reports: the summary, and what charts are drawn from. Memory does not grow with the
//! number of records.

mod certificates;
mod distribution;
mod hosts;
mod timeline;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use headcount::record::{Outcome, Phase};
use headcount::{Record, Summary};

pub(crate) use certificates::{Certificates, SOON};
pub(crate) use distribution::Distribution;
pub(crate) use hosts::{HostRow, Hosts};
pub(crate) use timeline::{Moment, Timeline};

/// The parts of an answer's time, in their order.
pub(crate) const PHASES: [&str; 5] = ["DNS", "Connect", "TLS", "Waiting", "Body"];

#[derive(Default)]
pub(crate) struct Aggregates {
    pub(crate) summary: Summary,
    pub(crate) distribution: Distribution,
    pub(crate) timeline: Timeline,
    pub(crate) hosts: Hosts,
    pub(crate) certificates: Certificates,
    /// Answers by their statuses.
    statuses: BTreeMap<u16, u64>,
    /// Seconds of each of [`PHASES`], over whole answers without redirects: of the others only the last request's phases
    /// are known.
    pub(crate) phases: [f64; 5],
    pub(crate) retries: u64,
    pub(crate) queued: f64,
    /// Records that did not meet the output's condition, and are in none of the above.
    pub(crate) passed_over: u64,
}

impl Aggregates {
    pub(crate) fn add(&mut self, record: &Record) {
        self.summary.add(record);
        self.timeline.add(record);
        self.hosts.add(record);
        self.certificates.add(record);
        self.retries += u64::from(record.num_retries);
        self.queued += record.time_queued;
        if record.outcome != Outcome::Answered {
            return;
        }
        if let Some(status) = record.status_code {
            *self.statuses.entry(status).or_default() += 1;
        }
        if let Some(seconds) = record.time_total {
            self.distribution.add(seconds);
        }
        if record.num_redirects == 0 {
            for (sum, seconds) in self.phases.iter_mut().zip(phases(record)) {
                *sum += seconds;
            }
        }
    }

    /// What the records ended in, and how many of each, the good ones first, then the most frequent.
    pub(crate) fn ends(&self) -> Vec<(String, Tone, u64)> {
        let statuses = self.statuses.iter();
        let mut ends: Vec<_> = statuses
            .map(|(status, count)| (status.to_string(), Tone::of_class(status / 100), *count))
            .collect();
        ends.sort_by_key(|(_, tone, count)| (*tone, Reverse(*count)));
        let errors = self.summary.errors().into_iter().map(|(phase, kind, count)| {
            let tone = if matches!(phase, Phase::Input | Phase::Policy) { Tone::Quiet } else { Tone::Bad };
            (format!("{phase}/{kind}"), tone, count)
        });
        ends.extend(errors);
        match self.summary.outcome(Outcome::Interrupted) {
            0 => {}
            count => ends.push(("interrupted".to_owned(), Tone::Quiet, count)),
        }
        ends
    }
}

/// What a colour says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tone {
    Good,
    Moved,
    Bad,
    Quiet,
}

impl Tone {
    fn of_class(class: u16) -> Tone {
        match class {
            2 => Tone::Good,
            1 | 3 => Tone::Moved,
            _ => Tone::Bad,
        }
    }

    /// The class of style sheets.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Tone::Good => "good",
            Tone::Moved => "moved",
            Tone::Bad => "bad",
            Tone::Quiet => "quiet",
        }
    }
}

/// Seconds of each of [`PHASES`]. The record's times are counted from the start, each containing the ones before.
pub(crate) fn phases(record: &Record) -> [f64; 5] {
    let times = [
        record.time_namelookup,
        record.time_connect,
        record.time_appconnect,
        record.time_starttransfer,
        record.time_total,
    ];
    let mut before = 0.0;
    times.map(|time| {
        let Some(time) = time else { return 0.0 };
        let seconds = f64::max(time - before, 0.0);
        before = f64::max(before, time);
        seconds
    })
}
