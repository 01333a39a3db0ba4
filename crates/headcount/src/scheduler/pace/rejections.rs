//! What it says that a host turns requests away: there were too many at once, or they came too often.

use std::time::Duration;

use tokio::time::Instant;

use super::{Pace, Sent, seconds};
use crate::scheduler::pacing::Pacing;

/// What was turned away says that there were too many at once, rather than too often, only if so many were let
/// through since the last time.
const ENOUGH: u32 = 20;
/// Answers in the round of the first rejection that make a measure.
const A_MEASURE: u32 = 3;
/// Between two requests to a host that turns everything away, so many rounds in a row, and names no time: the wait
/// doubles from the first to the longest, or to four times the interval of its pace.
const FRUITLESS: u32 = 3;
const FIRST_PROBE: Duration = Duration::from_millis(250);
const LONGEST_PROBE_OF_REJECTED: Duration = Duration::from_secs(10);

/// The time since the last rejection that said something new.
#[derive(Clone, Debug, Default)]
pub(super) struct Epoch {
    /// Rejections of requests up to this one say nothing new.
    pub(super) until: u64,
    pub(super) accepted: u32,
    /// The most requests under way beside which one was let through.
    pub(super) proven: usize,
    pub(super) kind: EpochKind,
}

#[derive(Clone, Debug, Default)]
pub(super) enum EpochKind {
    /// Nothing was turned away yet.
    #[default]
    First,
    TooMany,
    /// Too often. Nothing starts until the round has come back: what it lets through is a measure of the rate.
    Measuring {
        since: Instant,
        wait: Duration,
    },
    TooOften,
}

impl Pace {
    pub(super) fn rejected(&mut self, sent: Sent, wait: Option<Duration>, now: Instant) {
        if self.silence > 0 {
            self.answered(now);
        }
        self.counts.rejected += 1;
        self.counts.longest_wait = self.counts.longest_wait.max(wait.unwrap_or_default());
        let others = sent.in_flight - 1;
        if sent.number <= self.epoch.until {
            match &mut self.epoch.kind {
                EpochKind::TooMany if others > 0 && others < self.window.size() => {
                    self.window.found_ceiling(others);
                }
                EpochKind::Measuring { wait: longest, .. } => {
                    *longest = wait.unwrap_or_default().max(*longest);
                }
                _ => {}
            }
            return;
        }
        if self.epoch.accepted == 0 && self.counts.accepted > 0 && wait.is_none() {
            self.fruitless += 1;
            if self.fruitless >= FRUITLESS {
                self.probe_less_often(now);
            }
        }
        let is_first = matches!(self.epoch.kind, EpochKind::First);
        // Who limits how often he is asked answers the rest as fast as ever: slow answers are a queue that is full.
        let looks_like_too_many = others > 0 && (sent.in_flight > self.epoch.proven || self.window.is_slow());
        if looks_like_too_many && (is_first || self.epoch.accepted >= ENOUGH) {
            self.epoch.kind = EpochKind::TooMany;
            self.window.found_ceiling(others);
            if wait.is_some() {
                self.window.start_again();
            }
            self.note(now, || format!("turned away beside {others} others: {others} at once"));
        } else if let Some(pacing) = &mut self.pacing {
            self.epoch.kind = EpochKind::TooOften;
            pacing.rejected(now);
            let rate = pacing.plateau();
            self.note(now, || format!("turned away: {rate:.2} a second"));
        } else {
            self.epoch.kind = EpochKind::Measuring { since: now, wait: wait.unwrap_or_default() };
            self.window.forget_ceiling();
            self.window.cut(0.7, 1.0);
            self.note(now, || "turned away, though not for too many at once: measuring its rate".to_owned());
        }
        // Answers to what is under way are counted for the measure, but prove nothing.
        self.epoch.until = self.last;
        self.epoch.accepted = 0;
        self.epoch.proven = 0;
        self.cut_at = self.last;
    }

    /// The round in which the host first turned requests away for their rate has come back.
    pub(super) fn measured(&mut self, since: Instant, wait: Duration, now: Instant) {
        self.epoch.kind = EpochKind::TooOften;
        let round = now.saturating_duration_since(since).as_secs_f64().max(1e-3);
        let before = self.first_start.map_or(Duration::ZERO, |first| since.saturating_duration_since(first));
        let before = before.saturating_sub(self.counts.held).as_secs_f64().max(1e-3);
        let earlier = (self.counts.accepted.saturating_sub(u64::from(self.epoch.accepted)) as f64).max(0.5);
        let accepted = f64::from(self.epoch.accepted);
        let (rate, is_measured) = if self.epoch.accepted >= A_MEASURE {
            (accepted / round, true)
        } else if wait.is_zero() {
            (((accepted + 0.5) / round / 2.0).min(earlier / before), false)
        } else {
            // A host often asks for as long as it takes to let through again what it let through before.
            (earlier / (before + wait.as_secs_f64()), false)
        };
        let burst = (earlier - rate * before).max(0.0);
        let mut pacing = Pacing::new(rate, is_measured, burst, since);
        if let Some(end) = self.held_until.filter(|end| *end > now) {
            pacing.held(end.saturating_duration_since(since), end);
        }
        self.pacing = Some(pacing);
        self.note(now, || {
            format!("{rate:.2} a second, {}", if is_measured { "measured" } else { "a guess" })
        });
    }

    /// Nothing was let through since the last rejection.
    fn probe_less_often(&mut self, now: Instant) {
        let interval = self.pacing.as_ref().map_or(0.0, |pacing| 1.0 / pacing.plateau());
        let first = FIRST_PROBE.max(Duration::from_secs_f64(interval));
        let longest = LONGEST_PROBE_OF_REJECTED.max(4 * first);
        let wait = self.probing.map_or(first, |wait| wait * 2).min(longest);
        self.probing = Some(wait);
        self.note(now, || format!("nothing is let through: a request every {}", seconds(wait)));
    }

    pub(super) fn is_measuring(&self) -> bool {
        matches!(self.epoch.kind, EpochKind::Measuring { .. })
    }
}
