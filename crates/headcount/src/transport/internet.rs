//! The real network: the system's resolver settings and TCP.

use std::cell::Cell;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hickory_resolver::config::{LookupIpStrategy, NameServerConfig, ResolverConfig};
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::Name;
use hickory_resolver::{Resolver, ResolverBuilder};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::name_tasks::NameTasks;
use super::network::{Addresses, Network};
use super::race::in_turns;
use crate::record::{Failure, Kind, Phase};
use crate::{AddressFamily, Config};

/// Names that the resolver keeps, with their time to live.
const CACHED_NAMES: u64 = 10_000;

/// Sockets of this machine, and the name servers of its configuration.
#[derive(Default)]
pub(crate) struct Internet {
    /// Name servers in place of the system's.
    name_servers: Vec<SocketAddr>,
    family: AddressFamily,
    /// Made when the first name is asked for: a list of addresses needs no resolver.
    resolver: OnceCell<Resolver<NameTasks>>,
    /// There is no way from here to the IPv6 internet, as far as was seen.
    lacks_ipv6: Cell<bool>,
}

impl Internet {
    pub(crate) fn new(config: &Config) -> Internet {
        let (name_servers, family) = (config.name_servers.clone(), config.address_family);
        Internet { name_servers, family, ..Internet::default() }
    }

    async fn resolver(&self) -> Result<&Resolver<NameTasks>, Failure> {
        let make = async || {
            let builder = match self.name_servers.is_empty() {
                true => Resolver::builder(NameTasks::default())?,
                false => Resolver::builder_with_config(asking(&self.name_servers), NameTasks::default()),
            };
            build(builder, self.family)
        };
        self.resolver.get_or_try_init(make).await.map_err(|reason: NetError| {
            let message = format!("cannot read this machine's resolver settings: {reason}");
            Failure::new(Phase::Local, Kind::Resolver, message)
        })
    }
}

/// These name servers, over UDP and, for long answers, TCP.
fn asking(name_servers: &[SocketAddr]) -> ResolverConfig {
    let server = |address: &SocketAddr| {
        let mut server = NameServerConfig::udp_and_tcp(address.ip());
        server.connections.iter_mut().for_each(|connection| connection.port = address.port());
        server
    };
    ResolverConfig::from_parts(None, Vec::new(), name_servers.iter().map(server).collect())
}

fn build(
    mut builder: ResolverBuilder<NameTasks>,
    family: AddressFamily,
) -> Result<Resolver<NameTasks>, NetError> {
    let options = builder.options_mut();
    options.cache_size = CACHED_NAMES;
    options.ip_strategy = match family {
        AddressFamily::V4 => LookupIpStrategy::Ipv4Only,
        AddressFamily::V6 => LookupIpStrategy::Ipv6Only,
        AddressFamily::Any => LookupIpStrategy::Ipv4AndIpv6,
    };
    builder.build()
}

impl Network for Internet {
    type Stream = TcpStream;

    async fn resolve(&self, name: &str) -> Result<Addresses, Failure> {
        if is_localhost(name) {
            let list = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            return Ok(Addresses { list, valid_until: None });
        }
        let Some(asked) = name_of(name) else { return Err(no_name(name)) };
        let answer = self.resolver().await?.lookup_ip(asked).await;
        let answer = answer.map_err(|reason| dns_failure(name, &reason))?;
        let found: Vec<IpAddr> = answer.iter().collect();
        if found.is_empty() {
            return Err(Failure::new(Phase::Dns, Kind::NotFound, format!("{name} has no address")));
        }
        let list = in_turns(&found, !self.lacks_ipv6.get());
        Ok(Addresses { list, valid_until: Some(Instant::from_std(answer.valid_until())) })
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let connected = TcpStream::connect(address).await;
        if address.is_ipv6() && !address.ip().is_loopback() {
            let is_unreachable = |error: &io::Error| error.kind() == io::ErrorKind::NetworkUnreachable;
            self.lacks_ipv6.set(connected.as_ref().is_err_and(is_unreachable));
        }
        let stream = connected?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// RFC 6761, section 6.3: such names are this machine, whatever a name server says.
fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

/// The name as DNS has it. The URL parser has done IDNA and let pass what browsers do, which is more than the letters, digits
/// and hyphens of host names: `_` above all. None where a part is empty or too long, or the whole is.
fn name_of(text: &str) -> Option<Name> {
    let (relative, is_whole) = match text.strip_suffix('.') {
        Some(relative) => (relative, true),
        None => (text, false),
    };
    let mut name = Name::from_labels(relative.split('.').map(str::as_bytes)).ok()?;
    name.set_fqdn(is_whole);
    Some(name)
}

fn no_name(text: &str) -> Failure {
    let message = format!("{text} cannot be a name: a part of it is empty or too long, or the whole is");
    Failure::new(Phase::Dns, Kind::NotFound, message)
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use headcount_tasks::{BoxError, Runner, Value, task_tree, timeout};
    use small_web::{NameAnswer, SmallWeb};

    use super::*;

    /// An internet that asks this name server only.
    fn asking(server: SocketAddr) -> Internet {
        Internet { name_servers: vec![server], ..Internet::default() }
    }

    /// What a name server's answer comes to, within a second.
    fn resolve(answer: NameAnswer) -> Result<Vec<IpAddr>, String> {
        let web = SmallWeb::start().unwrap();
        let address = web.name_server(move |_name| answer.clone()).address();
        let main = async move {
            let internet = asking(address);
            Ok::<_, BoxError>(Value(
                match timeout(Duration::from_secs(1), internet.resolve("a.example")).await {
                    Ok(result) => result
                        .map(|found| found.list)
                        .map_err(|failure| format!("{}/{}", failure.phase, failure.kind)),
                    Err(_elapsed) => Err("no answer in a second".to_owned()),
                },
            ))
        };
        Runner::new().signals(false).run(main).unwrap().0
    }

    #[test]
    fn a_name_server_that_fails_is_told_from_a_name_that_does_not_exist() {
        let address: IpAddr = Ipv4Addr::new(127, 0, 0, 9).into();
        assert_eq!(resolve(NameAnswer::Addresses(vec![address], 60)), Ok(vec![address]));
        let failures = [
            (NameAnswer::NotFound, "dns/not_found"),
            (NameAnswer::Addresses(Vec::new(), 60), "dns/not_found"),
            (NameAnswer::ServerFailure, "dns/server_failure"),
            (NameAnswer::Refused, "dns/server_failure"),
            // The deadline of the attempt ends it; there it becomes dns/timeout.
            (NameAnswer::Silence, "no answer in a second"),
        ];
        for (answer, expected) in failures {
            assert_eq!(resolve(answer.clone()), Err(expected.to_owned()), "{answer:?}");
        }
    }

    #[test]
    fn the_resolvers_tasks_are_on_the_loop() {
        let web = SmallWeb::start().unwrap();
        let address = web.name_server(|_name| NameAnswer::Silence).address();
        let main = async move {
            let internet = asking(address);
            let mut asking = std::pin::pin!(internet.resolve("a.example"));
            let still_asking = timeout(Duration::from_millis(100), &mut asking).await.is_err();
            Ok::<_, BoxError>(Value((still_asking, task_tree().to_string())))
        };
        let (still_asking, tree) = Runner::new().signals(false).run(main).unwrap().0;
        assert!(still_asking && tree.contains("name server"), "{tree}");
    }
}
