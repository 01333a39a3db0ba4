//! How each host did. The memory is bounded: of many hosts, those are kept that did worst.

use std::collections::HashMap;

use headcount::Record;
use headcount::record::Outcome;
use jiff::Timestamp;

use super::Distribution;
use crate::verdict::{end, host_of};

/// Hosts kept between prunings, at most twice this.
const KEPT: usize = 1_024;

/// Reasons that are told apart for a host; further ones are not counted.
const REASONS: usize = 4;

#[derive(Default)]
pub(crate) struct Hosts {
    hosts: HashMap<String, Host>,
    /// Some were forgotten, so a host that failed late may be counted from then on only.
    is_approximate: bool,
}

#[derive(Clone)]
struct Host {
    records: u64,
    not_accepted: u64,
    reasons: Vec<(String, u64)>,
    times: Box<Distribution>,
    first: Timestamp,
    last: Timestamp,
}

/// One host, for a table.
#[derive(Debug)]
pub(crate) struct HostRow {
    pub(crate) name: String,
    pub(crate) records: u64,
    pub(crate) not_accepted: u64,
    /// The commonest reason.
    pub(crate) reason: String,
    pub(crate) median: Option<f64>,
    /// Records a second between the host's first and last one.
    pub(crate) pace: Option<f64>,
}

impl Hosts {
    pub(crate) fn add(&mut self, record: &Record) {
        let Some(name) = host_of(record) else { return };
        let host = self.hosts.entry(name).or_insert_with(|| Host::new(record.timestamp));
        host.records += 1;
        host.first = host.first.min(record.timestamp);
        host.last = host.last.max(record.timestamp);
        if let (Outcome::Answered, Some(seconds)) = (record.outcome, record.time_total) {
            host.times.add(seconds);
        }
        if !record.accepted {
            host.not_accepted += 1;
            host.blame(end(record));
        }
        if self.hosts.len() > 2 * KEPT {
            self.forget_the_better_half();
        }
    }

    pub(crate) fn is_approximate(&self) -> bool {
        self.is_approximate
    }

    /// The hosts with the most records that were not accepted, the worst first.
    pub(crate) fn worst(&self, at_most: usize) -> Vec<HostRow> {
        let mut hosts = self.worst_and_slowest(at_most);
        hosts.retain(|host| host.not_accepted > 0);
        hosts
    }

    /// The same, and then those that took longest.
    pub(crate) fn worst_and_slowest(&self, at_most: usize) -> Vec<HostRow> {
        let median = |host: &Host| host.times.quantile(0.5).unwrap_or(0.0);
        let mut hosts: Vec<_> = self.hosts.iter().map(|(name, host)| (name, host, median(host))).collect();
        hosts.sort_by(|(name, host, time), (other_name, other, other_time)| {
            let worse = other.not_accepted.cmp(&host.not_accepted);
            worse.then(other_time.total_cmp(time)).then_with(|| name.cmp(other_name))
        });
        hosts.truncate(at_most);
        hosts.into_iter().map(|(name, host, _)| host.row(name)).collect()
    }

    fn forget_the_better_half(&mut self) {
        self.is_approximate = true;
        let badness = |host: &Host| (host.not_accepted, host.records);
        let mut all: Vec<_> = self.hosts.values().map(badness).collect();
        let middle = all.len() - KEPT;
        let (_, least, _) = all.select_nth_unstable(middle);
        let least = *least;
        let mut room = KEPT;
        self.hosts.retain(|_, host| {
            let stays = badness(host) > least || (badness(host) == least && room > 0);
            room = room.saturating_sub(usize::from(stays));
            stays
        });
    }
}

impl Host {
    fn new(at: Timestamp) -> Host {
        Host { records: 0, not_accepted: 0, reasons: Vec::new(), times: Box::default(), first: at, last: at }
    }

    fn blame(&mut self, reason: String) {
        if let Some((_, count)) = self.reasons.iter_mut().find(|(known, _)| *known == reason) {
            *count += 1;
        } else if self.reasons.len() < REASONS {
            self.reasons.push((reason, 1));
        }
    }

    fn row(&self, name: &str) -> HostRow {
        let reason = self.reasons.iter().rev().max_by_key(|(_, count)| count);
        let seconds = self.last.duration_since(self.first).as_secs_f64();
        HostRow {
            name: name.to_owned(),
            records: self.records,
            not_accepted: self.not_accepted,
            reason: reason.map(|(reason, _)| reason.clone()).unwrap_or_default(),
            median: self.times.quantile(0.5),
            // One or two records make no pace.
            pace: (self.records > 2 && seconds > 0.0).then(|| (self.records - 1) as f64 / seconds),
        }
    }
}
