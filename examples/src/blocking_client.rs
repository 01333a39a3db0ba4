//! An HTTP client that blocks its thread until the answer is there, as many old libraries do.

use std::io::{self, Read, Write};
use std::net::TcpStream;

/// The body that is at this URL, such as `http://127.0.0.1:8080/page`. Blocks.
///
/// # Errors
/// Nobody is there, or the answer broke off.
pub fn get(url: &str) -> io::Result<String> {
    let address = url.strip_prefix("http://").ok_or(io::ErrorKind::InvalidInput)?;
    let (host, path) = address.split_once('/').unwrap_or((address, ""));
    let mut stream = TcpStream::connect(host)?;
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_header, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::InvalidData)?;
    Ok(body.to_owned())
}
