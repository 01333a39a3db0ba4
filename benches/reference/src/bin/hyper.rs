//! The same on hyper: `client::conn`, polled by the worker that asks, without a pool. `reference-hyper FILE CONCURRENCY`
//! asks plain-HTTP pages.

use std::error::Error;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::Poll;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use reference::{List, Page, Task, drive};
use tokio::net::TcpStream;

struct Connection {
    sender: http1::SendRequest<Empty<Bytes>>,
    driver: http1::Connection<TokioIo<TcpStream>, Empty<Bytes>>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let task = Task::from_arguments()?;
    drive(task.pages, task.concurrency, work)
}

async fn work(pages: List<Page>) -> usize {
    let mut answered = 0;
    let mut kept: Option<(String, Connection)> = None;
    loop {
        let Some(page) = pages.borrow_mut().next() else { return answered };
        let connection = match kept.take().filter(|(authority, _)| *authority == page.authority) {
            Some((_, connection)) => Some(connection),
            None => connect(&page).await.ok(),
        };
        let Some(mut connection) = connection else { continue };
        if ask(&mut connection, &page).await.is_ok_and(|is_right| is_right) {
            answered += 1;
            kept = Some((page.authority, connection));
        }
    }
}

async fn connect(page: &Page) -> Result<Connection, Box<dyn Error>> {
    let address: SocketAddr = page.authority.parse()?;
    let stream = TcpStream::connect(address).await?;
    let (sender, driver) = http1::handshake(TokioIo::new(stream)).await?;
    Ok(Connection { sender, driver })
}

async fn ask(connection: &mut Connection, page: &Page) -> Result<bool, Box<dyn Error>> {
    let request = Request::get(&page.path).header("host", &page.authority).body(Empty::new())?;
    let Connection { sender, driver } = connection;
    let mut exchange = pin!(async {
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes();
        Ok::<bool, hyper::Error>(page.is(status, &body))
    });
    let mut has_ended = false;
    let is_right = poll_fn(|context| {
        if !has_ended && let Poll::Ready(ended) = Pin::new(&mut *driver).poll(context) {
            has_ended = true;
            ended?;
        }
        exchange.as_mut().poll(context)
    })
    .await?;
    Ok(is_right && !has_ended)
}
