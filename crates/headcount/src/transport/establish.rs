//! From a URL to a connection: its name resolved, an address connected to, TLS spoken.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, timeout_at};
use url::{Host, Position, Url};

use super::certificate;
use super::channel::Channel;
use super::connection::Connection;
use super::failure;
use super::http2::Http2;
use super::known::KnownAddresses;
use super::network::{Addresses, Network};
use super::race;
use super::tls::{self, Purpose, Tls};
use super::trace::Trace;
use super::traffic::Traffic;
use super::tunnel::{self, Target, WholeUrl};
use crate::policy::addresses::Reach;
use crate::proxies::{Proxy, ProxyKind};
use crate::record::{Failure, Kind, Phase};
use crate::{AddressFamily, Config, HttpVersion};

/// Makes the connections of a run.
pub(crate) struct Connector<N> {
    network: N,
    tls: Arc<Tls>,
    config: Arc<Config>,
    /// The addresses of the proxies for http and for https.
    proxies: [KnownAddresses; 2],
    /// What comes over all of them.
    traffic: Rc<Traffic>,
}

/// A stream that leads to a host, and what is known of its end.
struct Reached<S> {
    stream: Channel<S>,
    /// `None`: only a proxy knows.
    peer: Option<IpAddr>,
    whole_url: Option<WholeUrl>,
}

/// What was made: a connection for a request at a time, or one for many.
pub(crate) enum Wire<S: AsyncRead + AsyncWrite + Unpin + 'static> {
    Http1(Box<Connection<S>>),
    Http2(Http2),
}

impl<N: Network> Connector<N> {
    pub(crate) fn new(network: N, tls: Arc<Tls>, config: Arc<Config>) -> Connector<N> {
        let traffic = Rc::new(Traffic::new(Instant::now()));
        Connector { network, tls, config, proxies: Default::default(), traffic }
    }

    /// What came over all connections so far.
    pub(crate) fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Whether a connection for this URL can turn out to be one for many requests.
    pub(crate) fn may_speak_http2(&self, url: &Url) -> bool {
        match self.config.http_version {
            HttpVersion::Negotiated => url.scheme() == "https",
            HttpVersion::Http1 => false,
            HttpVersion::Http2 => true,
        }
    }

    /// Makes a connection for `url`, within `deadline`; with `only_http1`, one that HTTP/1.1 is spoken over. `known` are the
    /// addresses of its host. `lookup` is given back once the name is resolved. Dropping the future closes what was opened.
    pub(crate) async fn establish(
        &self,
        url: &Url,
        known: &KnownAddresses,
        only_http1: bool,
        lookup: Option<SemaphorePermit<'_>>,
        deadline: Instant,
        trace: &mut Trace,
    ) -> Result<Wire<N::Stream>, Failure> {
        let begun = Instant::now();
        let work = self.connect_and_shake_hands(url, known, only_http1, lookup, trace);
        match timeout_at(deadline, work).await {
            Ok(result) => result,
            Err(_) => {
                let seconds = deadline.saturating_duration_since(begun).as_secs_f64();
                let what = match (trace.phase, self.config.proxies.of(url)) {
                    (Phase::Dns, _) => "no answer from the name server",
                    (Phase::Connect, None) => "no connection",
                    (Phase::Connect, Some(proxy)) => {
                        let reason = format_args!("did not connect within {seconds:.3} s");
                        return Err(tunnel::failure(proxy, reason));
                    }
                    _ => "the TLS handshake did not end",
                };
                Err(Failure::new(trace.phase, Kind::Timeout, format!("{what} within {seconds:.3} s")))
            }
        }
    }

    async fn connect_and_shake_hands(
        &self,
        url: &Url,
        known: &KnownAddresses,
        only_http1: bool,
        lookup: Option<SemaphorePermit<'_>>,
        trace: &mut Trace,
    ) -> Result<Wire<N::Stream>, Failure> {
        let Reached { stream, peer, whole_url } = match self.config.proxies.of(url) {
            None => self.reach(url, known, lookup, trace).await?,
            Some(proxy) => self.reach_through(proxy, url, known, lookup, trace).await?,
        };
        trace.connect = Some(trace.elapsed());

        let (channel, has_agreed) = if url.scheme() == "https" {
            trace.phase = Phase::Tls;
            let name = server_name(url)?;
            let purpose = if only_http1 { Purpose::HostInHttp1 } else { Purpose::Host };
            let connector = self.tls.connector(purpose).await?;
            let stream = tls::shake_hands(connector, name, stream).await.map_err(|error| {
                trace.certificate = certificate::refused(&error);
                failure::handshake(&error)
            })?;
            trace.appconnect = Some(trace.elapsed());
            if self.config.certificate_facts {
                let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
                trace.certificate = shown.and_then(certificate::facts);
            }
            let has_agreed = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            (Channel::Encrypted(stream), has_agreed)
        } else {
            (Channel::Plain(stream), self.config.http_version == HttpVersion::Http2)
        };
        if self.config.http_version == HttpVersion::Http2 && !has_agreed {
            return Err(Failure::new(Phase::Tls, Kind::Handshake, "the host does not speak HTTP/2"));
        }

        trace.phase = Phase::Send;
        let (certificate, traffic) = (trace.certificate.clone(), Rc::clone(&self.traffic));
        match has_agreed {
            true => Http2::open(channel, peer, certificate, traffic).await.map(Wire::Http2),
            false => Connection::http1(channel, peer, certificate, whole_url, traffic).await.map(Wire::Http1),
        }
    }

    /// Connects to the URL's host itself.
    async fn reach(
        &self,
        url: &Url,
        known: &KnownAddresses,
        lookup: Option<SemaphorePermit<'_>>,
        trace: &mut Trace,
    ) -> Result<Reached<N::Stream>, Failure> {
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
        Ok(Reached { stream: Channel::Plain(stream), peer: Some(peer), whole_url: None })
    }

    /// Connects to a proxy, and through it to the URL's host. What fails on the way is the proxy's.
    async fn reach_through(
        &self,
        proxy: &Proxy,
        url: &Url,
        known: &KnownAddresses,
        lookup: Option<SemaphorePermit<'_>>,
        trace: &mut Trace,
    ) -> Result<Reached<N::Stream>, Failure> {
        let mut address = literal(url);
        if !proxy.kind.resolves() {
            trace.phase = Phase::Dns;
            let addresses = within_reach(&self.addresses(url, known).await?, trace.reach)?;
            let can_be_named = |address: &&IpAddr| proxy.kind == ProxyKind::Socks5 || address.is_ipv4();
            address = addresses.iter().find(can_be_named).or(addresses.first()).copied();
        } else if let Some(address) = address {
            within_reach(&[address], trace.reach)?;
        }
        drop(lookup);
        trace.phase = Phase::Connect;
        let stream = self.connect_to_proxy(proxy, url, trace).await?;
        let mut whole_url = None;
        let (host, port) = (url.host_str().unwrap_or_default(), port(url));
        let target = Target { host, port, address };
        let speaks_plain_http1 = url.scheme() == "http" && self.config.http_version != HttpVersion::Http2;
        let stream = match proxy.kind {
            ProxyKind::Http | ProxyKind::Https if speaks_plain_http1 => {
                let authority = &url[Position::BeforeHost..Position::AfterPort];
                let authority = authority.parse().map_err(|reason| tunnel::failure(proxy, reason))?;
                whole_url = Some(WholeUrl { proxy: proxy.clone(), authority });
                stream
            }
            ProxyKind::Http | ProxyKind::Https => tunnel::connect(stream, proxy, &target).await?,
            _ => tunnel::socks(stream, proxy, &target).await?,
        };
        Ok(Reached { stream, peer: address, whole_url })
    }

    async fn connect_to_proxy(
        &self,
        proxy: &Proxy,
        url: &Url,
        trace: &mut Trace,
    ) -> Result<Channel<N::Stream>, Failure> {
        // Each scheme has one.
        let known = &self.proxies[usize::from(url.scheme() == "https")];
        let addresses = match &proxy.host {
            Host::Ipv4(address) => Ok(Rc::new([(*address).into()]) as Rc<[IpAddr]>),
            Host::Ipv6(address) => Ok(Rc::new([(*address).into()]) as Rc<[IpAddr]>),
            Host::Domain(name) => known.get_or_find(self.find(name, proxy.port)).await,
        };
        let of_proxy = |failure: Failure| match failure.phase {
            Phase::Local => failure,
            _ => tunnel::failure(proxy, format_args!("cannot be reached: {}", failure.message)),
        };
        let addresses = addresses.map_err(of_proxy)?;
        trace.namelookup = Some(trace.elapsed());
        match race::connect(&self.network, &addresses, proxy.port, |_address| ()).await {
            Ok((stream, _address)) if proxy.kind == ProxyKind::Https => {
                let connector = self.tls.connector(Purpose::Proxy).await?;
                let name = proxy_name(proxy).map_err(of_proxy)?;
                let stream = tls::shake_hands(connector, name, stream).await;
                Ok(Channel::Encrypted(stream.map_err(|error| of_proxy(failure::handshake(&error)))?))
            }
            Ok((stream, _address)) => Ok(Channel::Plain(stream)),
            Err(failure) => {
                known.forget();
                Err(of_proxy(failure))
            }
        }
    }

    /// The addresses of the URL's host, best first.
    async fn addresses(&self, url: &Url, known: &KnownAddresses) -> Result<Rc<[IpAddr]>, Failure> {
        let addresses = match literal(url) {
            Some(address) => Rc::new([address]),
            None => known.get_or_find(self.find(url.host_str().unwrap_or_default(), port(url))).await?,
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

/// The address, if that is how the URL names its host.
fn literal(url: &Url) -> Option<IpAddr> {
    match url.host() {
        Some(Host::Ipv4(address)) => Some(address.into()),
        Some(Host::Ipv6(address)) => Some(address.into()),
        _ => None,
    }
}

fn port(url: &Url) -> u16 {
    url.port_or_known_default().unwrap_or(80)
}

fn server_name(url: &Url) -> Result<ServerName<'static>, Failure> {
    match literal(url) {
        Some(address) => Ok(ServerName::IpAddress(address.into())),
        None => name_in_tls(url.host_str().unwrap_or_default()),
    }
}

fn proxy_name(proxy: &Proxy) -> Result<ServerName<'static>, Failure> {
    match &proxy.host {
        Host::Ipv4(address) => Ok(ServerName::IpAddress((*address).into())),
        Host::Ipv6(address) => Ok(ServerName::IpAddress((*address).into())),
        Host::Domain(name) => name_in_tls(name),
    }
}

fn name_in_tls(name: &str) -> Result<ServerName<'static>, Failure> {
    ServerName::try_from(name.to_owned()).map_err(|reason| {
        let message = format!("{name:?} cannot be a server's name: {reason}");
        Failure::new(Phase::Tls, Kind::Handshake, message)
    })
}
