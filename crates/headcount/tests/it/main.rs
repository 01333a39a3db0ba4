//! What users of the library can rely on.

mod codings;
mod engine;
mod handshakes;
mod http1;
mod lease_wake_ups;
mod leases;
mod loops;
mod outcomes;
mod policy;
mod probe;
mod redirects;
mod scheduler;
