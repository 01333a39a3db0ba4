//! Whether a request is asked again, and after how long.

use std::time::Duration;

use http::StatusCode;

use crate::record::{Failure, Kind, Phase};

/// No wait between attempts is longer, however many there were. Jitter comes on top.
const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// Whether another attempt could end otherwise.
pub(crate) fn is_transient(failure: &Failure) -> bool {
    match failure.phase {
        Phase::Input | Phase::Redirect | Phase::Policy => false,
        Phase::Local => true,
        _ => matches!(
            failure.kind,
            Kind::Timeout
                | Kind::Reset
                | Kind::Closed
                | Kind::Refused
                | Kind::Unreachable
                | Kind::ServerFailure
                | Kind::Proxy
        ),
    }
}

/// The statuses that curl's `--retry` calls transient.
pub(crate) fn is_transient_status(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

/// The wait before the next attempt: `base` doubled for each retry made, times a random factor from 0.5 to 1.5,
/// so that requests which failed together do not come back together.
pub(crate) fn delay(base: Duration, retries_made: u32, random: &mut fastrand::Rng) -> Duration {
    let doubled = base.saturating_mul(2_u32.saturating_pow(retries_made));
    doubled.min(LONGEST_DELAY).mul_f64(0.5 + random.f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_within_its_jitter_and_is_capped() {
        let mut random = fastrand::Rng::with_seed(1);
        let base = Duration::from_millis(500);
        for (retries_made, mean) in [(0, 0.5), (1, 1.0), (2, 2.0), (30, 60.0), (u32::MAX, 60.0)] {
            for _ in 0..1_000 {
                let seconds = delay(base, retries_made, &mut random).as_secs_f64();
                assert!((mean * 0.5..=mean * 1.5).contains(&seconds), "{retries_made}: {seconds}");
            }
        }
        assert_eq!(delay(Duration::ZERO, 5, &mut random), Duration::ZERO);
    }
}
