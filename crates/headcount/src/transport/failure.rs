//! From the errors of sockets, TLS and HTTP to a record's phase and kind.

use std::error::Error as StdError;
use std::io;
use std::net::SocketAddr;

use super::certificate;
use super::metered::Meter;
use crate::record::{Failure, Kind, Phase};

/// A connection that could not be made.
pub(super) fn connect(address: SocketAddr, error: &io::Error) -> Failure {
    use io::ErrorKind::{
        AddrNotAvailable, ConnectionAborted, ConnectionRefused, ConnectionReset, NetworkDown, OutOfMemory,
        PermissionDenied, TimedOut,
    };
    let (phase, kind) = match error.kind() {
        _ if is_out_of_descriptors(error) => (Phase::Local, Kind::Descriptors),
        ConnectionRefused => (Phase::Connect, Kind::Refused),
        ConnectionReset | ConnectionAborted => (Phase::Connect, Kind::Reset),
        TimedOut => (Phase::Connect, Kind::Timeout),
        PermissionDenied => (Phase::Connect, Kind::Denied),
        // No free port, no interface, no kernel memory: the host was never asked.
        AddrNotAvailable | NetworkDown | OutOfMemory => (Phase::Local, Kind::Network),
        _ => (Phase::Connect, Kind::Unreachable),
    };
    Failure::new(phase, kind, format!("cannot connect to {address}: {error}"))
}

/// A handshake that failed.
pub(super) fn handshake(error: &io::Error) -> Failure {
    let reason = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    if let Some(rustls::Error::InvalidCertificate(error)) = reason {
        let message = format!("the certificate was not accepted: {}", certificate::said(error));
        let failure = Failure::new(Phase::Tls, Kind::Certificate, message);
        return Failure { reason: Some(certificate::reason(error)), ..failure };
    }
    let (kind, message) = match reason {
        Some(reason) => (Kind::Handshake, format!("the TLS handshake failed: {reason}")),
        None => match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                (Kind::Reset, "the connection was reset during the TLS handshake".to_owned())
            }
            io::ErrorKind::UnexpectedEof => {
                (Kind::Closed, "the connection was closed during the TLS handshake".to_owned())
            }
            io::ErrorKind::TimedOut => {
                (Kind::Timeout, "the connection timed out during the TLS handshake".to_owned())
            }
            _ => (Kind::Handshake, format!("the TLS handshake failed: {error}")),
        },
    };
    Failure::new(Phase::Tls, kind, message)
}

/// A request or answer that broke off. `phase` is `Headers` or `Body`; before anything passed it is `Send`.
pub(super) fn exchange(phase: Phase, meter: &Meter, error: &hyper::Error) -> Failure {
    let error = root(error);
    if let Some(alert) = alert(error) {
        // In TLS 1.3 a host says only after the handshake what it did not like about it.
        return Failure::new(Phase::Tls, Kind::Handshake, format!("the host ended TLS: {alert}"));
    }
    let is_silent = !meter.sent.get() && meter.first_byte.get().is_none();
    let phase = if is_silent { Phase::Send } else { phase };
    let kind = match meter.failure.get() {
        Some(io::ErrorKind::ConnectionReset) => Kind::Reset,
        Some(io::ErrorKind::TimedOut) => Kind::Timeout,
        Some(io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof) => Kind::Closed,
        _ if phase == Phase::Send => Kind::Closed,
        // What TLS says of a record that is no TLS.
        Some(io::ErrorKind::InvalidData) => Kind::Malformed,
        Some(_) => Kind::Closed,
        _ if error.is_parse_too_large() && phase == Phase::Headers => Kind::TooLarge,
        _ if error.is_incomplete_message() || error.is_canceled() || error.is_closed() => Kind::Closed,
        _ if io_source(error) == Some(io::ErrorKind::UnexpectedEof) => Kind::Closed,
        _ => Kind::Malformed,
    };
    let place = place(phase, meter.first_byte.get().is_some());
    let message = match kind {
        Kind::TooLarge => return too_large(),
        Kind::Reset => format!("the connection was reset {place}"),
        Kind::Closed => format!("the connection was closed {place}"),
        Kind::Timeout => format!("the connection timed out {place}"),
        _ => format!("the answer is not valid HTTP: {}", innermost(error)),
    };
    Failure::new(phase, kind, message)
}

/// The same for one of the requests that share an HTTP/2 connection.
pub(super) fn stream(phase: Phase, meter: &Meter, error: &h2::Error) -> Failure {
    let place = place(phase, phase == Phase::Body);
    let (kind, message) = match error {
        _ if error.is_remote() && error.is_reset() => {
            (Kind::Reset, format!("the host broke it off {place}: {}", said(error)))
        }
        _ if error.is_remote() => {
            (Kind::Closed, format!("the host closed the connection {place}: {}", said(error)))
        }
        _ if !error.is_io() => (Kind::Malformed, format!("the answer is not valid HTTP/2: {}", said(error))),
        _ => match meter.failure.get() {
            Some(io::ErrorKind::ConnectionReset) => {
                (Kind::Reset, format!("the connection was reset {place}"))
            }
            Some(io::ErrorKind::TimedOut) => (Kind::Timeout, format!("the connection timed out {place}")),
            _ => (Kind::Closed, format!("the connection was closed {place}")),
        },
    };
    match phase {
        // What cannot be understood was answered.
        Phase::Send if kind == Kind::Malformed => Failure::new(Phase::Headers, kind, message),
        phase => Failure::new(phase, kind, message),
    }
}

/// Whether the host has said that it did not begin with the request: RFC 9113, section 8.7, lets any be sent again.
pub(super) fn is_unprocessed(error: &h2::Error) -> bool {
    let is_refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
    // Only what stands behind the last stream that a GOAWAY names fails with it. Who has had too much of us is not to be
    // asked again at once.
    let is_sent_away = error.is_go_away() && error.reason() != Some(h2::Reason::ENHANCE_YOUR_CALM);
    error.is_remote() && (is_refused || is_sent_away)
}

/// Whether the host has said that it is to be asked in HTTP/1.1 instead (RFC 9113, section 7). As browsers and curl do, it is
/// taken for a word that nothing was done yet.
pub(super) fn wants_http1(error: &h2::Error) -> bool {
    error.is_remote() && error.reason() == Some(h2::Reason::HTTP_1_1_REQUIRED)
}

/// A header that is more than one can want.
pub(super) fn too_large() -> Failure {
    let message = "the answer's header is larger than 64 KiB, has more than 1,000 fields, or says that the body has no end";
    Failure::new(Phase::Headers, Kind::TooLarge, message)
}

/// An HTTP/2 error in words. What a GOAWAY adds, h2 shows as programmers see it: `… (b"too many")`.
fn said(error: &h2::Error) -> String {
    without_quotes(error.to_string())
}

fn without_quotes(text: String) -> String {
    match text.split_once(" (b\"") {
        Some((before, added)) => format!("{before} ({})", added.trim_end_matches("\")")),
        None => text,
    }
}

fn place(phase: Phase, has_answer: bool) -> &'static str {
    match phase {
        Phase::Send => "while the request was sent",
        Phase::Headers if !has_answer => "before any answer",
        Phase::Headers => "within the answer's header",
        _ => "within the answer's body",
    }
}

pub(super) fn is_out_of_descriptors(error: &io::Error) -> bool {
    const EMFILE: i32 = 24;
    const ENFILE: i32 = 23;
    cfg!(unix) && matches!(error.raw_os_error(), Some(EMFILE | ENFILE))
}

fn alert(error: &hyper::Error) -> Option<&rustls::Error> {
    let error = error.source()?.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref::<rustls::Error>()?;
    matches!(error, rustls::Error::AlertReceived(_)).then_some(error)
}

fn io_source(error: &hyper::Error) -> Option<io::ErrorKind> {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(error) = cause.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        source = cause.source();
    }
    None
}

/// A request that is cancelled with its connection carries the connection's error as its source.
fn root(error: &hyper::Error) -> &hyper::Error {
    let source = error.source().and_then(|source| source.downcast_ref::<hyper::Error>());
    source.map_or(error, root)
}

fn innermost(error: &hyper::Error) -> String {
    let mut cause: &dyn StdError = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_goaway_adds_is_said_as_text() {
        let said = |text: &str| without_quotes(text.to_owned());
        assert_eq!(said("detected: refused (b\"too_many\")"), "detected: refused (too_many)");
        assert_eq!(said("connection error received: not needed"), "connection error received: not needed");
    }
}
