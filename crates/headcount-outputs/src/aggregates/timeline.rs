//! What happened when: counts and response times in spans of time that grow with the run, so that they stay few.

use std::collections::BTreeMap;

use headcount::Record;
use headcount::record::Outcome;

use super::Distribution;

/// Spans at most; beyond it, two become one.
const SPANS: i128 = 120;

const NANOSECONDS: f64 = 1e9;

/// The spans of a run. Records may come in any order of time.
pub(crate) struct Timeline {
    /// Nanoseconds of a span.
    width: i128,
    spans: BTreeMap<i128, Span>,
}

#[derive(Clone, Default)]
struct Span {
    accepted: u64,
    rest: u64,
    times: Distribution,
}

/// One span, for a chart.
pub(crate) struct Moment {
    /// Seconds from the start of the first span.
    pub(crate) start: f64,
    pub(crate) accepted: u64,
    pub(crate) rest: u64,
    pub(crate) median: Option<f64>,
    pub(crate) p95: Option<f64>,
}

impl Default for Timeline {
    fn default() -> Timeline {
        Timeline { width: 1_000_000, spans: BTreeMap::new() }
    }
}

impl Timeline {
    pub(crate) fn add(&mut self, record: &Record) {
        let at = record.timestamp.as_nanosecond();
        let span = self.spans.entry(at.div_euclid(self.width)).or_default();
        if record.accepted {
            span.accepted += 1;
        } else {
            span.rest += 1;
        }
        if let (Outcome::Answered, Some(seconds)) = (record.outcome, record.time_total) {
            span.times.add(seconds);
        }
        while self.length() > SPANS {
            self.widen();
        }
    }

    /// Seconds of a span.
    pub(crate) fn width(&self) -> f64 {
        self.width as f64 / NANOSECONDS
    }

    /// Every span from the first to the last, those without records too.
    pub(crate) fn moments(&self) -> Vec<Moment> {
        let Some((first, _)) = self.spans.first_key_value() else { return Vec::new() };
        let nothing = Span::default();
        (0..self.length())
            .map(|place| {
                let span = self.spans.get(&(first + place)).unwrap_or(&nothing);
                Moment {
                    start: place as f64 * self.width(),
                    accepted: span.accepted,
                    rest: span.rest,
                    median: span.times.quantile(0.5),
                    p95: span.times.quantile(0.95),
                }
            })
            .collect()
    }

    fn length(&self) -> i128 {
        match (self.spans.first_key_value(), self.spans.last_key_value()) {
            (Some((first, _)), Some((last, _))) => last - first + 1,
            _ => 0,
        }
    }

    fn widen(&mut self) {
        self.width *= 2;
        let narrow = std::mem::take(&mut self.spans);
        for (place, span) in narrow {
            let wide = self.spans.entry(place.div_euclid(2)).or_default();
            wide.accepted += span.accepted;
            wide.rest += span.rest;
            wide.times.merge(&span.times);
        }
    }
}
