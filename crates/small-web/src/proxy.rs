//! A proxy on loopback that speaks HTTP (CONNECT, and whole URLs), SOCKS4 and SOCKS5, with TLS to it or without, and that can
//! refuse or say nothing.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::request::{Parsed, parse};
use crate::wire::Wire;

/// How a proxy treats its clients.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProxyManners {
    /// Who may use it: a name and a password, for SOCKS4 the name alone; else everybody.
    pub credentials: Option<(&'static str, &'static str)>,
    /// It connects nobody.
    pub refuses: bool,
    /// It takes connections and says nothing.
    pub is_silent: bool,
}

/// A proxy of a [`SmallWeb`](crate::SmallWeb); it lives as long as its web.
#[derive(Clone, Debug)]
pub struct Proxy {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    pub(crate) fn new(address: SocketAddr) -> Proxy {
        Proxy { address, seen: Arc::default() }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it was asked for, in order: `CONNECT host:port`, `GET http://host:port/path`, `SOCKS4
    /// host:port`, `SOCKS host:port`.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, what: String) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    pub(crate) async fn serve(
        self,
        listener: TcpListener,
        manners: ProxyManners,
        tls: Option<Arc<ServerConfig>>,
    ) {
        let acceptor = tls.map(TlsAcceptor::from);
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let (proxy, acceptor) = (self.clone(), acceptor.clone());
            // A client that leaves in the middle is none of a proxy's errors.
            connections.spawn(async move {
                let _ended = match acceptor {
                    None => proxy.welcome(stream, manners).await,
                    Some(acceptor) => match acceptor.accept(stream).await {
                        Ok(stream) => proxy.welcome(stream, manners).await,
                        Err(error) => Err(error),
                    },
                };
            });
        }
    }

    async fn welcome<S: Wire>(&self, mut stream: S, manners: ProxyManners) -> io::Result<()> {
        if manners.is_silent {
            crate::wire::wait_for_end(&mut stream).await;
            return Ok(());
        }
        match stream.read_u8().await? {
            4 => self.serve_socks4(stream, manners).await,
            5 => self.serve_socks5(stream, manners).await,
            first => self.serve_http(first, stream, manners).await,
        }
    }

    async fn serve_http<S: Wire>(&self, first: u8, mut stream: S, manners: ProxyManners) -> io::Result<()> {
        let mut input = vec![first];
        let (length, request) = loop {
            if stream.read_buf(&mut input).await? == 0 {
                return Ok(());
            }
            match parse(&input, false) {
                Parsed::Header { length, request, .. } => break (length, request),
                Parsed::Partial => {}
                _ => return Ok(()),
            }
        };
        self.note(format!("{} {}", request.method, request.target));
        let is_welcome = manners.credentials.is_none_or(|(name, password)| {
            let pair = BASE64_STANDARD.encode(format!("{name}:{password}"));
            request.header("proxy-authorization") == Some(&format!("Basic {pair}"))
        });
        let answer = match (is_welcome, manners.refuses) {
            (false, _) => "407 Proxy Authentication Required",
            (true, true) => "502 Bad Gateway",
            (true, false) if request.method == "CONNECT" => {
                let mut host = open(port_of(&request.target)).await?;
                stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
                return copy_bidirectional(&mut stream, &mut host).await.map(drop);
            }
            (true, false) => return fetch(stream, &request, &input[length..]).await,
        };
        let answer = format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes()).await?;
        crate::wire::close(stream).await;
        Ok(())
    }

    async fn serve_socks4<S: Wire>(&self, mut stream: S, manners: ProxyManners) -> io::Result<()> {
        const GRANTED: u8 = 0x5a;
        const REFUSED: u8 = 0x5b;
        let _command = stream.read_u8().await?;
        let (port, address) = (stream.read_u16().await?, stream.read_u32().await?);
        let user = read_to_zero(&mut stream).await?;
        // An address that cannot be is the sign that a name follows.
        let host = match address {
            1..=255 => read_to_zero(&mut stream).await?,
            _ => Ipv4Addr::from(address).to_string(),
        };
        self.note(format!("SOCKS4 {host}:{port}"));
        let is_welcome = manners.credentials.is_none_or(|(name, _)| user == name);
        if manners.refuses || !is_welcome {
            return stream.write_all(&[0, REFUSED, 0, 0, 0, 0, 0, 0]).await;
        }
        stream.write_all(&[0, GRANTED, 0, 0, 0, 0, 0, 0]).await?;
        copy_bidirectional(&mut stream, &mut open(port).await?).await.map(drop)
    }

    async fn serve_socks5<S: Wire>(&self, mut stream: S, manners: ProxyManners) -> io::Result<()> {
        const NO_METHOD: u8 = 0xff;
        let mut methods = vec![0; stream.read_u8().await?.into()];
        stream.read_exact(&mut methods).await?;
        let wanted = if manners.credentials.is_some() { 2 } else { 0 };
        if !methods.contains(&wanted) {
            return stream.write_all(&[5, NO_METHOD]).await;
        }
        stream.write_all(&[5, wanted]).await?;
        if let Some((name, password)) = manners.credentials {
            let _version = stream.read_u8().await?;
            let given = (read_text(&mut stream).await?, read_text(&mut stream).await?);
            let is_welcome = given == (name.to_owned(), password.to_owned());
            stream.write_all(&[1, u8::from(!is_welcome)]).await?;
            if !is_welcome {
                return Ok(());
            }
        }
        let mut head = [0; 4];
        stream.read_exact(&mut head).await?;
        let host = match head[3] {
            1 => Ipv4Addr::from(stream.read_u32().await?).to_string(),
            4 => format!("[{}]", Ipv6Addr::from(stream.read_u128().await?)),
            _ => read_text(&mut stream).await?,
        };
        let port = stream.read_u16().await?;
        self.note(format!("SOCKS {host}:{port}"));
        let refused = 5 * u8::from(manners.refuses);
        stream.write_all(&[5, refused, 0, 1, 127, 0, 0, 1, 0, 0]).await?;
        if manners.refuses {
            return Ok(());
        }
        let mut host = open(port).await?;
        copy_bidirectional(&mut stream, &mut host).await.map(drop)
    }
}

/// Hands on a request that came with its whole URL. The connection ends with the answer.
async fn fetch(mut stream: impl Wire, request: &crate::Request, body: &[u8]) -> io::Result<()> {
    let rest = request.target.strip_prefix("http://").unwrap_or_default();
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut host = open(port_of(authority)).await?;
    let mut head = format!("{} /{path} HTTP/1.1\r\nConnection: close\r\n", request.method);
    let own = |name: &str| name.eq_ignore_ascii_case("proxy-authorization");
    for (name, value) in request.headers.iter().filter(|(name, _)| !own(name)) {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    host.write_all(head.as_bytes()).await?;
    host.write_all(body).await?;
    copy_bidirectional(&mut stream, &mut host).await.map(drop)
}

async fn open(port: u16) -> io::Result<TcpStream> {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await
}

fn port_of(authority: &str) -> u16 {
    authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(80)
}

async fn read_to_zero(stream: &mut impl Wire) -> io::Result<String> {
    let mut text = Vec::new();
    loop {
        match stream.read_u8().await? {
            0 => return Ok(String::from_utf8_lossy(&text).into_owned()),
            byte => text.push(byte),
        }
    }
}

async fn read_text(stream: &mut impl Wire) -> io::Result<String> {
    let mut text = vec![0; stream.read_u8().await?.into()];
    stream.read_exact(&mut text).await?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
