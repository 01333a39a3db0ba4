//! An internet in memory: hosts that are functions of a seed and a name, for whole runs of the engine under a paused clock
//! and for scheduling alone with millions of hosts.
//!
//! A [`Scenario`] is a file of numbers. Its [`Host`]s are discrete-event models that are told the time and never wait.
//! Same seed, same trace.

mod capacity;
pub mod discrete;
mod host;
mod ideal;
pub mod loops;
mod model;
mod network;
pub mod policies;
mod random;
mod scenario;
mod stream;
mod trace;
pub mod whole_run;

pub use host::{End, Fate, Host, Trouble};
pub use ideal::{Caps, Ideal, Term};
pub use model::{Bucket, Fault, Model, Outage, OutageKind, Service, Step};
pub use network::SimulatedNetwork;
pub use scenario::{Error, Order, Population, Scenario, Urls};
pub use stream::SimulatedStream;
pub use trace::{Event, Trace, What};
