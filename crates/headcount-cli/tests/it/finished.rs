//! The end of a run with a journal: the journal goes once the output is in its place, and whoever comes later with --resume
//! hears how it ended, or that this cannot be known.
#![cfg(unix)]

use std::fs;
use std::sync::atomic::Ordering::Relaxed;

use small_web::{SmallWeb, Temperament};

use crate::harness::{Desk, Running, wait_until};
use crate::resume::{Hosts, RESUME, refusal, report};

const QUICK: &str = "--timeout 30s --retries 0";

#[test]
fn a_file_that_was_removed_during_the_run_is_no_success() {
    let web = SmallWeb::start().unwrap();
    let hosts = Hosts::start(&web);
    let desk = Desk::new();
    desk.write("urls.txt", hosts.list(6));
    hosts.is_silent.store(true, Relaxed);
    let running = Running::start(&desk, "urls.txt -o out.jsonl --timeout 5s --retries 0");
    wait_until("the first lines", || {
        fs::read_to_string(desk.path("out.jsonl")).is_ok_and(|text| text.lines().count() == 3)
    });
    fs::remove_file(desk.path("out.jsonl")).unwrap();
    hosts.is_silent.store(false, Relaxed);
    let ended = running.end();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("out.jsonl was removed or replaced"), "{}", ended.stderr);
    let ended = desk.check(&format!("urls.txt -o out.jsonl {RESUME}"));
    assert_eq!((ended.code, hosts.requests()), (Some(2), 3), "{}", ended.stderr);
    assert_eq!(report(&desk, "out.jsonl").len(), 6);
    assert_eq!(desk.names(), ["out.jsonl", "urls.txt"]);
}

#[test]
fn the_form_of_a_finished_file_is_the_one_it_was_written_in() {
    let web = SmallWeb::start().unwrap();
    let hosts = Hosts::start(&web);
    let desk = Desk::new();
    for (url, code) in [(hosts.url("/page/1"), 0), (hosts.mute.url("/"), 2)] {
        for form in ["csv", "parquet", "sqlite", "html", "junit", "json", "jsonl"] {
            let run = format!("{url} -o out -f {form} {QUICK}");
            assert_eq!(desk.check(&run).code, Some(code), "{form}");
            let asked = hosts.requests() + hosts.mute.requests();
            let ended = desk.check(&format!("{run} --resume"));
            assert_eq!(ended.code, Some(code), "{form}: {}", ended.stderr);
            assert_eq!(hosts.requests() + hosts.mute.requests(), asked);
            fs::remove_file(desk.path("out")).unwrap();
        }
    }
}

#[test]
fn a_part_of_the_records_does_not_tell_how_the_run_ended() {
    let web = SmallWeb::start().unwrap();
    let hosts = Hosts::start(&web);
    let desk = Desk::new();
    desk.write("urls.txt", hosts.list(2));
    for (selection, names) in [
        ("--fields url,status_code", &["out.json", "out.jsonl", "out.csv"][..]),
        ("--where accepted", &["out.json", "out.jsonl", "out.csv", "out.html"]),
    ] {
        for name in names {
            let run = format!("urls.txt -o {name} {selection} {QUICK}");
            assert_eq!(desk.check(&run).code, Some(2));
            let (asked, was) = (hosts.requests(), fs::read(desk.path(name)).unwrap());
            let ended = desk.check(&format!("{run} --resume"));
            assert!(refusal(&ended).contains("does not tell how its run ended"), "{}", ended.stderr);
            assert_eq!(hosts.requests(), asked);
            assert!(fs::read(desk.path(name)).unwrap() == was);
        }
    }
}

#[test]
fn an_output_that_is_missing_is_no_complete_run() {
    let web = SmallWeb::start().unwrap();
    let good = web.host(Temperament::Fast);
    let desk = Desk::new();
    let run = format!("{} -o out.json", good.url("/page/1"));
    assert_eq!(desk.check(&run).code, Some(0));
    let ended = desk.check(&format!("{run} -o out.csv --resume"));
    assert!(refusal(&ended).contains("out.csv is not there"), "{}", ended.stderr);
}

#[test]
fn a_long_name_is_taken_or_refused_at_the_start() {
    let web = SmallWeb::start().unwrap();
    let good = web.host(Temperament::Fast);
    let desk = Desk::new();
    for (length, words, code) in
        [(240, "", 0), (245, "--no-journal", 0), (255, "--no-journal", 0), (255, "", 3), (256, "", 3)]
    {
        let name = "n".repeat(length - 5) + ".json";
        let asked = good.requests();
        let ended = desk.check(&format!("{} -o {name} {words}", good.url("/page/1")));
        assert_eq!(ended.code, Some(code), "{length}: {}", ended.stderr);
        assert_eq!(good.requests() - asked, u64::from(code == 0));
        if code == 0 {
            assert_eq!(desk.names(), [&*name]);
            fs::remove_file(desk.path(&name)).unwrap();
        }
    }
}
