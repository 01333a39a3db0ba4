//! What failed is asked again, of the same list only, and once only, however often that is broken off.
#![cfg(unix)]

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use small_web::{Answer, Host, Reply, SmallWeb, Temperament};

use crate::harness::{Desk, Running, end_of, wait_until};
use crate::resume::report;

const QUICK: &str = "--timeout 30s --retries 0";

/// A host whose pages with `fail` in their path are broken until the flag says that they are mended.
fn mendable(web: &SmallWeb) -> (Host, Arc<AtomicBool>) {
    let is_mended = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&is_mended);
    let host = web.host(Temperament::scripted(move |request| {
        match request.path().contains("fail") && !flag.load(Relaxed) {
            true => Reply::new().reset(),
            false => Answer::page(200, "Page").reply(request),
        }
    }));
    (host, is_mended)
}

fn inputs(desk: &Desk, name: &str) -> Vec<String> {
    report(desk, name).iter().map(|record| record["input"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn another_list_is_refused_as_often_as_it_comes() {
    let web = SmallWeb::start().unwrap();
    for name in ["out.json", "out.jsonl", "out.csv"] {
        let (host, is_mended) = mendable(&web);
        let desk = Desk::new();
        let list: String = ["1", "2", "fail", "4"].map(|page| host.url(&format!("/{page}\n"))).concat();
        desk.write("urls.txt", &list);
        let run = format!("urls.txt -o {name} {QUICK}");
        assert_eq!(desk.check(&run).code, Some(2));
        is_mended.store(true, Relaxed);
        let was = fs::read(desk.path(name)).unwrap();
        let asked = host.requests();

        desk.write("urls.txt", host.url("/new\n") + &list);
        for words in ["--retry-failed", "--resume", "--resume", "--retry-failed"] {
            let ended = desk.check(&format!("{run} {words}"));
            assert_eq!(ended.code, Some(1), "{words}: {}", ended.stderr);
            assert!(ended.stderr.contains("input 0 is not what the output has there"), "{}", ended.stderr);
            assert!(ended.stderr.contains("once the lists are as they were"), "{}", ended.stderr);
            assert!(fs::read(desk.path(name)).unwrap() == was);
        }
        assert_eq!(host.requests(), asked);

        // With the same list, and more after it, all is well.
        desk.write("urls.txt", list.clone() + &host.url("/5\n"));
        let ended = desk.check(&format!("{run} --resume"));
        assert_eq!((ended.code, host.requests()), (Some(0), asked + 2), "{}", ended.stderr);
        if name != "out.csv" {
            assert_eq!(inputs(&desk, name), desk.read("urls.txt").lines().collect::<Vec<_>>());
        }
        assert_eq!(desk.names(), [name, "urls.txt"]);
    }
}

#[test]
fn another_list_is_refused_where_nothing_had_failed_too() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let desk = Desk::new();
    let list: String = (0..3).map(|number| host.url(&format!("/page/{number}\n"))).collect();
    desk.write("urls.txt", &list);
    assert_eq!(desk.check("urls.txt -o out.json").code, Some(0));
    desk.write("urls.txt", host.url("/new\n") + &list);
    let ended = desk.check("urls.txt -o out.json --retry-failed");
    assert_eq!((ended.code, host.requests()), (Some(1), 3), "{}", ended.stderr);
}

#[test]
fn a_shorter_list_is_said_to_be_one() {
    let web = SmallWeb::start().unwrap();
    let (host, is_mended) = mendable(&web);
    let desk = Desk::new();
    let list: String = ["1", "2", "fail3", "fail4"].map(|page| host.url(&format!("/{page}\n"))).concat();
    desk.write("urls.txt", &list);
    let run = format!("urls.txt -o out.json {QUICK}");
    assert_eq!(desk.check(&run).code, Some(2));
    is_mended.store(true, Relaxed);
    let short: String = list.lines().take(3).map(|line| format!("{line}\n")).collect();
    desk.write("urls.txt", short);
    for words in ["--retry-failed", "--resume"] {
        let ended = desk.check(&format!("{run} {words}"));
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        assert!(ended.stderr.contains("input 3 is missing: is this another list?"), "{}", ended.stderr);
    }
    desk.write("urls.txt", &list);
    let ended = desk.check(&format!("{run} --resume"));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(inputs(&desk, "out.json"), list.lines().collect::<Vec<_>>());
}

#[test]
fn what_was_mended_before_a_kill_is_not_sent_again() {
    let web = SmallWeb::start().unwrap();
    let (host, is_mended) = mendable(&web);
    let silent = web.host(Temperament::Silent);
    let desk = Desk::new();
    desk.write("urls.txt", host.url("/fail\n") + &silent.url("/"));
    let run = "urls.txt -o out.json -X POST --retries 0";
    assert_eq!(desk.check(&format!("{run} --timeout 300ms")).code, Some(2));
    is_mended.store(true, Relaxed);
    let running = Running::start(&desk, &format!("{run} --timeout 60s --retry-failed"));
    wait_until("the record", || {
        fs::read_to_string(desk.path("out.json.headcount/segment-000001"))
            .is_ok_and(|text| text.contains("\"status_code\":200"))
    });
    running.signal("KILL");
    running.end();
    let asked = host.requests();
    let ended = desk.check(&format!("{run} --timeout 300ms --retry-failed"));
    assert_eq!((ended.code, host.requests()), (Some(2), asked), "{}", ended.stderr);
    let ends: Vec<String> = report(&desk, "out.json").iter().map(end_of).collect();
    // The other one had been sent, and may have been heard.
    assert_eq!(ends, ["200", "policy/in_doubt"]);

    // That stays so until somebody says what is to be done about it.
    let asked = silent.requests();
    assert_eq!(desk.check(&format!("{run} --timeout 300ms --retry-failed")).code, Some(2));
    assert_eq!(silent.requests(), asked);
    for words in ["--retry-failed=policy/in_doubt", "--retry-failed"] {
        let ended = desk.check(&format!("{run} --timeout 300ms {words}"));
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        let ends: Vec<String> = report(&desk, "out.json").iter().map(end_of).collect();
        assert_eq!(ends, ["200", "headers/timeout"]);
    }
    assert_eq!(silent.requests(), asked + 2);
}

#[test]
fn a_killed_retry_of_which_all_had_failed_is_not_forgotten() {
    let web = SmallWeb::start().unwrap();
    let silent = web.host(Temperament::Silent);
    let desk = Desk::new();
    desk.write("urls.txt", silent.url("/"));
    assert_eq!(desk.check(&format!("urls.txt -o out.json {QUICK}")).code, Some(2));
    let before = silent.requests();
    let running = Running::start(&desk, "urls.txt -o out.json --retries 0 --timeout 60s --retry-failed");
    wait_until("the request", || silent.requests() > before);
    running.signal("KILL");
    running.end();
    let ended = desk.check(&format!("urls.txt -o out.json {QUICK}"));
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert_eq!(desk.check(&format!("urls.txt -o out.json {QUICK} --resume")).code, Some(2));
}
