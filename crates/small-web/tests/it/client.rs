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

/// How long a host may be silent between bytes before the client takes the connection for open.
const PATIENCE: Duration = Duration::from_millis(300);
/// How long the first byte may take, on a busy machine.
const PATIENCE_AT_FIRST: Duration = Duration::from_secs(10);

/// Sends a request for a path and reads until the connection ends or falls silent.
pub(crate) fn get(address: SocketAddr, path: &str) -> (String, End) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: raw\r\n\r\n");
    let (bytes, end) = exchange(address, request.as_bytes());
    (String::from_utf8_lossy(&bytes).into_owned(), end)
}

/// Sends bytes and reads until the connection ends or falls silent, or 32 MiB have come.
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

/// Reads until the connection ends or falls silent, or 32 MiB have come.
pub(crate) fn read_all(stream: &mut TcpStream) -> (Vec<u8>, End) {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    stream.set_read_timeout(Some(PATIENCE_AT_FIRST)).unwrap();
    loop {
        if !bytes.is_empty() {
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
        }
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

/// The body of an answer with a length.
pub(crate) fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}
