//! The real network: the system's resolver settings and TCP.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hickory_resolver::Resolver;
use hickory_resolver::config::LookupIpStrategy;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use tokio::net::TcpStream;
use tokio::sync::OnceCell;

use super::name_tasks::NameTasks;
use super::network::Network;
use crate::record::{Failure, Kind, Phase};

/// Names that the resolver keeps, with their time to live.
const CACHED_NAMES: u64 = 10_000;

/// Sockets of this machine, and the name servers of its configuration.
#[derive(Default)]
pub(crate) struct Internet {
    /// Made when the first name is asked for: a list of addresses needs no resolver.
    resolver: OnceCell<Resolver<NameTasks>>,
}

impl Internet {
    async fn resolver(&self) -> Result<&Resolver<NameTasks>, Failure> {
        let make = async || {
            let mut builder = Resolver::builder(NameTasks::default())?;
            builder.options_mut().cache_size = CACHED_NAMES;
            // Both kinds of address, the older first: it is the one that works on most networks, and its error is the
            // one that is reported when both fail.
            builder.options_mut().ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
            builder.build()
        };
        self.resolver.get_or_try_init(make).await.map_err(|reason: NetError| {
            let message = format!("cannot read this machine's resolver settings: {reason}");
            Failure::new(Phase::Local, Kind::Resolver, message)
        })
    }
}

impl Network for Internet {
    type Stream = TcpStream;

    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, Failure> {
        if is_localhost(name) {
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        let answer = self.resolver().await?.lookup_ip(name).await;
        let addresses: Vec<IpAddr> = answer.map_err(|reason| dns_failure(name, &reason))?.iter().collect();
        if addresses.is_empty() {
            return Err(Failure::new(Phase::Dns, Kind::NotFound, format!("{name} has no address")));
        }
        Ok(addresses)
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// RFC 6761, section 6.3: such names are this machine, whatever a name server says.
fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

fn dns_failure(name: &str, reason: &NetError) -> Failure {
    let server_failed = |code: &ResponseCode| {
        let message = format!("the name server answered {code} for {name}");
        Failure::new(Phase::Dns, Kind::ServerFailure, message)
    };
    match reason {
        NetError::Timeout => {
            Failure::new(Phase::Dns, Kind::Timeout, format!("no name server answered for {name} in time"))
        }
        NetError::Dns(DnsError::NoRecordsFound(nothing)) => match nothing.response_code {
            ResponseCode::NXDomain => {
                Failure::new(Phase::Dns, Kind::NotFound, format!("the name {name} does not exist"))
            }
            ResponseCode::NoError => {
                Failure::new(Phase::Dns, Kind::NotFound, format!("{name} has no address"))
            }
            code => server_failed(&code),
        },
        NetError::Dns(DnsError::ResponseCode(code)) => server_failed(code),
        NetError::Io(error) if super::failure::is_out_of_descriptors(error) => {
            Failure::new(Phase::Local, Kind::Descriptors, format!("cannot ask a name server: {error}"))
        }
        NetError::Io(error) => {
            Failure::new(Phase::Local, Kind::Resolver, format!("cannot reach a name server: {error}"))
        }
        NetError::NoConnections => {
            Failure::new(Phase::Local, Kind::Resolver, "cannot reach a name server".to_owned())
        }
        other => Failure::new(Phase::Dns, Kind::ServerFailure, format!("cannot resolve {name}: {other}")),
    }
}
