//! From a URL to a connection: its name resolved, an address connected to, TLS spoken.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, timeout_at};
use url::{Host, Url};

use super::connection::Connection;
use super::failure;
use super::http2::Http2;
use super::known::KnownAddresses;
use super::metered::Channel;
use super::network::{Addresses, Network};
use super::race;
use super::tls::Tls;
use super::trace::Trace;
use crate::policy::addresses::Reach;
use crate::record::{Failure, Kind, Phase};
use crate::{AddressFamily, Config, HttpVersion};

/// Makes the connections of a run.
pub(crate) struct Connector<N> {
    network: N,
    tls: Tls,
    config: Arc<Config>,
}

/// What was made: a connection for a request at a time, or one for many.
#[expect(clippy::large_enum_variant, reason = "it is taken apart where it is made")]
pub(crate) enum Wire<S: AsyncRead + AsyncWrite + Unpin + 'static> {
    Http1(Connection<S>),
    Http2(Http2),
}

impl<N: Network> Connector<N> {
    pub(crate) fn new(network: N, tls: Tls, config: Arc<Config>) -> Connector<N> {
        Connector { network, tls, config }
    }

    /// Whether a connection for this URL can turn out to be one for many requests.
    pub(crate) fn may_speak_http2(&self, url: &Url) -> bool {
        match self.config.http_version {
            HttpVersion::Negotiated => url.scheme() == "https",
            HttpVersion::Http1 => false,
            HttpVersion::Http2 => true,
        }
    }

    /// Makes a connection for `url`, within `deadline`. `known` are the addresses of its host. `lookup` is given back once
    /// the name is resolved. Dropping the future closes what was opened.
    pub(crate) async fn establish(
        &self,
        url: &Url,
        known: &KnownAddresses,
        lookup: Option<SemaphorePermit<'_>>,
        deadline: Instant,
        trace: &mut Trace,
    ) -> Result<Wire<N::Stream>, Failure> {
        let begun = Instant::now();
        let work = self.connect_and_shake_hands(url, known, lookup, trace);
        match timeout_at(deadline, work).await {
            Ok(result) => result,
            Err(_) => {
                let what = match trace.phase {
                    Phase::Dns => "no answer from the name server",
                    Phase::Connect => "no connection",
                    _ => "the TLS handshake did not end",
                };
                let seconds = deadline.saturating_duration_since(begun).as_secs_f64();
                Err(Failure::new(trace.phase, Kind::Timeout, format!("{what} within {seconds:.3} s")))
            }
        }
    }

    async fn connect_and_shake_hands(
        &self,
        url: &Url,
        known: &KnownAddresses,
        lookup: Option<SemaphorePermit<'_>>,
        trace: &mut Trace,
    ) -> Result<Wire<N::Stream>, Failure> {
        trace.phase = Phase::Dns;
        let addresses = self.addresses(url, known).await?;
        drop(lookup);
        trace.namelookup = Some(trace.elapsed());

        let reachable = within_reach(&addresses, trace.reach)?;
        trace.phase = Phase::Connect;
        let connected =
            race::connect(&self.network, &reachable, port(url), |address| trace.peer = Some(address)).await;
        if connected.is_err() {
            known.forget();
        }
        let (stream, peer) = connected?;
        trace.connect = Some(trace.elapsed());

        let (channel, has_agreed) = if url.scheme() == "https" {
            trace.phase = Phase::Tls;
            let name = server_name(url)?;
            let connector = self.tls.connector().await?;
            let stream = connector.connect(name, stream).await.map_err(|error| failure::handshake(&error))?;
            trace.appconnect = Some(trace.elapsed());
            let has_agreed = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            (Channel::Encrypted(Box::new(stream)), has_agreed)
        } else {
            (Channel::Plain(stream), self.config.http_version == HttpVersion::Http2)
        };
        if self.config.http_version == HttpVersion::Http2 && !has_agreed {
            return Err(Failure::new(Phase::Tls, Kind::Handshake, "the host does not speak HTTP/2"));
        }

        trace.phase = Phase::Send;
        match has_agreed {
            true => Http2::open(channel, Some(peer)).await.map(Wire::Http2),
            false => Connection::http1(channel, Some(peer)).await.map(Wire::Http1),
        }
    }

    /// The addresses of the URL's host, best first.
    async fn addresses(&self, url: &Url, known: &KnownAddresses) -> Result<Rc<[IpAddr]>, Failure> {
        let addresses = match url.host() {
            Some(Host::Ipv4(address)) => Rc::new([address.into()]),
            Some(Host::Ipv6(address)) => Rc::new([address.into()]),
            _ => known.get_or_find(self.find(url.host_str().unwrap_or_default(), port(url))).await?,
        };
        let family = self.config.address_family;
        if addresses.iter().all(|address| family.contains(*address)) {
            return Ok(addresses);
        }
        let fitting: Rc<[IpAddr]> =
            addresses.iter().copied().filter(|address| family.contains(*address)).collect();
        if fitting.is_empty() {
            let wanted = if family == AddressFamily::V4 { "IPv4" } else { "IPv6" };
            let message = format!("{} has no {wanted} address", url.host_str().unwrap_or_default());
            return Err(Failure::new(Phase::Dns, Kind::NotFound, message));
        }
        Ok(fitting)
    }

    async fn find(&self, name: &str, port: u16) -> Result<Addresses, Failure> {
        let fixed = self.config.fixed_addresses.iter().find_map(|entry| entry.of(name, port));
        match fixed {
            Some(fixed) => Ok(Addresses { list: fixed.to_vec(), valid_until: None }),
            None => self.network.resolve(name).await,
        }
    }
}

/// The addresses that may be connected to. These very addresses are: a name that is resolved once more might lead
/// elsewhere.
fn within_reach(addresses: &[IpAddr], reach: Reach) -> Result<Vec<IpAddr>, Failure> {
    let reachable: Vec<IpAddr> = addresses.iter().copied().filter(|address| reach.admits(*address)).collect();
    match addresses.first() {
        Some(first) if reachable.is_empty() => {
            let message = format!("a public host redirected to {first}, which is not public");
            Err(Failure::new(Phase::Redirect, Kind::Denied, message))
        }
        _ => Ok(reachable),
    }
}

fn port(url: &Url) -> u16 {
    url.port_or_known_default().unwrap_or(80)
}

fn server_name(url: &Url) -> Result<ServerName<'static>, Failure> {
    match url.host() {
        Some(Host::Ipv4(address)) => Ok(ServerName::IpAddress(IpAddr::V4(address).into())),
        Some(Host::Ipv6(address)) => Ok(ServerName::IpAddress(IpAddr::V6(address).into())),
        _ => ServerName::try_from(url.host_str().unwrap_or_default().to_owned()).map_err(|reason| {
            let message =
                format!("{:?} cannot be a server's name: {reason}", url.host_str().unwrap_or_default());
            Failure::new(Phase::Tls, Kind::Handshake, message)
        }),
    }
}
