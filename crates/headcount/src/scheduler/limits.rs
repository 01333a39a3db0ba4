//! The limits that the scheduler keeps.

use std::time::Duration;

/// What may be under way, and when.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Jobs over all hosts.
    pub concurrency: usize,
    /// Starts in a second, over all hosts.
    pub rate: Option<f64>,
    /// The limits of each host.
    pub host: HostLimits,
    /// A host that asks to wait for longer is not waited for.
    pub max_hold: Duration,
    /// Attempts without an answer in a row after which a host is given up.
    pub give_up_after: u32,
    /// Retries, as a share of the requests, that the run and each host may make beyond the first hundred.
    pub retry_share: f64,
}

/// What one host may be asked at most. Within it, its pace is found by its answers.
#[derive(Clone, Copy, Debug)]
pub struct HostLimits {
    /// Jobs under way.
    pub at_once: usize,
    /// Starts in a second.
    pub rate: Option<f64>,
    /// The least time between two starts.
    pub delay: Duration,
    /// A host's first job goes alone, until [`Scheduler::open_gate`](super::Scheduler::open_gate).
    pub one_first: bool,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            concurrency: 100,
            rate: None,
            host: HostLimits { at_once: 64, rate: None, delay: Duration::ZERO, one_first: false },
            max_hold: Duration::from_secs(120),
            give_up_after: 100,
            retry_share: 0.5,
        }
    }
}
