//! A web that is dropped stops, whatever its hosts are waiting for, wherever it is dropped.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::time::Duration;

use small_web::{Certificate, SmallWeb, Temperament};
use tokio::time::Instant;

use crate::client::{End, get, read_all};

#[test]
fn dropping_the_web_ends_sleeping_hosts_at_once() {
    let long = Duration::from_secs(600);
    let web = SmallWeb::start().unwrap();
    let hosts = [
        web.host(Temperament::Slow(long)),
        web.host(Temperament::Silent),
        web.host(Temperament::DripBody(long)),
        web.host(Temperament::EndlessBody),
        web.tls_host(Temperament::HandshakeSilent, Certificate::Good),
    ];
    let mut streams: Vec<TcpStream> =
        hosts.iter().map(|host| TcpStream::connect(host.address()).unwrap()).collect();
    for stream in &mut streams {
        stream.write_all(b"GET /page/1 HTTP/1.1\r\n\r\n").unwrap();
    }
    let before = Instant::now();
    drop(web);
    assert!(before.elapsed() < Duration::from_secs(20));
    for mut stream in streams {
        assert_ne!(read_all(&mut stream).1, End::Open);
    }
    for host in hosts {
        let refused = TcpStream::connect(host.address()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        assert_eq!(host.open_connections(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_web_may_start_serve_and_stop_within_another_runtime() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Flapping { up: Duration::from_secs(600), down: Duration::ZERO });
    let (answer, _) = get(host.address(), "/page/1");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}
