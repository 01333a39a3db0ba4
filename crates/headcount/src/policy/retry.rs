//! Whether a request is asked again, and after how long.

use std::time::Duration;

use http::StatusCode;

use crate::record::{Failure, Kind, Phase};

/// No wait between attempts is longer, however many there were.
const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// Whether another attempt could end otherwise.
pub(crate) fn is_transient(failure: &Failure) -> bool {
    match failure.phase {
        Phase::Input | Phase::Redirect | Phase::Policy => false,
        // The host has answered; to ask it again makes no room on this machine's disk.
        Phase::Local => failure.kind != Kind::Disk,
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

/// Whether a status says that the host will not take the request now, rather than what it thinks of it.
pub(crate) fn is_rejection(status: StatusCode) -> bool {
    matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
}

/// The wait before the next attempt: a random time up to `base` doubled for each retry made, so that requests which
/// failed together do not come back together. Full jitter, after Marc Brooker, "Exponential Backoff and Jitter", 2015.
pub(crate) fn delay(base: Duration, retries_made: u32, random: &mut fastrand::Rng) -> Duration {
    let doubled = base.saturating_mul(2_u32.saturating_pow(retries_made));
    doubled.min(LONGEST_DELAY).mul_f64(random.f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_within_its_jitter_and_is_capped() {
        let mut random = fastrand::Rng::with_seed(1);
        let base = Duration::from_millis(500);
        for (retries_made, most) in [(0, 0.5), (1, 1.0), (2, 2.0), (30, 60.0), (u32::MAX, 60.0)] {
            let waits: Vec<f64> =
                (0..1_000).map(|_| delay(base, retries_made, &mut random).as_secs_f64()).collect();
            assert!(waits.iter().all(|seconds| (0.0..=most).contains(seconds)), "{retries_made}");
            assert!(waits.iter().any(|seconds| *seconds > 0.9 * most), "{retries_made}");
            assert!(waits.iter().any(|seconds| *seconds < 0.1 * most), "{retries_made}");
        }
        assert_eq!(delay(Duration::ZERO, 5, &mut random), Duration::ZERO);
    }
}
