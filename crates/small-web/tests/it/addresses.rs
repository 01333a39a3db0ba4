//! Addresses without a server: refused, unreachable, unanswered.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::Duration;

use small_web::{SmallWeb, unreachable_url};
use tokio::time::Instant;

#[test]
fn a_refused_address_refuses() {
    let web = SmallWeb::start().unwrap();
    let address = web.refused_address();
    for _ in 0..3 {
        assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_unreachable_url_fails_at_once() {
    let url = url::Url::parse(unreachable_url()).unwrap();
    let before = Instant::now();
    let error = TcpStream::connect((url.host_str().unwrap(), 80)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NetworkUnreachable);
    // Not after a while, as where nobody answers.
    assert!(before.elapsed() < Duration::from_secs(5));
}

#[cfg(target_os = "linux")]
#[test]
fn an_unanswered_address_leaves_clients_waiting() {
    let web = SmallWeb::start().unwrap();
    let address = web.unanswered_address();
    for _ in 0..2 {
        let error = TcpStream::connect_timeout(&address, Duration::from_millis(200)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }
}
