//! How each host did. The memory is bounded: of many hosts, those are kept that did worst and those that were slowest.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use headcount::Record;
use headcount::record::Outcome;
use jiff::Timestamp;

use super::Distribution;
use crate::verdict::{end, host_of};

/// Hosts of either kind that are kept when some have to be forgotten.
const KEPT: usize = 512;

/// Hosts that are known at most.
const MOST: usize = 4 * KEPT;

/// Reasons that are told apart for a host; further ones are not counted.
const REASONS: usize = 4;

#[derive(Default)]
pub(crate) struct Hosts {
    hosts: HashMap<String, Host>,
    /// Some were forgotten, so a host that failed or was slow late may be counted from then on only.
    is_approximate: bool,
}

#[derive(Clone)]
struct Host {
    records: u64,
    not_accepted: u64,
    reasons: Vec<(String, u64)>,
    times: Distribution,
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
        if self.hosts.len() > MOST {
            self.forget_the_better();
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
        let mut hosts = self.standings();
        hosts.sort_by(|one, other| worse(one, other).then_with(|| slower(one, other)));
        hosts.truncate(at_most);
        hosts.into_iter().map(|standing| standing.host.row(standing.name)).collect()
    }

    fn standings(&self) -> Vec<Standing<'_>> {
        let hosts = self.hosts.iter();
        hosts.map(|(name, host)| Standing { name, host, median: host.median().unwrap_or(0.0) }).collect()
    }

    /// Keeps the worst and the slowest, which of equals those that come first by their names.
    fn forget_the_better(&mut self) {
        self.is_approximate = true;
        let mut standings = self.standings();
        let mut kept: HashSet<String> = HashSet::new();
        standings.sort_by(|one, other| worse(one, other).then_with(|| one.name.cmp(other.name)));
        let worst = standings.iter().take(KEPT).take_while(|standing| standing.host.not_accepted > 0);
        kept.extend(worst.map(|standing| standing.name.to_owned()));
        standings.sort_by(slower);
        kept.extend(standings.iter().take(KEPT).map(|standing| standing.name.to_owned()));
        self.hosts.retain(|name, _| kept.contains(name));
    }
}

/// A host among the others.
struct Standing<'a> {
    name: &'a str,
    host: &'a Host,
    median: f64,
}

/// More that were not accepted, or a larger share of its records.
fn worse(one: &Standing<'_>, other: &Standing<'_>) -> Ordering {
    let (host, another) = (one.host, other.host);
    let by_share =
        || if host.not_accepted > 0 { host.records.cmp(&another.records) } else { Ordering::Equal };
    another.not_accepted.cmp(&host.not_accepted).then_with(by_share)
}

/// A longer time, or an earlier name.
fn slower(one: &Standing<'_>, other: &Standing<'_>) -> Ordering {
    other.median.total_cmp(&one.median).then_with(|| one.name.cmp(other.name))
}

impl Host {
    fn new(at: Timestamp) -> Host {
        Host {
            records: 0,
            not_accepted: 0,
            reasons: Vec::new(),
            times: Distribution::default(),
            first: at,
            last: at,
        }
    }

    fn median(&self) -> Option<f64> {
        self.times.quantile(0.5)
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
            median: self.median(),
            // One or two records make no pace.
            pace: (self.records > 2 && seconds > 0.0).then(|| (self.records - 1) as f64 / seconds),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(host: &str, is_accepted: bool, seconds: f64) -> Record {
        let url = format!("https://{host}/");
        let record = json!({
            "index": 0, "source": null, "line": null, "input": url, "url": url, "final_url": url, "method": "GET",
            "outcome": "answered", "accepted": is_accepted, "failed": false, "error": null, "status_code": 200,
            "title": null, "content_type": null, "content_length": null, "body_bytes": null, "truncated": false,
            "webserver": null, "host_ip": null, "http_version": null, "num_redirects": 0, "num_retries": 0,
            "chain_status_codes": [200], "insecure": false, "timestamp": "2026-01-31T08:00:00Z", "time_queued": 0,
            "time_namelookup": null, "time_connect": null, "time_appconnect": null, "time_starttransfer": null,
            "time_total": seconds
        });
        serde_json::from_value(record).unwrap()
    }

    fn names(hosts: &Hosts, at_most: usize) -> Vec<String> {
        hosts.worst_and_slowest(at_most).into_iter().map(|host| host.name).collect()
    }

    #[test]
    fn of_more_hosts_than_are_kept_the_slowest_are_known() {
        const HOSTS: u32 = 10_000;
        let mut hosts = Hosts::default();
        // In an order in which the slow ones stand everywhere.
        for number in (0..HOSTS).map(|number| number * 7_919 % HOSTS) {
            hosts.add(&record(&format!("{number}.example"), true, f64::from(number) / 1e3));
        }
        let expected: Vec<_> = (0..10).map(|place| format!("{}.example", HOSTS - 1 - place)).collect();
        assert_eq!(names(&hosts, 10), expected);
        assert!(hosts.is_approximate() && hosts.hosts.len() <= MOST);
    }

    #[test]
    fn which_of_equals_is_named_is_no_chance() {
        let names_of = |numbers: &mut dyn Iterator<Item = u32>| {
            let mut hosts = Hosts::default();
            numbers
                .for_each(|number| hosts.add(&record(&format!("{number:05}.example"), number % 9 > 0, 0.5)));
            names(&hosts, 100)
        };
        let expected: Vec<_> = (0..100).map(|place| format!("{:05}.example", 9 * place)).collect();
        assert_eq!(names_of(&mut (0..9_000)), expected);
        assert_eq!(names_of(&mut (0..9_000).rev()), expected);
    }

    #[test]
    fn of_as_many_failures_the_larger_share_is_worse() {
        let mut hosts = Hosts::default();
        for number in 0..13 {
            hosts.add(&record("some.example", number >= 3, 9.0));
            hosts.add(&record("fine.example", true, 0.1));
        }
        for _ in 0..3 {
            hosts.add(&record("all.example", false, 0.2));
            hosts.add(&record("slow.example", true, 5.0));
        }
        assert_eq!(names(&hosts, 9), ["all.example", "some.example", "slow.example", "fine.example"]);
    }
}
