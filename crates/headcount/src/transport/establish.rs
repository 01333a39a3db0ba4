//! From a URL to a connection: its name resolved, an address connected to, TLS spoken.

use std::net::{IpAddr, SocketAddr};

use rustls::pki_types::ServerName;
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, timeout_at};
use url::{Host, Url};

use super::connection::Connection;
use super::failure;
use super::metered::Channel;
use super::network::Network;
use super::tls::Tls;
use super::trace::Trace;
use crate::policy::addresses::Reach;
use crate::record::{Failure, Kind, Phase};

/// Makes a connection for `url`, within `deadline`. `addresses` are those of its host, if they are known already;
/// they are left there. `lookup` is given back once the name is resolved. Dropping the future closes what was opened.
pub(crate) async fn establish<N: Network>(
    network: &N,
    tls: &Tls,
    url: &Url,
    addresses: &mut Option<Vec<IpAddr>>,
    lookup: Option<SemaphorePermit<'_>>,
    deadline: Instant,
    trace: &mut Trace,
) -> Result<Connection<N::Stream>, Failure> {
    let begun = Instant::now();
    let work = connect_and_shake_hands(network, tls, url, addresses, lookup, deadline, trace);
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

async fn connect_and_shake_hands<N: Network>(
    network: &N,
    tls: &Tls,
    url: &Url,
    known: &mut Option<Vec<IpAddr>>,
    lookup: Option<SemaphorePermit<'_>>,
    deadline: Instant,
    trace: &mut Trace,
) -> Result<Connection<N::Stream>, Failure> {
    trace.phase = Phase::Dns;
    let literal = match url.host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        _ => None,
    };
    let addresses = match (literal, &known) {
        (Some(address), _) => vec![address],
        (None, Some(addresses)) => addresses.clone(),
        (None, None) => {
            let found = network.resolve(url.host_str().unwrap_or_default()).await?;
            known.insert(found).clone()
        }
    };
    drop(lookup);
    trace.namelookup = Some(trace.elapsed());
    let addresses = within_reach(addresses, trace.reach)?;

    trace.phase = Phase::Connect;
    let port = url.port_or_known_default().unwrap_or(80);
    let (stream, peer) = connect_to_first(network, &addresses, port, deadline, trace).await?;
    trace.connect = Some(trace.elapsed());

    let channel = if url.scheme() == "https" {
        trace.phase = Phase::Tls;
        let name = server_name(url, peer);
        let connector = tls.connector().await?;
        // In a box, because it is large, and every worker has room for one, also where there is no TLS.
        let handshake = Box::pin(connector.connect(name?, stream));
        let stream = handshake.await.map_err(|error| failure::handshake(&error))?;
        trace.appconnect = Some(trace.elapsed());
        Channel::Encrypted(Box::new(stream))
    } else {
        Channel::Plain(stream)
    };

    trace.phase = Phase::Send;
    Connection::http1(channel, peer).await
}

/// The addresses that may be connected to. These very addresses are: a name that is resolved once more might lead
/// elsewhere.
fn within_reach(mut addresses: Vec<IpAddr>, reach: Reach) -> Result<Vec<IpAddr>, Failure> {
    let Some(first) = addresses.first().copied() else { return Ok(addresses) };
    addresses.retain(|address| reach.admits(*address));
    if addresses.is_empty() {
        let message = format!("a public host redirected to {first}, which is not public");
        return Err(Failure::new(Phase::Redirect, Kind::Denied, message));
    }
    Ok(addresses)
}

/// Tries the addresses in order; each gets its share of what is left of the time, so that a silent one does not
/// keep the others from their turn.
async fn connect_to_first<N: Network>(
    network: &N,
    addresses: &[IpAddr],
    port: u16,
    deadline: Instant,
    trace: &mut Trace,
) -> Result<(N::Stream, IpAddr), Failure> {
    let mut most_telling: Option<Failure> = None;
    for (position, address) in addresses.iter().enumerate() {
        trace.peer = Some(*address);
        let address = SocketAddr::new(*address, port);
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() - position).unwrap_or(u32::MAX);
        let connecting = network.connect(address);
        let result = if position + 1 == addresses.len() {
            Ok(connecting.await)
        } else {
            timeout_at(Instant::now() + share, connecting).await
        };
        let failure = match result {
            Ok(Ok(stream)) => return Ok((stream, address.ip())),
            Ok(Err(error)) => failure::connect(address, &error),
            Err(_) => {
                let message = format!("no connection to {address} within {:.3} s", share.as_secs_f64());
                Failure::new(Phase::Connect, Kind::Timeout, message)
            }
        };
        // An address family that this machine does not have says nothing about the host.
        let says_little = failure.phase == Phase::Local || failure.kind == Kind::Unreachable;
        if most_telling.is_none() || !says_little {
            most_telling = Some(failure);
        }
    }
    Err(most_telling.unwrap_or_else(|| Failure::new(Phase::Dns, Kind::NotFound, "the name has no address")))
}

fn server_name(url: &Url, peer: IpAddr) -> Result<ServerName<'static>, Failure> {
    match url.domain() {
        None => Ok(ServerName::IpAddress(peer.into())),
        Some(name) => ServerName::try_from(name.to_owned()).map_err(|reason| {
            Failure::new(Phase::Tls, Kind::Handshake, format!("{name:?} cannot be a server's name: {reason}"))
        }),
    }
}
