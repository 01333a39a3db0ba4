//! What a TLS handshake puts on the wire, as a relay between engine and host sees it.

use std::io::{Read, Write, copy};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use headcount::{Config, Engine, Record};
use small_web::{Certificate, SmallWeb, Temperament};

/// Types of TLS records, RFC 8446, appendix B.1.
const CIPHER_CHANGE: u8 = 20;
const HANDSHAKE: u8 = 22;
const ENCRYPTED: u8 = 23;

/// A warning or the last word, encrypted: two bytes, their type, and the seal.
const LENGTH_OF_ALERT: usize = 2 + 1 + 16;

/// A record's type and its length.
type Seen = (u8, usize);

/// Asks a TLS host through a relay. The answer, and the pieces in which the engine's records came.
fn ask(trusted: bool) -> (Record, Vec<Vec<Seen>>) {
    let web = SmallWeb::start().unwrap();
    let host = web.tls_host(Temperament::Fast, Certificate::Good);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let to = host.address();
    let relay = thread::spawn(move || relay(&listener, to));
    let mut config = Config::default();
    config.retries = 0;
    if trusted {
        config.extra_certificates = vec![web.authority_pem().as_bytes().to_vec()];
    }
    let engine = Engine::new(config).unwrap();
    let request = headcount::Request::new(format!("https://{address}/"));
    let mut records = engine.run(vec![request]).unwrap().blocking();
    let record = records.next().unwrap().unwrap();
    drop((records, engine));
    (record, relay.join().unwrap())
}

/// Passes one connection on, until the engine closes it.
fn relay(listener: &TcpListener, to: SocketAddr) -> Vec<Vec<Seen>> {
    let (mut engine, _) = listener.accept().unwrap();
    let mut host = TcpStream::connect(to).unwrap();
    let (mut from, mut into) = (host.try_clone().unwrap(), engine.try_clone().unwrap());
    let back = thread::spawn(move || drop(copy(&mut from, &mut into)));
    let mut pieces = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    while let Ok(count @ 1..) = engine.read(&mut buffer) {
        pieces.push(records(&buffer[..count]));
        // A host that has closed hears no more.
        let _ = host.write_all(&buffer[..count]);
    }
    drop(host.shutdown(std::net::Shutdown::Both));
    back.join().unwrap();
    pieces
}

fn records(mut bytes: &[u8]) -> Vec<Seen> {
    let mut seen = Vec::new();
    while let [kind, _, _, high, low, rest @ ..] = bytes {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        seen.push((*kind, length));
        bytes = &rest[length..];
    }
    seen
}

fn kinds(piece: &[Seen]) -> Vec<u8> {
    piece.iter().map(|(kind, _)| *kind).collect()
}

#[test]
fn the_request_goes_out_with_the_end_of_the_handshake() {
    let (record, pieces) = ask(true);
    assert!(record.accepted, "{record:?}");
    assert_eq!(kinds(&pieces[0]), [HANDSHAKE]);
    assert_eq!(kinds(&pieces[1]), [CIPHER_CHANGE, ENCRYPTED, ENCRYPTED], "{pieces:?}");
}

#[test]
fn a_host_that_is_not_believed_is_told_so() {
    let (record, pieces) = ask(false);
    assert_eq!(record.error.unwrap().kind.to_string(), "certificate");
    assert_eq!(pieces.len(), 2, "{pieces:?}");
    assert_eq!(pieces[1].last(), Some(&(ENCRYPTED, LENGTH_OF_ALERT)), "{pieces:?}");
}

/// How long a relay waits before it passes a connection on.
const DELAY: Duration = Duration::from_millis(400);

#[test]
fn to_wait_for_the_handshake_of_another_request_is_time_in_the_queue() {
    let web = SmallWeb::start().unwrap();
    let host = web.tls_host(Temperament::Fast, Certificate::Good);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let to = host.address();
    thread::spawn(move || {
        for engine in listener.incoming() {
            thread::spawn(move || {
                thread::park_timeout(DELAY);
                let (mut engine, mut host) = (engine.unwrap(), TcpStream::connect(to).unwrap());
                let (mut from, mut into) = (host.try_clone().unwrap(), engine.try_clone().unwrap());
                thread::spawn(move || drop(copy(&mut from, &mut into)));
                drop(copy(&mut engine, &mut host));
            });
        }
    });
    let mut config = Config::default();
    config.insecure = true;
    config.retries = 0;
    let engine = Engine::new(config).unwrap();
    let urls: Vec<_> = (0..4).map(|number| format!("https://{address}/page/{number}")).collect();
    let records: Vec<_> = engine.run(urls).unwrap().blocking().map(Result::unwrap).collect();
    assert!(records.iter().all(|record| record.accepted), "{records:?}");
    // All start at once. One makes the first connection; the others wait to hear whether it can be shared.
    let waited = records.iter().filter(|record| record.time_queued > DELAY.as_secs_f64() / 2.0).count();
    assert!(waited >= 3, "{records:?}");
    let own = |record: &Record| record.time_total.unwrap() - record.time_namelookup.unwrap();
    assert!(records.iter().all(|record| own(record) >= DELAY.as_secs_f64()), "{records:?}");
}
