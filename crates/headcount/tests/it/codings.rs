//! Content codings: taken off whatever they are, within limits of bytes, ratio and layers.

use compression_codecs::core::Level;
use compression_codecs::core::util::{PartialBuffer, WriteBuffer};
use compression_codecs::{BrotliEncoder, DeflateEncoder, EncodeV2, GzipEncoder, ZlibEncoder, ZstdEncoder};
use headcount::record::{Kind, Outcome, Phase};
use headcount::{Config, Engine, Record, Request};
use http::Method;
use small_web::{Answer, Reply, SmallWeb, Temperament};

fn ask(request: Request, change: impl FnOnce(&mut Config)) -> Record {
    let mut config = Config::default();
    config.retries = 0;
    change(&mut config);
    let mut records = Engine::new(config).unwrap().run([request]).unwrap().blocking();
    records.next().unwrap().unwrap()
}

fn encoded(mut encoder: impl EncodeV2, body: &[u8]) -> Vec<u8> {
    let mut output = vec![0; 2 * body.len() + (64 << 10)];
    let mut written = WriteBuffer::new_initialized(&mut output);
    encoder.encode(&mut PartialBuffer::new(body), &mut written).unwrap();
    while !encoder.finish(&mut written).unwrap() {}
    let length = written.written_len();
    output.truncate(length);
    output
}

/// The body in every coding, by the name that it has in Content-Encoding.
fn in_all_codings(body: &[u8]) -> [(&'static str, Vec<u8>); 5] {
    [
        ("gzip", encoded(GzipEncoder::new(Level::Default.into()), body)),
        ("deflate", encoded(ZlibEncoder::new(Level::Default.into()), body)),
        ("deflate", encoded(DeflateEncoder::new(Level::Default.into()), body)),
        ("br", encoded(BrotliEncoder::new(Default::default()), body)),
        ("zstd", encoded(ZstdEncoder::new(3), body)),
    ]
}

/// What becomes of a body in this coding.
fn answered(web: &SmallWeb, coding: &'static str, body: Vec<u8>, change: impl FnOnce(&mut Config)) -> Record {
    let answer = Answer::html(body).field("Content-Encoding", coding);
    let host = web.host(Temperament::scripted(move |request| answer.clone().reply(request)));
    ask(Request::new(host.url("/")), change)
}

fn page(padding: usize) -> Vec<u8> {
    let mut page = b"<!doctype html><title>In there</title>".to_vec();
    page.resize(page.len() + padding, b' ');
    page
}

#[test]
fn every_coding_is_asked_for_and_taken_off() {
    let web = SmallWeb::start().unwrap();
    let page = page(500_000);
    for (coding, body) in in_all_codings(&page) {
        let received = body.len() as u64;
        let record = answered(&web, coding, body, |_| ());
        assert_eq!(
            (record.outcome, record.title.as_deref()),
            (Outcome::Answered, Some("In there")),
            "{coding}"
        );
        assert_eq!(record.body_bytes, Some(page.len() as u64), "{coding}");
        assert_eq!((record.body_bytes_received, record.content_length), (Some(received), Some(received)));
    }
    let host = web.host(Temperament::Fast);
    let plain = ask(Request::new(host.url("/page/1")), |_| ());
    assert_eq!((plain.accepted, plain.body_bytes_received), (true, None));
    let seen = &host.seen()[0];
    assert!(seen.headers.contains(&("accept-encoding".to_owned(), "gzip, deflate, br, zstd".to_owned())));
}

#[test]
fn two_codings_are_taken_off_and_three_left_on() {
    let web = SmallWeb::start().unwrap();
    let gzip = |body: &[u8]| encoded(GzipEncoder::new(Level::Default.into()), body);
    let once = gzip(&page(100));
    let twice = encoded(BrotliEncoder::new(Default::default()), &once);
    let thrice = gzip(&twice);
    let length = thrice.len() as u64;
    assert_eq!(answered(&web, "gzip, br", twice, |_| ()).title.as_deref(), Some("In there"));
    let record = answered(&web, "gzip, br, gzip", thrice, |_| ());
    assert_eq!((record.outcome, record.title), (Outcome::Answered, None));
    assert_eq!((record.body_bytes, record.body_bytes_received), (Some(length), None));
    let unknown = answered(&web, "compress", once.clone(), |_| ());
    assert_eq!((unknown.body_bytes, unknown.accepted), (Some(once.len() as u64), true));
}

#[test]
fn what_has_no_body_has_no_coding() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::scripted(|request| {
        let status = request.path()[1..].parse().unwrap();
        Answer::status(status).field("Content-Encoding", "gzip").reply(request)
    }));
    for (status, method) in [(200, Method::GET), (200, Method::HEAD), (204, Method::GET), (304, Method::GET)]
    {
        let record = ask(Request::new(host.url(&format!("/{status}"))).method(method.clone()), |_| ());
        let found = (record.outcome, record.body_bytes, record.body_bytes_received);
        assert_eq!(found, (Outcome::Answered, Some(0), None), "{status} {method}");
    }
}

#[test]
fn a_damaged_coding_is_a_malformed_body() {
    let web = SmallWeb::start().unwrap();
    for (coding, body) in in_all_codings(&page(100_000)) {
        let mut cut = body.clone();
        cut.pop();
        let record = answered(&web, coding, cut, |_| ());
        let error = record.error.unwrap();
        assert_eq!((error.phase, error.kind), (Phase::Body, Kind::Malformed), "{coding}: {}", error.message);
        assert_eq!((record.status_code, record.num_retries), (Some(200), 0));
    }
    for url in [web.host(Temperament::Fast).url("/gzip-corrupt"), web.host(Temperament::NotGzip).url("/")] {
        let error = ask(Request::new(url), |_| ()).error.unwrap();
        assert_eq!((error.phase, error.kind), (Phase::Body, Kind::Malformed), "{}", error.message);
    }
}

#[test]
fn a_bomb_is_cut_where_the_body_may_end() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::GzipBomb);
    let record = ask(Request::new(host.url("/")), |_| ());
    assert_eq!((record.outcome, record.truncated), (Outcome::Answered, true));
    assert_eq!((record.body_bytes, record.title.as_deref()), (Some(1 << 20), Some("The bomb")));
}

#[test]
fn a_bomb_is_cut_at_its_ratio_however_long_a_body_may_be() {
    let web = SmallWeb::start().unwrap();
    let unlimited = |config: &mut Config| config.max_body = u64::MAX;
    let record = ask(Request::new(web.host(Temperament::GzipBomb).url("/")), unlimited);
    let (body, received) = (record.body_bytes.unwrap(), record.body_bytes_received.unwrap());
    assert_eq!((record.outcome, record.truncated), (Outcome::Answered, true));
    assert!(body < (1 << 20) + 201 * received && body > 1 << 20, "{body} of {received}");
    // Bombs of codings that pack better, and one in the other.
    let blanks = page(8 << 20);
    let bombs = in_all_codings(&blanks);
    let twice = encoded(GzipEncoder::new(Level::Default.into()), &bombs[0].1);
    for (coding, bomb) in bombs.into_iter().chain([("gzip, gzip", twice)]) {
        let whole = answered(&web, coding, bomb.clone(), |config| {
            (config.max_body, config.max_ratio) = (u64::MAX, u32::MAX);
        });
        assert_eq!((whole.body_bytes, whole.truncated), (Some(blanks.len() as u64), false), "{coding}");
        let cut = answered(&web, coding, bomb, unlimited);
        assert!(cut.truncated && cut.body_bytes < Some(3 << 20), "{coding}: {:?}", cut.body_bytes);
        assert_eq!(cut.title.as_deref(), Some("In there"));
    }
}

#[test]
fn what_packs_well_and_is_small_is_no_bomb() {
    let web = SmallWeb::start().unwrap();
    for (coding, body) in in_all_codings(&page(1_000_000)) {
        let record = answered(&web, coding, body, |_| ());
        assert_eq!((record.truncated, record.body_bytes), (false, Some(page(1_000_000).len() as u64)));
    }
}

#[test]
fn what_goes_on_for_ever_without_a_byte_of_a_body_is_cut() {
    let web = SmallWeb::start().unwrap();
    const GZIP_HEADER: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\x03";
    const EMPTY_BLOCK: &[u8] = b"\0\0\0\xff\xff";
    let host = web.host(Temperament::scripted(|_| {
        let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: text/html\r\n\r\n";
        let reply = Reply::new().bytes(head).bytes(GZIP_HEADER);
        reply.flood(EMPTY_BLOCK.repeat(10_000))
    }));
    for max_body in [1 << 20, u64::MAX] {
        let record = ask(Request::new(host.url("/")), |config| config.max_body = max_body);
        assert_eq!((record.outcome, record.truncated), (Outcome::Answered, true), "{:?}", record.error);
        let received = record.body_bytes_received.unwrap();
        assert_eq!(record.body_bytes, Some(0));
        assert!(received < 4 << 20, "{received} bytes were received");
    }
}

/// Chunks of a gzip stream without end: the first, and the one that may follow again and again.
fn endless_bomb() -> (Vec<u8>, Vec<u8>) {
    let blanks = vec![b' '; 8 << 20];
    let mut encoder = GzipEncoder::new(Level::Default.into());
    let mut chunk = || {
        let mut output = vec![0; 1 << 20];
        let mut written = WriteBuffer::new_initialized(&mut output);
        encoder.encode(&mut PartialBuffer::new(&blanks), &mut written).unwrap();
        while !encoder.flush(&mut written).unwrap() {}
        let piece = written.written();
        [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()
    };
    (chunk(), chunk())
}

/// The timeout of an attempt is looked at between pieces: a body that takes long to decode cannot outstay it.
#[test]
fn decoding_lets_others_have_their_turn() {
    let web = SmallWeb::start().unwrap();
    let (start, more) = endless_bomb();
    let host = web.host(Temperament::scripted(move |_request| {
        let header = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n";
        Reply::new().bytes(header).bytes(start.clone()).flood(more.clone())
    }));
    let record = ask(Request::new(host.url("/")), |config| {
        (config.max_body, config.max_ratio) = (u64::MAX, u32::MAX);
        config.timeout = std::time::Duration::from_secs(2);
    });
    let error = record.error.unwrap();
    assert_eq!((error.phase, error.kind), (Phase::Body, Kind::Timeout), "{}", error.message);
}
