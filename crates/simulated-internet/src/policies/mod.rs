//! Policies: the scheduler that ships, and what others do per host, under the same limits.

mod arc;
mod auto_throttle;
mod fixed;
mod per_host;
mod shipping;

pub use arc::AdaptiveConcurrency;
pub use auto_throttle::AutoThrottle;
pub use fixed::Fixed;
pub use per_host::{Controller, PerHost, Start};
pub use shipping::Shipping;
