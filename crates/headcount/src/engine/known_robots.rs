//! What the robots.txt of hosts have said, for those that come again further down the list.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::policy::robots::Access;

/// Bytes that a run keeps, about; what came first is forgotten first.
const MOST_BYTES: usize = 16 << 20;
/// About what a host takes besides its name and its rules.
const BYTES_OF_A_HOST: usize = 200;
/// RFC 9309, section 2.4, wants no file to be used for longer.
const LONGEST: Duration = Duration::from_secs(24 * 3_600);

/// The part of one loop.
pub(super) struct KnownRobots {
    hosts: HashMap<Arc<str>, Known>,
    /// Every host once, as they came.
    order: VecDeque<Arc<str>>,
    bytes: usize,
    most_bytes: usize,
}

struct Known {
    access: Rc<Access>,
    since: Instant,
    bytes: usize,
}

impl KnownRobots {
    pub(super) fn new(loops: usize) -> KnownRobots {
        let most_bytes = MOST_BYTES / loops;
        KnownRobots { hosts: HashMap::new(), order: VecDeque::new(), bytes: 0, most_bytes }
    }

    pub(super) fn get(&self, host: &str, now: Instant) -> Option<Rc<Access>> {
        let known = self.hosts.get(host)?;
        (now.saturating_duration_since(known.since) < LONGEST).then(|| Rc::clone(&known.access))
    }

    /// Keeps what a file said just now. A host that could not say is asked again when it comes again.
    pub(super) fn put(&mut self, host: &str, access: &Rc<Access>, now: Instant) {
        if let Access::NothingYet = **access {
            return;
        }
        let host: Arc<str> = host.into();
        let bytes = BYTES_OF_A_HOST + host.len() + access.weight();
        let known = Known { access: Rc::clone(access), since: now, bytes };
        self.bytes += bytes;
        match self.hosts.insert(Arc::clone(&host), known) {
            Some(old) => self.bytes -= old.bytes,
            None => self.order.push_back(host),
        }
        while self.bytes > self.most_bytes {
            let Some(first) = self.order.pop_front() else { return };
            if let Some(known) = self.hosts.remove(&first) {
                self.bytes -= known.bytes;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    fn rules(count: usize) -> Rc<Access> {
        let file = (0..count).fold("User-agent: *\n".to_owned(), |file, number| {
            file + "Disallow: /" + &number.to_string() + "/a/rather/long/path\n"
        });
        Rc::new(Access::from_answer(Some(StatusCode::OK), file.as_bytes(), "headcount"))
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_last_is_kept() {
        let (mut known, now) = (KnownRobots::new(16), Instant::now());
        let rules = rules(1_000);
        for number in 0..10_000 {
            known.put(&number.to_string(), &rules, now);
            assert!(known.get(&number.to_string(), now).is_some());
            assert!(known.bytes <= MOST_BYTES / 16);
        }
        assert!(known.get("0", now).is_none());
        assert!(known.hosts.len() >= 10 && known.hosts.len() == known.order.len());
        assert!(known.bytes >= known.hosts.len() * 1_000 * "/0/a/rather/long/path".len());
    }

    #[test]
    fn no_file_holds_for_more_than_a_day() {
        let (mut known, now) = (KnownRobots::new(1), Instant::now());
        let tomorrow = now + LONGEST;
        known.put("host", &rules(1), now);
        assert!(known.get("host", tomorrow).is_none());
        known.put("host", &rules(2), tomorrow);
        assert!(known.get("host", tomorrow).is_some());
        assert_eq!(known.order.len(), 1);
    }

    #[test]
    fn a_host_that_could_not_say_is_asked_again() {
        let (mut known, now) = (KnownRobots::new(1), Instant::now());
        known.put("host", &Rc::new(Access::NothingYet), now);
        assert!(known.get("host", now).is_none());
    }
}
