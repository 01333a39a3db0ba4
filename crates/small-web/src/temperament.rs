//! How a host behaves: the list of temperaments, each with the record that a client should make of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{Reply, Request};

/// How a host behaves, with what a client should record: the outcome, and for `failed` the phase and kind.
///
/// The records assume plain HTTP, no retries and deadlines shorter than the host's silence.
#[derive(Clone, Debug)]
pub enum Temperament {
    /// Well-behaved, and as quick as it can be. `answered`.
    Fast,
    /// Well-behaved, after a wait. `answered`, or `headers/timeout` where the wait outlasts the deadline.
    Slow(Duration),
    /// Says what the closure says; for what no other temperament covers.
    Scripted(Script),
    /// This status for every path, with a page. `answered`.
    Status(u16),

    /// Reads the request and never answers. `headers/timeout`.
    Silent,
    /// Accepts and does not even read; a large request fills the socket. `headers/timeout` or `send/timeout`,
    /// on a TLS host `tls/timeout`.
    SilentAfterConnect,
    /// Resets as soon as it has accepted. Depending on how far the client came, kind `reset` in phase
    /// `connect`, `send` or `headers`; on a TLS host `tls/reset`.
    ResetOnAccept,
    /// Ends the connection as soon as it has accepted. `headers/closed`, or `send` where the client noticed
    /// before it had sent; on a TLS host `tls/closed`.
    CloseOnAccept,
    /// Reads the request, then resets. `headers/reset`.
    ResetAfterRequest,
    /// Reads the request, then closes. `headers/closed`.
    CloseAfterRequest,
    /// Resets in the middle of the header. `headers/reset`.
    ResetInHeaders,
    /// Closes in the middle of the header. `headers/closed`.
    CloseInHeaders,
    /// Resets halfway through a body of known length. `body/reset`.
    ResetInBody,
    /// Promises more body than it sends, then closes. `body/closed`.
    ShortBody,
    /// Resets between two chunks. `body/reset`.
    ResetInChunked,
    /// Closes between two chunks, without the last one. `body/closed`.
    CloseInChunked,

    /// A chunk whose size is no number. `body/malformed`.
    BadChunk,
    /// A first line that is no status line. `headers/malformed`.
    MalformedStatusLine,
    /// Answers with the banner of an SSH server, without being asked. `headers/malformed`.
    SshBanner,
    /// Claims to speak HTTP/7.3. `headers/malformed`.
    WrongHttpVersion,
    /// A header line without a colon. `headers/malformed`.
    MalformedHeader,
    /// Two Content-Lengths that differ. `headers/malformed`.
    TwoContentLengths,
    /// A Content-Length that is no number. `headers/malformed`.
    BadContentLength,
    /// Both Content-Length and Transfer-Encoding, as in request smuggling. `headers/malformed`, or `answered`
    /// with the chunked body (the length never counts); the connection must not be used again.
    LengthAndChunked,
    /// Header fields without end, as fast as they are read. `headers/too_large`.
    EndlessHeaders,
    /// A whole header, of 20,000 fields. `headers/too_large`.
    HeaderBomb,
    /// A chunked body without end, as fast as it is read. `answered` and `truncated`.
    EndlessBody,
    /// A header that comes a byte at a time. `headers/timeout`.
    DripHeaders(Duration),
    /// A body that comes a byte at a time. `body/timeout`.
    DripBody(Duration),

    /// Redirects every path to itself. `redirect/loop`.
    RedirectLoop,
    /// Redirects to a new path each time, forever. `redirect/too_many`.
    RedirectForever,
    /// Redirects to what is no URL. `redirect/invalid_url`.
    RedirectToBadUrl,
    /// Redirects to this, such as `ftp://127.0.0.1/` or `mailto:`. `redirect/unsupported_scheme`.
    RedirectToOtherScheme(&'static str),
    /// A 302 that does not say where to. `answered` with 302.
    RedirectToNowhere,

    /// 204, with no body and no length. `answered`.
    NoContent,
    /// 100, 102 and 103 before the 200. `answered` with 200.
    InformationalFirst,
    /// HTTP/1.0 without a length; the body ends with the connection. `answered`.
    Http10,
    /// Well-behaved, but closes connections without having said so. `answered`, with the request repeated
    /// once on a new connection where that was needed.
    ClosesKeepAlive(KeepAliveEnd),

    /// A page with a title of 10 MB. `answered` and `truncated`.
    HugeTitle,
    /// Control sequences in the title (raw and as character references), and C1 and bidi controls in the
    /// Server field, where HTTP allows them. `answered`; a terminal must never see them.
    EscapesInTitle,
    /// A raw ESC in the Server field. `headers/malformed`.
    EscapesInHeader,
    /// A page of 1 GiB, as 1 MiB of gzip. `answered` and `truncated`.
    GzipBomb,
    /// Says gzip, sends none. `body/malformed` for a client that decodes, else `answered`.
    NotGzip,

    /// Each answer takes this long, and more than so many at once get 429. `answered`.
    Throttling {
        /// How many requests are answered at once.
        at_once: usize,
        /// How long each of them takes.
        takes: Duration,
        /// What the 429 gives as Retry-After, in whole seconds, if anything.
        retry_after: Option<u64>,
    },
    /// A token bucket: 429 when it is empty. `answered`.
    Bucket {
        /// How many tokens come back a second.
        per_second: f64,
        /// How many tokens it holds; it starts full.
        burst: f64,
        /// Whether the 429 says when the next token comes, in whole seconds, rounded up.
        retry_after: bool,
    },
    /// Well-behaved, but answers nobody before so many wait at once, or the host is half a minute old. `answered`.
    Gathering {
        /// How many have to wait at once.
        at_once: usize,
        /// How long each answer takes then.
        takes: Duration,
    },
    /// Well-behaved for a while, then 503 for a while, and so on. `answered`.
    Flapping {
        /// How long it is well, counted from the start of the host.
        up: Duration,
        /// How long it then answers 503.
        down: Duration,
    },
    /// Well-behaved, except that connections and requests are reset in one window of time. `answered` outside,
    /// kind `reset` within.
    Outage {
        /// When the window begins, counted from the start of the host.
        from: Duration,
        /// How long it lasts.
        length: Duration,
    },

    /// Reads the first bytes of the TLS handshake and never answers. `tls/timeout`.
    HandshakeSilent,
    /// Reads the first bytes of the TLS handshake, then resets. `tls/reset`.
    HandshakeReset,
    /// Reads the first bytes of the TLS handshake, then closes. `tls/closed`.
    HandshakeClose,
    /// Answers the TLS handshake with plain HTTP. `tls/handshake`.
    PlainHttpOnTlsPort,
    /// Answers the TLS handshake with a fatal alert. `tls/handshake`.
    AlertOnHandshake,
}

/// When a host that claims keep-alive ends a connection without a word.
#[derive(Clone, Copy, Debug)]
pub enum KeepAliveEnd {
    /// Right after this many answers.
    AfterAnswers(u64),
    /// After this long without another request.
    AfterIdle(Duration),
    /// In the instant the next request arrives after this many answers: read, not answered, closed.
    OnNextRequest(u64),
    /// The same, with a reset.
    ResetOnNextRequest(u64),
}

/// What a [`Temperament::Scripted`] host does with each request.
#[derive(Clone)]
pub struct Script(Arc<dyn Fn(&Request) -> Reply + Send + Sync>);

impl Temperament {
    /// A host that replies as this closure says.
    pub fn scripted(script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Temperament {
        Temperament::Scripted(Script(Arc::new(script)))
    }
}

impl Script {
    pub(crate) fn reply(&self, request: &Request) -> Reply {
        (self.0)(request)
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Script")
    }
}
