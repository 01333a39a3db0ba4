//! One request over one connection: resolving, connecting, TLS, HTTP, and what can go wrong in each.

mod body;
mod coding;
mod connection;
mod establish;
mod failure;
mod internet;
mod keeping;
mod learning;
mod metered;
mod name_tasks;
mod network;
mod tls;
mod trace;

pub(crate) use coding::ACCEPTED as ACCEPTED_CODINGS;
pub(crate) use connection::{Connection, Outgoing, is_alive};
pub(crate) use establish::establish;
pub(crate) use internet::Internet;
pub(crate) use learning::Learnt;
#[cfg_attr(not(feature = "simulation"), expect(unreachable_pub, reason = "simulators implement it"))]
pub use network::Network;
pub(crate) use tls::{Tls, parse_certificates};
pub(crate) use trace::{Head, Trace};
