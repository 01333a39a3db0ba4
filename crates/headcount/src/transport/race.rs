//! Connecting to the first of a host's addresses that answers: both families side by side, one a little after the other
//! (RFC 8305).

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::{Instant, sleep_until};

use super::failure;
use super::network::Network;
use crate::record::{Failure, Kind, Phase};

/// How long an address is waited for alone, before the next is tried beside it.
const HEAD_START: Duration = Duration::from_millis(250);

/// Connects to one of the addresses, tried in their order. A failure starts the next at once; who connects first has won,
/// and the others are dropped. `tried` is told each address as its turn comes, and at last whom the result is about.
pub(super) async fn connect<N: Network>(
    network: &N,
    addresses: &[IpAddr],
    port: u16,
    mut tried: impl FnMut(IpAddr),
) -> Result<(N::Stream, IpAddr), Failure> {
    if let [only] = addresses {
        tried(*only);
        let address = SocketAddr::new(*only, port);
        let connected = network.connect(address).await;
        return connected.map(|stream| (stream, *only)).map_err(|error| failure::connect(address, &error));
    }
    let mut waiting = addresses.iter();
    let mut racing = FuturesUnordered::new();
    let mut most_telling: Option<(IpAddr, Failure)> = None;
    let mut next_start = Instant::now();
    loop {
        if next_start <= Instant::now()
            && let Some(address) = waiting.next()
        {
            tried(*address);
            let address = SocketAddr::new(*address, port);
            racing.push(async move { (address, network.connect(address).await) });
            next_start = Instant::now() + HEAD_START;
        }
        if racing.is_empty() {
            break;
        }
        tokio::select! {
            biased;
            Some((address, result)) = racing.next() => match result {
                Ok(stream) => {
                    tried(address.ip());
                    return Ok((stream, address.ip()));
                }
                Err(error) => {
                    let failure = failure::connect(address, &error);
                    if most_telling.is_none() || !says_little(&failure) {
                        most_telling = Some((address.ip(), failure));
                    }
                    next_start = Instant::now();
                }
            },
            () = sleep_until(next_start), if waiting.len() > 0 => {}
        }
    }
    let nothing = || Failure::new(Phase::Dns, Kind::NotFound, "the name has no address");
    let (address, failure) = most_telling.ok_or_else(nothing)?;
    tried(address);
    Err(failure)
}

/// An address family that this machine does not have says nothing about the host.
fn says_little(failure: &Failure) -> bool {
    failure.phase == Phase::Local || failure.kind == Kind::Unreachable
}

/// The order in which to try a host's addresses: the families in turns, so that one that is broken costs little, and each
/// in the order of the name server.
pub(super) fn in_turns(addresses: &[IpAddr], ipv6_first: bool) -> Vec<IpAddr> {
    let (mut first, mut second): (Vec<IpAddr>, Vec<IpAddr>) =
        addresses.iter().partition(|address| address.is_ipv6() == ipv6_first);
    let mut ordered = Vec::with_capacity(addresses.len());
    let shorter = first.len().min(second.len());
    for (one, other) in first.drain(..shorter).zip(second.drain(..shorter)) {
        ordered.extend([one, other]);
    }
    ordered.extend(first);
    ordered.extend(second);
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_tried_in_turns() {
        let list = |text: &str| text.split(' ').map(|part| part.parse().unwrap()).collect::<Vec<IpAddr>>();
        let found = list("127.0.0.1 127.0.0.2 127.0.0.3 ::1 ::2");
        assert_eq!(in_turns(&found, true), list("::1 127.0.0.1 ::2 127.0.0.2 127.0.0.3"));
        assert_eq!(in_turns(&found, false), list("127.0.0.1 ::1 127.0.0.2 ::2 127.0.0.3"));
        assert_eq!(in_turns(&found[..1], true), list("127.0.0.1"));
    }
}
