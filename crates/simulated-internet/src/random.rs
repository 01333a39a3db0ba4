//! Randomness that depends on nothing but a seed and a name, and the shapes it takes.

use std::time::Duration;

use fastrand::Rng;

use crate::model::Service;

/// A source of its own for each name under each seed, the same on every machine.
pub(crate) fn source(seed: u64, name: &str) -> Rng {
    // FNV-1a; the generator's own seeding mixes further.
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    Rng::with_seed(hash ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// A time to serve one request, with the mean that the model names whatever its tail.
pub(crate) fn service_time(service: &Service, random: &mut Rng) -> Duration {
    let factor = match (service.log_normal, service.pareto) {
        (Some(sigma), _) => (sigma * normal(random) - sigma * sigma / 2.0).exp(),
        (None, Some(shape)) => (shape - 1.0) / shape * positive(random).powf(-1.0 / shape),
        (None, None) => 1.0,
    };
    Duration::from_secs_f64((service.mean_ms / 1e3 * factor).min(3_600.0))
}

/// Box and Muller's transformation.
fn normal(random: &mut Rng) -> f64 {
    (-2.0 * positive(random).ln()).sqrt() * (std::f64::consts::TAU * random.f64()).cos()
}

/// From above 0 to 1.
fn positive(random: &mut Rng) -> f64 {
    1.0 - random.f64()
}
