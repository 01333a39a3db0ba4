//! A connection: made, asked, and asked again as long as the peer keeps it.

use std::future::{Future, poll_fn};
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use headcount_tasks::{Value, compute};
use http_body_util::Empty;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, timeout_at};
use url::{Host, Url};

use super::failure;
use super::metered::{Channel, Meter, Metered};
use super::network::Network;
use super::tls::Tls;
use super::trace::{Head, Trace};
use crate::probe;
use crate::record::{Failure, Kind, Phase};

/// An answer's header may be this large, in bytes.
const LONGEST_HEADER: usize = 64 << 10;

/// How much of a body is kept to look for the title.
const TITLE_WITHIN: usize = 256 << 10;

type Driver<S> = http1::Connection<TokioIo<Metered<S>>, Empty<Bytes>>;

/// An HTTP/1 connection. Nothing runs in the background: the request in hand polls it, and dropping it closes the
/// socket.
pub(crate) struct Connection<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + 'static> {
    sender: http1::SendRequest<Empty<Bytes>>,
    driver: Driver<S>,
    has_ended: bool,
    meter: Rc<Meter>,
    peer: IpAddr,
    encrypted: bool,
}

/// Why an exchange failed, and whether the peer can have seen the request.
pub(crate) struct Broken {
    pub(crate) failure: Failure,
    /// No byte of an answer came.
    pub(crate) unanswered: bool,
    /// The request never left.
    pub(crate) unsent: bool,
}

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

    trace.phase = Phase::Connect;
    let port = url.port_or_known_default().unwrap_or(80);
    let (stream, peer) = connect_to_first(network, &addresses, port, deadline, trace).await?;
    trace.connect = Some(trace.elapsed());

    let encrypted = url.scheme() == "https";
    let stream = if encrypted {
        trace.phase = Phase::Tls;
        let name = server_name(url, peer);
        let connector = tls.connector().await?;
        let stream = connector.connect(name?, stream).await.map_err(|error| failure::handshake(&error))?;
        trace.appconnect = Some(trace.elapsed());
        Channel::Encrypted(Box::new(stream))
    } else {
        Channel::Plain(stream)
    };

    trace.phase = Phase::Send;
    let meter = Rc::new(Meter::default());
    let io = TokioIo::new(Metered { stream, meter: Rc::clone(&meter) });
    let (sender, driver) = http1::Builder::new()
        .max_header_size(LONGEST_HEADER)
        .handshake(io)
        .await
        .map_err(|error| failure::exchange(Phase::Send, &meter, &error))?;
    Ok(Connection { sender, driver, has_ended: false, meter, peer, encrypted })
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

/// Whether an idle connection is still open, as far as this machine knows. Never waits.
pub(crate) async fn is_alive<S>(connection: &mut Connection<S>) -> bool
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + 'static,
{
    connection.poll_driver_once().await;
    connection.is_open()
}

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + 'static> Connection<S> {
    /// Whether the connection is to be asked with TLS.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// Sends a request and reads its answer; what was learnt is in `trace`, also after a failure. Returns whether
    /// the connection can be used again. Dropping the future leaves the connection unusable: drop it too.
    pub(crate) async fn exchange(
        &mut self,
        request: http::Request<Empty<Bytes>>,
        max_body: u64,
        trace: &mut Trace,
    ) -> Result<bool, Broken> {
        self.meter.start();
        trace.phase = Phase::Send;
        trace.peer = Some(self.peer);
        self.fill_in_times(trace);
        let response = {
            let mut sending = pin!(self.sender.try_send_request(request));
            poll_fn(|context| {
                poll_driver(&mut self.driver, &mut self.has_ended, context);
                if self.meter.sent.get() {
                    trace.phase = Phase::Headers;
                }
                sending.as_mut().poll(context)
            })
            .await
        };
        let response = response.map_err(|error| Broken {
            failure: failure::exchange(Phase::Headers, &self.meter, error.error()),
            unanswered: self.meter.first_byte.get().is_none(),
            unsent: error.message().is_some(),
        })?;
        trace.starttransfer =
            Some(self.meter.first_byte.get().map_or_else(|| trace.elapsed(), |at| at - trace.started));
        let (parts, body) = response.into_parts();
        trace.head = Some(Head::new(&parts));
        trace.phase = Phase::Body;
        let whole = self.read_body(body, max_body, trace).await.map_err(|error| Broken {
            failure: failure::exchange(Phase::Body, &self.meter, &error),
            unanswered: false,
            unsent: false,
        })?;
        if !whole {
            return Ok(false);
        }
        self.poll_driver_once().await;
        Ok(self.is_open())
    }

    /// Reads the body to its end or its limit; the answer says whether it is whole.
    async fn read_body(
        &mut self,
        mut body: Incoming,
        max_body: u64,
        trace: &mut Trace,
    ) -> Result<bool, hyper::Error> {
        let mut kept = Kept::default();
        let content_type = trace.head.as_ref().and_then(|head| head.content_type.clone());
        let mut is_page = None;
        let mut whole = true;
        while !body.is_end_stream() {
            let frame = poll_fn(|context| {
                poll_driver(&mut self.driver, &mut self.has_ended, context);
                Pin::new(&mut body).poll_frame(context)
            })
            .await;
            let Some(frame) = frame else { break };
            let Ok(mut chunk) = frame?.into_data() else { continue };
            let room = max_body - trace.body_bytes;
            if chunk.len() as u64 > room {
                chunk.truncate(room as usize);
                trace.truncated = true;
                whole = false;
            }
            trace.body_bytes += chunk.len() as u64;
            if let Some(body) = &mut trace.kept_body {
                body.extend_from_slice(&chunk);
                continue;
            }
            if *is_page.get_or_insert_with(|| probe::is_html(content_type.as_deref(), &chunk)) {
                kept.push(chunk);
            }
            if !whole {
                break;
            }
        }
        if is_page == Some(true) {
            trace.title = title(kept, content_type).await;
        }
        Ok(whole)
    }

    /// As curl: what did not happen adds no time.
    fn fill_in_times(&self, trace: &mut Trace) {
        let lookup = *trace.namelookup.get_or_insert_default();
        let connect = *trace.connect.get_or_insert(lookup);
        if self.encrypted {
            trace.appconnect.get_or_insert(connect);
        }
    }

    fn is_open(&self) -> bool {
        !self.has_ended && !self.meter.ended.get() && self.sender.is_ready()
    }

    async fn poll_driver_once(&mut self) {
        poll_fn(|context| {
            poll_driver(&mut self.driver, &mut self.has_ended, context);
            Poll::Ready(())
        })
        .await;
    }
}

/// Lets the connection read and write. How it ended shows in the request that waits for it.
fn poll_driver<S>(driver: &mut Driver<S>, has_ended: &mut bool, context: &mut Context<'_>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + 'static,
{
    if !*has_ended {
        *has_ended = Pin::new(driver).poll(context).is_ready();
    }
}

/// The page's title. What would hold up the loop is searched on another thread.
async fn title(kept: Kept, content_type: Option<String>) -> Option<String> {
    match probe::title_nowait(kept.bytes(), content_type.as_deref()) {
        Ok(title) => title,
        Err(_undecided) => {
            let search = move || Value(probe::title(kept.bytes(), content_type.as_deref()));
            compute("title", search).await.ok().flatten()
        }
    }
}

/// The beginning of a body. Most bodies come in one piece, which is kept as it came.
#[derive(Default)]
struct Kept {
    first: Bytes,
    joined: BytesMut,
}

impl Kept {
    fn push(&mut self, chunk: Bytes) {
        if self.first.is_empty() && self.joined.is_empty() {
            self.first = chunk;
            return;
        }
        if self.joined.is_empty() {
            self.joined.extend_from_slice(&self.first);
            self.first = Bytes::new();
        }
        let room = TITLE_WITHIN.saturating_sub(self.joined.len());
        self.joined.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }

    fn bytes(&self) -> &[u8] {
        if self.joined.is_empty() { &self.first } else { &self.joined }
    }
}
