//! Answers: whatever a host sends, in one connection or several, each input has exactly one record, and one that can be
//! written and read back.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use headcount::record::Failure;
use headcount::simulation::{self, Circumstances, Network};
use headcount::{Config, Record, Request};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a host sends on each of its connections before it closes it.
pub fn answers(data: &[u8]) {
    let records = records_of(data);
    let mut indices: Vec<u64> = records.iter().map(|record| record.index).collect();
    indices.sort_unstable();
    assert_eq!(indices, [0, 1], "each input has one record");
    for record in &records {
        let text = serde_json::to_string(record).expect("a record can be written");
        let back: Record = serde_json::from_str(&text).expect("a record can be read");
        assert_eq!(serde_json::to_string(&back).expect("a record can be written"), text);
    }
}

/// The records of two URLs of a host that says this.
pub(crate) fn records_of(data: &[u8]) -> Vec<Record> {
    let mut config = Config::default();
    config.retries = 1;
    config.max_redirects = 3;
    config.max_body = 64 << 10;
    let requests = ["http://a.example/", "http://a.example/page/2"].map(Request::from);
    let network = OneAnswer(data.to_vec());
    let run = simulation::run(config, network, requests, Circumstances::default()).expect("no task panicked");
    assert!(run.error.is_none(), "no answer stops a run: {:?}", run.error);
    run.records
}

/// An internet in which everybody says the same.
struct OneAnswer(Vec<u8>);

impl Network for OneAnswer {
    type Stream = Speech;

    async fn resolve(&self, _name: &str) -> Result<Vec<IpAddr>, Failure> {
        Ok(vec![Ipv4Addr::new(192, 0, 2, 1).into()])
    }

    async fn connect(&self, _address: SocketAddr) -> io::Result<Speech> {
        Ok(Speech { left: self.0.clone(), was_asked: false, listener: None })
    }
}

/// A connection whose host waits to be asked, then says what it has to say and closes.
struct Speech {
    left: Vec<u8>,
    was_asked: bool,
    listener: Option<Waker>,
}

impl AsyncRead for Speech {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.was_asked {
            self.listener = Some(context.waker().clone());
            return Poll::Pending;
        }
        let count = self.left.len().min(buffer.remaining());
        buffer.put_slice(&self.left[..count]);
        self.left.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Speech {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.was_asked = true;
        if let Some(listener) = self.listener.take() {
            listener.wake();
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
