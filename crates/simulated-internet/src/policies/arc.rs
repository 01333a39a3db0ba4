//! Vector's adaptive request concurrency, from its published description: once a round trip, one more if the limit was
//! reached and the time of an answer has not grown, a tenth less if it has grown or somebody said no.

use std::time::Duration;

use super::{Controller, Start};
use crate::discrete::{Outcome, OutcomeKind};

/// decrease_ratio.
const DECREASE: f64 = 0.9;

/// ewma_alpha.
const WEIGHT: f64 = 0.4;

/// rtt_deviation_scale.
const DEVIATIONS: f64 = 2.5;

/// max_concurrency_limit.
const MOST: usize = 200;

/// The first wait of a rejected request.
const BACKOFF: Duration = Duration::from_secs(1);

/// A limit, and what it is judged by.
pub struct AdaptiveConcurrency {
    limit: usize,
    was_reached: bool,
    was_rejected: bool,
    /// Of the answers since the limit was last judged.
    sum: f64,
    count: u32,
    /// Mean and variance of those before, in seconds.
    past: Option<(f64, f64)>,
    judged_next: Duration,
}

impl Default for AdaptiveConcurrency {
    fn default() -> AdaptiveConcurrency {
        AdaptiveConcurrency {
            limit: 1,
            was_reached: false,
            was_rejected: false,
            sum: 0.0,
            count: 0,
            past: None,
            judged_next: Duration::ZERO,
        }
    }
}

impl AdaptiveConcurrency {
    fn judge(&mut self, now: Duration) {
        let current = (self.count > 0).then(|| self.sum / f64::from(self.count));
        match (self.past, current) {
            (Some((mean, variance)), Some(current)) => {
                let grown = mean + DEVIATIONS * variance.sqrt();
                if !self.was_rejected && self.was_reached && current <= mean && self.limit < MOST {
                    self.limit += 1;
                } else if self.limit > 1 && (self.was_rejected || current >= grown.max(mean * 1.001)) {
                    self.limit = ((self.limit as f64 * DECREASE) as usize).max(1);
                }
                let difference = current - mean;
                let step = WEIGHT * difference;
                self.past = Some((mean + step, (1.0 - WEIGHT) * (variance + difference * step)));
            }
            (None, Some(current)) => self.past = Some((current, 0.0)),
            (_, None) if self.was_rejected => self.limit = ((self.limit as f64 * DECREASE) as usize).max(1),
            (_, None) => {}
        }
        self.judged_next = now + Duration::from_secs_f64(self.past.map_or(1.0, |(mean, _)| mean));
        (self.sum, self.count) = (0.0, 0);
        (self.was_reached, self.was_rejected) = (false, false);
    }
}

impl Controller for AdaptiveConcurrency {
    fn may_start(&self, under_way: usize, _now: Duration) -> Start {
        if under_way < self.limit { Start::Now } else { Start::Later }
    }

    fn started(&mut self, _now: Duration) {}

    fn finished(&mut self, outcome: &Outcome, under_way: usize, now: Duration) {
        self.was_reached |= under_way >= self.limit;
        match outcome.kind {
            OutcomeKind::Answered => {
                self.sum += outcome.took.as_secs_f64();
                self.count += 1;
            }
            OutcomeKind::Rejected { .. } | OutcomeKind::NoResponse => self.was_rejected = true,
        }
        if now >= self.judged_next {
            self.judge(now);
        }
    }

    fn wait_of_rejected(&self) -> Duration {
        BACKOFF
    }
}
