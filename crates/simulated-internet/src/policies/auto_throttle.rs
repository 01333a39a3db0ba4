//! Scrapy's AutoThrottle, from its documentation: a delay between requests that follows the latency, as if one request at a
//! time were under way.

use std::time::Duration;

use fastrand::Rng;

use super::{Controller, Start};
use crate::discrete::{Outcome, OutcomeKind};

/// AUTOTHROTTLE_START_DELAY.
const FIRST_DELAY: f64 = 5.0;

/// AUTOTHROTTLE_MAX_DELAY.
const LONGEST_DELAY: f64 = 60.0;

/// AUTOTHROTTLE_TARGET_CONCURRENCY.
const TARGET: f64 = 1.0;

/// CONCURRENT_REQUESTS_PER_DOMAIN.
const AT_ONCE: usize = 8;

/// A delay between requests, in seconds, and when the next may start.
pub struct AutoThrottle {
    delay: f64,
    next_at: Duration,
    random: Rng,
}

impl Default for AutoThrottle {
    fn default() -> AutoThrottle {
        AutoThrottle { delay: FIRST_DELAY, next_at: Duration::ZERO, random: Rng::with_seed(1) }
    }
}

impl Controller for AutoThrottle {
    fn may_start(&self, under_way: usize, now: Duration) -> Start {
        if under_way >= AT_ONCE {
            Start::Later
        } else if now < self.next_at {
            Start::At(self.next_at)
        } else {
            Start::Now
        }
    }

    /// RANDOMIZE_DOWNLOAD_DELAY: from a half to one and a half of the delay.
    fn started(&mut self, now: Duration) {
        self.next_at = now + Duration::from_secs_f64(self.delay * (0.5 + self.random.f64()));
    }

    fn finished(&mut self, outcome: &Outcome, _under_way: usize, _now: Duration) {
        if outcome.kind == OutcomeKind::NoResponse {
            return;
        }
        let target = outcome.took.as_secs_f64() / TARGET;
        let delay = f64::midpoint(self.delay, target).max(target).min(LONGEST_DELAY);
        // An answer that is no success is often quick, and must not make the crawler faster.
        if outcome.kind == OutcomeKind::Answered || delay > self.delay {
            self.delay = delay;
        }
    }
}
