//! A client that does no more than it must: asks, reads status and length, counts. `reference-client FILE CONCURRENCY`
//! asks the plain-HTTP URLs of a list, over connections that are kept as long as the host stays the same.

use std::cell::RefCell;
use std::error::Error;
use std::io::Write;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

struct Target {
    host: String,
    path: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(list), Some(concurrency)) = (arguments.next(), arguments.next()) else {
        return Err("usage: reference-client FILE CONCURRENCY".into());
    };
    let list = std::fs::read_to_string(list)?;
    let targets: Vec<Target> = list.lines().filter_map(parse).collect();
    let targets = Rc::new(RefCell::new(targets.into_iter()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let answered = runtime.block_on(LocalSet::new().run_until(async {
        let mut workers = tokio::task::JoinSet::new();
        for _ in 0..concurrency.parse::<usize>()? {
            workers.spawn_local(work(Rc::clone(&targets)));
        }
        let mut answered = 0;
        while let Some(count) = workers.join_next().await {
            answered += count?;
        }
        Ok::<usize, Box<dyn Error>>(answered)
    }))?;
    writeln!(std::io::stdout(), "{answered}")?;
    Ok(())
}

fn parse(line: &str) -> Option<Target> {
    let (host, path) = line.strip_prefix("http://")?.split_once('/')?;
    Some(Target { host: host.to_owned(), path: format!("/{path}") })
}

async fn work(targets: Rc<RefCell<std::vec::IntoIter<Target>>>) -> usize {
    let mut answered = 0;
    let mut connection: Option<(String, TcpStream)> = None;
    let mut buffer = vec![0; 64 << 10];
    loop {
        let Some(target) = targets.borrow_mut().next() else { return answered };
        let kept = connection.take().filter(|(host, _)| *host == target.host);
        let stream = match kept {
            Some((_, stream)) => Ok(stream),
            None => TcpStream::connect(&target.host).await,
        };
        let Ok(mut stream) = stream else { continue };
        if ask(&mut stream, &target, &mut buffer).await == Some(200) {
            answered += 1;
            connection = Some((target.host, stream));
        }
    }
}

async fn ask(stream: &mut TcpStream, target: &Target, buffer: &mut [u8]) -> Option<u16> {
    let request = format!("GET {} HTTP/1.1\r\nhost: {}\r\n\r\n", target.path, target.host);
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
        let length = headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"))?;
        let mut left =
            std::str::from_utf8(length.value).ok()?.parse::<usize>().ok()?.saturating_sub(filled - head);
        while left > 0 {
            let count = stream.read(buffer).await.ok()?;
            if count == 0 {
                return None;
            }
            left = left.saturating_sub(count);
        }
        return Some(status);
    }
}
