//! Names and addresses: who is asked, what is known already, and which of several addresses is used.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use small_web::{Host, NameAnswer, NameServer, SmallWeb, Temperament};

use crate::harness::{Desk, end_of};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn url(host: &Host, name: &str) -> String {
    format!("http://{name}:{}/page/1", host.address().port())
}

/// A name server with these addresses for every name, and how long they hold.
fn server(web: &SmallWeb, addresses: &[IpAddr], seconds: u32) -> NameServer {
    let addresses = addresses.to_vec();
    web.name_server(move |_name| NameAnswer::Addresses(addresses.clone(), seconds))
}

#[test]
fn the_name_server_that_was_named_is_asked_and_a_name_of_any_script_is_found() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let server = web.name_server(|name| match name {
        "small.example" | "xn--bcher-kva.example" => NameAnswer::Addresses(vec![HERE], 60),
        _ => NameAnswer::NotFound,
    });
    let desk = Desk::new();
    let end = |name: &str| {
        let words = format!("{} --dns-server {} --retries 0", url(&host, name), server.address());
        end_of(&desk.check(&words).record())
    };
    assert_eq!(end("small.example"), "200");
    assert_eq!(end("bücher.example"), "200");
    assert_eq!(end("BÜCHER.example"), "200");
    assert_eq!(end("other.example"), "dns/not_found");
    // /etc/hosts comes first, and needs no name server.
    let before = server.queries();
    assert_eq!(end("localhost"), "200");
    assert_eq!(server.queries(), before);
}

#[test]
fn a_name_may_hold_what_urls_may_and_what_cannot_be_one_is_not_looked_up() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let server = server(&web, &[HERE], 60);
    let desk = Desk::new();
    let record =
        |name: &str| desk.check(&format!("{} --dns-server {}", url(&host, name), server.address())).record();
    for name in ["under_score.example", "_dmarc.example", "-a.example", "a-.example", "!a'&~,.example", "a_."]
    {
        assert_eq!(end_of(&record(name)), "200", "{name}");
    }
    let before = server.queries();
    let longest = "a".repeat(63);
    let too_long = [&longest[..]; 4].join(".");
    for name in ["a..b", &format!("{longest}a.example"), &too_long] {
        let record = record(name);
        assert_eq!(end_of(&record), "dns/not_found", "{name}");
        assert_eq!(record["num_retries"], 0);
        insta::allow_duplicates! {
            let message = record["error"]["message"].as_str().unwrap().replace(name, "NAME");
            insta::assert_snapshot!(message, @"NAME cannot be a name: a part of it is empty or too long, or the whole is");
        }
    }
    assert_eq!(server.queries(), before);
    assert_eq!(end_of(&record(&format!("{longest}.example"))), "200");
}

#[test]
fn a_silent_name_server_is_made_up_for_by_the_next() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let (silent, good) = (web.name_server(|_name| NameAnswer::Silence), server(&web, &[HERE], 60));
    let words = format!(
        "{} --dns-server {} --dns-server {}",
        url(&host, "small.example"),
        silent.address(),
        good.address()
    );
    assert_eq!(end_of(&Desk::new().check(&words).record()), "200");
    let words = format!(
        "{} --dns-server {} --connect-timeout 300ms --retries 0",
        url(&host, "small.example"),
        silent.address()
    );
    assert_eq!(end_of(&Desk::new().check(&words).record()), "dns/timeout");
}

#[test]
fn a_hosts_name_is_asked_for_once_for_all_its_requests() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Slow(Duration::from_millis(20)));
    let server = server(&web, &[HERE], 60);
    let list: String = (0..40).map(|number| format!("{}{number}\n", url(&host, "small.example"))).collect();
    let words = format!("- -c 20 --dns-server {}", server.address());
    let records = Desk::new().check_stdin(&words, &list).records();
    assert!(records.iter().all(|record| end_of(record) == "200"));
    assert_eq!(server.queries(), 2, "one question for each family");
}

#[test]
fn addresses_are_not_kept_for_longer_than_the_name_server_says() {
    let web = SmallWeb::start().unwrap();
    // Every request needs a connection of its own.
    let host = web.host(Temperament::Http10);
    let server = server(&web, &[HERE], 0);
    let list: String = (0..6).map(|number| format!("{}{number}\n", url(&host, "small.example"))).collect();
    let words = format!("- -4 --per-host 1 --dns-server {}", server.address());
    let records = Desk::new().check_stdin(&words, &list).records();
    assert!(records.iter().all(|record| end_of(record) == "200"));
    assert_eq!(server.queries(), 6);
}

#[test]
fn resolve_says_where_a_host_is() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let port = host.address().port();
    let desk = Desk::new();
    let end = |entry: &str| {
        let words = format!("{} --resolve {entry} --retries 0", url(&host, "small.example"));
        end_of(&desk.check(&words).record())
    };
    assert_eq!(end(&format!("small.example:{port}:127.0.0.1")), "200");
    assert_eq!(end(&format!("SMALL.example:{port}:127.0.0.1")), "200");
    assert_eq!(end(&format!("*:{port}:127.0.0.1")), "200");
    // The first that answers is used.
    assert_eq!(end(&format!("small.example:{port}:127.255.255.255,127.0.0.1")), "200");
    assert_eq!(end(&format!("small.example:{port}:127.255.255.255")), "connect/unreachable");
    assert_eq!(host.seen()[0].headers[0].1, format!("small.example:{port}"));
    for wrong in ["small.example", "small.example:80", "small.example:x:127.0.0.1", "a:80:b", "[::1]:80:::1"]
    {
        let ended = desk.check(&format!("{} --resolve {wrong}", host.url("/")));
        assert_eq!(ended.code, Some(3), "{wrong}");
        assert!(ended.stderr.contains("is no value for --resolve"), "{}", ended.stderr);
    }
    assert_eq!(desk.check(&format!("{} --dns-server ns.example", host.url("/"))).code, Some(3));
}

#[test]
fn a_family_can_be_insisted_on() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let desk = Desk::new();
    let end = |url: &str, words: &str| end_of(&desk.check(&format!("{url} --retries 0 {words}")).record());
    let (both, four) = (url(&host, "localhost"), host.url("/page/1"));
    assert_eq!(end(&both, "-4"), "200");
    assert_eq!(end(&both, "-6"), "connect/refused");
    assert_eq!(end(&four, "-4"), "200");
    assert_eq!(end(&four, "-6"), "dns/not_found");
    assert_eq!(desk.check(&format!("{both} -4 -6")).code, Some(3));
    // The other family is not even asked for.
    let server = server(&web, &[HERE], 60);
    let words = format!("-4 --dns-server {}", server.address());
    assert_eq!(end(&url(&host, "small.example"), &words), "200");
    assert_eq!(server.queries(), 1);
}

/// RFC 8305: an address that does not answer holds up the others for a moment only.
#[cfg(target_os = "linux")]
#[expect(clippy::disallowed_macros, reason = "a test that is skipped says so")]
#[test]
fn an_address_that_never_answers_is_made_up_for_by_the_next() {
    let web = SmallWeb::start().unwrap();
    let silent = web.unanswered_address();
    // The same port on ::1, where somebody does answer.
    let Ok(listener) = std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, silent.port())) else {
        eprintln!("skipped: this machine has no ::1");
        return;
    };
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut forgotten = [0; 1024];
        let _read = std::io::Read::read(&mut stream, &mut forgotten).unwrap();
        let answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
        std::io::Write::write_all(&mut stream, answer).unwrap();
    });
    let port = silent.port();
    let words = format!(
        "http://two.example:{port}/ --resolve two.example:{port}:127.0.0.1,::1 --connect-timeout 20s --timeout 20s"
    );
    let record = Desk::new().check(&words).record();
    assert_eq!((end_of(&record).as_str(), &record["host_ip"]), ("204", &"::1".into()));
    // The head start, and no share of the twenty seconds.
    assert!(record["time_connect"].as_f64().unwrap() < 9.0, "{record}");
    answering.join().unwrap();
}
