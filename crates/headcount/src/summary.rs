//! What a run's records come to: counts, response times, and the hosts that did worst. Memory does not grow with the
//! number of records.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use hdrhistogram::Histogram;
use url::Url;

use crate::record::{Kind, Outcome, Phase, Record};

/// Hosts remembered between prunings, at most twice this. Beyond it the list of worst hosts is approximate: a host
/// whose first failure came late may be counted from then on only.
const HOSTS_REMEMBERED: usize = 1_024;

/// Response times are told apart up to an hour, to two digits.
const LONGEST_MICROSECONDS: u64 = 3_600_000_000;

/// Counts over records. Add each once.
#[derive(Clone, Debug)]
pub struct Summary {
    records: u64,
    accepted: u64,
    outcomes: BTreeMap<Outcome, u64>,
    status_classes: BTreeMap<u16, u64>,
    errors: BTreeMap<(Phase, Kind), u64>,
    times: Histogram<u64>,
    hosts: HashMap<String, HostSummary>,
}

/// How one host did.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct HostSummary {
    /// Its records that were not accepted.
    pub not_accepted: u64,
    /// The commonest reason among them would cost memory for each host; this is the last one: a status or a
    /// `phase/kind`.
    pub last_reason: String,
}

impl Default for Summary {
    fn default() -> Summary {
        Summary {
            records: 0,
            accepted: 0,
            outcomes: BTreeMap::new(),
            status_classes: BTreeMap::new(),
            errors: BTreeMap::new(),
            times: Histogram::new_with_bounds(1, LONGEST_MICROSECONDS, 2).expect("the bounds are in order"),
            hosts: HashMap::new(),
        }
    }
}

impl Summary {
    /// Takes a record into account.
    pub fn add(&mut self, record: &Record) {
        self.records += 1;
        self.accepted += u64::from(record.accepted);
        *self.outcomes.entry(record.outcome).or_default() += 1;
        if record.outcome == Outcome::Answered {
            if let Some(status) = record.status_code {
                *self.status_classes.entry(status / 100).or_default() += 1;
            }
            if let Some(seconds) = record.time_total {
                self.times.saturating_record((seconds * 1e6) as u64);
            }
        }
        if let Some(error) = &record.error {
            *self.errors.entry((error.phase, error.kind)).or_default() += 1;
        }
        if !record.accepted && matches!(record.outcome, Outcome::Answered | Outcome::Failed) {
            self.blame(record);
        }
    }

    /// Records added.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Those of them that were accepted.
    pub fn accepted(&self) -> u64 {
        self.accepted
    }

    /// Records of an outcome.
    pub fn outcome(&self, outcome: Outcome) -> u64 {
        self.outcomes.get(&outcome).copied().unwrap_or(0)
    }

    /// Answers by the first digit of their status.
    pub fn status_classes(&self) -> impl Iterator<Item = (u16, u64)> {
        self.status_classes.iter().map(|(class, count)| (*class, *count))
    }

    /// Errors by phase and kind, the most frequent first.
    pub fn errors(&self) -> Vec<(Phase, Kind, u64)> {
        let mut errors: Vec<_> =
            self.errors.iter().map(|((phase, kind), count)| (*phase, *kind, *count)).collect();
        errors.sort_by_key(|(_, _, count)| std::cmp::Reverse(*count));
        errors
    }

    /// The time within which this share of the answers had come (0.5 is the median), to two digits. `None` if there
    /// were none.
    pub fn response_time(&self, share: f64) -> Option<Duration> {
        (!self.times.is_empty()).then(|| Duration::from_micros(self.times.value_at_quantile(share)))
    }

    /// The hosts with the most records that were not accepted.
    pub fn worst_hosts(&self, at_most: usize) -> Vec<(&str, &HostSummary)> {
        let mut hosts: Vec<_> = self.hosts.iter().map(|(name, host)| (name.as_str(), host)).collect();
        hosts.sort_by(|(name, host), (other_name, other)| {
            other.not_accepted.cmp(&host.not_accepted).then_with(|| name.cmp(other_name))
        });
        hosts.truncate(at_most);
        hosts
    }

    fn blame(&mut self, record: &Record) {
        let url = record.final_url.as_deref().or(record.url.as_deref()).unwrap_or_default();
        let Some(host) = host_of(url) else { return };
        let reason = match &record.error {
            Some(error) => format!("{}/{}", error.phase, error.kind),
            None => record.status_code.map(|status| status.to_string()).unwrap_or_default(),
        };
        let entry = self.hosts.entry(host).or_default();
        entry.not_accepted += 1;
        entry.last_reason = reason;
        if self.hosts.len() > 2 * HOSTS_REMEMBERED {
            self.forget_the_better_half();
        }
    }

    fn forget_the_better_half(&mut self) {
        let mut counts: Vec<u64> = self.hosts.values().map(|host| host.not_accepted).collect();
        let middle = counts.len() - HOSTS_REMEMBERED;
        let (_, least, _) = counts.select_nth_unstable(middle);
        let least = *least;
        let mut room = HOSTS_REMEMBERED;
        self.hosts.retain(|_, host| {
            let stays = host.not_accepted > least || (host.not_accepted == least && room > 0);
            room = room.saturating_sub(usize::from(stays));
            stays
        });
    }
}

fn host_of(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{}{port}", url.host_str()?))
}
