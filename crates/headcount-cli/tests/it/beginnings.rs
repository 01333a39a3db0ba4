//! What a kill or a power failure leaves of a journal's beginning, and journals of which nothing can be read.
#![cfg(unix)]

use std::fs;

use small_web::{SmallWeb, Temperament};

use crate::harness::{Desk, Running, wait_until};
use crate::resume::{Hosts, RESUME, broken_off, refusal, report};

fn desk(web: &SmallWeb) -> (Desk, Hosts) {
    let hosts = Hosts::start(web);
    let desk = Desk::new();
    desk.write("urls.txt", hosts.list(20));
    (desk, hosts)
}

fn files(desk: &Desk) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(desk.path("out.json.headcount")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries
        .filter(|path| !path.ends_with("lock"))
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn what_cannot_be_read_is_reported_set_aside_and_asked_again() {
    let web = SmallWeb::start().unwrap();
    let (desk, good) = desk(&web);
    broken_off(&desk, &good, "urls.txt -o out.json");
    for name in ["manifest", "manifest.part"] {
        let _ = fs::remove_file(desk.path(&format!("out.json.headcount/{name}")));
    }
    let segment = "out.json.headcount/segment-000000";
    let text = desk.read(segment).replacen("format", "farmat", 1);
    desk.write(segment, &text);
    let before = files(&desk);
    for words in ["", "--retry-failed", "--retry-failed --resume"] {
        let ended = desk.check(&format!("urls.txt -o out.json {words}"));
        assert!(refusal(&ended).contains("of which nothing can be read"), "{}", ended.stderr);
        assert!(files(&desk) == before);
    }
    let shown = desk.run(&["journal", "out.json.headcount"]);
    let expected =
        format!("nothing of it can be read\ndamaged      {} bytes from 0 of segment-000000\n", text.len());
    assert_eq!((shown.code, shown.stdout), (Some(1), expected));

    let words = "urls.txt -o out.json --resume";
    let said = good.signalled(&desk, words, "KILL", "the answers", || good.requests() == 20).stderr;
    let warning = format!(
        "warning: nothing can be read of the {} bytes of segment-000000; it is set aside",
        text.len()
    );
    assert!(said.contains(&warning), "{said}");
    assert_eq!(desk.read("out.json.headcount/set-aside-0"), text);
    let ended = desk.check(&format!("urls.txt -o out.json {RESUME}"));
    assert_eq!((ended.code, report(&desk, "out.json").len()), (Some(2), 20), "{}", ended.stderr);
    assert_eq!(desk.names(), ["out.json", "urls.txt"]);
}

#[test]
fn a_committed_journal_of_which_nothing_can_be_read_is_left_as_it_is() {
    let web = SmallWeb::start().unwrap();
    let (desk, good) = desk(&web);
    broken_off(&desk, &good, "urls.txt -o out.json");
    let segment = "out.json.headcount/segment-000000";
    desk.write(segment, desk.read(segment).replacen("format", "farmat", 1));
    let _ = fs::remove_file(desk.path("out.json.headcount/manifest.part"));
    desk.write("out.json.headcount/manifest", "nonsense");
    let before = files(&desk);
    for words in ["", "--resume", "--retry-failed"] {
        let ended = desk.check(&format!("urls.txt -o out.json {words}"));
        assert!(refusal(&ended).contains("--restart discards it"), "{}", ended.stderr);
        assert!(files(&desk) == before);
    }
    let ended = desk.check("urls.txt -o out.json --retries 0 --restart");
    assert_eq!((ended.code, good.requests()), (Some(2), 20), "{}", ended.stderr);
}

#[test]
fn a_run_that_was_killed_before_it_had_done_anything_is_no_obstacle() {
    let web = SmallWeb::start().unwrap();
    let silent = web.host(Temperament::Silent);
    for (words, is_marked_only) in
        [("", false), ("", true), ("--retry-failed", false), ("--retry-failed", true)]
    {
        let (desk, good) = desk(&web);
        let run = "urls.txt -o out.json --retries 0";
        assert_eq!(desk.check(run).code, Some(2));
        let list = desk.read("urls.txt");
        // The next one, with the same options, is killed before anything has come to its end.
        desk.write("urls.txt", silent.url("/"));
        let before = silent.requests();
        let running = Running::start(&desk, "urls.txt -o out.json --timeout 60s");
        wait_until("the request", || silent.requests() > before);
        running.signal("KILL");
        running.end();
        if is_marked_only {
            for name in ["manifest", "manifest.part"] {
                let _ = fs::remove_file(desk.path(&format!("out.json.headcount/{name}")));
            }
        }
        desk.write("urls.txt", list);
        let ended = desk.check(&format!("{run} {words}"));
        assert_eq!((ended.code, report(&desk, "out.json").len()), (Some(2), 20), "{}", ended.stderr);
        assert_eq!(good.requests(), if words.is_empty() { 20 } else { 10 });
        assert_eq!(desk.names(), ["out.json", "urls.txt"]);
    }
}
