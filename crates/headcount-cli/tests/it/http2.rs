//! HTTP/2: many requests on one connection, and none lost when that ends.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use small_web::{Answer, Certificate, Host, Http2Manners, Http2Reply, Request, Seen, SmallWeb, Temperament};

use crate::harness::{Desk, end_of};

const NO_ERROR: u32 = 0;
const REFUSED_STREAM: u32 = 7;
const INTERNAL_ERROR: u32 = 2;
const CANCEL: u32 = 8;
const ENHANCE_YOUR_CALM: u32 = 11;
const HTTP_1_1_REQUIRED: u32 = 13;

/// A connection is kept only for what waits: the first are answered when the whole list does.
fn well_behaved(request: &Request) -> Http2Reply {
    let wait = Duration::from_millis(if request.number < 16 { 500 } else { 5 });
    Http2Reply::Answer(Answer::well_behaved(request).after(wait))
}

fn pages(host: &Host, count: usize) -> String {
    (0..count).map(|number| host.url(&format!("/page/{number}\n"))).collect()
}

fn targets(seen: &[Seen]) -> HashMap<&str, usize> {
    let mut counts = HashMap::new();
    for request in seen {
        *counts.entry(request.target.as_str()).or_insert(0) += 1;
    }
    counts
}

#[test]
fn a_host_that_prefers_http2_gets_all_its_requests_over_one_connection() {
    let web = SmallWeb::start().unwrap();
    let desk = Desk::new();
    desk.write("ca.pem", web.authority_pem());
    let connections = || {
        let host = web.http2_host(Some(Certificate::Good), Http2Manners::default(), well_behaved);
        let records = desk.check_stdin("- --cacert ca.pem --per-host 16", &pages(&host, 200)).records();
        assert_eq!(records.len(), 200);
        for (number, record) in records.iter().enumerate() {
            assert_eq!(end_of(record), "200", "{record}");
            assert_eq!(record["title"], format!("Page {number}"));
            assert_eq!(record["http_version"], "HTTP/2");
        }
        assert!((5..=16).contains(&host.most_in_flight()), "{} at once", host.most_in_flight());
        host.connections()
    };
    // Who has waited for a second for somebody else's handshake makes one of its own: on a busy machine that may happen.
    assert!((0..3).any(|_| connections() == 1));
}

#[test]
fn http1_and_http2_can_be_insisted_on() {
    let web = SmallWeb::start().unwrap();
    let desk = Desk::new();
    desk.write("ca.pem", web.authority_pem());
    let only_2 = web.http2_host(Some(Certificate::Good), Http2Manners::default(), well_behaved);
    let plain_2 = web.http2_host(None, Http2Manners::default(), well_behaved);
    let only_1 = web.tls_host(Temperament::Fast, Certificate::Good);
    let plain_1 = web.host(Temperament::Fast);
    let end = |host: &Host, words: &str| {
        let record =
            desk.check(&format!("{} --cacert ca.pem --retries 0 {words}", host.url("/page/1"))).record();
        format!("{} {}", end_of(&record), record["http_version"].as_str().unwrap_or("-"))
    };
    assert_eq!(end(&only_1, ""), "200 HTTP/1.1");
    assert_eq!(end(&only_1, "--http2"), "tls/handshake -");
    assert_eq!(end(&only_2, ""), "200 HTTP/2");
    assert_eq!(end(&only_2, "--http1"), "tls/handshake -");
    assert_eq!(end(&plain_2, "--http2"), "200 HTTP/2");
    assert_eq!(end(&plain_1, ""), "200 HTTP/1.1");
    assert!(end(&plain_1, "--http2").ends_with(" -"));
    let ended = desk.check(&format!("{} --http1 --http2", plain_1.url("/")));
    assert_eq!(ended.code, Some(3));
    assert!(ended.stderr.contains("--http1 cannot be used with --http2"), "{}", ended.stderr);
}

#[test]
fn a_host_that_closes_its_connections_in_order_loses_no_request_and_sees_none_twice() {
    let web = SmallWeb::start().unwrap();
    let manners = Http2Manners { goodbye_after: Some(7), ..Http2Manners::default() };
    let host = web.http2_host(None, manners, well_behaved);
    let words = "- --http2 -X POST --per-host 32 -c 64";
    let records = Desk::new().check_stdin(words, &pages(&host, 150)).records();
    for record in &records {
        assert_eq!((end_of(record).as_str(), &record["num_retries"]), ("200", &0.into()), "{record}");
    }
    let seen = host.seen();
    let counts = targets(&seen);
    assert!(counts.len() == 150 && counts.values().all(|count| *count == 1), "{counts:?}");
    assert!(host.connections() > 3, "{} connections", host.connections());
}

#[test]
fn what_a_host_refuses_to_begin_with_is_sent_again_even_when_it_is_not_safe() {
    let web = SmallWeb::start().unwrap();
    let host = web.http2_host(None, Http2Manners::default(), |request| match request.number {
        0..10 => Http2Reply::Reset(REFUSED_STREAM),
        _ => well_behaved(request),
    });
    let records = Desk::new().check_stdin("- --http2 -X POST", &pages(&host, 30)).records();
    for record in &records {
        assert_eq!((end_of(record).as_str(), &record["num_retries"]), ("200", &0.into()), "{record}");
    }
    assert_eq!((host.requests(), host.connections()), (40, 1));
}

#[test]
fn a_host_that_wants_http1_for_a_page_gets_it() {
    let web = SmallWeb::start().unwrap();
    let manners = Http2Manners { knows_http1: true, ..Http2Manners::default() };
    let host = web.http2_host(Some(Certificate::Good), manners, |request| match request.path() {
        "/page/5" => Http2Reply::Reset(HTTP_1_1_REQUIRED),
        _ => well_behaved(request),
    });
    let desk = Desk::new();
    let records = desk.check_stdin("- -k --retries 0 -X POST --per-host 1", &pages(&host, 20)).records();
    for (number, record) in records.iter().enumerate() {
        let expected = if number < 5 { "HTTP/2" } else { "HTTP/1.1" };
        assert_eq!((end_of(record).as_str(), &record["http_version"]), ("200", &expected.into()), "{record}");
        assert_eq!(record["title"], format!("Page {number}"));
    }
    // Many at once: those that were under way over HTTP/2 come to their end.
    let records = desk.check_stdin("- -k --retries 0 --per-host 16", &pages(&host, 60)).records();
    assert!(records.iter().all(|record| end_of(record) == "200"), "{records:?}");
    // Whoever insists on HTTP/2 hears what the host said.
    let words = format!("{} -k --retries 0 --http2", host.url("/page/5"));
    assert_eq!(end_of(&desk.check(&words).record()), "headers/reset");
    // And one that speaks nothing else is not asked for ever.
    let only_2 = web.http2_host(Some(Certificate::Good), Http2Manners::default(), |_request| {
        Http2Reply::Reset(HTTP_1_1_REQUIRED)
    });
    let words = format!("{} -k --retries 0", only_2.url("/"));
    assert_eq!(end_of(&desk.check(&words).record()), "tls/handshake");
}

#[test]
fn a_header_beyond_the_limit_is_too_large_and_one_requests_affair() {
    let web = SmallWeb::start().unwrap();
    let host = web.http2_host(None, Http2Manners::default(), |request| {
        let length = if request.path() == "/page/3" { 70_000 } else { 60_000 };
        let answer = Answer::well_behaved(request).field("X-Long", "x".repeat(length));
        Http2Reply::Answer(answer.after(Duration::from_millis(500)))
    });
    // Named one by one they are all there when the first is answered, and a connection stays as long as one waits for it.
    let records = Desk::new().check(&format!("{} --http2 --retries 0", pages(&host, 6))).records();
    for (number, record) in records.iter().enumerate() {
        assert_eq!(end_of(record), if number == 3 { "headers/too_large" } else { "200" }, "{record}");
    }
    assert_eq!(host.connections(), 1);
}

#[test]
fn a_broken_stream_is_one_requests_affair() {
    let web = SmallWeb::start().unwrap();
    let host = web.http2_host(None, Http2Manners::default(), |request| match request.path() {
        "/page/3" => Http2Reply::Reset(INTERNAL_ERROR),
        "/page/5" => Http2Reply::ResetInBody(Answer::well_behaved(request), INTERNAL_ERROR),
        "/page/7" => Http2Reply::ResetInBody(Answer::well_behaved(request), CANCEL),
        "/page/9" => Http2Reply::ResetInBody(Answer::well_behaved(request), NO_ERROR),
        _ => well_behaved(request),
    });
    let records = Desk::new().check_stdin("- --http2 --retries 0", &pages(&host, 20)).records();
    for (number, record) in records.iter().enumerate() {
        let expected = match number {
            3 => "headers/reset",
            5 | 7 | 9 => "body/reset",
            _ => "200",
        };
        assert_eq!(end_of(record), expected, "{record}");
    }
    assert_eq!((host.requests(), host.connections()), (20, 1));
}

#[test]
fn a_connection_that_breaks_takes_only_what_cannot_be_asked_again_with_it() {
    let web = SmallWeb::start().unwrap();
    let host = web.http2_host(None, Http2Manners::default(), |request| match request.number {
        // The first connection ends with several requests under way.
        12 => Http2Reply::Close,
        _ => well_behaved(request),
    });
    let records = Desk::new().check_stdin("- --http2 --retries 0", &pages(&host, 40)).records();
    for record in &records {
        assert_eq!(end_of(record), "200", "{record}");
    }
    assert_eq!(host.connections(), 2);
}

#[test]
fn a_host_is_sent_no_more_at_once_than_it_allows() {
    let web = SmallWeb::start().unwrap();
    let manners = Http2Manners { max_streams: Some(3), ..Http2Manners::default() };
    let host = web.http2_host(Some(Certificate::Good), manners, |request| {
        Http2Reply::Answer(Answer::well_behaved(request).after(Duration::from_millis(20)))
    });
    let words = "- --insecure --per-host 12";
    let records = Desk::new().check_stdin(words, &pages(&host, 60)).records();
    for record in &records {
        assert_eq!((end_of(record).as_str(), &record["num_retries"]), ("200", &0.into()), "{record}");
    }
    assert_eq!(host.requests(), 60);
}

#[test]
fn a_silent_stream_holds_up_nobody_and_a_silent_connection_is_not_used_again() {
    let web = SmallWeb::start().unwrap();
    let host = web.http2_host(None, Http2Manners::default(), |request| match request.path() {
        "/page/0" => Http2Reply::Silence,
        _ => well_behaved(request),
    });
    let words = "- --http2 --timeout 5s --retries 0";
    let records = Desk::new().check_stdin(words, &pages(&host, 50)).records();
    for (number, record) in records.iter().enumerate() {
        assert_eq!(end_of(record), if number == 0 { "headers/timeout" } else { "200" }, "{record}");
    }
    let silent = web.http2_host(None, Http2Manners::default(), |_request| Http2Reply::Silence);
    let words = format!("{} --http2 --timeout 1s --retries 1 --retry-delay 1ms", silent.url("/"));
    assert_eq!(end_of(&Desk::new().check(&words).record()), "headers/timeout");
    assert_eq!((silent.requests(), silent.connections()), (2, 2));
}

#[test]
fn the_request_says_in_http2_what_it_says_in_http1() {
    let web = SmallWeb::start().unwrap();
    let host = web.http2_host(None, Http2Manners::default(), well_behaved);
    let desk = Desk::new();
    let arguments = ["check", &host.url("/echo?a=b"), "--http2", "-X", "PUT", "-H", "X-One: 1"];
    assert_eq!(end_of(&desk.run(&arguments).record()), "200");
    let head = desk.check(&format!("{} --http2 -X HEAD", host.url("/page/1"))).record();
    assert_eq!((end_of(&head).as_str(), &head["body_bytes"]), ("200", &0.into()));
    let seen = &host.seen()[0];
    let field = |name: &str| {
        let mut fields = seen.headers.iter().filter(|(key, _)| key == name);
        (fields.next().map(|(_, value)| value.clone()), fields.count())
    };
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("PUT", "/echo?a=b"));
    assert_eq!(field(":authority"), (Some(host.address().to_string()), 0));
    assert_eq!(field("host"), (None, 0));
    assert_eq!(field("x-one"), (Some("1".to_owned()), 0));
    assert_eq!(field("content-length"), (Some("0".to_owned()), 0));
}

#[test]
fn a_host_that_refuses_on_and_on_is_told_from_a_silent_one() {
    let web = SmallWeb::start().unwrap();
    let host = web.http2_host(None, Http2Manners::default(), |_request| Http2Reply::Reset(REFUSED_STREAM));
    let record = Desk::new().check(&format!("{} --http2 --timeout 1s --retries 0", host.url("/"))).record();
    assert_eq!(end_of(&record), "send/reset");
    assert!(record["error"]["message"].as_str().unwrap().contains("refused"), "{record}");
}

#[test]
fn a_host_that_has_had_too_much_is_not_asked_again_at_once() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            counted.fetch_add(1, Ordering::Relaxed);
            let mut stream = stream.unwrap();
            // Empty SETTINGS; then GOAWAY, behind no stream at all.
            stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).unwrap();
            let mut goodbye = vec![0, 0, 8, 7, 0, 0, 0, 0, 0];
            goodbye.extend_from_slice(&0_u32.to_be_bytes());
            goodbye.extend_from_slice(&ENHANCE_YOUR_CALM.to_be_bytes());
            stream.write_all(&goodbye).unwrap();
            while matches!(stream.read(&mut [0; 1024]), Ok(1..)) {}
        }
    });
    let words = format!("{url} --http2 --timeout 3s --retries 1 --retry-delay 1ms");
    let record = Desk::new().check(&words).record();
    assert_eq!(record["error"]["kind"], "closed", "{record}");
    assert!(record["error"]["message"].as_str().unwrap().contains("excessive load"), "{record}");
    assert_eq!(record["num_retries"], 1);
    assert_eq!(connections.load(Ordering::Relaxed), 2, "one for each attempt");
}
