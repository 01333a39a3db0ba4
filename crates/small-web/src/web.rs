//! The web as a whole: the thread and runtime that all hosts live on, and how hosts come to be.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rustls::ServerConfig;
use socket2::Socket;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::certificates::Authority;
use crate::listen;
use crate::name_server::{self, NameAnswer, NameServer};
use crate::site::Site;
use crate::{
    Certificate, Host, Http2Manners, Http2Reply, ManyHosts, Proxy, ProxyManners, Request, Temperament, http2,
};

/// A web on loopback; dropping it stops every host and joins their thread.
#[derive(Debug)]
pub struct SmallWeb {
    handle: Handle,
    servers: Mutex<JoinSet<()>>,
    authority: Authority,
    /// Sockets that only have to stay open for their addresses to mean what they mean.
    held: Mutex<Vec<Socket>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A URL to which loopback has no route: connecting fails at once with ENETUNREACH, and nothing is sent.
///
/// It names the broadcast address of 127/8. Linux refuses to open a TCP connection to any broadcast address
/// while it looks up the route, before there is a packet; the record is `connect/unreachable`.
pub fn unreachable_url() -> &'static str {
    "http://127.255.255.255/"
}

impl SmallWeb {
    /// Starts a web without hosts.
    pub fn start() -> io::Result<SmallWeb> {
        let authority = Authority::new()?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("small-web".to_owned()).spawn(move || {
            // Either way of ending, a message or a dropped sender, means the same; the runtime then goes
            // with all its tasks.
            let _ = runtime.block_on(stopped);
        })?;
        Ok(SmallWeb {
            handle,
            servers: Mutex::default(),
            authority,
            held: Mutex::default(),
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// A host of its own on 127.0.0.1 that logs the requests it sees.
    ///
    /// # Panics
    ///
    /// When the machine has no port or descriptor left, as all methods here that open a listener.
    pub fn host(&self, temperament: Temperament) -> Host {
        self.open(temperament, None, true)
    }

    /// The same without the log of requests, which a benchmark should not pay for.
    pub fn quiet_host(&self, temperament: Temperament) -> Host {
        self.open(temperament, None, false)
    }

    /// A host that speaks TLS with this certificate.
    pub fn tls_host(&self, temperament: Temperament, certificate: Certificate) -> Host {
        self.open(temperament, Some(self.authority.server_config(certificate)), true)
    }

    /// A TLS host that asks its clients for a certificate of the web's authority.
    pub fn members_host(&self, temperament: Temperament) -> Host {
        self.open(temperament, Some(self.authority.members_only()), true)
    }

    /// Such a certificate, and its key, in PEM.
    pub fn member_pem(&self) -> (&str, &str) {
        self.authority.member()
    }

    /// A TLS host without the log of requests.
    pub fn quiet_tls_host(&self, temperament: Temperament, certificate: Certificate) -> Host {
        self.open(temperament, Some(self.authority.server_config(certificate)), false)
    }

    /// A host that speaks HTTP/2, and nothing else but by its manners: over TLS with this certificate, or without TLS to whoever
    /// knows.
    pub fn http2_host(
        &self,
        certificate: Option<Certificate>,
        manners: Http2Manners,
        script: impl Fn(&Request) -> Http2Reply + Send + Sync + 'static,
    ) -> Host {
        let tls = certificate.map(|certificate| {
            let mut config = (*self.authority.server_config(certificate)).clone();
            config.alpn_protocols = vec![b"h2".to_vec()];
            if manners.knows_http1 {
                config.alpn_protocols.push(b"http/1.1".to_vec());
            }
            Arc::new(config)
        });
        let listener = listen::bind((Ipv4Addr::LOCALHOST, 0).into(), None).expect("a loopback port");
        let _current = self.handle.enter();
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener on the web's runtime");
        let address = listener.local_addr().expect("a bound listener has an address");
        let site = Arc::new(Site::new(Temperament::Fast, true));
        let host = Host::new(address, tls.is_some(), Arc::clone(&site));
        self.spawn(http2::accept_all(listener, site, tls, manners, script));
        host
    }

    /// Sixteen million hosts, all addresses of 127/8 on one port, without a log of requests.
    #[cfg(target_os = "linux")]
    pub fn many_hosts(&self, temperament: Temperament) -> ManyHosts {
        self.open_many(temperament, None)
    }

    /// The same with TLS. Certificates know 127.0.0.1 only: a client has to leave the name unchecked.
    #[cfg(target_os = "linux")]
    pub fn many_tls_hosts(&self, temperament: Temperament, certificate: Certificate) -> ManyHosts {
        self.open_many(temperament, Some(self.authority.server_config(certificate)))
    }

    /// The certificate of the authority behind all certificates but the self-signed ones.
    pub fn authority_pem(&self) -> &str {
        self.authority.pem()
    }

    /// The certificate of hosts with [`Certificate::OwnAuthority`].
    pub fn own_authority_pem(&self) -> &str {
        self.authority.own_authority_pem()
    }

    /// An address where connections are refused, and stay refused while this web lives: the port is taken,
    /// but nobody listens. The record is `connect/refused`.
    pub fn refused_address(&self) -> SocketAddr {
        let (address, socket) = listen::bind_without_listening().expect("a loopback port");
        self.hold([socket]);
        address
    }

    /// An address where connecting never comes to an end, as behind a firewall that drops packets: the
    /// listener's queue is full and nobody accepts. The record is `connect/timeout`.
    #[cfg(target_os = "linux")]
    pub fn unanswered_address(&self) -> SocketAddr {
        let (address, sockets) = listen::bind_with_full_queue().expect("a loopback port");
        self.hold(sockets);
        address
    }

    /// A name server over UDP that says of each name (in lower case, without the last dot) what the closure
    /// says.
    pub fn name_server(&self, answer: impl Fn(&str) -> NameAnswer + Send + Sync + 'static) -> NameServer {
        let (address, socket) = name_server::bind().expect("a loopback port");
        let server = NameServer::new(address);
        let _current = self.handle.enter();
        let socket = tokio::net::UdpSocket::from_std(socket).expect("a socket on the web's runtime");
        self.spawn(server.clone().serve(socket, answer));
        server
    }

    /// A proxy of every kind: HTTP, SOCKS4 and SOCKS5. Every name leads to 127.0.0.1, at the port that was asked for.
    pub fn proxy(&self, manners: ProxyManners) -> Proxy {
        self.open_proxy(manners, None)
    }

    /// The same for clients that speak TLS to it.
    pub fn tls_proxy(&self, manners: ProxyManners, certificate: Certificate) -> Proxy {
        self.open_proxy(manners, Some(self.authority.server_config(certificate)))
    }

    fn open_proxy(&self, manners: ProxyManners, tls: Option<Arc<ServerConfig>>) -> Proxy {
        let listener = listen::bind((Ipv4Addr::LOCALHOST, 0).into(), None).expect("a loopback port");
        let _current = self.handle.enter();
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener on the web's runtime");
        let proxy = Proxy::new(listener.local_addr().expect("a bound listener has an address"));
        self.spawn(proxy.clone().serve(listener, manners, tls));
        proxy
    }

    fn open(&self, temperament: Temperament, tls: Option<Arc<ServerConfig>>, log: bool) -> Host {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = listen::bind(address, None).expect("a loopback port");
        let secure = tls.is_some();
        let (address, site) = self.serve(listener, temperament, tls, log);
        Host::new(address, secure, site)
    }

    #[cfg(target_os = "linux")]
    fn open_many(&self, temperament: Temperament, tls: Option<Arc<ServerConfig>>) -> ManyHosts {
        // Linux takes all of 127/8 for its own, but a socket has one address or all of them: hence the
        // wildcard, held to the loopback device so that nobody else can reach it.
        let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let listener = listen::bind(address, Some("lo")).expect("a port on the loopback device");
        let secure = tls.is_some();
        let (address, site) = self.serve(listener, temperament, tls, false);
        ManyHosts::new(address.port(), secure, site)
    }

    fn serve(
        &self,
        listener: std::net::TcpListener,
        temperament: Temperament,
        tls: Option<Arc<ServerConfig>>,
        log: bool,
    ) -> (SocketAddr, Arc<Site>) {
        // Sockets register with the runtime that is current, and clocks are read there: a caller's own
        // runtime may have paused its clock.
        let _current = self.handle.enter();
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener on the web's runtime");
        let address = listener.local_addr().expect("a bound listener has an address");
        let site = Arc::new(Site::new(temperament, log));
        self.spawn(listen::accept_all(listener, Arc::clone(&site), tls));
        (address, site)
    }

    fn spawn(&self, server: impl Future<Output = ()> + Send + 'static) {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner).spawn_on(server, &self.handle);
    }

    fn hold(&self, sockets: impl IntoIterator<Item = Socket>) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).extend(sockets);
    }
}

impl Drop for SmallWeb {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
