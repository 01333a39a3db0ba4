//! A name server on loopback, over UDP, that answers from a closure, says no, fails or stays silent.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket as StdUdpSocket};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use tokio::net::UdpSocket;

/// Records of an address, as the numbers of the protocol.
const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;
const CLASS_INTERNET: u16 = 1;
const HEADER_BYTES: usize = 12;
const MOST_BYTES: usize = 1500;

/// What a name server says about a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameAnswer {
    /// These addresses, for this many seconds; of each query the ones it asks for, which may be none.
    Addresses(Vec<IpAddr>, u32),
    /// NXDOMAIN. `dns/not_found`.
    NotFound,
    /// SERVFAIL. `dns/server_failure`.
    ServerFailure,
    /// REFUSED. `dns/server_failure`.
    Refused,
    /// Nothing at all. `dns/timeout`.
    Silence,
}

/// A name server of a [`SmallWeb`](crate::SmallWeb); it lives as long as its web.
#[derive(Clone, Debug)]
pub struct NameServer {
    address: SocketAddr,
    queries: Arc<AtomicU64>,
}

/// A query, as far as an answer needs it.
#[derive(Debug, PartialEq, Eq)]
struct Query {
    /// In lower case, without the last dot.
    name: String,
    kind: u16,
    /// Where the question ends.
    end: usize,
}

impl NameServer {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many queries it has read.
    pub fn queries(&self) -> u64 {
        self.queries.load(Relaxed)
    }

    pub(crate) fn new(address: SocketAddr) -> NameServer {
        NameServer { address, queries: Arc::default() }
    }

    /// Answers until it is cancelled.
    pub(crate) async fn serve(self, socket: UdpSocket, answer: impl Fn(&str) -> NameAnswer) {
        let mut buffer = [0; MOST_BYTES];
        loop {
            // An error here is about an answer that did not arrive, which is the client's to notice.
            let Ok((count, client)) = socket.recv_from(&mut buffer).await else { continue };
            let Some(query) = parse_query(&buffer[..count]) else { continue };
            self.queries.fetch_add(1, Relaxed);
            if let Some(message) = message(&buffer[..query.end], &query, &answer(&query.name)) {
                let _ = socket.send_to(&message, client).await;
            }
        }
    }
}

pub(crate) fn bind() -> io::Result<(SocketAddr, StdUdpSocket)> {
    let socket = StdUdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_nonblocking(true)?;
    Ok((socket.local_addr()?, socket))
}

fn parse_query(bytes: &[u8]) -> Option<Query> {
    let is_response = bytes.get(2)? & 0x80 != 0;
    let has_one_question = bytes.get(4..6)? == [0, 1];
    if is_response || !has_one_question {
        return None;
    }
    let mut labels = Vec::new();
    let mut at = HEADER_BYTES;
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1;
        match length {
            0 => break,
            1..=63 => labels.push(String::from_utf8_lossy(bytes.get(at..at + length)?).to_ascii_lowercase()),
            // Compressed names have no place in the first question.
            _ => return None,
        }
        at += length;
    }
    let kind = u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]);
    let end = at + 4;
    (bytes.len() >= end).then(|| Query { name: labels.join("."), kind, end })
}

/// The message that answers a question, which it repeats; None for silence.
fn message(question: &[u8], query: &Query, answer: &NameAnswer) -> Option<Vec<u8>> {
    let (code, addresses, seconds) = match answer {
        NameAnswer::Addresses(addresses, seconds) => (0, addresses.as_slice(), *seconds),
        NameAnswer::ServerFailure => (2, &[][..], 0),
        NameAnswer::NotFound => (3, &[][..], 0),
        NameAnswer::Refused => (5, &[][..], 0),
        NameAnswer::Silence => return None,
    };
    let is_asked_for = |address: &&IpAddr| match address {
        IpAddr::V4(_) => query.kind == TYPE_A,
        IpAddr::V6(_) => query.kind == TYPE_AAAA,
    };
    let addresses: Vec<&IpAddr> = addresses.iter().filter(is_asked_for).collect();

    let mut message = question.to_vec();
    // A response with authority, to a query whose wish for recursion is repeated and granted.
    message[2] = 0x84 | (question[2] & 0x01);
    message[3] = 0x80 | code;
    message[6..8].copy_from_slice(&u16::try_from(addresses.len()).ok()?.to_be_bytes());
    // No authorities, and none of the client's extensions, which stand behind the question.
    message[8..HEADER_BYTES].fill(0);
    for address in addresses {
        // The name is the one at the beginning of the question.
        message.extend_from_slice(&[0xc0, 12]);
        message.extend_from_slice(&query.kind.to_be_bytes());
        message.extend_from_slice(&CLASS_INTERNET.to_be_bytes());
        message.extend_from_slice(&seconds.to_be_bytes());
        match address {
            IpAddr::V4(address) => {
                message.extend_from_slice(&[0, 4]);
                message.extend_from_slice(&address.octets());
            }
            IpAddr::V6(address) => {
                message.extend_from_slice(&[0, 16]);
                message.extend_from_slice(&address.octets());
            }
        }
    }
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_query_is_passed_over() {
        let query = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03WWW\x01a\0\0\x01\0\x01";
        let parsed = parse_query(query).unwrap();
        assert_eq!((parsed.name.as_str(), parsed.kind, parsed.end), ("www.a", TYPE_A, query.len()));
        for end in 0..query.len() {
            assert_eq!(parse_query(&query[..end]), None);
        }
    }
}
