//! The paths of well-behaved hosts, and the counts that every host keeps.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use small_web::{SmallWeb, Temperament, charset_title};
use tokio::time::Instant;

use crate::client::{End, body, exchange, get, read_all, read_to_its_end};

#[test]
fn a_page_has_its_number_in_the_title_on_logging_and_quiet_hosts_alike() {
    let web = SmallWeb::start().unwrap();
    let (logging, quiet) = (web.host(Temperament::Fast), web.quiet_host(Temperament::Fast));
    let (answer, end) = get(logging.address(), "/page/7");
    assert!(answer.contains("<title>Page 7</title>"), "{answer}");
    assert_eq!(end, End::Open);
    let (same, _) = get(quiet.address(), "/page/7");
    assert_eq!(answer, same);
    assert_eq!((logging.requests(), logging.connections()), (1, 1));
    assert_eq!((quiet.requests(), quiet.connections()), (1, 1));
    assert_eq!(logging.seen()[0].target, "/page/7");
    assert_eq!(quiet.seen(), []);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let web = SmallWeb::start().unwrap();
    let host = web.quiet_host(Temperament::Fast);
    let requests = "GET /page/1 HTTP/1.1\r\nHost: a\r\n\r\nGET /ip HTTP/1.1\r\nHost: a\r\n\r\n\
        POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n\
        GET /page/2 HTTP/1.1\r\nHost: a\r\n\r\nGET /page/3 HTTP/1.1\r\nConnection: close\r\n\r\n";
    let mut stream = TcpStream::connect(host.address()).unwrap();
    stream.write_all(requests.as_bytes()).unwrap();
    let (answers, end) = read_to_its_end(&mut stream);
    let answers = String::from_utf8(answers).unwrap();
    let wanted = ["Page 1<", "\"origin\"", "\"body\": \"abc\"", "Page 2<", "Page 3<"];
    let places: Vec<usize> = wanted.iter().map(|text| answers.find(text).unwrap()).collect();
    assert!(places.is_sorted(), "{answers}");
    assert_eq!(end, End::Fin);
    assert_eq!((host.requests(), host.connections()), (5, 1));
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let web = SmallWeb::start().unwrap();
    let host = web.quiet_host(Temperament::Fast);
    let mut stream = TcpStream::connect(host.address()).unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in b"GET /page/5 HTTP/1.1\r\nHost: a\r\n\r\n".chunks(1) {
        stream.write_all(byte).unwrap();
    }
    let (answer, _) = read_all(&mut stream);
    assert!(String::from_utf8(answer).unwrap().contains("Page 5"));
}

#[test]
fn a_bad_request_gets_400_and_the_door() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let (answer, end) = exchange(host.address(), b"\x16\x03\x01 no request\r\n\r\n");
    assert!(answer.starts_with(b"HTTP/1.1 400"), "{answer:?}");
    assert_eq!(end, End::Fin);
}

#[test]
fn the_paths_of_httpbin_answer_in_its_shapes() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let json = |path: &str| -> serde_json::Value {
        let (answer, _) = get(host.address(), path);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("Content-Type: application/json\r\n"), "{answer}");
        serde_json::from_str(body(&answer)).unwrap()
    };
    assert_eq!(json("/ip")["origin"], "127.0.0.1");
    assert_eq!(json("/user-agent")["user-agent"], "raw");
    assert_eq!(json("/headers")["headers"]["User-Agent"], "raw");
    let about = json("/get?a=1&b=x%20y");
    assert_eq!(about["args"]["b"], "x y");
    assert_eq!(about["url"], host.url("/get?a=1&b=x%20y"));
    let before = Instant::now();
    assert_eq!(json("/delay/0.2")["args"], serde_json::json!({}));
    assert!(before.elapsed() >= Duration::from_millis(200));
    assert_eq!(json("/echo")["method"], "GET");
}

#[test]
fn statuses_redirects_and_cookies() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let get = |path: &str| get(host.address(), path).0;
    assert!(get("/status/418").starts_with("HTTP/1.1 418 I'm a teapot\r\n"));
    assert!(get("/status/302").contains("Location: /redirect/1\r\n"));
    let nothing = get("/status/204");
    assert!(nothing.ends_with("\r\n\r\n") && !nothing.contains("Content-Length"), "{nothing}");
    assert!(get("/redirect/3").contains("Location: /redirect/2\r\n"));
    assert!(get("/redirect/1").contains("Location: /page/0\r\n"));
    let away = get("/redirect-to?url=http%3A%2F%2F127.0.0.1%2F&status_code=308");
    assert!(away.starts_with("HTTP/1.1 308 ") && away.contains("Location: http://127.0.0.1/\r\n"), "{away}");
    assert!(get("/set-cookie-and-redirect").contains("Set-Cookie: been=here"));
    assert!(get("/nowhere").starts_with("HTTP/1.1 404 "));
    assert_eq!(body(&get("/bytes/3")).len(), 3);
    assert!(get("/robots.txt").contains("Disallow: /private/"));
    assert!(get("/chunked").ends_with("0\r\nX-Chunks: 3\r\n\r\n"));
}

#[test]
fn head_has_the_length_and_no_body() {
    let web = SmallWeb::start().unwrap();
    let host = web.quiet_host(Temperament::Fast);
    let (answer, _) =
        exchange(host.address(), b"HEAD /page/1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.ends_with("\r\n\r\n") && answer.contains("Content-Length: 1"), "{answer}");
}

#[test]
fn pages_come_in_old_encodings() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    for charset in ["utf-8", "utf-16le", "gbk", "big5", "shift_jis", "euc-kr", "windows-1251"] {
        let request = format!("GET /charset/{charset} HTTP/1.0\r\n\r\n");
        let (answer, end) = exchange(host.address(), request.as_bytes());
        assert_eq!(end, End::Fin);
        let start = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        let encoding = encoding_rs::Encoding::for_label(charset.as_bytes()).unwrap();
        let (text, ..) = encoding.decode(&answer[start..]);
        let title = charset_title(charset).unwrap();
        assert!(text.contains(&format!("<title>{title}</title>")), "{charset}: {text}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn many_hosts_answer_on_every_address_and_only_on_loopback() {
    let web = SmallWeb::start().unwrap();
    let hosts = web.many_hosts(Temperament::Fast);
    for n in [0, 1, 255, 65_536, small_web::ManyHosts::COUNT - 1] {
        let (answer, _) = get(hosts.address(n), "/page/7");
        assert!(answer.contains("<title>Page 7</title>"), "{n}: {answer}");
    }
    assert_eq!((hosts.requests(), hosts.connections()), (5, 5));
    assert!(hosts.url(0, "/").starts_with("http://127.0.1.0:"));
}
