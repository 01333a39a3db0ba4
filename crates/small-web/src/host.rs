//! A host as its user sees it: where it is, and what it has been asked.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use crate::site::{Site, Tally};

/// One host of a [`SmallWeb`](crate::SmallWeb), with its [`Tally`]. Clones are the same host; it lives as long as its web.
#[derive(Clone, Debug)]
pub struct Host {
    address: SocketAddr,
    secure: bool,
    site: Arc<Site>,
}

/// All addresses of 127/8 on one port, each a host to the client, counted together.
#[derive(Clone, Debug)]
pub struct ManyHosts {
    port: u16,
    secure: bool,
    site: Arc<Site>,
}

/// A request that a host has read.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// Path and query as they stood in the request line.
    pub target: String,
    /// The header fields in their order, names as they were written.
    pub headers: Vec<(String, String)>,
    /// Which of the host's connections it came on, counted from 0.
    pub connection: u64,
    /// When it was read, counted from the start of the host.
    pub at: Duration,
}

impl Host {
    pub(crate) fn new(address: SocketAddr, secure: bool, site: Arc<Site>) -> Host {
        Host { address, secure, site }
    }

    /// The URL of a path, which begins with `/`.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", scheme(self.secure), self.address)
    }

    /// The same with `localhost` in place of the address, for which a resolver is needed.
    pub fn url_by_name(&self, path: &str) -> String {
        format!("{}://localhost:{}{path}", scheme(self.secure), self.address.port())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The first ten thousand requests it has read; none from a quiet host.
    pub fn seen(&self) -> Vec<Seen> {
        self.site.seen()
    }
}

impl ManyHosts {
    /// How many hosts there are.
    pub const COUNT: u32 = 16_000_000;

    pub(crate) fn new(port: u16, secure: bool, site: Arc<Site>) -> ManyHosts {
        ManyHosts { port, secure, site }
    }

    /// The URL of a path on host `n`.
    pub fn url(&self, n: u32, path: &str) -> String {
        format!("{}://{}{path}", scheme(self.secure), self.address(n))
    }

    /// Where host `n` listens.
    ///
    /// # Panics
    ///
    /// When `n` is not below [`COUNT`](Self::COUNT).
    pub fn address(&self, n: u32) -> SocketAddr {
        assert!(n < Self::COUNT, "there are {} hosts, so none has the number {n}", Self::COUNT);
        // 127.0.0.x is left to hosts of their own.
        let address = u32::from(Ipv4Addr::new(127, 0, 1, 0)) + n;
        SocketAddr::from((Ipv4Addr::from(address), self.port))
    }
}

impl Deref for Host {
    type Target = Tally;

    fn deref(&self) -> &Tally {
        &self.site.tally
    }
}

impl Deref for ManyHosts {
    type Target = Tally;

    fn deref(&self) -> &Tally {
        &self.site.tally
    }
}

fn scheme(secure: bool) -> &'static str {
    if secure { "https" } else { "http" }
}
