//! What happened in a run, as its hosts saw it: the evidence that two runs were the same, and that limits were kept.

use std::fmt;
use std::time::Duration;

use crate::model::Fault;

/// One thing that happened to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, from the first event on.
    pub at: Duration,
    /// The host's number.
    pub host: usize,
    /// What.
    pub what: What,
}

/// What can happen to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Its name is asked for.
    Resolve,
    /// A connection is asked for.
    Connect,
    /// A request arrives.
    Request {
        /// Which of the list's URLs it is for, by its place; `None` if the path is none of ours.
        place: Option<u64>,
    },
    /// An answer has been read to its end.
    Answer {
        /// Its status.
        status: u16,
    },
    /// Something broke, and it shows.
    Failed(Fault),
    /// A connection is gone.
    Closed {
        /// A request was under way on it.
        is_busy: bool,
    },
}

/// The events of a run, and the most requests that were under way at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    events: Vec<Event>,
    under_way: Vec<u32>,
    total: usize,
    peak: usize,
    peak_of_a_host: usize,
    requests: u64,
    rejections: u64,
}

impl Trace {
    pub(crate) fn new(hosts: usize) -> Trace {
        Trace {
            events: Vec::new(),
            under_way: vec![0; hosts],
            total: 0,
            peak: 0,
            peak_of_a_host: 0,
            requests: 0,
            rejections: 0,
        }
    }

    pub(crate) fn note(&mut self, event: Event) {
        self.events.push(event);
        // Connections outlive the run only where the trace was taken before.
        let Some(under_way) = self.under_way.get_mut(event.host) else { return };
        match event.what {
            What::Request { .. } => {
                *under_way += 1;
                self.total += 1;
                self.requests += 1;
                self.peak = self.peak.max(self.total);
                self.peak_of_a_host = self.peak_of_a_host.max(*under_way as usize);
            }
            What::Answer { status } => {
                *under_way -= 1;
                self.total -= 1;
                self.rejections += u64::from(matches!(status, 429 | 503));
            }
            What::Closed { is_busy: true } => {
                *under_way -= 1;
                self.total -= 1;
            }
            What::Resolve | What::Connect | What::Failed(_) | What::Closed { is_busy: false } => {}
        }
    }

    /// All that happened, in order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Requests that are under way at the end.
    pub fn under_way(&self) -> usize {
        self.total
    }

    /// The most requests that were under way at once.
    pub fn peak(&self) -> usize {
        self.peak
    }

    /// The same over the single hosts.
    pub fn peak_of_a_host(&self) -> usize {
        self.peak_of_a_host
    }

    /// Requests that arrived.
    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// Answers 429 and 503.
    pub fn rejections(&self) -> u64 {
        self.rejections
    }
}

impl fmt::Display for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:.6} host {} {:?}", self.at.as_secs_f64(), self.host, self.what)
    }
}
