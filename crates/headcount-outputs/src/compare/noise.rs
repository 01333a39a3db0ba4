//! What chance does to response times: how the times of inputs that are otherwise as before differ between two runs.

use serde::Serialize;

/// A time that is less than this many seconds from what it was is as it was.
const LEAST_SECONDS: f64 = 0.1;

/// So is one that is less than this many times as long or as short.
const LEAST_FACTOR: f64 = 2.0;

/// Beyond this many standard deviations, chance is no explanation: one in sixteen thousand, were they normal.
const DEVIATIONS: f64 = 4.0;

/// A standard deviation of a normal distribution in median deviations.
const MEDIAN_DEVIATIONS: f64 = 1.4826;

/// Ratios are told apart by a fiftieth, from one part in 20,000 to 20,000 times.
const STEP: f64 = 0.02;
const STEPS: i32 = 500;

/// Of fewer inputs, the median may be the very one that is slower; they say nothing about the network.
const FEW: u64 = 5;

/// From this many times as long on, or as short, a run as a whole is worth a word.
const WHOLE_RUN: f64 = 2.0;

/// The ratios between the times of two runs, on a logarithmic scale.
pub(super) struct Noise {
    counts: Vec<u64>,
    far: u64,
}

/// What was taken for chance. A time is beyond it if it differs by 0.1 s and by a factor of 2, and if its ratio to the
/// time before lies beyond `factor` of `overall`, to either side.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TimeNoise {
    /// Inputs whose times were compared.
    pub inputs: u64,
    /// Those whose times are 0.1 s and a factor of 2 apart, whether chance explains it or not.
    pub far: u64,
    /// The new time over the old one, for the median input: how the network as a whole differs. 1 if the inputs are too few to tell.
    pub overall: f64,
    /// How far from that chance reaches: four standard deviations, estimated from the median deviation; at least 2.
    pub factor: f64,
}

/// Whether two times are so far apart that it may matter to somebody.
pub(super) fn is_far(before: f64, after: f64) -> bool {
    (after - before).abs() >= LEAST_SECONDS && (after / before).max(before / after) >= LEAST_FACTOR
}

impl Default for Noise {
    fn default() -> Noise {
        Noise { counts: vec![0; 2 * STEPS as usize + 1], far: 0 }
    }
}

impl Noise {
    pub(super) fn add(&mut self, before: f64, after: f64) {
        let step = ((after / before).ln() / STEP).round() as i32;
        self.counts[(step.clamp(-STEPS, STEPS) + STEPS) as usize] += 1;
        self.far += u64::from(is_far(before, after));
    }

    pub(super) fn judge(&self) -> TimeNoise {
        let inputs = self.counts.iter().sum();
        if inputs < FEW {
            return TimeNoise { inputs, far: self.far, overall: 1.0, factor: LEAST_FACTOR };
        }
        let steps = || self.counts.iter().zip(-STEPS..).filter(|(count, _)| **count > 0);
        let shift = median(steps().map(|(count, step)| (step, *count)).collect());
        let deviation = median(steps().map(|(count, step)| ((step - shift).abs(), *count)).collect());
        let reach = f64::from(deviation) * STEP * MEDIAN_DEVIATIONS * DEVIATIONS;
        TimeNoise {
            inputs,
            far: self.far,
            overall: (f64::from(shift) * STEP).exp(),
            factor: reach.exp().max(LEAST_FACTOR),
        }
    }
}

impl TimeNoise {
    /// What there is to say if the run as a whole was much slower or faster: nobody's time is beyond chance then, so that nothing
    /// else would show it.
    pub fn verdict(&self) -> Option<String> {
        if self.far * 2 < self.inputs {
            return None;
        }
        match self.overall {
            WHOLE_RUN.. => Some(format!("the run as a whole took {} times as long", about(self.overall))),
            faster if faster <= 1.0 / WHOLE_RUN => {
                Some(format!("the run as a whole was {} times as fast", about(1.0 / faster)))
            }
            _ => None,
        }
    }

    /// Whether chance explains such a ratio, given as its logarithm.
    pub(super) fn explains(&self, ratio: f64) -> bool {
        (ratio - self.overall.ln()).abs() <= self.factor.ln()
    }
}

/// A factor with the digits that matter.
fn about(factor: f64) -> String {
    if factor < 10.0 { format!("{factor:.1}") } else { format!("{factor:.0}") }
}

/// The middle of values, each so many times there. Of two middles, that which is nearer to none: what happened to a half only
/// did not happen to all.
fn median(mut values: Vec<(i32, u64)>) -> i32 {
    values.sort_unstable();
    let total: u64 = values.iter().map(|(_, count)| count).sum();
    let at = |place: u64| {
        let mut seen = 0;
        let value = values.iter().find(|(_, count)| {
            seen += count;
            seen > place
        });
        value.map_or(0, |(value, _)| *value)
    };
    let middles = [at(total.saturating_sub(1) / 2), at(total / 2)];
    middles.into_iter().min_by_key(|value| value.abs()).unwrap_or(0)
}
