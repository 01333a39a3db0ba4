//! Sockets that listen, or on purpose do not, and the loop that accepts.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use rustls::ServerConfig;
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::connection;
use crate::limits::is_within;
use crate::site::Site;
use crate::wire::{close, reset, wait_for_end, wait_until_gone};
use crate::{Temperament, wire_bytes};

/// The kernel cuts this down to what it allows.
const BACKLOG: i32 = 16_384;
/// How long accepting pauses when the process has no descriptor left.
const PAUSE: Duration = Duration::from_millis(10);

/// Listens on an address, of one network device only where one is named.
pub(crate) fn bind(address: SocketAddr, device: Option<&str>) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    #[cfg(target_os = "linux")]
    socket.bind_device(device.map(str::as_bytes))?;
    #[cfg(not(target_os = "linux"))]
    assert!(device.is_none(), "only Linux binds to a device");
    socket.bind(&address.into())?;
    // Accepted sockets inherit this on Linux, which spares a call for each.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A port that is taken and refuses connections.
pub(crate) fn bind_without_listening() -> io::Result<(SocketAddr, Socket)> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    Ok((address_of(&socket)?, socket))
}

/// A listener whose queue is full, so that the kernel drops what else comes.
#[cfg(target_os = "linux")]
pub(crate) fn bind_with_full_queue() -> io::Result<(SocketAddr, Vec<Socket>)> {
    let (address, listener) = bind_without_listening()?;
    listener.listen(0)?;
    let mut sockets = vec![listener];
    // A backlog of 0 has room for one; the second goes unanswered itself and costs nothing.
    for _ in 0..2 {
        let client = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        client.set_nonblocking(true)?;
        // It is under way, or done: an error that says so is no error.
        let _ = client.connect(&address.into());
        sockets.push(client);
    }
    Ok((address, sockets))
}

/// Accepts until it is cancelled, and its connections with it.
pub(crate) async fn accept_all(listener: TcpListener, site: Arc<Site>, tls: Option<Arc<ServerConfig>>) {
    let acceptor = tls.map(TlsAcceptor::from);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(welcome(stream, Arc::clone(&site), acceptor.clone()));
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// A connection from its first moment: some temperaments show before a request has come.
async fn welcome(stream: TcpStream, site: Arc<Site>, acceptor: Option<TlsAcceptor>) {
    let number = site.tally.connections.fetch_add(1, Relaxed);
    let _open = site.tally.open.enter();
    match site.temperament {
        Temperament::SilentAfterConnect => wait_until_gone(&stream).await,
        Temperament::ResetOnAccept => reset(stream),
        Temperament::CloseOnAccept => close(stream).await,
        Temperament::Outage { from, length } if is_within(site.age(), from, length) => reset(stream),
        Temperament::SshBanner => answer_and_close(stream, wire_bytes::SSH_BANNER).await,
        Temperament::HandshakeSilent => {
            let mut stream = stream;
            wait_for_end(&mut stream).await;
        }
        Temperament::HandshakeReset => {
            if let Some(stream) = wait_for_first_bytes(stream).await {
                reset(stream);
            }
        }
        Temperament::HandshakeClose => {
            if let Some(stream) = wait_for_first_bytes(stream).await {
                close(stream).await;
            }
        }
        Temperament::PlainHttpOnTlsPort => {
            if let Some(stream) = wait_for_first_bytes(stream).await {
                answer_and_close(stream, wire_bytes::PLAIN_HTTP_ERROR).await;
            }
        }
        Temperament::AlertOnHandshake => {
            if let Some(stream) = wait_for_first_bytes(stream).await {
                answer_and_close(stream, wire_bytes::HANDSHAKE_FAILURE_ALERT).await;
            }
        }
        _ => match acceptor {
            None => connection::serve(stream, &site, number).await,
            Some(acceptor) => {
                if let Ok(stream) = acceptor.accept(stream).await {
                    connection::serve(stream, &site, number).await;
                }
            }
        },
    }
}

async fn wait_for_first_bytes(mut stream: TcpStream) -> Option<TcpStream> {
    let mut forgotten = [0; 512];
    let count = stream.read(&mut forgotten).await.ok()?;
    (count > 0).then_some(stream)
}

async fn answer_and_close(mut stream: TcpStream, bytes: &[u8]) {
    if stream.write_all(bytes).await.is_ok() {
        close(stream).await;
    }
}

fn address_of(socket: &Socket) -> io::Result<SocketAddr> {
    let address = socket.local_addr()?;
    address.as_socket().ok_or_else(|| io::Error::other("a TCP socket has an IP address"))
}
