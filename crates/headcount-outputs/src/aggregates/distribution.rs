//! How times are distributed: the times themselves while they are few, then counts in buckets whose bounds grow by a constant
//! factor.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// Times that are kept as they are.
const FEW: usize = 64;

/// Buckets to a factor of ten: a time is known to half a percent.
const PER_DECADE: f64 = 240.0;

/// Buckets that a chart has as one, ten to a factor of ten.
const CHARTED: u16 = 24;

/// The first bucket ends here; times below it are in it too.
const SHORTEST: f64 = 0.0001;

/// Seven factors of ten: up to a thousand seconds. The last bucket has what is above it too.
const LAST: u16 = 1_680;

/// Times, or counts of them.
#[derive(Clone, Debug)]
pub(crate) enum Distribution {
    Few(Vec<f64>),
    Many(BTreeMap<u16, u64>),
}

impl Default for Distribution {
    fn default() -> Distribution {
        Distribution::Few(Vec::new())
    }
}

impl Distribution {
    pub(crate) fn add(&mut self, seconds: f64) {
        match self {
            Distribution::Few(times) if times.len() < FEW => times.push(seconds),
            _ => *self.counts_mut().entry(bucket_of(seconds)).or_default() += 1,
        }
    }

    pub(crate) fn merge(&mut self, other: &Distribution) {
        match other {
            Distribution::Few(times) => times.iter().for_each(|seconds| self.add(*seconds)),
            Distribution::Many(others) => {
                let counts = self.counts_mut();
                for (bucket, count) in others {
                    *counts.entry(*bucket).or_default() += count;
                }
            }
        }
    }

    pub(crate) fn total(&self) -> u64 {
        match self {
            Distribution::Few(times) => times.len() as u64,
            Distribution::Many(counts) => counts.values().sum(),
        }
    }

    /// The buckets of a chart, from the first that has something to the last: lower bound, upper bound, count.
    pub(crate) fn buckets(&self) -> Vec<(f64, f64, u64)> {
        let mut charted: BTreeMap<u16, u64> = BTreeMap::new();
        for (bucket, count) in self.counts().as_ref() {
            *charted.entry(bucket.div_ceil(CHARTED)).or_default() += count;
        }
        let (Some((first, _)), Some((last, _))) = (charted.first_key_value(), charted.last_key_value())
        else {
            return Vec::new();
        };
        let bound = |bucket: u16| upper(f64::from(bucket * CHARTED));
        (*first..=*last)
            .map(|bucket| {
                let count = charted.get(&bucket).copied().unwrap_or(0);
                (bound(bucket) / factor(CHARTED), bound(bucket), count)
            })
            .collect()
    }

    /// The time within which this share had come: of few times one of them, of many as exactly as the buckets allow.
    pub(crate) fn quantile(&self, share: f64) -> Option<f64> {
        let wanted = (self.total() as f64 * share).max(1.0);
        let counts = match self {
            Distribution::Few(times) => {
                let mut times = times.clone();
                times.sort_by(f64::total_cmp);
                let place = (wanted.ceil() as usize).min(times.len());
                return times.get(place.checked_sub(1)?).copied();
            }
            Distribution::Many(counts) => counts,
        };
        let mut before = 0.0;
        for (bucket, count) in counts {
            if wanted - before <= *count as f64 {
                // As if they stood evenly in the bucket, the only one in its middle.
                let within = (wanted - before - 0.5) / *count as f64;
                return Some(upper(f64::from(*bucket) + within - 1.0));
            }
            before += *count as f64;
        }
        None
    }

    fn counts(&self) -> Cow<'_, BTreeMap<u16, u64>> {
        match self {
            Distribution::Few(times) => Cow::Owned(counted(times)),
            Distribution::Many(counts) => Cow::Borrowed(counts),
        }
    }

    /// The counts, from now on instead of the times.
    fn counts_mut(&mut self) -> &mut BTreeMap<u16, u64> {
        if let Distribution::Few(times) = self {
            *self = Distribution::Many(counted(times));
        }
        match self {
            Distribution::Many(counts) => counts,
            Distribution::Few(_) => unreachable!("they have just been counted"),
        }
    }
}

fn counted(times: &[f64]) -> BTreeMap<u16, u64> {
    let mut counts = BTreeMap::new();
    for seconds in times {
        *counts.entry(bucket_of(*seconds)).or_default() += 1;
    }
    counts
}

/// What so many buckets span.
fn factor(buckets: u16) -> f64 {
    10f64.powf(f64::from(buckets) / PER_DECADE)
}

/// Where a bucket ends, or a part of one.
fn upper(bucket: f64) -> f64 {
    SHORTEST * 10f64.powf(bucket / PER_DECADE)
}

fn bucket_of(seconds: f64) -> u16 {
    if seconds <= SHORTEST {
        return 0;
    }
    let place = ((seconds / SHORTEST).log10() * PER_DECADE).ceil();
    // What is no number is in the first.
    (place as u16).min(LAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_between_the_bounds_of_its_bucket() {
        for seconds in [0.0002, 0.001, 0.0372, 0.5, 1.0, 59.9] {
            let mut distribution = Distribution::default();
            distribution.add(seconds);
            let buckets = distribution.buckets();
            let [(lower, upper, 1)] = buckets[..] else { panic!("{buckets:?}") };
            assert!(
                lower <= seconds * 1.000_001 && seconds <= upper * 1.000_001,
                "{lower} {seconds} {upper}"
            );
        }
    }

    #[test]
    fn what_is_off_the_scale_is_counted_at_its_ends() {
        let mut distribution = Distribution::default();
        for seconds in [0.0, -1.0, f64::NAN, 1e9, f64::INFINITY] {
            distribution.add(seconds);
        }
        assert_eq!(distribution.total(), 5);
    }

    /// Exact while they are few; half a percent off at most when they are many.
    #[test]
    fn the_median_is_in_the_middle() {
        let of = |times: &[f64]| {
            let mut distribution = Distribution::default();
            times.iter().for_each(|seconds| distribution.add(*seconds));
            distribution.quantile(0.5)
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[0.123_456]), Some(0.123_456));
        assert_eq!(of(&[3.0, 1.234, 0.5]), Some(1.234));
        for factor in [0.001, 0.0123, 0.1, 1.7] {
            let times: Vec<f64> = (1..=1_001).map(|number| f64::from(number) / 501.0 * factor).collect();
            let median = of(&times).unwrap();
            assert!((median / factor - 1.0).abs() < 0.006, "{median} of {factor}");
        }
    }

    #[test]
    fn what_was_counted_apart_is_the_same_together() {
        for (one, other) in [(10, 20), (40, 40), (10, 200), (200, 10), (200, 300)] {
            let [mut apart, mut rest, mut together] = [(); 3].map(|()| Distribution::default());
            for number in 0..one + other {
                let seconds = 0.001 * f64::from(number * 7 % 500 + 1);
                together.add(seconds);
                if number < one { &mut apart } else { &mut rest }.add(seconds);
            }
            apart.merge(&rest);
            assert_eq!(apart.quantile(0.5), together.quantile(0.5));
            assert_eq!(apart.buckets(), together.buckets());
            assert_eq!(apart.total(), u64::try_from(one + other).unwrap());
        }
    }
}
