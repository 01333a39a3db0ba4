//! A connection: made, asked, and asked again as long as the peer keeps it.

use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::StatusCode;
use http::response::Parts;
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::body::Taken;
use super::channel::Way;
use super::failure;
use super::learning::Learnt;
use super::metered::{Meter, Metered};
use super::trace::{Head, Trace};
use super::traffic::Traffic;
use super::tunnel::{self, WholeUrl};
use crate::Config;
use crate::record::{Certificate, Failure, Kind, Phase};

/// A request as it is sent.
pub(crate) type Outgoing = http::Request<Bytes>;

/// An answer's header may be this large, in bytes.
pub(super) const LONGEST_HEADER: usize = 64 << 10;

/// And hold so many fields. hyper makes room for all of them before it parses, which was measured to take 30 ns at the most.
const MOST_FIELDS: usize = 1_000;

type Driver<S> = http1::Connection<TokioIo<Metered<Way<S>>>, Full<Bytes>>;

/// An HTTP/1 connection. Nothing runs in the background: the request in hand polls it, and dropping it closes the
/// socket.
pub(crate) struct Connection<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + 'static> {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: Driver<S>,
    has_ended: bool,
    meter: Rc<Meter>,
    peer: Option<IpAddr>,
    certificate: Option<Arc<Certificate>>,
    encrypted: bool,
    /// What an HTTP proxy wants of a request.
    whole_url: Option<WholeUrl>,
}

/// Why an exchange failed, and whether the peer can have seen the request.
pub(crate) struct Broken {
    pub(crate) failure: Failure,
    /// No byte of an answer came.
    pub(crate) unanswered: bool,
    /// The request never left.
    pub(crate) unsent: bool,
    /// The host said that it has not begun with the request.
    pub(crate) is_refused: bool,
    /// No request over this connection was answered before.
    pub(crate) is_first: bool,
}

impl Broken {
    /// Not for the connection's sake: another one would not help.
    pub(super) fn for_good(failure: Failure) -> Broken {
        Broken { failure, unanswered: false, unsent: false, is_refused: false, is_first: true }
    }
}

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + 'static> Connection<S> {
    /// Speaks HTTP/1 over what was opened to `peer`.
    pub(super) async fn http1(
        channel: Way<S>,
        peer: Option<IpAddr>,
        certificate: Option<Arc<Certificate>>,
        whole_url: Option<WholeUrl>,
        traffic: Rc<Traffic>,
    ) -> Result<Box<Connection<S>>, Failure> {
        let encrypted = channel.is_encrypted();
        let meter = Rc::new(Meter::new(traffic));
        let io = TokioIo::new(Metered { stream: channel, meter: Rc::clone(&meter) });
        let (sender, driver) = http1::Builder::new()
            .max_header_size(LONGEST_HEADER)
            .max_headers(MOST_FIELDS)
            .handshake(io)
            .await
            .map_err(|error| failure::exchange(Phase::Send, &meter, &error))?;
        let connection =
            Connection { sender, driver, has_ended: false, meter, peer, certificate, encrypted, whole_url };
        Ok(Box::new(connection))
    }

    /// Whether the connection is to be asked with TLS.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// Whether the connection, which is idle, is still open, as far as this machine knows.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.poll_driver_once();
        self.is_open()
    }

    /// Whom it is to; `None` where only a proxy knows.
    pub(crate) fn peer(&self) -> Option<IpAddr> {
        self.peer
    }

    /// Sends a request and reads its answer; what was learnt is in `trace`, also after a failure. Returns whether
    /// the connection can be used again. Dropping the future leaves the connection unusable: drop it too.
    pub(crate) async fn exchange(
        &mut self,
        mut request: Outgoing,
        config: &Config,
        trace: &mut Trace,
    ) -> Result<bool, Broken> {
        if let Some(whole_url) = &self.whole_url {
            whole_url.write_into(&mut request);
        }
        self.meter.start();
        trace.phase = Phase::Send;
        (trace.peer, trace.certificate) = (self.peer, self.certificate.clone());
        fill_in_times(trace, self.encrypted);
        let response = {
            let mut sending = pin!(self.sender.try_send_request(request.map(Full::new)));
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
            failure: self.of_whom(failure::exchange(Phase::Headers, &self.meter, error.error())),
            unanswered: self.meter.first_byte.get().is_none(),
            unsent: error.message().is_some(),
            is_refused: false,
            is_first: true,
        })?;
        trace.starttransfer =
            Some(self.meter.first_byte.get().map_or_else(|| trace.elapsed(), |at| at - trace.started));
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let message = "the host goes over to another protocol, which nobody has asked for";
            let failure = Failure::new(Phase::Headers, Kind::Malformed, message);
            return Err(Broken::for_good(failure));
        }
        let (parts, mut body) = response.into_parts();
        note_head(&parts, config, trace);
        let (driver, has_ended) = (&mut self.driver, &mut self.has_ended);
        let mut next = |context: &mut Context<'_>| {
            // The driver reads a body only when it is asked for: what it has read already is found at once, and nobody
            // has to be woken in between.
            if let Poll::Ready(chunk) = poll_chunk(&mut body, context) {
                return Poll::Ready(chunk);
            }
            poll_driver(driver, has_ended, context);
            poll_chunk(&mut body, context)
        };
        let whole = read_body(async || poll_fn(&mut next).await, config, trace).await.map_err(|bad| {
            Broken::for_good(match bad {
                BadBody::Connection(error) => failure::exchange(Phase::Body, &self.meter, &error),
                BadBody::Content(failure) => failure,
            })
        })?;
        if !whole {
            return Ok(false);
        }
        if !self.is_open() {
            // The driver may not have heard yet that all was taken.
            self.poll_driver_once();
        }
        Ok(self.is_open())
    }

    /// Who does not take the request, or ends TLS where none is spoken with the host, is the proxy.
    fn of_whom(&self, failure: Failure) -> Failure {
        match &self.whole_url {
            Some(whole_url) if matches!(failure.phase, Phase::Tls | Phase::Send) => {
                tunnel::failure(&whole_url.proxy, format_args!("does not take it: {}", failure.message))
            }
            _ => failure,
        }
    }

    fn is_open(&self) -> bool {
        !self.has_ended && !self.meter.ended.get() && self.sender.is_ready()
    }

    /// Nobody waits for what comes of it: a task that were woken by its own next request would be polled for nothing.
    fn poll_driver_once(&mut self) {
        poll_driver(&mut self.driver, &mut self.has_ended, &mut Context::from_waker(Waker::noop()));
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

/// The next bytes of the body. Trailers are passed over.
fn poll_chunk(body: &mut Incoming, context: &mut Context<'_>) -> Poll<Option<hyper::Result<Bytes>>> {
    while !body.is_end_stream() {
        match ready!(Pin::new(&mut *body).poll_frame(context)) {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(chunk) => return Poll::Ready(Some(Ok(chunk))),
                Err(_trailers) => {}
            },
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            None => break,
        }
    }
    Poll::Ready(None)
}

/// Why a body could not be read.
pub(super) enum BadBody<E> {
    Connection(E),
    Content(Failure),
}

/// Takes in an answer's header.
pub(super) fn note_head(parts: &Parts, config: &Config, trace: &mut Trace) {
    let head = Head::new(parts);
    if trace.kept_body.is_none() && !head.sends_elsewhere(config) {
        trace.learnt = Learnt::of_header(&parts.headers, config);
    }
    trace.head = Some(head);
    trace.phase = Phase::Body;
}

/// Reads the body to its end, after which there is no `next` chunk, or to its limit; the answer says whether it is whole.
pub(super) async fn read_body<E>(
    mut next: impl AsyncFnMut() -> Option<Result<Bytes, E>>,
    config: &Config,
    trace: &mut Trace,
) -> Result<bool, BadBody<E>> {
    let mut taken = Taken::new(config, trace);
    while let Some(chunk) = next().await {
        let chunk = chunk.map_err(BadBody::Connection)?;
        if !taken.take(chunk, trace).await.map_err(BadBody::Content)? {
            break;
        }
    }
    taken.finish(config, trace).await.map_err(BadBody::Content)?;
    Ok(!trace.truncated)
}

/// As curl: what did not happen adds no time.
pub(super) fn fill_in_times(trace: &mut Trace, encrypted: bool) {
    let lookup = *trace.namelookup.get_or_insert_default();
    let connect = *trace.connect.get_or_insert(lookup);
    if encrypted {
        trace.appconnect.get_or_insert(connect);
    }
}
