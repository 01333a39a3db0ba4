//! Arithmetic of the hosts that limit their clients: a token bucket and windows of time.

use std::time::Duration;

/// A token bucket that is told the time.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    per_second: f64,
    burst: f64,
    tokens: f64,
    filled_at: Duration,
}

impl Bucket {
    pub(crate) fn new(per_second: f64, burst: f64) -> Bucket {
        Bucket { per_second, burst, tokens: burst, filled_at: Duration::ZERO }
    }

    /// Takes a token, or says how long it is until there is one.
    pub(crate) fn take(&mut self, now: Duration) -> Result<(), Duration> {
        let passed = now.saturating_sub(self.filled_at).as_secs_f64();
        self.tokens = (self.tokens + passed * self.per_second).min(self.burst);
        self.filled_at = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        let wait = (1.0 - self.tokens) / self.per_second;
        Err(Duration::try_from_secs_f64(wait).unwrap_or(Duration::MAX))
    }
}

/// Whether a host that is up for a while, then down for a while, is down at this age.
pub(crate) fn is_down(age: Duration, up: Duration, down: Duration) -> bool {
    let period = (up + down).as_nanos().max(1);
    age.as_nanos() % period >= up.as_nanos()
}

/// Whether an age lies within a window.
pub(crate) fn is_within(age: Duration, from: Duration, length: Duration) -> bool {
    age >= from && age - from < length
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut bucket = Bucket::new(2.0, 3.0);
        for _ in 0..3 {
            assert_eq!(bucket.take(SECOND), Ok(()));
        }
        assert_eq!(bucket.take(SECOND), Err(SECOND / 2));
        assert_eq!(bucket.take(SECOND + SECOND / 2), Ok(()));
        assert!(bucket.take(SECOND + SECOND / 2).is_err());
    }

    #[test]
    fn windows_begin_and_end() {
        assert!(!is_down(SECOND / 2, SECOND, SECOND));
        assert!(is_down(SECOND, SECOND, SECOND));
        assert!(!is_down(2 * SECOND, SECOND, SECOND));
        assert!(!is_within(SECOND / 2, SECOND, SECOND));
        assert!(is_within(SECOND, SECOND, SECOND));
        assert!(!is_within(2 * SECOND, SECOND, SECOND));
    }
}
