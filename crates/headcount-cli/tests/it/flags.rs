//! What each flag does, seen from outside.

use std::time::Duration;

use small_web::{Answer, Certificate, Host, Seen, SmallWeb, Temperament};

use crate::harness::{Desk, end_of};

const SLOW: Temperament = Temperament::Slow(Duration::from_millis(200));

/// The end of the only record.
fn end(words: &str) -> String {
    end_of(&Desk::new().check(words).record())
}

fn pages(host: &Host, count: usize) -> String {
    (0..count).map(|number| host.url(&format!("/page/{number}\n"))).collect()
}

fn field<'a>(seen: &'a Seen, name: &str) -> Option<&'a str> {
    seen.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

#[test]
fn concurrency_and_per_host_hold() {
    let web = SmallWeb::start().unwrap();
    let desk = Desk::new();
    let most_at_once = |words: &str, count: usize| {
        let host = web.host(SLOW);
        assert_eq!(desk.check_stdin(&format!("- {words}"), &pages(&host, count)).code, Some(0));
        host.most_in_flight()
    };
    assert!(most_at_once("", 40) > 4, "a host that answers as fast as before gets more");
    assert_eq!(most_at_once("--per-host 3", 12), 3);
    assert_eq!(most_at_once("-c 2", 8), 2);
    assert_eq!(most_at_once("--concurrency 5 --per-host 20", 40), 5);
}

#[test]
fn deadlines_end_what_does_not_end_by_itself() {
    let web = SmallWeb::start().unwrap();
    let url = |temperament| web.host(temperament).url("/");
    assert_eq!(end(&format!("{} --timeout 1s --retries 0", url(Temperament::Silent))), "headers/timeout");
    let drip = url(Temperament::DripBody(Duration::from_millis(50)));
    assert_eq!(end(&format!("{drip} --timeout 1.5 --retries 0")), "body/timeout");
    let silent = web.tls_host(Temperament::HandshakeSilent, Certificate::Good).url("/");
    assert_eq!(end(&format!("{silent} --connect-timeout 1s --retries 0")), "tls/timeout");
    let slow = url(Temperament::Slow(Duration::from_millis(1_500)));
    assert_eq!(end(&format!("{slow} --connect-timeout 1s --timeout 60s")), "200");
}

#[test]
fn retries_are_as_many_as_said() {
    let web = SmallWeb::start().unwrap();
    let requests = |words: &str| {
        let host = web.host(Temperament::Status(503));
        let record = Desk::new().check(&format!("{} --retry-delay 1ms {words}", host.url("/"))).record();
        assert_eq!(end_of(&record), "503");
        assert_eq!(record["num_retries"].as_u64(), Some(host.requests() - 1));
        host.requests()
    };
    assert_eq!(requests(""), 3);
    assert_eq!(requests("--retries 0"), 1);
    assert_eq!(requests("--retries 5"), 6);
    assert_eq!(requests("--retries 5 -X POST"), 1);
}

#[test]
fn a_retry_waits() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Status(500));
    Desk::new().check_stdin("- --retries 1 --retry-delay 400ms", &pages(&host, 30));
    let seen = host.seen();
    assert_eq!(seen.len(), 60);
    // Each waits for a random part of it; that all thirty were short does not happen.
    assert!(seen[59].at - seen[0].at >= Duration::from_millis(150));
}

#[test]
fn no_retry_begins_too_late() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Status(500));
    let words = "--retries 1000 --retry-delay 20ms --retry-max-time 1s";
    let record = Desk::new().check(&format!("{} {words}", host.url("/"))).record();
    let seen = host.seen();
    assert!((2..1_000).contains(&seen.len()), "{} requests", seen.len());
    assert_eq!((end_of(&record).as_str(), &record["num_retries"]), ("500", &(seen.len() - 1).into()));
    // On a busy machine it may be a while from the beginning of a request to its being seen.
    assert!(seen[seen.len() - 1].at - seen[0].at < Duration::from_secs(10));
}

#[test]
fn the_request_is_as_it_was_asked_for() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let desk = Desk::new();
    desk.write("secrets", "\u{feff}# for the tests\nAuthorization: Bearer s3cret\n\nX-Two: 2\n");
    let mut arguments = vec!["check".to_owned(), host.url("/page/1")];
    arguments.extend(["-X", "HEAD", "-H", "X-One: 1", "-H", "@secrets", "-A", "tester/1"].map(str::to_owned));
    let ended = desk.run(&arguments);
    assert_eq!((ended.code, &ended.record()["method"]), (Some(0), &"HEAD".into()));
    let seen = &host.seen()[0];
    assert_eq!(
        (seen.method.as_str(), field(seen, "x-one"), field(seen, "x-two")),
        ("HEAD", Some("1"), Some("2"))
    );
    assert_eq!(
        (field(seen, "authorization"), field(seen, "user-agent")),
        (Some("Bearer s3cret"), Some("tester/1"))
    );
    assert_eq!(field(seen, "host"), Some(host.address().to_string().as_str()));
    assert!(!ended.stdout.contains("s3cret") && !ended.stderr.contains("s3cret"));

    desk.check(&format!("{} -X POST", host.url("/echo")));
    let post = &host.seen()[1];
    assert_eq!((post.method.as_str(), field(post, "content-length")), ("POST", Some("0")));
    assert!(field(post, "user-agent").is_some_and(|agent| agent.starts_with("headcount/")));

    // As with curl, a field with nothing behind its colon is not sent.
    let bare = host.url("/page/2");
    desk.run(&["check", &bare, "-H", "User-Agent:", "-H", "Accept: ", "-H", "X-One:"]);
    let bare = &host.seen()[2];
    assert_eq!([field(bare, "user-agent"), field(bare, "accept"), field(bare, "x-one")], [None; 3]);
}

#[test]
fn certificates_are_verified_unless_told_otherwise() {
    let web = SmallWeb::start().unwrap();
    let desk = Desk::new();
    desk.write("ca.pem", web.authority_pem());
    let good = web.tls_host(Temperament::Fast, Certificate::Good).url("/page/1");
    let expired = web.tls_host(Temperament::Fast, Certificate::Expired).url("/page/1");
    let end = |words: &str| end_of(&desk.check(words).record());
    assert_eq!(end(&good), "tls/certificate");
    assert_eq!(end(&format!("{good} --cacert ca.pem")), "200");
    assert_eq!(end(&format!("{expired} --cacert ca.pem")), "tls/certificate");
    let record = desk.check(&format!("{expired} --insecure")).record();
    assert_eq!((end_of(&record).as_str(), &record["insecure"]), ("200", &true.into()));
    assert_eq!(end(&format!("{expired} -k")), "200");
}

#[test]
fn redirects_are_followed_as_far_as_said() {
    let web = SmallWeb::start().unwrap();
    let url = web.host(Temperament::Fast).url("/redirect/3");
    let record = Desk::new().check(&url).record();
    assert_eq!((end_of(&record).as_str(), &record["num_redirects"]), ("200", &3.into()));
    assert_eq!(record["chain_status_codes"], serde_json::json!([302, 302, 302, 200]));
    assert_eq!(end(&format!("{url} --max-redirects 2")), "redirect/too_many");
    assert_eq!(end(&format!("{url} --max-redirects 0")), "302");
}

#[test]
fn a_long_body_is_cut_and_said_to_be() {
    let web = SmallWeb::start().unwrap();
    let url = web.host(Temperament::EndlessBody).url("/");
    for (words, bytes) in [("", 1_048_576), ("--max-body 64k", 65_536), ("--max-body 1000", 1_000)] {
        let record = Desk::new().check(&format!("{url} {words}")).record();
        assert_eq!((end_of(&record).as_str(), &record["truncated"]), ("200", &true.into()));
        assert_eq!(record["body_bytes"], bytes);
    }
}

#[test]
fn what_unpacks_to_more_than_it_may_is_cut() {
    let web = SmallWeb::start().unwrap();
    let url = web.host(Temperament::GzipBomb).url("/");
    let bytes = |words: &str| {
        let record = Desk::new().check(&format!("{url} {words}")).record();
        assert_eq!((end_of(&record).as_str(), &record["truncated"]), ("200", &true.into()));
        record["body_bytes"].as_u64().unwrap()
    };
    assert_eq!(bytes(""), 1 << 20);
    assert_eq!(bytes("--max-body 3M --max-ratio 1000000"), 3 << 20);
    assert!(bytes("--max-body 1G --max-ratio 10") < 2 << 20);
}

#[test]
fn accept_decides_what_is_well() {
    let web = SmallWeb::start().unwrap();
    let missing = web.host(Temperament::Status(404)).url("/");
    let desk = Desk::new();
    let code = |words: &str| {
        let ended = desk.check(&format!("{missing} {words}"));
        assert_eq!(ended.record()["accepted"].as_bool(), Some(ended.code == Some(0)));
        ended.code
    };
    assert_eq!(code(""), Some(2));
    assert_eq!(code("--accept 200..=299,404"), Some(0));
    assert_eq!(code("--accept 400..404"), Some(2));
    assert_eq!(code("--accept 200-499"), Some(0));
}

#[test]
fn quiet_verbose_and_the_summary() {
    let web = SmallWeb::start().unwrap();
    let desk = Desk::new();
    let (good, bad) =
        (web.host(Temperament::Fast).url("/page/1"), web.host(Temperament::Status(404)).url("/"));
    desk.write("urls.txt", format!("{good}\n{bad}\nnot a URL\n"));
    let plain = desk.check("urls.txt");
    for part in
        ["3 records in", "1 accepted, 2 not", "2xx 1, 4xx 1", "input/invalid_url 1", "p95", "worst hosts"]
    {
        assert!(plain.stderr.contains(part), "{part}: {}", plain.stderr);
    }
    assert!(!plain.stderr.contains('\x1b'));
    assert_eq!(desk.check("urls.txt -q").stderr, "");
    let verbose = desk.check("urls.txt --verbose").stderr;
    assert!(verbose.contains(&format!("not accepted: {bad} (line 2 of urls.txt): status 404")), "{verbose}");
    assert!(!verbose.contains(&good));
    assert!(desk.check("urls.txt --no-progress").stderr.contains("3 records"));
}

#[test]
fn colour_is_for_terminals_or_on_request() {
    let web = SmallWeb::start().unwrap();
    let url = web.host(Temperament::Fast).url("/page/1");
    let desk = Desk::new();
    for (words, is_coloured) in [("", false), ("--color always", true), ("--color never", false)] {
        let ended = desk.check(&format!("{url} -f table {words}"));
        assert_eq!(ended.stdout.contains('\x1b'), is_coloured, "{words}");
        assert_eq!(ended.stderr.contains('\x1b'), is_coloured, "{words}");
    }
}

#[test]
fn reports_have_the_title_and_the_rows_that_were_asked_for() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::scripted(|request| Answer::page(200, "=1+1").reply(request)));
    let desk = Desk::new();
    desk.write("urls.txt", pages(&host, 3));
    let outputs = |words: &str| {
        let ended = desk.check(&format!("urls.txt -o out.html -o out.csv {words}"));
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        (desk.read("out.html"), desk.read("out.csv"))
    };
    let (page, table) = outputs("");
    assert!(page.contains("urls.txt</title>") && page.matches(&host.url("/page/")).count() >= 3, "{page}");
    assert!(table.contains(",'=1+1,") && !table.contains(",=1+1,"), "{table}");
    let (page, table) = outputs("--title Audit --html-rows 1 --raw-csv");
    assert!(page.contains("Audit</title>") && page.contains("2 more are counted above only"), "{page}");
    assert!(table.contains(",=1+1,"), "{table}");
}
