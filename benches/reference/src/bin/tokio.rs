//! A client that does no more than it must, on tokio: asks, reads status and length, and TLS by rustls.
//! `reference-tokio FILE CONCURRENCY [AUTHORITY]`. A connection is kept as long as the host stays the same.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use reference::{List, Page, Task, drive};
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

enum Connection {
    Plain(TcpStream),
    Encrypted(Box<TlsStream<TcpStream>>),
}

fn main() -> Result<(), Box<dyn Error>> {
    let task = Task::from_arguments()?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(task.roots)
        .with_no_client_auth();
    let tls = TlsConnector::from(Arc::new(config));
    drive(task.pages, task.concurrency, |pages| work(pages, tls.clone()))
}

async fn work(pages: List<Page>, tls: TlsConnector) -> usize {
    let mut answered = 0;
    let mut kept: Option<(String, Connection)> = None;
    let mut buffer = vec![0; 16 << 10];
    loop {
        let Some(page) = pages.borrow_mut().next() else { return answered };
        let connection = match kept.take().filter(|(authority, _)| *authority == page.authority) {
            Some((_, connection)) => Some(connection),
            None => connect(&page, &tls).await,
        };
        let Some(mut connection) = connection else { continue };
        let is_right = match &mut connection {
            Connection::Plain(stream) => ask(stream, &page, &mut buffer).await,
            Connection::Encrypted(stream) => ask(stream, &page, &mut buffer).await,
        };
        if is_right == Some(true) {
            answered += 1;
            kept = Some((page.authority, connection));
        }
    }
}

async fn connect(page: &Page, tls: &TlsConnector) -> Option<Connection> {
    let address: SocketAddr = page.authority.parse().ok()?;
    let stream = TcpStream::connect(address).await.ok()?;
    if !page.is_encrypted {
        return Some(Connection::Plain(stream));
    }
    let stream = tls.connect(address.ip().into(), stream).await.ok()?;
    Some(Connection::Encrypted(Box::new(stream)))
}

/// Whether the answer is right; `None` if there is none.
async fn ask<S>(stream: &mut S, page: &Page, buffer: &mut [u8]) -> Option<bool>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let request = format!("GET {} HTTP/1.1\r\nhost: {}\r\n\r\n", page.path, page.authority);
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut filled = 0;
    loop {
        let count = stream.read(&mut buffer[filled..]).await.ok()?;
        if count == 0 {
            return None;
        }
        filled += count;
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut headers);
        let Ok(httparse::Status::Complete(head)) = response.parse(&buffer[..filled]) else { continue };
        let status = response.code?;
        let length = headers.iter().find(|field| field.name.eq_ignore_ascii_case("content-length"))?;
        let length: usize = std::str::from_utf8(length.value).ok()?.parse().ok()?;
        if filled - head >= length {
            return Some(page.is(status, &buffer[head..filled]));
        }
    }
}
