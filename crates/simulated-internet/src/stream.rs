//! A connection in memory with the host at its other end: what is written is a request as soon as it is whole, and what can
//! be read is what the host decided, at its time.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep_until};

use crate::host::{End, Fate, Host};
use crate::model::Fault;
use crate::network::State;
use crate::trace::What;

/// A body on a slow line comes in so many pieces.
const PIECES: u32 = 8;

/// The first byte of a TLS handshake.
const HANDSHAKE: u8 = 0x16;

/// A connection to a host. Dropping it closes it.
pub struct SimulatedStream {
    state: Rc<State>,
    host: usize,
    /// What has been written of the next request.
    request: Vec<u8>,
    /// What will come, and when.
    coming: VecDeque<(Duration, Coming)>,
    timer: Pin<Box<Sleep>>,
    /// Since when nothing has been asked.
    idle_since: Duration,
    is_busy: bool,
    /// How it ended, if it did.
    ended: Option<Ended>,
    reader: Option<Waker>,
}

enum Coming {
    Bytes(Vec<u8>, usize),
    /// The answer was whole.
    Whole(u16),
    Failed(Fault),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Closed,
    Reset,
}

impl SimulatedStream {
    pub(crate) fn new(state: Rc<State>, host: usize) -> SimulatedStream {
        let now = state.now();
        let timer = Box::pin(sleep_until(state.instant(now)));
        SimulatedStream {
            state,
            host,
            request: Vec::new(),
            coming: VecDeque::new(),
            timer,
            idle_since: now,
            is_busy: false,
            ended: None,
            reader: None,
        }
    }

    /// Hands a whole request to the host.
    fn ask(&mut self) {
        let request = std::mem::take(&mut self.request);
        if request.first() == Some(&HANDSHAKE) {
            let trouble = self.state.with_host(self.host, Host::shake_hands);
            self.fail(trouble.at, trouble.fault);
            return;
        }
        let target = request.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        let target = String::from_utf8_lossy(target).into_owned();
        let place = target.rsplit('/').next().and_then(|place| place.parse().ok());
        self.state.note(self.host, What::Request { place });
        self.is_busy = true;
        let may_redirect = !target.starts_with("/moved/");
        let (fate, redirects, model) = self.state.with_host(self.host, |host, now| {
            let fate = host.arrive(now);
            (fate, may_redirect && host.redirects(), Rc::clone(host.model()))
        });
        let length = usize::try_from(model.body).unwrap_or(usize::MAX);
        self.script(fate, length, model.transfer(), redirects.then_some(target));
    }

    /// Puts down what will come.
    fn script(&mut self, fate: Fate, length: usize, transfer: Duration, moved: Option<String>) {
        let at = fate.at;
        let begins = at.saturating_sub(transfer);
        match fate.end {
            End::Answered => match moved {
                Some(target) => {
                    self.bytes(at, header(302, 0, &format!("Location: /moved{target}\r\n")));
                    self.coming.push_back((at, Coming::Whole(302)));
                }
                None => {
                    self.bytes(begins, header(200, length, ""));
                    self.body(begins, transfer, &self.page(length));
                    self.coming.push_back((at, Coming::Whole(200)));
                }
            },
            End::Rejected { status, retry_after } => {
                let field = retry_after.map(|wait| format!("Retry-After: {}\r\n", wait.as_secs()));
                self.bytes(at, header(status, 0, &field.unwrap_or_default()));
                self.coming.push_back((at, Coming::Whole(status)));
            }
            End::Failed(Fault::ServerError) => {
                self.bytes(at, header(500, 0, ""));
                self.coming.push_back((at, Coming::Whole(500)));
            }
            End::Failed(fault @ (Fault::BodyReset | Fault::BodyClosed | Fault::BodySilence)) => {
                self.bytes(begins, header(200, length.max(2), ""));
                let page = self.page(length.max(2));
                self.body(begins, transfer / 2, &page[..page.len() / 2]);
                self.fail(at, fault);
            }
            End::Failed(fault) => {
                if fault == Fault::Malformed {
                    self.bytes(at, b"this is no HTTP\r\n\r\n".to_vec());
                }
                self.fail(at, fault);
            }
        }
    }

    fn bytes(&mut self, at: Duration, bytes: Vec<u8>) {
        self.coming.push_back((at, Coming::Bytes(bytes, 0)));
    }

    fn body(&mut self, begins: Duration, transfer: Duration, body: &[u8]) {
        let pieces = if transfer.is_zero() { 1 } else { PIECES };
        let size = body.len().div_ceil(pieces as usize).max(1);
        for (number, piece) in (1..).zip(body.chunks(size)) {
            self.bytes(begins + transfer * number / pieces, piece.to_vec());
        }
    }

    /// After a silence nothing comes.
    fn fail(&mut self, at: Duration, fault: Fault) {
        if !fault.is_silence() {
            self.coming.push_back((at, Coming::Failed(fault)));
        }
    }

    fn page(&self, length: usize) -> Vec<u8> {
        let mut page =
            format!("<!doctype html><title>{}</title>", self.state.name_of(self.host)).into_bytes();
        page.resize(length, b'.');
        page
    }

    /// Until when the host keeps the connection open with nothing asked.
    fn closes_at(&self) -> Option<Duration> {
        let idle = self.state.with_host(self.host, |host, _| host.model().idle_ms)?;
        (!self.is_busy).then(|| self.idle_since + crate::model::milliseconds(idle))
    }

    fn end(&mut self, how: Ended) -> Poll<io::Result<()>> {
        self.ended = Some(how);
        match how {
            Ended::Closed => Poll::Ready(Ok(())),
            Ended::Reset => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        }
    }

    /// Whether a time has come; if not, the task is woken then.
    fn poll_time(&mut self, at: Duration, context: &mut Context<'_>) -> Poll<()> {
        // A timer would wait for the next of its milliseconds.
        if at <= self.state.now() {
            return Poll::Ready(());
        }
        let deadline = self.state.instant(at);
        if self.timer.deadline() != deadline {
            self.timer.as_mut().reset(deadline);
        }
        self.timer.as_mut().poll(context)
    }
}

impl AsyncRead for SimulatedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        loop {
            if let Some(how) = stream.ended {
                return stream.end(how);
            }
            let Some((at, _)) = stream.coming.front() else {
                stream.reader = Some(context.waker().clone());
                let Some(closes_at) = stream.closes_at() else { return Poll::Pending };
                std::task::ready!(stream.poll_time(closes_at, context));
                return stream.end(Ended::Closed);
            };
            std::task::ready!(stream.poll_time(*at, context));
            match &mut stream.coming.front_mut().expect("seen just now").1 {
                Coming::Bytes(bytes, read) => {
                    let taken = buffer.remaining().min(bytes.len() - *read);
                    buffer.put_slice(&bytes[*read..*read + taken]);
                    *read += taken;
                    if *read < bytes.len() {
                        return Poll::Ready(Ok(()));
                    }
                    stream.coming.pop_front();
                    // What has no bytes of its own happens with the last of them.
                    if let Some((_, Coming::Whole(status))) = stream.coming.front() {
                        stream.state.note(stream.host, What::Answer { status: *status });
                        stream.coming.pop_front();
                        stream.is_busy = false;
                        stream.idle_since = stream.state.now();
                    }
                    return Poll::Ready(Ok(()));
                }
                Coming::Whole(_) => {
                    stream.coming.pop_front();
                }
                Coming::Failed(fault) => {
                    let fault = *fault;
                    stream.state.note(stream.host, What::Failed(fault));
                    let is_close =
                        matches!(fault, Fault::HeadersClosed | Fault::BodyClosed | Fault::Malformed);
                    return stream.end(if is_close { Ended::Closed } else { Ended::Reset });
                }
            }
        }
    }
}

impl AsyncWrite for SimulatedStream {
    fn poll_write(self: Pin<&mut Self>, _context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let stream = self.get_mut();
        let is_closed = stream.closes_at().is_some_and(|at| at <= stream.state.now());
        if stream.ended.is_some() || is_closed {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        stream.request.extend_from_slice(bytes);
        if stream.request.ends_with(b"\r\n\r\n") || stream.request.first() == Some(&HANDSHAKE) {
            stream.ask();
            if let Some(reader) = stream.reader.take() {
                reader.wake();
            }
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Drop for SimulatedStream {
    fn drop(&mut self) {
        self.state.note(self.host, What::Closed { is_busy: self.is_busy });
    }
}

fn header(status: u16, length: usize, fields: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status} \r\nServer: simulated\r\nContent-Type: text/html; charset=utf-8\r\n\
         Content-Length: {length}\r\n{fields}\r\n"
    )
    .into_bytes()
}
