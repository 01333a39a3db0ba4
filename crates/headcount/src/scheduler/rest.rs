//! Hosts without work whose pace is worth remembering: they may come again further down the list.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::lane::Breaker;
use super::pace::Pace;

/// Hosts remembered at most; the one that came first is forgotten first.
const MOST: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Rest {
    hosts: HashMap<Arc<str>, Resting>,
    /// The hosts as they came, each with its stamp. An entry is out of date once its host has gone, or has come again since.
    order: VecDeque<(u64, Arc<str>)>,
    stamp: u64,
}

#[derive(Debug)]
struct Resting {
    stamp: u64,
    pace: Pace,
    breaker: Breaker,
}

impl Rest {
    pub(super) fn put(&mut self, host: Arc<str>, pace: Pace, breaker: Breaker) {
        self.stamp += 1;
        let stamp = self.stamp;
        self.order.push_back((stamp, Arc::clone(&host)));
        self.hosts.insert(host, Resting { stamp, pace, breaker });
        // A host that comes and goes again and again leaves an entry each time.
        if self.order.len() > 2 * MOST {
            let hosts = &self.hosts;
            self.order.retain(|(stamp, host)| hosts.get(host).is_some_and(|resting| resting.stamp == *stamp));
        }
        while self.hosts.len() > MOST {
            let Some((stamp, first)) = self.order.pop_front() else { return };
            if self.hosts.get(&first).is_some_and(|resting| resting.stamp == stamp) {
                self.hosts.remove(&first);
            }
        }
    }

    pub(super) fn take(&mut self, host: &str) -> Option<(Pace, Breaker)> {
        self.hosts.remove(host).map(|Resting { pace, breaker, .. }| (pace, breaker))
    }

    pub(super) fn pace(&self, host: &str) -> Option<&Pace> {
        self.hosts.get(host).map(|resting| &resting.pace)
    }
}
