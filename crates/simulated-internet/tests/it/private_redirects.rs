//! Redirects to addresses that are not public, on an internet where some are.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use headcount::record::{Failure, Kind, Phase};
use headcount::simulation::{self, Addresses, Circumstances, Network};
use headcount::{Config, Record, Request};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const PUBLIC: &str = "93.184.215.14";
const METADATA: &str = "169.254.169.254";

/// An internet of hosts that answer every request alike. It notes which addresses were connected to.
#[derive(Clone, Default)]
struct Internet {
    /// Names, and their addresses with blanks between them. Behind a bar, they are what the next question is answered with.
    names: Vec<(&'static str, &'static str)>,
    /// Addresses, and what their hosts have in Location.
    answers: Vec<(&'static str, &'static str)>,
    /// Addresses where nobody takes a connection.
    refusing: Vec<&'static str>,
    resolved: Rc<RefCell<Vec<String>>>,
    connected: Rc<RefCell<Vec<String>>>,
}

impl Network for Internet {
    type Stream = Answering;

    async fn resolve(&self, name: &str) -> Result<Addresses, Failure> {
        let known = self.names.iter().find(|(known, _)| *known == name);
        let (_, addresses) = known.expect("a name that there is");
        let before = self.resolved.borrow().iter().filter(|resolved| *resolved == name).count();
        self.resolved.borrow_mut().push(name.to_owned());
        let addresses = addresses.split('|').cycle().nth(before).unwrap_or_default();
        let list = addresses.split(' ').map(|address| address.parse().unwrap()).collect();
        Ok(Addresses { list, valid_until: None })
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<Answering> {
        self.connected.borrow_mut().push(address.ip().to_string());
        let ip = address.ip().to_string();
        if self.refusing.contains(&ip.as_str()) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (_, location) = self.answers.iter().find(|(host, _)| *host == ip).copied().unwrap_or_default();
        Ok(Answering { location, ..Answering::default() })
    }
}

/// A connection whose other end redirects every request, or says that all is well.
#[derive(Default)]
struct Answering {
    location: &'static str,
    answer: Vec<u8>,
    reader: Cell<Option<Waker>>,
}

impl AsyncWrite for Answering {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if bytes.ends_with(b"\r\n\r\n") {
            let head = match self.location {
                "" => "HTTP/1.1 200 OK".to_owned(),
                location => format!("HTTP/1.1 302 Found\r\nLocation: {location}"),
            };
            self.answer.extend_from_slice(format!("{head}\r\nContent-Length: 0\r\n\r\n").as_bytes());
        }
        self.reader.take().iter().for_each(Waker::wake_by_ref);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Answering {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.answer.is_empty() {
            self.reader.set(Some(context.waker().clone()));
            return Poll::Pending;
        }
        let count = self.answer.len().min(buffer.remaining());
        buffer.put_slice(&self.answer[..count]);
        self.answer.drain(..count);
        Poll::Ready(Ok(()))
    }
}

/// What becomes of `urls`, and which addresses were connected to.
fn run(
    internet: &Internet,
    urls: &[&'static str],
    change: impl FnOnce(&mut Config),
) -> (Vec<Record>, Vec<String>) {
    let mut config = Config::default();
    (config.concurrency, config.retries) = (1, 0);
    change(&mut config);
    let requests: Vec<Request> = urls.iter().map(|url| Request::from(*url)).collect();
    let simulated = simulation::run(config, internet.clone(), requests, Circumstances::default()).unwrap();
    assert!(simulated.error.is_none());
    let mut records = simulated.records;
    records.sort_by_key(|record| record.index);
    (records, internet.connected.take())
}

fn redirecting_to(location: &'static str) -> Internet {
    Internet {
        names: vec![("public.test", PUBLIC)],
        answers: vec![(PUBLIC, location)],
        ..Internet::default()
    }
}

fn is_denied(record: &Record) -> bool {
    record.error.as_ref().is_some_and(|error| (error.phase, error.kind) == (Phase::Redirect, Kind::Denied))
}

#[test]
fn a_public_host_cannot_send_us_to_a_private_address() {
    let private = [
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:8080/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://10.0.0.1/",
        "http://100.64.0.1/",
        "http://0.0.0.0/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::a00:1]/",
        "http://[fd00:ec2::254]/",
        "http://[fe80::1]/",
    ];
    for location in private {
        let (records, connected) = run(&redirecting_to(location), &["http://public.test/"], |_| ());
        assert!(is_denied(&records[0]), "{location}: {:?}", records[0]);
        assert_eq!((connected, records[0].num_retries), (vec![PUBLIC.to_owned()], 0), "{location}");
    }
}

#[test]
fn who_allows_it_is_taken_there() {
    let internet = redirecting_to("http://169.254.169.254/");
    let (records, connected) =
        run(&internet, &["http://public.test/"], |config| config.allow_private_redirects = true);
    assert!(records[0].accepted, "{:?}", records[0]);
    assert_eq!(connected, [PUBLIC, METADATA]);
}

#[test]
fn what_the_user_names_may_be_private_and_lead_anywhere() {
    let internet = Internet {
        answers: vec![("10.0.0.1", "http://192.168.0.1/"), ("192.168.0.1", "http://8.8.8.8/")],
        ..Internet::default()
    };
    let (records, connected) = run(&internet, &["http://10.0.0.1/"], |_| ());
    assert!(records[0].accepted, "{:?}", records[0]);
    assert_eq!(connected, ["10.0.0.1", "192.168.0.1", "8.8.8.8"]);
}

#[test]
fn names_are_judged_by_the_address_that_is_connected_to() {
    // The name's first address is looked at no more than its others: of all only the public one is asked.
    let mut internet = redirecting_to("http://rebinding.test/");
    internet.names.push(("rebinding.test", "127.0.0.1 8.8.8.8 ::1"));
    let (records, connected) = run(&internet, &["http://public.test/"], |_| ());
    assert!(records[0].accepted, "{:?}", records[0]);
    assert_eq!(connected, [PUBLIC, "8.8.8.8"]);

    let mut internet = redirecting_to("http://rebinding.test/");
    internet.names.push(("rebinding.test", "127.0.0.1"));
    let (records, connected) = run(&internet, &["http://public.test/"], |_| ());
    assert!(is_denied(&records[0]), "{:?}", records[0]);
    assert_eq!(connected, [PUBLIC]);
}

#[test]
fn an_open_connection_to_a_private_host_is_not_lent_to_a_stranger() {
    let internet = redirecting_to("http://10.0.0.1/secret");
    // The user's own requests leave connections to the private host; the stranger's redirect comes between them.
    let urls = ["http://10.0.0.1/1", "http://public.test/", "http://10.0.0.1/2", "http://10.0.0.1/3"];
    let (records, _) = run(&internet, &urls, |config| config.per_host = 1);
    let ends: Vec<bool> = records.iter().map(is_denied).collect();
    assert_eq!(ends, [false, true, false, false], "{records:#?}");
}

#[test]
fn each_hop_is_judged_and_what_was_public_stays_so() {
    let internet = Internet {
        names: vec![("public.test", PUBLIC)],
        answers: vec![(PUBLIC, "http://8.8.8.8/"), ("8.8.8.8", "http://127.0.0.1/")],
        ..Internet::default()
    };
    let (records, connected) = run(&internet, &["http://public.test/"], |_| ());
    assert!(is_denied(&records[0]), "{:?}", records[0]);
    assert_eq!((connected, records[0].num_redirects), (vec![PUBLIC.to_owned(), "8.8.8.8".to_owned()], 2));
}

#[test]
fn the_way_to_robots_txt_is_judged_like_any_other() {
    let internet = redirecting_to("http://169.254.169.254/robots.txt");
    let (records, connected) = run(&internet, &["http://public.test/"], |config| config.robots = true);
    assert!(!connected.contains(&METADATA.to_owned()), "{connected:?}");
    assert!(is_denied(&records[0]), "{:?}", records[0]);
}

#[test]
fn a_retry_is_judged_like_the_first_time() {
    let mut internet = redirecting_to("http://rebinding.test/");
    internet.names.push(("rebinding.test", "8.8.8.8|127.0.0.1"));
    internet.refusing.push("8.8.8.8");
    let (records, connected) = run(&internet, &["http://public.test/"], |config| config.retries = 2);
    assert!(is_denied(&records[0]), "{:?}", records[0]);
    assert_eq!(
        (connected, records[0].num_retries),
        ([PUBLIC, "8.8.8.8", PUBLIC].map(str::to_owned).to_vec(), 1)
    );
}
