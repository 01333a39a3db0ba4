//! What plain and encrypted connections have in common, and the ways to end one.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// How long a closed connection waits for the other side to close too.
const LINGER: Duration = Duration::from_secs(2);
/// How often a connection that may not read looks whether its client is still there.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A connection, plain or encrypted, with the socket beneath it.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Unpin + Send {
    fn socket(&self) -> &TcpStream;
}

impl Wire for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

impl Wire for TlsStream<TcpStream> {
    fn socket(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// Ends a connection with a RST.
pub(crate) fn reset<S: Wire>(stream: S) {
    // Without the zero linger the drop closes in order, which a test of the reset will notice.
    let _ = stream.socket().set_zero_linger();
    drop(stream);
}

/// Ends a connection with a FIN. What the client still sends is read away, for the kernel would answer unread
/// bytes with a RST.
pub(crate) async fn close<S: Wire>(mut stream: S) {
    let _ = tokio::time::timeout(LINGER, async {
        if stream.shutdown().await.is_ok() {
            wait_for_end(&mut stream).await;
        }
    })
    .await;
}

/// Reads and forgets until the client ends the connection.
pub(crate) async fn wait_for_end<S: Wire>(stream: &mut S) {
    let mut forgotten = [0; 512];
    while stream.read(&mut forgotten).await.is_ok_and(|count| count > 0) {}
}

/// Waits until the client has ended the connection, without reading. A client that only ends its half counts
/// as gone, since the kernel shows no difference.
pub(crate) async fn wait_until_gone(socket: &TcpStream) {
    while let Ok(ready) = socket.ready(Interest::READABLE).await {
        if ready.is_read_closed() {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
