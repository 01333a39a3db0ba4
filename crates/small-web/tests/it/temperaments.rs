//! The temperaments of plain hosts: what comes, and how the connection ends.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use small_web::{Answer, Host, KeepAliveEnd, Reply, SmallWeb, Temperament};
use tokio::time::Instant;

use crate::client::{End, body, exchange, get, read_all, read_to_its_end};

/// Asks a host of this temperament for `/page/1`.
fn ask(temperament: Temperament) -> (String, End) {
    let web = SmallWeb::start().unwrap();
    get(web.host(temperament).address(), "/page/1")
}

/// Asks for `/page/1` on a connection that is there already.
fn ask_again(stream: &mut TcpStream) -> (String, End) {
    let _ = stream.write_all(b"GET /page/1 HTTP/1.1\r\nHost: a\r\n\r\n");
    let (bytes, end) = read_all(stream);
    (String::from_utf8(bytes).unwrap(), end)
}

/// The same where the connection has to end with the answer.
fn ask_last(stream: &mut TcpStream) -> (String, End) {
    let _ = stream.write_all(b"GET /page/1 HTTP/1.1\r\nHost: a\r\n\r\n");
    let (bytes, end) = read_to_its_end(stream);
    (String::from_utf8(bytes).unwrap(), end)
}

#[test]
fn silence() {
    let web = SmallWeb::start().unwrap();
    for temperament in [Temperament::Silent, Temperament::SilentAfterConnect] {
        let host = web.host(temperament);
        let mut stream = TcpStream::connect(host.address()).unwrap();
        stream.write_all(b"GET /page/1 HTTP/1.1\r\n\r\n").unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        wait_for_open(&host, 1);
        assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(host.open_connections(), 1);
    }
}

#[test]
fn a_host_that_does_not_read_fills_the_socket() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::SilentAfterConnect);
    let mut stream = TcpStream::connect(host.address()).unwrap();
    stream.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(stream.write_all(&vec![b'x'; 32 << 20]).is_err());
}

#[test]
fn silent_hosts_let_go_of_clients_that_leave() {
    let web = SmallWeb::start().unwrap();
    for temperament in [
        Temperament::Silent,
        Temperament::SilentAfterConnect,
        Temperament::Slow(Duration::from_secs(600)),
        Temperament::DripBody(Duration::from_secs(600)),
        Temperament::EndlessBody,
    ] {
        let host = web.host(temperament);
        let mut stream = TcpStream::connect(host.address()).unwrap();
        stream.write_all(b"GET /page/1 HTTP/1.1\r\n\r\n").unwrap();
        wait_for_open(&host, 1);
        drop(stream);
        wait_for_open(&host, 0);
    }
}

fn wait_for_open(host: &Host, wanted: usize) {
    let before = Instant::now();
    while host.open_connections() != wanted {
        assert!(before.elapsed() < Duration::from_secs(10), "{host:?}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

#[test]
fn resets_are_resets_and_closes_are_not() {
    let nothing = String::new();
    assert_eq!(ask(Temperament::ResetOnAccept), (nothing.clone(), End::Reset));
    assert_eq!(ask(Temperament::CloseOnAccept), (nothing.clone(), End::Fin));
    assert_eq!(ask(Temperament::ResetAfterRequest), (nothing.clone(), End::Reset));
    assert_eq!(ask(Temperament::CloseAfterRequest), (nothing, End::Fin));
    let half = "HTTP/1.1 200 OK\r\nServer: small-web\r\nContent-Ty".to_owned();
    assert_eq!(ask(Temperament::ResetInHeaders), (half.clone(), End::Reset));
    assert_eq!(ask(Temperament::CloseInHeaders), (half, End::Fin));
}

#[test]
fn bodies_end_too_early() {
    for (temperament, wanted) in [(Temperament::ResetInBody, End::Reset), (Temperament::ShortBody, End::Fin)]
    {
        let (answer, end) = ask(temperament);
        let promised = format!("Content-Length: {}\r\n", 2 * body(&answer).len());
        assert!(answer.contains(&promised), "{answer}");
        assert_eq!(end, wanted);
    }
    for (temperament, wanted) in
        [(Temperament::ResetInChunked, End::Reset), (Temperament::CloseInChunked, End::Fin)]
    {
        let (answer, end) = ask(temperament);
        assert!(answer.contains("chunked") && answer.ends_with("</html>\n\r\n"), "{answer}");
        assert_eq!(end, wanted);
    }
}

#[test]
fn lies_and_nonsense() {
    let has = |temperament: Temperament, part: &str| {
        let (answer, _) = ask(temperament);
        assert!(answer.contains(part), "{part:?} in {answer}");
    };
    has(Temperament::BadChunk, "</html>\n\r\nnot hexadecimal\r\n");
    has(Temperament::MalformedStatusLine, "GOOD MORNING\r\n");
    has(Temperament::SshBanner, "SSH-2.0-");
    has(Temperament::WrongHttpVersion, "HTTP/7.3 200 OK\r\n");
    has(Temperament::MalformedHeader, "\r\nthis is no header field\r\n");
    has(Temperament::TwoContentLengths, "Content-Length: 5\r\nContent-Length: 7\r\n");
    has(Temperament::BadContentLength, "Content-Length: some\r\n");
    has(Temperament::LengthAndChunked, "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n");
    has(Temperament::EscapesInHeader, "\r\nServer: \u{1b}[2J");
    has(Temperament::NotGzip, "Content-Encoding: gzip\r\nContent-Length: 1");
    let escapes = ask(Temperament::EscapesInTitle).0;
    for part in ["\r\nServer: \u{9b}2J", "\u{1b}]0;owned\u{7}", "\u{202e}desrever", "&#27;[32m"] {
        assert!(escapes.contains(part), "{part:?} in {escapes}");
    }
}

#[test]
fn an_ssh_banner_comes_unasked() {
    let web = SmallWeb::start().unwrap();
    let (banner, end) = exchange(web.host(Temperament::SshBanner).address(), b"");
    assert!(banner.starts_with(b"SSH-2.0-"));
    assert_eq!(end, End::Fin);
}

#[test]
fn floods_last_as_long_as_they_are_read() {
    for temperament in [Temperament::EndlessHeaders, Temperament::EndlessBody] {
        let (answer, end) = ask(temperament);
        assert!(answer.len() > 32 << 20, "{} bytes", answer.len());
        assert_eq!(end, End::Open);
    }
    let (bomb, end) = ask(Temperament::HeaderBomb);
    assert_eq!(bomb.matches("\r\nX-And-So-On").count(), 20_000);
    assert!(bomb.ends_with("\r\n\r\n"));
    assert_eq!(end, End::Open);
    assert!(body(&ask(Temperament::HugeTitle).0).len() > 10_000_000);
    let web = SmallWeb::start().unwrap();
    let (bomb, _) = exchange(web.host(Temperament::GzipBomb).address(), b"GET / HTTP/1.1\r\n\r\n");
    assert!((500_000..2_000_000).contains(&bomb.len()), "{} bytes", bomb.len());
}

#[test]
fn drips_come_a_byte_at_a_time() {
    let every = Duration::from_millis(50);
    let web = SmallWeb::start().unwrap();
    // Some bytes of what drips, each of which took its time.
    let read_some = |host: &Host, dripped: fn(&str) -> &str| {
        let before = Instant::now();
        let mut stream = TcpStream::connect(host.address()).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        let (mut text, mut buffer) = (String::new(), [0; 1024]);
        while dripped(&text).len() < 8 {
            let count = stream.read(&mut buffer).unwrap();
            text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        }
        let came = u32::try_from(dripped(&text).len()).unwrap();
        assert!(before.elapsed() >= came * every, "{came} bytes in {:?}", before.elapsed());
        text
    };
    let header = read_some(&web.host(Temperament::DripHeaders(every)), |text| text);
    assert!(header.starts_with("HTTP/1.1"), "{header}");
    read_some(&web.host(Temperament::DripBody(every)), |text| {
        text.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    });
}

#[test]
fn redirects_lead_nowhere() {
    let location = |temperament: Temperament| {
        let (answer, _) = ask(temperament);
        assert!(answer.starts_with("HTTP/1.1 302 "), "{answer}");
        let line = answer.lines().find_map(|line| line.strip_prefix("Location: "));
        line.map(str::to_owned)
    };
    assert_eq!(location(Temperament::RedirectLoop).as_deref(), Some("/page/1"));
    assert_eq!(location(Temperament::RedirectForever).as_deref(), Some("/hop/1"));
    assert_eq!(location(Temperament::RedirectToBadUrl).as_deref(), Some("http://[bad/"));
    assert_eq!(location(Temperament::RedirectToOtherScheme("mailto:a@b")).as_deref(), Some("mailto:a@b"));
    assert_eq!(location(Temperament::RedirectToNowhere), None);
}

#[test]
fn rarities_of_the_protocol() {
    let (nothing, end) = ask(Temperament::NoContent);
    assert_eq!(nothing, "HTTP/1.1 204 No Content\r\nServer: small-web\r\n\r\n");
    assert_eq!(end, End::Open);
    let (answer, _) = ask(Temperament::InformationalFirst);
    let statuses: Vec<&str> = answer.lines().filter_map(|line| line.strip_prefix("HTTP/1.1 ")).collect();
    assert_eq!(statuses, ["100 Continue", "102 Processing", "103 Early Hints", "200 OK"]);
    let (answer, end) = ask(Temperament::Http10);
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n") && !answer.contains("Length"), "{answer}");
    assert_eq!(end, End::Fin);
    assert!(ask(Temperament::Status(503)).0.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
}

#[test]
fn keep_alive_ends_without_a_word() {
    let web = SmallWeb::start().unwrap();
    let open = |end: KeepAliveEnd| {
        let host = web.host(Temperament::ClosesKeepAlive(end));
        TcpStream::connect(host.address()).unwrap()
    };
    let mut stream = open(KeepAliveEnd::AfterAnswers(2));
    assert_eq!(ask_again(&mut stream).1, End::Open);
    let (answer, end) = ask_last(&mut stream);
    assert!(answer.contains("Connection: keep-alive\r\n"), "{answer}");
    assert_eq!(end, End::Fin);

    let mut stream = open(KeepAliveEnd::AfterIdle(Duration::from_millis(100)));
    assert_eq!(ask_last(&mut stream).1, End::Fin);

    let mut stream = open(KeepAliveEnd::OnNextRequest(1));
    assert_eq!(ask_again(&mut stream).1, End::Open);
    assert_eq!(ask_again(&mut stream), (String::new(), End::Fin));

    let mut stream = open(KeepAliveEnd::ResetOnNextRequest(1));
    assert_eq!(ask_again(&mut stream).1, End::Open);
    assert_eq!(ask_again(&mut stream), (String::new(), End::Reset));
}

#[test]
fn a_script_says_what_it_likes() {
    let (answer, end) = ask(Temperament::scripted(|request| match request.number {
        0 => Reply::new().bytes("any").wait(Duration::from_millis(10)).drip("thing", Duration::ZERO).close(),
        _ => Answer::well_behaved(request).reply(request),
    }));
    assert_eq!((answer.as_str(), end), ("anything", End::Fin));
}
