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

/// The ratios between the times of two runs, on a logarithmic scale.
pub(super) struct Noise {
    counts: Vec<u64>,
}

/// What was taken for chance. A time is beyond it if it differs by 0.1 s and by a factor of 2, and if its ratio to the
/// time before lies beyond `factor` of `overall`, to either side.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TimeNoise {
    /// Inputs whose times were compared.
    pub inputs: u64,
    /// The new time over the old one, for the median input: how the network as a whole differs.
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
        Noise { counts: vec![0; 2 * STEPS as usize + 1] }
    }
}

impl Noise {
    pub(super) fn add(&mut self, before: f64, after: f64) {
        let step = ((after / before).ln() / STEP).round() as i32;
        self.counts[(step.clamp(-STEPS, STEPS) + STEPS) as usize] += 1;
    }

    pub(super) fn judge(&self) -> TimeNoise {
        let steps = || self.counts.iter().zip(-STEPS..).filter(|(count, _)| **count > 0);
        let shift = median(steps().map(|(count, step)| (step, *count)).collect());
        let deviation = median(steps().map(|(count, step)| ((step - shift).abs(), *count)).collect());
        let reach = f64::from(deviation) * STEP * MEDIAN_DEVIATIONS * DEVIATIONS;
        TimeNoise {
            inputs: self.counts.iter().sum(),
            overall: (f64::from(shift) * STEP).exp(),
            factor: reach.exp().max(LEAST_FACTOR),
        }
    }
}

impl TimeNoise {
    /// Whether chance explains such a ratio, given as its logarithm.
    pub(super) fn explains(&self, ratio: f64) -> bool {
        (ratio - self.overall.ln()).abs() <= self.factor.ln()
    }
}

/// The middle of values, each so many times there.
fn median(mut values: Vec<(i32, u64)>) -> i32 {
    values.sort_unstable();
    let half = values.iter().map(|(_, count)| count).sum::<u64>() / 2;
    let mut seen = 0;
    let middle = values.iter().find(|(_, count)| {
        seen += count;
        seen > half
    });
    middle.map_or(0, |(value, _)| *value)
}
