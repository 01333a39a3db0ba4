//! Hosts without work whose pace is worth remembering: they may come again further down the list.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::lane::Breaker;
use super::pace::Pace;

/// Hosts remembered at most; the one that came first is forgotten first.
const MOST: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Rest {
    hosts: HashMap<Arc<str>, (Pace, Breaker)>,
    order: VecDeque<Arc<str>>,
}

impl Rest {
    pub(super) fn put(&mut self, host: Arc<str>, pace: Pace, breaker: Breaker) {
        self.order.push_back(Arc::clone(&host));
        self.hosts.insert(host, (pace, breaker));
        while self.order.len() > MOST {
            if let Some(first) = self.order.pop_front() {
                self.hosts.remove(&first);
            }
        }
    }

    pub(super) fn take(&mut self, host: &str) -> Option<(Pace, Breaker)> {
        self.hosts.remove(host)
    }

    pub(super) fn pace(&self, host: &str) -> Option<&Pace> {
        self.hosts.get(host).map(|(pace, _)| pace)
    }
}
