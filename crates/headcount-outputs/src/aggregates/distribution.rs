//! How times are distributed: counts in buckets whose bounds grow by a constant factor.

/// Buckets to a factor of ten.
const PER_DECADE: f64 = 10.0;

/// The first bucket ends here; times below it are in it too.
const SHORTEST: f64 = 0.0001;

/// Seven factors of ten: up to a thousand seconds. The last bucket has what is above it too.
const BUCKETS: usize = 71;

/// Counts of times.
#[derive(Clone, Debug)]
pub(crate) struct Distribution {
    counts: [u64; BUCKETS],
}

impl Default for Distribution {
    fn default() -> Distribution {
        Distribution { counts: [0; BUCKETS] }
    }
}

impl Distribution {
    pub(crate) fn add(&mut self, seconds: f64) {
        self.counts[bucket_of(seconds)] += 1;
    }

    pub(crate) fn merge(&mut self, other: &Distribution) {
        for (count, other) in self.counts.iter_mut().zip(other.counts) {
            *count += other;
        }
    }

    pub(crate) fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The buckets from the first that has something to the last: lower bound, upper bound, count.
    pub(crate) fn buckets(&self) -> Vec<(f64, f64, u64)> {
        let Some(first) = self.counts.iter().position(|count| *count > 0) else { return Vec::new() };
        let last = self.counts.iter().rposition(|count| *count > 0).unwrap_or(first);
        (first..=last).map(|bucket| (upper(bucket) / factor(), upper(bucket), self.counts[bucket])).collect()
    }

    /// The time within which this share had come, as exactly as the buckets allow.
    pub(crate) fn quantile(&self, share: f64) -> Option<f64> {
        let wanted = (self.total() as f64 * share).max(1.0);
        let mut before = 0.0;
        for (bucket, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            if wanted - before <= *count as f64 {
                // As if they stood evenly in the bucket, the only one in its middle.
                let within = (wanted - before - 0.5) / *count as f64;
                return Some(upper(bucket) * factor().powf(within - 1.0));
            }
            before += *count as f64;
        }
        None
    }
}

fn factor() -> f64 {
    10f64.powf(1.0 / PER_DECADE)
}

fn upper(bucket: usize) -> f64 {
    SHORTEST * 10f64.powf(bucket as f64 / PER_DECADE)
}

fn bucket_of(seconds: f64) -> usize {
    if seconds <= SHORTEST {
        return 0;
    }
    let place = ((seconds / SHORTEST).log10() * PER_DECADE).ceil();
    (place as usize).min(BUCKETS - 1)
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

    #[test]
    fn the_median_is_in_the_middle() {
        let mut distribution = Distribution::default();
        for milliseconds in 1..=100 {
            distribution.add(f64::from(milliseconds) / 1e3);
        }
        let median = distribution.quantile(0.5).unwrap();
        assert!((0.040..0.063).contains(&median), "{median}");
        assert_eq!(Distribution::default().quantile(0.5), None);
    }
}
