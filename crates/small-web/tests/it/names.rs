//! The name server, asked in the wire's own bytes.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use small_web::{NameAnswer, SmallWeb};
use tokio::time::Instant;

const TYPE_A: u8 = 1;
const TYPE_AAAA: u8 = 28;

/// How long an answer may take that has to come, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks for records of a type; returns the response code, the number of answers and the last bytes, if they come in time.
fn ask(server: SocketAddr, name: &str, kind: u8, patience: Duration) -> Option<(u8, u8, Vec<u8>)> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(patience)).unwrap();
    // One question, and one extension, as every resolver of today sends it.
    let mut query = vec![0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    for label in name.split('.') {
        query.push(u8::try_from(label.len()).unwrap());
        query.extend_from_slice(label.as_bytes());
    }
    query.extend_from_slice(&[0, 0, kind, 0, 1]);
    query.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    socket.send_to(&query, server).unwrap();
    let mut response = [0; 512];
    let count = socket.recv(&mut response).ok()?;
    assert_eq!(response[..2], [0xab, 0xcd]);
    assert_eq!(response[8..12], [0; 4]);
    Some((response[3] & 15, response[7], response[count - 4..count].to_vec()))
}

#[test]
fn a_name_server_answers_denies_fails_and_is_silent() {
    let web = SmallWeb::start().unwrap();
    let server = web.name_server(|name| match name {
        "two.test" => NameAnswer::Addresses(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()], 60),
        "failing.test" => NameAnswer::ServerFailure,
        "refused.test" => NameAnswer::Refused,
        "silent.test" => NameAnswer::Silence,
        _ => NameAnswer::NotFound,
    });
    let address = server.address();
    let answer = |name: &str, kind: u8| ask(address, name, kind, PATIENCE);
    assert_eq!(answer("Two.test", TYPE_A), Some((0, 1, vec![127, 0, 0, 1])));
    assert_eq!(answer("two.test", TYPE_AAAA), Some((0, 1, vec![0, 0, 0, 1])));
    let (code, answers, _) = answer("nobody.test", TYPE_A).unwrap();
    assert_eq!((code, answers), (3, 0));
    assert_eq!(answer("failing.test", TYPE_A).unwrap().0, 2);
    assert_eq!(answer("refused.test", TYPE_A).unwrap().0, 5);
    assert_eq!(ask(address, "silent.test", TYPE_A, Duration::from_millis(500)), None);
    let asked = Instant::now();
    while server.queries() < 6 && asked.elapsed() < PATIENCE {
        std::thread::park_timeout(Duration::from_millis(2));
    }
    assert_eq!(server.queries(), 6);
}
