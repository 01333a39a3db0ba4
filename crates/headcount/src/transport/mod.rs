//! One request over one connection: resolving, connecting, TLS, HTTP, and what can go wrong in each.

mod body;
mod certificate;
mod channel;
mod coding;
mod connection;
mod corked;
mod establish;
mod failure;
mod http2;
mod internet;
mod keeping;
mod known;
mod learning;
mod metered;
mod name_tasks;
mod network;
mod race;
mod tls;
mod trace;
mod traffic;
mod tunnel;

pub(crate) use coding::ACCEPTED as ACCEPTED_CODINGS;
pub(crate) use connection::{Broken, Connection, Outgoing};
pub(crate) use establish::{Connector, Wire};
pub(crate) use http2::Http2;
pub(crate) use internet::Internet;
pub use keeping::remove_unfinished_bodies;
pub(crate) use known::KnownAddresses;
pub(crate) use learning::Learnt;
#[cfg(feature = "simulation")]
pub use network::Addresses;
#[cfg_attr(not(feature = "simulation"), expect(unreachable_pub, reason = "simulators implement it"))]
pub use network::Network;
pub(crate) use tls::{Tls, parse_certificates, parse_identity};
pub(crate) use trace::{Head, Trace};
