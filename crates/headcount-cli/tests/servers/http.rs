//! HTTP/1.1 and HTTP/2 as nginx speaks them: versions, statuses, HEAD, connections that end in order, trailers, dripping.

use serde_json::Value;

use crate::harness::{Desk, end_of};
use crate::nginx::{Nginx, STATUSES};

/// A desk where nginx's authority is believed.
pub(crate) fn desk(nginx: &Nginx) -> Desk {
    let desk = Desk::new();
    desk.write("ca.pem", &nginx.certificates().authority);
    desk
}

fn check_all(desk: &Desk, urls: impl IntoIterator<Item = String>, words: &str) -> Vec<Value> {
    let list: String = urls.into_iter().map(|url| url + "\n").collect();
    desk.check_stdin(&format!("- --cacert ca.pem --retries 0 {words}"), &list).records()
}

#[test]
fn nginx_is_asked_in_http2_where_it_offers_it_and_as_the_user_insists() {
    let nginx = Nginx::start();
    let desk = desk(&nginx);
    let version = |url: String, words: &str| {
        let record = desk.check(&format!("{url} --cacert ca.pem --retries 0 {words}")).record();
        format!("{} {}", end_of(&record), record["http_version"].as_str().unwrap_or("-"))
    };
    assert_eq!(version(nginx.encrypted("/done"), ""), "200 HTTP/2");
    assert_eq!(version(nginx.encrypted("/done"), "--http2"), "200 HTTP/2");
    assert_eq!(version(nginx.encrypted("/done"), "--http1"), "200 HTTP/1.1");
    assert_eq!(version(nginx.plain("/done"), ""), "200 HTTP/1.1");
    assert_eq!(version(nginx.plain_http2("/done"), "--http2"), "200 HTTP/2");
    assert!(version(nginx.plain("/done"), "--http2").ends_with(" -"));
}

#[test]
fn many_requests_go_over_one_http2_connection() {
    let nginx = Nginx::start();
    let pages = (0..300).map(|number| nginx.encrypted(&format!("/{}.html", number % 60)));
    let records = check_all(&desk(&nginx), pages, "--per-host 16");
    assert_eq!(records.len(), 300);
    for (number, record) in records.iter().enumerate() {
        let expected = format!("Page {}", number % 60);
        assert_eq!((end_of(record).as_str(), record["title"].as_str()), ("200", Some(expected.as_str())));
    }
    assert_eq!(connections(&nginx, "HTTP/2.0").len(), 1);
}

#[test]
fn nginx_is_sent_no_more_at_once_than_it_allows() {
    let nginx = Nginx::start();
    let pages = (0..120).map(|number| nginx.narrow(&format!("/{}.html", number % 60)));
    for record in check_all(&desk(&nginx), pages, "--per-host 16 -X POST --accept 405") {
        assert_eq!((end_of(&record).as_str(), &record["num_retries"]), ("405", &0.into()), "{record}");
        assert_eq!(record["http_version"], "HTTP/2");
    }
    assert_eq!(nginx.seen().len(), 120);
}

#[test]
fn an_answer_before_the_answer_is_passed_over() {
    let nginx = Nginx::start();
    let desk = desk(&nginx);
    // nginx says 100 Continue to who expects it.
    for base in [nginx.plain("/post"), nginx.encrypted("/post")] {
        let expecting = ["--cacert", "ca.pem", "-d", "a=1", "-H", "Expect: 100-continue"];
        let record = desk.run(&[&["check", base.as_str()], &expecting[..]].concat()).record();
        assert_eq!((end_of(&record).as_str(), &record["title"]), ("200", &"Done".into()), "{record}");
        assert!(nginx.seen().iter().rfind(|line| line.contains(" /post ")).unwrap().ends_with("body=a=1"));
    }
}

#[test]
fn a_connection_that_nginx_closes_in_order_loses_no_request_and_repeats_none() {
    let nginx = Nginx::start();
    let desk = desk(&nginx);
    for (url, protocol, words) in [
        (nginx.hasty(""), "HTTP/2.0", "-X POST --per-host 16"),
        (nginx.hasty_http1(""), "HTTP/1.1", "-X POST --per-host 4"),
    ] {
        let before = nginx.seen().len();
        let pages = (0..100).map(|number| format!("{url}/done?{protocol}&{number}"));
        for record in check_all(&desk, pages, words) {
            assert_eq!((end_of(&record).as_str(), &record["num_retries"]), ("200", &0.into()), "{record}");
        }
        let mut seen = nginx.seen().split_off(before);
        seen.iter_mut().for_each(|line| *line = line.split(' ').nth(3).unwrap().to_owned());
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 100, "{protocol}");
        assert_eq!(nginx.seen().len() - before, 100, "{protocol}");
        assert!(connections(&nginx, protocol).len() > 10, "{protocol}");
    }
}

#[test]
fn every_status_is_the_answer_that_it_is() {
    let nginx = Nginx::start();
    let desk = desk(&nginx);
    for words in ["", "-X HEAD", "--http1"] {
        let urls = STATUSES.iter().map(|status| nginx.encrypted(&format!("/status/{status}")));
        for (record, status) in check_all(&desk, urls, words).iter().zip(STATUSES) {
            assert_eq!(end_of(record), status.to_string(), "{words}");
        }
    }
}

#[test]
fn head_is_answered_without_a_body_and_the_connection_goes_on() {
    let nginx = Nginx::start();
    for base in [nginx.plain(""), nginx.encrypted("")] {
        let before = nginx.seen().len();
        let urls = (0..20).map(|number| format!("{base}/{number}.html"));
        for record in check_all(&desk(&nginx), urls, "-X HEAD --per-host 1") {
            assert_eq!((end_of(&record).as_str(), &record["body_bytes"]), ("200", &0.into()), "{record}");
        }
        let mut connections: Vec<String> =
            nginx.seen()[before..].iter().map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect();
        connections.dedup();
        assert_eq!(connections.len(), 1, "{base}");
    }
}

#[test]
fn chunks_trailers_and_connections_that_close_are_whole_answers() {
    let nginx = Nginx::start();
    let long = crate::nginx::LONG;
    for base in [nginx.plain(""), nginx.encrypted("")] {
        let urls =
            ["/trailers", "/long.html", "/close", "/trailers", "/close"].map(|path| format!("{base}{path}"));
        let records = check_all(&desk(&nginx), urls, "--per-host 1");
        let found: Vec<_> =
            records.iter().map(|record| (end_of(record), record["body_bytes"].as_u64().unwrap())).collect();
        let [long, short] =
            [long, "<title>Closed</title>".len()].map(|bytes| ("200".to_owned(), bytes as u64));
        assert_eq!(found, [long.clone(), long.clone(), short.clone(), long, short]);
    }
}

#[test]
fn a_header_beyond_the_limit_is_too_large_in_both_versions() {
    let nginx = Nginx::start();
    for words in ["--http1", "--http2"] {
        let record = &check_all(&desk(&nginx), [nginx.encrypted("/big-header")], words)[0];
        assert_eq!(end_of(record), "headers/too_large", "{words}: {record}");
    }
}

#[test]
fn a_dripping_answer_is_cut_or_given_up_and_holds_up_nobody() {
    let nginx = Nginx::start();
    let desk = desk(&nginx);
    for base in [nginx.plain(""), nginx.encrypted("")] {
        let urls = (0..30).map(|number| match number {
            3 => format!("{base}/drip.html"),
            _ => format!("{base}/{number}.html"),
        });
        let records = check_all(&desk, urls, "--timeout 5s");
        for (number, record) in records.iter().enumerate() {
            assert_eq!(end_of(record), if number == 3 { "body/timeout" } else { "200" }, "{record}");
        }
        let cut = &check_all(&desk, [format!("{base}/drip.html")], "--max-body 1000")[0];
        assert_eq!((end_of(cut).as_str(), &cut["truncated"]), ("200", &true.into()));
    }
}

/// The connections that nginx has seen requests on, in this protocol.
fn connections(nginx: &Nginx, protocol: &str) -> Vec<String> {
    let seen = nginx.seen();
    let of_protocol = seen.iter().filter(|line| line.starts_with(protocol));
    let mut numbers: Vec<String> =
        of_protocol.map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect();
    numbers.sort();
    numbers.dedup();
    numbers
}
