//! A client that sees every byte, and how a connection ends.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    Fin,
    Reset,
    /// Not at all, within the patience of the client.
    Open,
}

/// How long anything may take that has to come, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection is watched once a whole answer is there that need not end it.
const LAST_LOOK: Duration = Duration::from_millis(300);

/// Sends a request for a path and reads until the connection ends, or the answer is whole and nothing more comes.
pub(crate) fn get(address: SocketAddr, path: &str) -> (String, End) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: raw\r\n\r\n");
    let (bytes, end) = exchange(address, request.as_bytes());
    (String::from_utf8_lossy(&bytes).into_owned(), end)
}

/// Sends bytes and reads until the connection ends, the answer is whole and nothing more comes, or 32 MiB have come.
pub(crate) fn exchange(address: SocketAddr, bytes: &[u8]) -> (Vec<u8>, End) {
    let mut stream = match TcpStream::connect(address) {
        Err(error) if error.kind() == ErrorKind::ConnectionReset => return (Vec::new(), End::Reset),
        connected => connected.unwrap(),
    };
    let written = stream.write_all(bytes);
    let (answer, end) = read_all(&mut stream);
    // A host that resets at once may do so before this writes, and the kernel tells of a reset only
    // once: the read that follows sees a plain end.
    (answer, if written.is_err() && end == End::Fin { End::Reset } else { end })
}

/// Reads until the connection ends, the answer is whole and nothing more comes, or 32 MiB have come.
pub(crate) fn read_all(stream: &mut TcpStream) -> (Vec<u8>, End) {
    read(stream, LAST_LOOK)
}

/// The same where the connection has to end, if late.
pub(crate) fn read_to_its_end(stream: &mut TcpStream) -> (Vec<u8>, End) {
    read(stream, PATIENCE)
}

fn read(stream: &mut TcpStream, last_look: Duration) -> (Vec<u8>, End) {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let patience = if may_be_last(&bytes) { last_look } else { PATIENCE };
        stream.set_read_timeout(Some(patience)).unwrap();
        match stream.read(&mut buffer) {
            Ok(0) => return (bytes, End::Fin),
            Ok(_) if bytes.len() > 32 << 20 => return (bytes, End::Open),
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => return (bytes, End::Open),
                ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => return (bytes, End::Reset),
                other => panic!("an end of its own kind: {other}"),
            },
        }
    }
}

/// Whether an answer is whole, and does not say that the connection ends with it.
fn may_be_last(mut bytes: &[u8]) -> bool {
    let header_length = |bytes: &[u8]| {
        let start = &bytes[..bytes.len().min(64 << 10)];
        start.windows(4).position(|window| window == b"\r\n\r\n")
    };
    let mut length = header_length(bytes);
    while let (Some(of_interim), true) = (length, bytes.starts_with(b"HTTP/1.1 1")) {
        bytes = &bytes[of_interim + 4..];
        length = header_length(bytes);
    }
    // A longer header is all there is of its answer.
    let Some(length) = length else { return bytes.ends_with(b"\r\n\r\n") };
    let header = String::from_utf8_lossy(&bytes[..length]);
    let field = |name: &str| header.lines().find_map(|line| line.strip_prefix(name));
    if header.starts_with("HTTP/1.0") || field("Connection: ") == Some("close") {
        return false;
    }
    let body = bytes.len() - length - 4;
    match (field("Content-Length: "), field("Transfer-Encoding: ")) {
        // After the last chunk there may be fields.
        (_, Some(_)) => bytes.ends_with(b"\r\n\r\n") && bytes.windows(5).any(|window| window == b"\r\n0\r\n"),
        (Some(length), _) => length.parse().is_ok_and(|length: usize| body >= length),
        (None, None) => true,
    }
}

/// The body of an answer with a length.
pub(crate) fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}
