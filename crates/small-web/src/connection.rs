//! A connection from its first request on: reads, has the reply made, and plays it.
//!
//! Plain pages of a fast host never leave the first loop: with one read and one write for each request, or for
//! as many as came at once, and no allocation once the two buffers have grown.

use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::reply::{Ending, Piece};
use crate::request::{Framing, Parsed, parse, parse_chunk};
use crate::site::Site;
use crate::wire::{Wire, close, reset, wait_for_end, wait_until_gone};
use crate::{Answer, KeepAliveEnd, Reply, Request, Seen, Temperament, behave, pages};

const BUFFER_BYTES: usize = 2048;
const MOST_HEADER_BYTES: usize = 256 << 10;
const MOST_BODY_BYTES: usize = 64 << 20;

/// A host that gathers looks this often whether enough are waiting, until it is this old.
const GATHERING_LOOK: Duration = Duration::from_millis(5);
const LONGEST_GATHERING: Duration = Duration::from_secs(30);

/// Serves requests until either side ends the connection.
pub(crate) async fn serve<S: Wire>(stream: S, site: &Site, number: u64) {
    let mut connection = Connection {
        stream,
        site,
        number,
        answered: 0,
        input: Vec::with_capacity(BUFFER_BYTES),
        output: Vec::with_capacity(BUFFER_BYTES),
    };
    // A client that leaves in the middle is none of a server's errors.
    match connection.serve_all().await.unwrap_or(Ending::Keep) {
        Ending::Keep => {}
        Ending::Close => close(connection.stream).await,
        Ending::Reset => reset(connection.stream),
        Ending::Hang => wait_for_end(&mut connection.stream).await,
    }
}

struct Connection<'site, S> {
    stream: S,
    site: &'site Site,
    number: u64,
    answered: u64,
    /// What has been read and not yet parsed.
    input: Vec<u8>,
    /// What has been answered and not yet written.
    output: Vec<u8>,
}

/// What remains to be done once the plain pages are answered.
enum Next {
    Read,
    Refuse,
    Reply(Request, Framing),
}

impl<S: Wire> Connection<'_, S> {
    /// Returns how to end the connection; `Keep` when the client has ended it.
    async fn serve_all(&mut self) -> io::Result<Ending> {
        loop {
            let next = self.answer_pages();
            if !self.output.is_empty() {
                self.stream.write_all(&self.output).await?;
                self.output.clear();
            }
            match next {
                Next::Read => {
                    if let Some(ending) = self.read_or_tire().await? {
                        return Ok(ending);
                    }
                }
                Next::Refuse => {
                    let request = Request::default();
                    self.play(Answer::page(400, "No request").reply(&request)).await?;
                    return Ok(Ending::Close);
                }
                Next::Reply(request, framing) => {
                    let ending = Box::pin(self.answer(request, framing)).await?;
                    if ending != Ending::Keep {
                        return Ok(ending);
                    }
                }
            }
        }
    }

    /// Answers what needs no thought into the output, all that has come of it.
    fn answer_pages(&mut self) -> Next {
        let are_quick = matches!(self.site.temperament, Temperament::Fast) && !self.site.has_log();
        let mut used = 0;
        let next = loop {
            match parse(&self.input[used..], are_quick) {
                Parsed::Page { length, number } => {
                    self.site.tally.requests.fetch_add(1, Relaxed);
                    let _counted = self.site.tally.in_flight.enter();
                    pages::append_page_answer(&mut self.output, &self.input[used..][number]);
                    self.answered += 1;
                    used += length;
                }
                Parsed::Header { length, request, framing } => {
                    used += length;
                    break Next::Reply(request, framing);
                }
                Parsed::Partial if self.input.len() - used > MOST_HEADER_BYTES => break Next::Refuse,
                Parsed::Partial => break Next::Read,
                Parsed::Malformed => break Next::Refuse,
            }
        };
        self.input.drain(..used);
        next
    }

    /// Reads more, or says how to end a connection that has come to its end.
    async fn read_or_tire(&mut self) -> io::Result<Option<Ending>> {
        let is_idle = self.input.is_empty() && self.answered > 0;
        let site = self.site;
        let read = self.read_more();
        let count = match site.temperament {
            Temperament::ClosesKeepAlive(KeepAliveEnd::AfterIdle(idle)) if is_idle => {
                match tokio::time::timeout(idle, read).await {
                    Ok(count) => count?,
                    Err(_) => return Ok(Some(Ending::Close)),
                }
            }
            _ => read.await?,
        };
        Ok((count == 0).then_some(Ending::Keep))
    }

    async fn read_more(&mut self) -> io::Result<usize> {
        if self.input.capacity() - self.input.len() < BUFFER_BYTES / 2 {
            self.input.reserve(BUFFER_BYTES.max(self.input.len()));
        }
        self.stream.read_buf(&mut self.input).await
    }

    /// Reads the body, then makes and plays the reply.
    async fn answer(&mut self, mut request: Request, framing: Framing) -> io::Result<Ending> {
        if framing != Framing::Length(0)
            && request.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue"))
        {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        request.body = match framing {
            Framing::Length(length) => self.read_body(length).await?,
            Framing::Chunked => self.read_chunks().await?,
        };
        request.connection = self.number;
        request.answered_before = self.answered;
        let site = self.site;
        request.number = site.tally.requests.fetch_add(1, Relaxed);
        site.note(|| Seen {
            method: request.method.clone(),
            target: request.target.clone(),
            headers: request.headers.clone(),
            connection: request.connection,
            at: site.age(),
        });
        let counted = site.tally.in_flight.enter();
        let reply = behave::reply(site, &request, counted.count);
        self.answered += 1;
        self.play(reply).await
    }

    async fn read_body(&mut self, length: usize) -> io::Result<Vec<u8>> {
        if length > MOST_BODY_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        while self.input.len() < length {
            self.read_on().await?;
        }
        Ok(self.input.drain(..length).collect())
    }

    async fn read_chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            match parse_chunk(&self.input) {
                Ok(Some((length, content))) => {
                    let is_last = content.is_empty();
                    body.extend_from_slice(content);
                    self.input.drain(..length);
                    if is_last {
                        return Ok(body);
                    }
                }
                Ok(None) if self.input.len() + body.len() <= MOST_BODY_BYTES => self.read_on().await?,
                Ok(None) | Err(_) => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
    }

    /// Reads more where the end would be too early.
    async fn read_on(&mut self) -> io::Result<()> {
        match self.read_more().await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    async fn play(&mut self, reply: Reply) -> io::Result<Ending> {
        for piece in reply.pieces {
            match piece {
                Piece::Bytes(bytes) => self.send(&bytes).await?,
                Piece::Wait(duration) => self.wait(duration).await?,
                Piece::Drip(bytes, every) => self.drip(&bytes, every).await?,
                Piece::Flood(bytes) => self.flood(&bytes).await?,
                Piece::Gather(at_once) => self.gather(at_once).await?,
            }
        }
        Ok(reply.ending)
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    async fn drip(&mut self, bytes: &Bytes, every: Duration) -> io::Result<()> {
        for byte in bytes.chunks(1) {
            self.wait(every).await?;
            self.send(byte).await?;
        }
        Ok(())
    }

    async fn flood(&mut self, bytes: &Bytes) -> io::Result<()> {
        loop {
            self.send(bytes).await?;
        }
    }

    /// Waits until so many requests were waiting at once.
    async fn gather(&self, at_once: usize) -> io::Result<()> {
        while self.site.tally.most_in_flight() < at_once && self.site.age() < LONGEST_GATHERING {
            self.wait(GATHERING_LOOK).await?;
        }
        Ok(())
    }

    /// Waits, or fails when the client leaves: a host that went on for clients long gone would fill up.
    async fn wait(&self, duration: Duration) -> io::Result<()> {
        tokio::select! {
            () = tokio::time::sleep(duration) => Ok(()),
            () = wait_until_gone(self.stream.socket()) => Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }
}
