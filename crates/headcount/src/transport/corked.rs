//! A stream that gathers what TLS writes during its handshake: its end and the first request go out in one piece.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes to hold at the most. A handshake with a long chain of certificates of ours has some 10 KiB.
const MOST_HELD: usize = 64 << 10;

/// Corked, it holds what is written until the peer has to answer. Uncorked, it lets through what it holds with what is
/// written next. The idea is that of Linux's `TCP_CORK`, without its calls.
pub(super) struct Corked<S> {
    stream: S,
    held: Vec<u8>,
    is_corked: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Corked<S> {
    pub(super) fn new(stream: S) -> Corked<S> {
        Corked { stream, held: Vec::new(), is_corked: true }
    }

    /// From now on, what is written goes out.
    pub(super) fn uncork(&mut self) {
        self.is_corked = false;
    }

    /// Lets out what it holds, as far as that goes without waiting: a last word.
    pub(super) fn let_out(&mut self) {
        let _is_all_out = self.poll_held(&mut Context::from_waker(Waker::noop()));
    }

    fn poll_held(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut written = 0;
        let result = loop {
            let rest = &self.held[written..];
            if rest.is_empty() {
                break Poll::Ready(Ok(()));
            }
            match Pin::new(&mut self.stream).poll_write(context, rest) {
                Poll::Ready(Ok(0)) => break Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => written += count,
                Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
                Poll::Pending => break Poll::Pending,
            }
        };
        self.held.drain(..written);
        if self.held.is_empty() && !self.is_corked {
            self.held = Vec::new();
        }
        result
    }

    /// Holds the pieces, and lets them out with what is held already.
    fn poll_hold(&mut self, context: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if self.held.len() >= MOST_HELD {
            ready!(self.poll_held(context))?;
        }
        for piece in pieces {
            self.held.extend_from_slice(piece);
        }
        if !self.is_corked
            && let Poll::Ready(Err(error)) = self.poll_held(context)
        {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(pieces.iter().map(|piece| piece.len()).sum()))
    }

    fn is_direct(&self) -> bool {
        !self.is_corked && self.held.is_empty()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Corked<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let corked = self.get_mut();
        let result = Pin::new(&mut corked.stream).poll_read(context, buffer);
        // In a handshake, whoever waits for the peer wants it to have everything. After it, there is a request to come.
        if result.is_pending()
            && corked.is_corked
            && !corked.held.is_empty()
            && let Poll::Ready(Err(error)) = corked.poll_held(context)
        {
            return Poll::Ready(Err(error));
        }
        result
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Corked<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let corked = self.get_mut();
        match corked.is_direct() {
            true => Pin::new(&mut corked.stream).poll_write(context, bytes),
            false => corked.poll_hold(context, &[IoSlice::new(bytes)]),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let corked = self.get_mut();
        match corked.is_direct() {
            true => Pin::new(&mut corked.stream).poll_write_vectored(context, pieces),
            false => corked.poll_hold(context, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let corked = self.get_mut();
        if corked.is_corked {
            return Poll::Ready(Ok(()));
        }
        ready!(corked.poll_held(context))?;
        Pin::new(&mut corked.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let corked = self.get_mut();
        ready!(corked.poll_held(context))?;
        Pin::new(&mut corked.stream).poll_shutdown(context)
    }
}
