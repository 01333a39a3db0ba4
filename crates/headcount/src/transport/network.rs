//! The seam between the engine and the world: names and byte streams. Real runs stand on
//! [`Internet`](super::Internet); a simulated internet can take its place.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::record::Failure;

/// Where names and connections come from.
#[cfg_attr(
    feature = "simulation",
    expect(async_fn_in_trait, reason = "one thread asks, so the futures need not be Send")
)]
#[cfg_attr(not(feature = "simulation"), expect(unreachable_pub, reason = "simulators implement it"))]
pub trait Network: 'static {
    /// A connection's two directions.
    type Stream: AsyncRead + AsyncWrite + Unpin + 'static;

    /// The addresses of a name, best first and at least one. Dropping the future gives up the question.
    async fn resolve(&self, name: &str) -> Result<Addresses, Failure>;

    /// Connects to one address. Dropping the future closes the socket.
    async fn connect(&self, address: SocketAddr) -> io::Result<Self::Stream>;
}

/// What a name stands for.
#[cfg_attr(not(feature = "simulation"), expect(unreachable_pub, reason = "simulators make them"))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The addresses, in the order in which to try them.
    pub list: Vec<IpAddr>,
    /// Until when that is so, if somebody has said.
    pub valid_until: Option<Instant>,
}
