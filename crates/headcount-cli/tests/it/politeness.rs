//! How hosts are asked: at their own pace, within the bounds that the user sets, and not at all where they say so.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use small_web::{Answer, Host, Reply, SmallWeb, Temperament};
use tokio::time::Instant;

use crate::harness::{Desk, end_of};

/// URLs of each host that has a pace. With many, what it costs to find the pace no longer counts: set it to 1000 for the
/// figures.
fn paced_urls() -> usize {
    std::env::var("HEADCOUNT_PACED_URLS").ok().and_then(|text| text.parse().ok()).unwrap_or(60)
}

fn pages(host: &Host, count: usize) -> String {
    (0..count).map(|number| host.url(&format!("/page/{number}\n"))).collect()
}

#[test]
fn hosts_with_a_pace_are_asked_at_it_and_everything_is_answered() {
    let web = SmallWeb::start().unwrap();
    let desk = Desk::new();
    let count = paced_urls();
    let bucket = web.host(Temperament::Bucket { per_second: 10.0, burst: 10.0, retry_after: true });
    let two = web.host(Temperament::Throttling {
        at_once: 2,
        takes: Duration::from_millis(100),
        retry_after: None,
    });
    // Two at a time of 100 ms are 20 a second, twice as many as the bucket gives.
    let mut list = pages(&bucket, count) + &pages(&two, 2 * count);
    for _ in 0..98 {
        list += &pages(&web.host(Temperament::Fast), 3);
    }
    desk.write("urls.txt", list);
    let ended = desk.check("urls.txt -c 200 -j");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let records = ended.records();
    assert_eq!(records.len(), 3 * count + 294);
    assert!(records.iter().all(|record| end_of(record) == "200"));
    let rejections = usize::try_from(bucket.requests() + two.requests()).unwrap() - 3 * count;
    let share = 100.0 * rejections as f64 / (3 * count) as f64;
    // Finding the pace costs the more the fewer URLs there are.
    let most = if count >= 1_000 { 2.0 } else { 20.0 };
    assert!(share <= most, "{share:.1} rejections for 100 answers\n{}", ended.stderr);
    assert!(ended.stderr.contains("(T*), T/T*"), "{}", ended.stderr);
    assert!(ended.stderr.contains("paced hosts"), "{}", ended.stderr);
    if count >= 1_000 {
        // For whoever asked for the figures.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), ended.stderr.as_bytes());
    }
}

#[test]
fn the_pauses_before_retries_are_part_of_what_a_run_takes_at_best() {
    let web = SmallWeb::start().unwrap();
    let desk = Desk::new();
    desk.write("urls.txt", format!("http://{}/\n", web.refused_address()).repeat(3));
    let ended = desk.check("urls.txt --retries 3 --retry-delay 1s -j");
    assert!(ended.stderr.contains("bound by the pauses before retries"), "{}", ended.stderr);
    desk.write("none.txt", "ftp://a.example/\n".repeat(3));
    let ended = desk.check("none.txt -j");
    assert!(!ended.stderr.contains("verdict"), "nobody was asked: {}", ended.stderr);
}

#[test]
fn a_host_that_never_lets_anything_through_gets_the_ordinary_retries() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Status(503));
    let ended = Desk::new().check(&format!("{} --retries 2 --retry-delay 10ms", host.url("/page/1")));
    let record = ended.record();
    assert_eq!((end_of(&record).as_str(), &record["num_retries"]), ("503", &2.into()));
    assert_eq!((record["outcome"].as_str(), host.requests()), (Some("answered"), 3));
}

#[test]
fn a_wait_that_a_host_names_costs_no_retry() {
    let web = SmallWeb::start().unwrap();
    let is_open = AtomicBool::new(false);
    let host = web.host(Temperament::scripted(move |request| match is_open.swap(true, Relaxed) {
        false => Answer::page(429, "Later").field("Retry-After", "1").reply(request),
        true => Answer::well_behaved(request).reply(request),
    }));
    let ended = Desk::new().check(&format!("{} --retries 0", host.url("/page/1")));
    let record = ended.record();
    assert_eq!((end_of(&record).as_str(), &record["num_retries"]), ("200", &0.into()));
    let seen = host.seen();
    // The first may have been seen late.
    assert!(seen[1].at - seen[0].at >= Duration::from_millis(500), "it was asked sooner than it said");
}

#[test]
fn who_asks_for_longer_than_the_run_waits_is_left_alone_at_once() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::scripted(|request| {
        Answer::page(429, "Tomorrow").field("Retry-After", "86400").reply(request)
    }));
    let desk = Desk::new();
    let ended = desk.check_stdin("- --max-hold 1s -c 1 -j", &pages(&host, 20));
    assert_eq!(ended.code, Some(2));
    let ends: Vec<String> = ended.records().iter().map(end_of).collect();
    assert_eq!(host.requests(), 1, "{ends:?}");
    assert_eq!(ends[0], "429");
    assert!(ends[1..].iter().all(|end| end == "policy/rate_limited"), "{ends:?}");
    let message = ended.records()[1]["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("for 86") && message.contains("--max-hold is 1 s"), "{message}");
}

#[test]
fn a_host_that_never_answers_is_given_up() {
    let web = SmallWeb::start().unwrap();
    let (dead, good) = (web.host(Temperament::CloseAfterRequest), web.host(Temperament::Fast));
    let desk = Desk::new();
    let ended = desk.check_stdin("- --retries 0 -j", &(pages(&dead, 300) + &pages(&good, 50)));
    let records = ended.records();
    let count = |end: &str| records.iter().filter(|record| end_of(record) == end).count();
    assert_eq!(count("200"), 50);
    let (closed, given_up) = (count("headers/closed"), count("policy/given_up"));
    assert!((100..=110).contains(&closed), "{closed} asked in vain");
    assert_eq!(closed + given_up, 300);
}

#[test]
fn rates_and_delays_are_kept() {
    let web = SmallWeb::start().unwrap();
    let gaps = |words: &str, hosts: usize| {
        let hosts: Vec<Host> = (0..hosts).map(|_| web.host(Temperament::Fast)).collect();
        let list: String = hosts.iter().map(|host| pages(host, 12 / hosts.len())).collect();
        assert_eq!(Desk::new().check_stdin(&format!("- {words}"), &list).code, Some(0));
        let mut times: Vec<_> = hosts.iter().flat_map(|host| host.seen()).map(|seen| seen.at).collect();
        times.sort();
        times[times.len() - 1] - times[0]
    };
    // Twelve starts are eleven gaps; on a busy machine the first may be seen late.
    let least = 11 * Duration::from_millis(50) / 2;
    assert!(gaps("--delay 50ms", 1) >= least);
    assert!(gaps("--host-rate 20", 1) >= least);
    assert!(gaps("--rate 20", 4) >= least);
    assert!(gaps("--rate 1200/m", 12) >= least);
}

#[test]
fn robots_txt_is_kept_to_on_request() {
    let web = SmallWeb::start().unwrap();
    let file = "User-agent: *\nDisallow: /private\nUser-agent: polite\nDisallow: /page/2\n";
    let host = web.host(Temperament::scripted(move |request| match request.target.as_str() {
        "/robots.txt" => Answer::status(200).body(file).reply(request),
        _ => Answer::well_behaved(request).reply(request),
    }));
    let list = host.url("/page/1\n") + &host.url("/private/x\n") + &host.url("/page/2\n");
    let ends = |words: &str| -> Vec<String> {
        let ended = Desk::new().check_stdin(&format!("- -j {words}"), &list);
        let mut records = ended.records();
        records.sort_by_key(|record| record["index"].as_u64());
        records.iter().map(end_of).collect()
    };
    assert_eq!(ends("--robots"), ["200", "policy/robots", "200"]);
    assert_eq!(host.requests(), 3, "the file is fetched once, and first");
    assert_eq!(host.seen()[0].target, "/robots.txt");
    assert_eq!(ends("--robots -A polite/1.0"), ["200", "404", "policy/robots"]);
    for limit in ["0", "13"] {
        let ends = ends(&format!("--robots --max-body {limit}"));
        assert_eq!(ends, ["200", "policy/robots", "200"], "the limit is for bodies of pages");
    }
    assert!(!ends("").contains(&"policy/robots".to_owned()));
}

#[test]
fn a_crawl_delay_is_kept_from_the_first_page_on() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::scripted(|request| match request.target.as_str() {
        "/robots.txt" => Answer::status(200).body("User-agent: *\nCrawl-delay: 1\n").reply(request),
        _ => Answer::well_behaved(request).reply(request),
    }));
    assert_eq!(Desk::new().check_stdin("- --robots", &pages(&host, 3)).code, Some(0));
    let seen = host.seen();
    let pages: Vec<Duration> = seen[1..].iter().map(|seen| seen.at).collect();
    let gaps: Vec<Duration> = pages.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // What makes one arrive late makes the next gap shorter.
    assert!(gaps.iter().all(|gap| *gap >= Duration::from_millis(500)), "{gaps:?}");
}

#[test]
fn hosts_behind_one_address_can_share_a_pace() {
    let web = SmallWeb::start().unwrap();
    let hosts: Vec<Host> = (0..4).map(|_| web.host(Temperament::Fast)).collect();
    let list: String = hosts.iter().map(|host| pages(host, 6)).collect();
    assert_eq!(Desk::new().check_stdin("- --per-ip --delay 60ms", &list).code, Some(0));
    let mut times: Vec<_> = hosts.iter().flat_map(|host| host.seen()).map(|seen| seen.at).collect();
    times.sort();
    // The first request to each finds out where it is. With a pace each, they would need a fourth of the time.
    assert!(times[23] - times[4] >= 18 * Duration::from_millis(60) / 2, "{times:?}");
}

#[test]
fn a_run_that_the_line_holds_up_says_so() {
    const PIECES: u32 = 10;
    const PIECE: usize = 15_000;
    let (at_once, answers) = (Duration::from_millis(15), 30);
    let web = SmallWeb::start().unwrap();
    // All bodies come over one line, a piece each 15 ms; headers come at once.
    let free_at = Mutex::new(Instant::now());
    let host = web.host(Temperament::scripted(move |_| {
        let begins = {
            let mut free_at = free_at.lock().unwrap();
            let begins = (*free_at).max(Instant::now());
            *free_at = begins + PIECES * at_once;
            begins
        };
        let header = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", PIECE * PIECES as usize);
        let reply = Reply::new().bytes(header).wait(begins.saturating_duration_since(Instant::now()));
        (0..PIECES).fold(reply, |reply, _| reply.bytes(vec![b'x'; PIECE]).wait(at_once))
    }));
    let ended = Desk::new().check_stdin("- -j", &pages(&host, answers));
    assert_eq!(ended.records().len(), answers);
    assert!(ended.stderr.contains("bound by bytes: "), "{}", ended.stderr);
    // Answers that come as evenly for another reason are no sign of it.
    let host = web.host(Temperament::Fast);
    let ended = Desk::new().check_stdin("- -j --rate 20", &pages(&host, answers));
    assert!(ended.stderr.contains("bound by --rate"), "{}", ended.stderr);
}

#[test]
fn how_a_pace_was_found_is_explained() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Bucket { per_second: 50.0, burst: 5.0, retry_after: false });
    let name = host.address().to_string();
    let ended = Desk::new().check_stdin(&format!("- --explain {name}"), &pages(&host, 100));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("explanation"), "{}", ended.stderr);
    assert!(ended.stderr.contains("turned away"), "{}", ended.stderr);
    let words = format!("{} --explain nobody.example:80", host.url("/page/1"));
    let ended = Desk::new().check(&words);
    assert!(
        ended.stderr.contains("explanation    none: nobody.example:80 was not asked"),
        "{}",
        ended.stderr
    );
}
