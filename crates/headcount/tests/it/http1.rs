//! HTTP/1.1 in its corners: what ends a connection, what ends an answer, and what is not taken for one.

use std::time::Duration;

use headcount::{Config, Engine, Record};
use small_web::{Host, Reply, SmallWeb, Temperament};

/// What a request to a host that sends these bytes comes to, in a word; the connection stays open.
fn end(bytes: &'static str) -> String {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::scripted(move |_request| Reply::new().bytes(bytes)));
    word(&ask(&host, "GET", 1)[0])
}

fn word(record: &Record) -> String {
    match (&record.error, record.status_code) {
        (Some(error), _) => format!("{}/{}", error.phase, error.kind),
        (None, status) => format!("{} with {} bytes", status.unwrap(), record.body_bytes.unwrap()),
    }
}

/// So many requests, one after another.
fn ask(host: &Host, method: &str, count: usize) -> Vec<Record> {
    let mut config = Config::default();
    (config.retries, config.per_host, config.timeout) = (0, 1, Duration::from_secs(2));
    let engine = Engine::new(config).unwrap();
    let method = http::Method::from_bytes(method.as_bytes()).unwrap();
    let requests = (0..count)
        .map(|number| headcount::Request::new(host.url(&format!("/page/{number}"))).method(method.clone()));
    engine.run(requests.collect::<Vec<_>>()).unwrap().blocking().map(Result::unwrap).collect()
}

#[test]
fn a_header_may_have_many_fields_but_not_any_number() {
    let fields = |number: usize| {
        let web = SmallWeb::start().unwrap();
        let fields: String = (0..number).map(|number| format!("X-{number}: y\r\n")).collect();
        let answer = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 2\r\n\r\nok");
        let host = web.host(Temperament::scripted(move |_request| Reply::new().bytes(answer.clone())));
        word(&ask(&host, "GET", 1)[0])
    };
    assert_eq!(fields(99), "200 with 2 bytes");
    assert_eq!(fields(500), "200 with 2 bytes");
    assert_eq!(fields(999), "200 with 2 bytes");
    assert_eq!(fields(1_001), "headers/too_large");
    assert_eq!(end("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n"), "headers/too_large");
}

/// How many connections three requests in a row take, if they are answered like this.
fn connections_for_three(bytes: &'static str) -> u64 {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::scripted(move |_request| Reply::new().bytes(bytes)));
    let records = ask(&host, "GET", 3);
    assert!(records.iter().all(|record| record.accepted), "{records:?}");
    host.connections()
}

#[test]
fn a_connection_is_kept_or_closed_as_the_host_says() {
    assert_eq!(connections_for_three("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), 1);
    let close = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: Close\r\n\r\nok";
    assert_eq!(connections_for_three(close), 3);
    let among_others = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: foo, close\r\n\r\nok";
    assert_eq!(connections_for_three(among_others), 3);
    assert_eq!(connections_for_three("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"), 3);
    let old = "HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok";
    assert_eq!(connections_for_three(old), 1);
    // More than was asked for belongs to nobody: what follows must not be taken for the next answer.
    assert_eq!(
        connections_for_three("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 No\r\n\r\n"),
        3
    );
}

#[test]
fn an_answer_ends_where_its_framing_says() {
    let cases = [
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n",
            "200 with 3 bytes",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;name=\"value\"\r\nabc\r\n0\r\n\r\n",
            "200 with 3 bytes",
        ),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", "204 with 0 bytes"),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "304 with 0 bytes"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", "200 with 2 bytes"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!", "headers/malformed"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Folded: one\r\n two\r\n\r\nok", "headers/malformed"),
    ];
    for (bytes, expected) in cases {
        assert_eq!(end(bytes), expected, "{bytes}");
    }
}

#[test]
fn what_comes_before_the_answer_is_not_the_answer() {
    let early = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n\
                 HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    assert_eq!(end(early), "200 with 2 bytes");
    // Nobody has asked for another protocol.
    let switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    assert_eq!(end(switching), "headers/malformed");
}

#[test]
fn a_head_is_answered_without_a_body_and_nothing_is_asked_that_we_do_not_mean() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let records = ask(&host, "HEAD", 3);
    for record in &records {
        assert_eq!(word(record), "200 with 0 bytes");
        assert!(record.content_length > Some(0), "{record:?}");
    }
    ask(&host, "POST", 1);
    assert_eq!(host.connections(), 2, "one for each run");
    for seen in host.seen() {
        for name in ["expect", "upgrade", "te", "connection"] {
            assert!(!seen.headers.iter().any(|(key, _)| key.eq_ignore_ascii_case(name)), "{seen:?}");
        }
    }
}
