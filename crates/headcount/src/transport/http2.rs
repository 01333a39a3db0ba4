//! An HTTP/2 connection: many requests at once over one socket, which tasks of the loop read and write.

use std::cell::Cell;
use std::future::poll_fn;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::client::{self, SendRequest};
use h2::{Reason, RecvStream};
use headcount_tasks::LoopExecutor;
use http::header::{CONNECTION, HOST, TE, TRANSFER_ENCODING, UPGRADE};
use http::uri::{Authority, Parts, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, Request, Uri, Version};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::channel::Way;
use super::connection::{BadBody, Broken, LONGEST_HEADER, Outgoing, fill_in_times, note_head, read_body};
use super::failure;
use super::metered::{Meter, Metered};
use super::trace::Trace;
use super::traffic::Traffic;
use crate::record::{Certificate, Failure, Kind, Phase};
use crate::{Config, HttpVersion};

/// Bytes that a host may send before somebody has taken them, of one answer and of all together. Answers are taken as
/// they come, so this bounds memory and, over a round trip, speed.
const WINDOW_OF_ONE: u32 = 256 << 10;
const WINDOW_OF_ALL: u32 = 1 << 20;

/// A header that is larger than we want is read so far, to be told from one that is malformed.
const LONGEST_HEADER_READ: u32 = 4 * LONGEST_HEADER as u32;

/// Streams until the host has said how many it allows.
const FIRST_STREAMS: usize = 100;

/// How long a connection that nobody holds any more may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// Fields that speak of an HTTP/1 connection, and are not sent in HTTP/2 (RFC 9113, section 8.2.2).
const OF_A_CONNECTION: [HeaderName; 5] = [
    CONNECTION,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// A connection for many requests. Clones are the same one; when the last is dropped, it is closed.
#[derive(Clone)]
pub(crate) struct Http2 {
    sender: SendRequest<Bytes>,
    shared: Rc<Shared>,
}

struct Shared {
    meter: Rc<Meter>,
    peer: Option<IpAddr>,
    certificate: Option<Arc<Certificate>>,
    encrypted: bool,
    /// Requests under way.
    streams: Cell<usize>,
    has_answered: Cell<bool>,
    /// Nobody reads and writes any more.
    has_ended: Rc<Cell<bool>>,
    /// Nothing new is to be sent.
    is_retired: Cell<bool>,
    /// The host wants to be asked in HTTP/1.1.
    wants_http1: Cell<bool>,
    /// Closed with the last holder, which tells the tasks.
    _held: watch::Sender<()>,
}

impl Http2 {
    /// Speaks HTTP/2 over what was opened to `peer`.
    pub(super) async fn open<S>(
        channel: Way<S>,
        peer: Option<IpAddr>,
        certificate: Option<Arc<Certificate>>,
        traffic: Rc<Traffic>,
    ) -> Result<Http2, Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let encrypted = channel.is_encrypted();
        let meter = Rc::new(Meter::new(traffic));
        let stream = Metered { stream: channel, meter: Rc::clone(&meter) };
        let (sender, connection) = client::Builder::new()
            .enable_push(false)
            .initial_window_size(WINDOW_OF_ONE)
            .initial_connection_window_size(WINDOW_OF_ALL)
            .initial_max_send_streams(FIRST_STREAMS)
            .max_header_list_size(LONGEST_HEADER_READ)
            .handshake(stream)
            .await
            .map_err(|error| failure::stream(Phase::Send, &meter, &error))?;
        let (held, holders) = watch::channel(());
        let has_ended = Rc::new(Cell::new(false));
        serve(connection, holders, Rc::clone(&has_ended));
        let shared = Shared {
            meter,
            peer,
            certificate,
            encrypted,
            streams: Cell::new(0),
            has_ended,
            has_answered: Cell::new(false),
            is_retired: Cell::new(false),
            wants_http1: Cell::new(false),
            _held: held,
        };
        Ok(Http2 { sender, shared: Rc::new(shared) })
    }

    /// Whether the connection is to be asked with TLS.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.shared.encrypted
    }

    /// Whom it is to; `None` where only a proxy knows.
    pub(crate) fn peer(&self) -> Option<IpAddr> {
        self.shared.peer
    }

    /// Whether it can take one request more.
    pub(crate) fn has_room(&self) -> bool {
        self.is_open() && self.shared.streams.get() < self.sender.current_max_send_streams()
    }

    /// Whether new requests can be sent, as far as this machine knows.
    pub(crate) fn is_open(&self) -> bool {
        !self.shared.is_retired.get() && !self.shared.meter.ended.get() && !self.shared.has_ended.get()
    }

    /// Whether the host has said that it is to be asked in HTTP/1.1.
    pub(crate) fn wants_http1(&self) -> bool {
        self.shared.wants_http1.get()
    }

    /// Whether no request is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.shared.streams.get() == 0
    }

    /// Sends a request and reads its answer; what was learnt is in `trace`, also after a failure. Dropping the future
    /// resets its stream; the others go on.
    pub(crate) async fn exchange(
        &self,
        request: Outgoing,
        config: &Config,
        trace: &mut Trace,
    ) -> Result<(), Broken> {
        let mut stream = Stream::begin(&self.shared);
        trace.phase = Phase::Headers;
        (trace.peer, trace.certificate) = (self.shared.peer, self.shared.certificate.clone());
        fill_in_times(trace, self.shared.encrypted);
        let (request, body) = in_http2(request, self.shared.encrypted).map_err(Broken::for_good)?;
        let has_body = !body.is_empty();
        let response = self.send(request, body).await.map_err(|(error, is_sent)| {
            stream.is_over = true;
            let is_sent = is_sent && !failure::is_unprocessed(&error);
            self.broken(&error, if is_sent { Phase::Headers } else { Phase::Send }, config)
        })?;
        self.shared.has_answered.set(true);
        trace.starttransfer = Some(trace.elapsed());
        let (parts, mut body) = response.into_parts();
        if size(&parts.headers) > LONGEST_HEADER {
            stream.is_over = true;
            return Err(Broken::for_good(failure::too_large()));
        }
        note_head(&parts, config, trace);
        let read = read_body(async || next_chunk(&mut body, has_body).await, config, trace).await;
        stream.is_over = true;
        read.map(drop).map_err(|bad| match bad {
            BadBody::Connection(error) => self.broken(&error, Phase::Body, config),
            BadBody::Content(failure) => Broken::for_good(failure),
        })
    }

    /// The answer's header. An error comes with whether the request may have left.
    async fn send(
        &self,
        request: Request<()>,
        body: Bytes,
    ) -> Result<http::Response<RecvStream>, (h2::Error, bool)> {
        let mut sender = self.sender.clone();
        poll_fn(|context| sender.poll_ready(context)).await.map_err(|error| (error, false))?;
        let (response, mut sending) =
            sender.send_request(request, body.is_empty()).map_err(|error| (error, false))?;
        if !body.is_empty() {
            // It is all here, and goes out as the host makes room for it.
            sending.send_data(body, true).map_err(|error| (error, true))?;
        }
        response.await.map_err(|error| (error, true))
    }

    /// In phase `Send`, the host has not begun with the request.
    fn broken(&self, error: &h2::Error, phase: Phase, config: &Config) -> Broken {
        let is_of_one = error.is_reset();
        // Who insists on HTTP/2 is told that the host does not.
        let wants_http1 = failure::wants_http1(error) && config.http_version == HttpVersion::Negotiated;
        if wants_http1 {
            self.shared.wants_http1.set(true);
        }
        if !is_of_one || wants_http1 {
            self.shared.is_retired.set(true);
        }
        Broken {
            failure: failure::stream(phase, &self.shared.meter, error),
            unanswered: phase == Phase::Send || (phase == Phase::Headers && !is_of_one),
            unsent: phase == Phase::Send,
            is_refused: failure::is_unprocessed(error) || (wants_http1 && phase != Phase::Body),
            is_first: !self.shared.has_answered.get(),
        }
    }
}

/// A request under way on a shared connection.
struct Stream<'c> {
    shared: &'c Shared,
    began: Instant,
    is_over: bool,
}

impl Stream<'_> {
    fn begin(shared: &Shared) -> Stream<'_> {
        shared.streams.set(shared.streams.get() + 1);
        Stream { shared, began: Instant::now(), is_over: false }
    }
}

impl Drop for Stream<'_> {
    fn drop(&mut self) {
        self.shared.streams.set(self.shared.streams.get() - 1);
        // Given up, and for as long as the better part of its wait nothing came of anything: nobody else is to wait there.
        let is_quiet = || {
            let last_read = self.shared.meter.last_read.get();
            last_read.is_none_or(|read| read < self.began + self.began.elapsed() / 2)
        };
        if !self.is_over && is_quiet() {
            self.shared.is_retired.set(true);
        }
    }
}

/// Bytes of a header, as in HTTP/1.1: with what stands between its names and values.
fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum()
}

/// The next bytes of a body, which the host may send as many of anew.
async fn next_chunk(body: &mut RecvStream, may_be_sending: bool) -> Option<Result<Bytes, h2::Error>> {
    if body.is_end_stream() {
        return None;
    }
    match body.data().await? {
        Ok(chunk) => {
            // Refused only where the stream is over.
            let _ = body.flow_control().release_capacity(chunk.len());
            Some(Ok(chunk))
        }
        // RFC 9113, section 8.1: the answer is whole, and the host does not want the rest of the request.
        Err(error) if may_be_sending && error.reason() == Some(Reason::NO_ERROR) => None,
        Err(error) => Some(Err(error)),
    }
}

/// Where HTTP/1.1 has a Host field, HTTP/2 has the whole URL.
fn in_http2(request: Outgoing, encrypted: bool) -> Result<(Request<()>, Bytes), Failure> {
    let (mut parts, body) = request.into_parts();
    let unusable = |reason: &dyn std::fmt::Display| {
        Failure::new(
            Phase::Input,
            Kind::InvalidUrl,
            format!("the request cannot be sent in HTTP/2: {reason}"),
        )
    };
    OF_A_CONNECTION.iter().for_each(|name| drop(parts.headers.remove(name)));
    if parts.headers.get(TE).is_some_and(|codings| codings != "trailers") {
        parts.headers.remove(TE);
    }
    let host = parts.headers.remove(HOST);
    let authority = match (&host, parts.uri.authority()) {
        (Some(host), _) => Authority::try_from(host.as_bytes()).map_err(|reason| unusable(&reason))?,
        (None, Some(authority)) => authority.clone(),
        (None, None) => return Err(unusable(&"it names no host")),
    };
    let mut uri = Parts::default();
    uri.scheme = Some(if encrypted { Scheme::HTTPS } else { Scheme::HTTP });
    uri.authority = Some(authority);
    let path = parts.uri.path_and_query().cloned();
    uri.path_and_query = Some(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    parts.uri = Uri::from_parts(uri).map_err(|reason| unusable(&reason))?;
    parts.version = Version::HTTP_2;
    Ok((Request::from_parts(parts, ()), body))
}

/// Has a task of the loop read and write. It ends with the connection; a host that stalls at the end is not waited for.
fn serve<S>(
    connection: client::Connection<S, Bytes>,
    mut holders: watch::Receiver<()>,
    has_ended: Rc<Cell<bool>>,
) where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    LoopExecutor::new("HTTP/2 connection").spawn(async move {
        let abandoned = async {
            // It can only be closed.
            while holders.changed().await.is_ok() {}
            sleep(GOODBYE).await;
        };
        tokio::select! {
            // How it ended shows in the requests that wait for it.
            _ended = connection => {}
            () = abandoned => {}
        }
        has_ended.set(true);
    });
}
