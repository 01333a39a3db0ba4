//! The barest client: one thread, epoll, non-blocking sockets, and httparse. `reference-epoll FILE CONCURRENCY` asks
//! the plain-HTTP pages of a list, and keeps a connection as long as the host stays the same.

use std::error::Error;
#[cfg(target_os = "linux")]
use std::io::Write;

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn Error>> {
    let answered = client::run(&reference::Task::from_arguments()?)?;
    writeln!(std::io::stdout(), "{answered}")?;
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn main() -> Result<(), Box<dyn Error>> {
    Err("only Linux has epoll".into())
}

#[cfg(target_os = "linux")]
mod client {
    use std::io::{self, ErrorKind, Read, Write};
    use std::net::SocketAddr;

    use reference::{Page, Task};
    use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
    use rustix::fd::OwnedFd;
    use socket2::{Domain, Socket, Type};

    struct Connection {
        socket: Socket,
        page: usize,
        /// Bytes of the request that have been sent.
        sent: usize,
        request: Vec<u8>,
        buffer: Vec<u8>,
        filled: usize,
    }

    struct Client<'a> {
        epoll: OwnedFd,
        pages: &'a [Page],
        next: usize,
        answered: usize,
        connections: Vec<Option<Connection>>,
    }

    pub(super) fn run(task: &Task) -> io::Result<usize> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let connections = (0..task.concurrency).map(|_| None).collect();
        let mut client = Client { epoll, pages: &task.pages, next: 0, answered: 0, connections };
        let mut open = 0;
        for slot in 0..task.concurrency {
            open += usize::from(client.go_on(slot)?);
        }
        let mut events = Vec::with_capacity(task.concurrency);
        while open > 0 {
            events.clear();
            epoll::wait(&client.epoll, rustix::buffer::spare_capacity(&mut events), None)?;
            for event in &events {
                open -= usize::from(client.attend(event.data.u64() as usize)? == Progress::NothingLeft);
            }
        }
        Ok(client.answered)
    }

    #[derive(PartialEq)]
    enum Progress {
        Waiting,
        NothingLeft,
    }

    impl Client<'_> {
        /// Asks for the next page; `false` if there is none.
        fn go_on(&mut self, slot: usize) -> io::Result<bool> {
            let kept = self.connections[slot].take();
            let Some(page) = self.pages.get(self.next) else { return Ok(false) };
            let number = self.next;
            self.next += 1;
            let kept = kept.filter(|kept| self.pages[kept.page].authority == page.authority);
            let mut connection = match kept {
                Some(kept) => kept,
                None => self.connect(page, slot)?,
            };
            connection.page = number;
            (connection.sent, connection.filled) = (0, 0);
            connection.request.clear();
            write!(connection.request, "GET {} HTTP/1.1\r\nhost: {}\r\n\r\n", page.path, page.authority)?;
            connection.send()?;
            self.connections[slot] = Some(connection);
            Ok(true)
        }

        fn connect(&self, page: &Page, slot: usize) -> io::Result<Connection> {
            let address: SocketAddr = page.authority.parse().map_err(io::Error::other)?;
            let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), None)?;
            match socket.connect(&address.into()) {
                Err(error) if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {
                    return Err(error);
                }
                _ => {}
            }
            let wanted = EventFlags::IN | EventFlags::OUT | EventFlags::ET;
            epoll::add(&self.epoll, &socket, EventData::new_u64(slot as u64), wanted)?;
            Ok(Connection {
                socket,
                page: 0,
                sent: 0,
                request: Vec::new(),
                buffer: vec![0; 16 << 10],
                filled: 0,
            })
        }

        /// Reads what is there; if that is the answer, asks for the next page.
        fn attend(&mut self, slot: usize) -> io::Result<Progress> {
            let Some(connection) = &mut self.connections[slot] else { return Ok(Progress::Waiting) };
            connection.send()?;
            let page = &self.pages[connection.page];
            match connection.receive(page)? {
                None => return Ok(Progress::Waiting),
                Some(is_right) => self.answered += usize::from(is_right),
            }
            Ok(if self.go_on(slot)? { Progress::Waiting } else { Progress::NothingLeft })
        }
    }

    impl Connection {
        fn send(&mut self) -> io::Result<()> {
            while self.sent < self.request.len() {
                match self.socket.send(&self.request[self.sent..]) {
                    Ok(count) => self.sent += count,
                    Err(error) if is_not_yet(&error) => return Ok(()),
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        }

        /// Whether the answer is right, once it is there.
        fn receive(&mut self, page: &Page) -> io::Result<Option<bool>> {
            if self.sent < self.request.len() {
                return Ok(None);
            }
            loop {
                match self.socket.read(&mut self.buffer[self.filled..]) {
                    Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                    Ok(count) => self.filled += count,
                    Err(error) if is_not_yet(&error) => return Ok(None),
                    Err(error) => return Err(error),
                }
                let mut headers = [httparse::EMPTY_HEADER; 32];
                let mut response = httparse::Response::new(&mut headers);
                let parsed = response.parse(&self.buffer[..self.filled]).map_err(io::Error::other)?;
                let httparse::Status::Complete(head) = parsed else { continue };
                let status = response.code.unwrap_or_default();
                let length = headers.iter().find(|field| field.name.eq_ignore_ascii_case("content-length"));
                let length = length.and_then(|field| std::str::from_utf8(field.value).ok()?.parse().ok());
                let body = &self.buffer[head..self.filled];
                if body.len() >= length.unwrap_or(0_usize) {
                    return Ok(Some(page.is(status, body)));
                }
            }
        }
    }

    fn is_not_yet(error: &io::Error) -> bool {
        matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected | ErrorKind::Interrupted)
    }
}
