//! A stream that notes what passes through it: HTTP libraries report that something failed, the meter knows where.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::traffic::Traffic;

/// What passed since the last [`Meter::start`].
#[derive(Debug)]
pub(super) struct Meter {
    pub(super) sent: Cell<bool>,
    pub(super) first_byte: Cell<Option<Instant>>,
    /// When something came last, of whatever request.
    pub(super) last_read: Cell<Option<Instant>>,
    /// The peer closed its side.
    pub(super) ended: Cell<bool>,
    pub(super) failure: Cell<Option<io::ErrorKind>>,
    traffic: Rc<Traffic>,
}

impl Meter {
    pub(super) fn new(traffic: Rc<Traffic>) -> Meter {
        Meter {
            sent: Cell::default(),
            first_byte: Cell::default(),
            last_read: Cell::default(),
            ended: Cell::default(),
            failure: Cell::default(),
            traffic,
        }
    }

    /// Begins a new request on the same connection.
    pub(super) fn start(&self) {
        self.sent.set(false);
        self.first_byte.set(None);
    }
}

/// A stream that is counted. The meter sees HTTP's bytes, not TLS's.
pub(super) struct Metered<S> {
    pub(super) stream: S,
    pub(super) meter: Rc<Meter>,
}

impl<S> Metered<S> {
    fn note<T>(&self, result: &Poll<io::Result<T>>) {
        if let Poll::Ready(Err(error)) = result {
            self.meter.failure.set(Some(error.kind()));
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(context, buffer);
        if let Poll::Ready(Ok(())) = &result {
            let bytes = buffer.filled().len() - before;
            if bytes == 0 {
                self.meter.ended.set(true);
            } else {
                let now = Instant::now();
                self.meter.traffic.came(bytes, now);
                self.meter.last_read.set(Some(now));
                if self.meter.first_byte.get().is_none() {
                    self.meter.first_byte.set(Some(now));
                }
            }
        }
        self.note(&result);
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        if result.is_ready() {
            self.meter.sent.set(matches!(&result, Poll::Ready(Ok(count)) if *count > 0));
        }
        self.note(&result);
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(context);
        self.note(&result);
        result
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
