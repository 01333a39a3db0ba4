//! Hosts that limit their clients, by number, by rate and by time.

use std::thread;
use std::time::Duration;

use small_web::{Host, SmallWeb, Temperament};
use tokio::time::Instant;

use crate::client::{End, exchange, get};

/// The status of a request for a page.
fn status(host: &Host) -> String {
    let (answer, _) = exchange(host.address(), b"GET /page/1 HTTP/1.1\r\nConnection: close\r\n\r\n");
    String::from_utf8(answer[9..12].to_vec()).unwrap()
}

#[test]
fn above_so_many_at_once_come_429s() {
    let web = SmallWeb::start().unwrap();
    let takes = Duration::from_secs(2);
    let host = web.host(Temperament::Throttling { at_once: 3, takes, retry_after: Some(2) });
    let clients: Vec<_> = (0..8)
        .map(|_| {
            thread::spawn({
                let host = host.clone();
                move || status(&host)
            })
        })
        .collect();
    let mut statuses: Vec<String> = clients.into_iter().map(|client| client.join().unwrap()).collect();
    statuses.sort();
    assert_eq!(statuses, ["200", "200", "200", "429", "429", "429", "429", "429"]);
    assert!(host.most_in_flight() >= 4);
    assert_eq!(status(&host), "200");
}

#[test]
fn a_host_that_gathers_answers_when_enough_are_there() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Gathering { at_once: 3, takes: Duration::ZERO });
    let client = || {
        thread::spawn({
            let host = host.clone();
            move || status(&host)
        })
    };
    let mut clients = vec![client(), client()];
    let start = Instant::now();
    while host.requests() < 2 && start.elapsed() < Duration::from_secs(10) {
        thread::park_timeout(Duration::from_millis(2));
    }
    thread::park_timeout(Duration::from_millis(100));
    assert!(clients.iter().all(|client| !client.is_finished()));
    clients.push(client());
    assert!(clients.into_iter().all(|client| client.join().unwrap() == "200"));
    assert_eq!(status(&host), "200", "from then on it answers everybody");
}

#[test]
fn a_bucket_runs_empty_and_says_when_to_come_back() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Bucket { per_second: 0.1, burst: 2.0, retry_after: true });
    assert_eq!((status(&host), status(&host)), ("200".to_owned(), "200".to_owned()));
    let (answer, _) = get(host.address(), "/page/1");
    assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
    let wait = answer.lines().find_map(|line| line.strip_prefix("Retry-After: ")).unwrap();
    // As long as a token takes, less what has gone by already.
    assert!((1..=10).contains(&wait.parse::<u32>().unwrap()), "{answer}");
}

#[test]
fn flapping_and_outages_follow_the_clock() {
    let web = SmallWeb::start().unwrap();
    let long = Duration::from_secs(600);
    assert_eq!(status(&web.host(Temperament::Flapping { up: long, down: long })), "200");
    assert_eq!(status(&web.host(Temperament::Flapping { up: Duration::ZERO, down: long })), "503");
    assert_eq!(status(&web.host(Temperament::Outage { from: long, length: long })), "200");
    let out = web.host(Temperament::Outage { from: Duration::ZERO, length: long });
    assert_eq!(get(out.address(), "/page/1"), (String::new(), End::Reset));
}

#[test]
fn a_slow_host_takes_its_time() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Slow(Duration::from_millis(200)));
    let before = Instant::now();
    assert_eq!(status(&host), "200");
    assert!(before.elapsed() >= Duration::from_millis(200));
}
