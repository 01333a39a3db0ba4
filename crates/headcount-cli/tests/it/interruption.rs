//! Ctrl+C and SIGTERM: what had begun gets its record, files are whole, and the end comes in time.
#![cfg(unix)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use serde_json::Value;
use small_web::{Host, SmallWeb, Temperament};

use crate::harness::{Desk, Running, end_of, wait_until};

/// For a busy machine; what does not end in time goes on for as long as a timeout, or for ever.
const IN_TIME: Duration = Duration::from_secs(20);

fn list(host: &Host, count: usize) -> String {
    (0..count).map(|number| host.url(&format!("/page/{number}\n"))).collect()
}

/// A list of which one page answers in time and all else never, with the run under way.
fn started(desk: &Desk, web: &SmallWeb, words: &str) -> Running {
    let slow = web.host(Temperament::Slow(Duration::from_millis(300)));
    let silent = web.host(Temperament::Silent);
    desk.write("urls.txt", slow.url("/page/0\n") + &list(&silent, 100));
    let running = Running::start(desk, &format!("urls.txt --timeout 60s {words}"));
    // A host that has not answered yet gets four at once.
    wait_until("the requests", || slow.requests() == 1 && silent.requests() == 4);
    running
}

#[test]
fn the_first_signal_lets_what_is_under_way_end() {
    let web = SmallWeb::start().unwrap();
    for signal in ["INT", "TERM"] {
        let desk = Desk::new();
        let running = started(&desk, &web, "--grace 3s -o report.json");
        running.signal(signal);
        let ended = running.end();
        assert_eq!(ended.code, Some(130), "{}", ended.stderr);
        let report: Vec<Value> = serde_json::from_str(&desk.read("report.json")).unwrap();
        let ends: Vec<String> = report.iter().map(end_of).collect();
        assert_eq!(ends[0], "200", "what ends within the grace is answered");
        assert_eq!(ends[1..], vec!["interrupted"; 4]);
        // The signal may come before the list's reader has had its turn.
        let are_counted = ["never begun           96\n", "; the list was not read to its end\n"];
        assert!(are_counted.iter().any(|count| ended.stderr.contains(count)), "{}", ended.stderr);
    }
}

#[test]
fn the_end_comes_with_the_end_of_the_grace() {
    let web = SmallWeb::start().unwrap();
    let desk = Desk::new();
    let running = started(&desk, &web, "--grace 1s -o report.jsonl");
    running.signal("INT");
    let (code, time) = running.time_to_exit();
    assert_eq!(code, Some(130));
    assert!(time <= IN_TIME, "{time:?}");
}

#[test]
fn the_second_signal_ends_at_once_and_leaves_whole_files() {
    let web = SmallWeb::start().unwrap();
    let has_report = || {
        let desk = Desk::new();
        let running = started(&desk, &web, "--grace 60s -o report.json");
        running.signal("INT");
        // Two signals of one kind that come together count as one.
        running.signal("TERM");
        let (code, time) = running.time_to_exit();
        assert_eq!(code, Some(130));
        assert!(time <= IN_TIME, "{time:?}");
        if !desk.path("report.json").exists() {
            assert_eq!(desk.names(), ["report.json.headcount", "urls.txt"], "it can be gone on with");
            return false;
        }
        let report: Vec<Value> = serde_json::from_str(&desk.read("report.json")).unwrap();
        assert_eq!(report.len(), 5);
        true
    };
    // A machine that is too busy to write anything for the last moments leaves the journal.
    assert!((0..5).any(|_| has_report()));
}

#[test]
fn nothing_is_left_to_go_on_with_where_all_ended_within_the_grace() {
    let web = SmallWeb::start().unwrap();
    let slow = web.host(Temperament::Slow(Duration::from_millis(500)));
    let desk = Desk::new();
    let running = Running::start(&desk, &format!("{} --grace 20s -o report.json", slow.url("/page/1")));
    wait_until("the request", || slow.requests() == 1);
    running.signal("INT");
    let ended = running.end();
    assert_eq!((ended.code, desk.names()), (Some(130), vec!["report.json".to_owned()]));
    assert!(ended.stderr.contains("1 accepted") && !ended.stderr.contains("--resume"), "{}", ended.stderr);
}

#[test]
fn what_was_not_read_of_the_list_is_not_said_to_be_counted() {
    let web = SmallWeb::start().unwrap();
    let silent = web.host(Temperament::Silent);
    let desk = Desk::new();
    desk.write("urls.txt", list(&silent, 20_000));
    let running =
        Running::start(&desk, "urls.txt --memory 64k --disk 0 --timeout 60s --grace 0 -o report.json");
    wait_until("the requests", || silent.requests() == 4);
    running.signal("INT");
    let ended = running.end();
    assert_eq!(ended.code, Some(130));
    assert!(ended.stderr.contains("; the list was not read to its end\n"), "{}", ended.stderr);
}

#[test]
fn a_reader_that_does_not_read_cannot_hold_the_command() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let desk = Desk::new();
    desk.write("urls.txt", list(&host, 20_000));
    // Standard output is a pipe that is never read: it fills, and the run waits.
    let running = Running::start(&desk, "urls.txt --grace 200ms");
    wait_until("a standstill", || {
        let before = host.requests();
        std::thread::park_timeout(Duration::from_millis(300));
        before > 0 && host.requests() == before
    });
    running.signal("INT");
    let (code, time) = running.time_to_exit();
    assert_eq!(code, Some(130));
    assert!(time <= IN_TIME, "{time:?}");
}

#[test]
fn a_stream_that_is_not_read_cannot_hold_the_last_write_either() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let silent = web.host(Temperament::Silent);
    let desk = Desk::new();
    desk.write("urls.txt", list(&host, 1_000) + &silent.url("/"));
    // The array is written at the end, and is longer than the pipe.
    let running = Running::start(&desk, "urls.txt -f json --timeout 60s --grace 100ms");
    wait_until("the requests", || host.requests() == 1_000 && silent.requests() == 1);
    running.signal("INT");
    let (code, _) = running.time_to_exit();
    assert_eq!(code, Some(130));
}

#[test]
fn sigusr1_shows_what_every_task_is_doing() {
    let web = SmallWeb::start().unwrap();
    let silent = web.host(Temperament::Silent);
    let desk = Desk::new();
    let running = Running::start(&desk, &format!("{} --timeout 60s --grace 0", silent.url("/page/7")));
    wait_until("the request", || silent.requests() == 1);
    running.signal("USR1");
    let tree = running.stderr_until("/page/7");
    assert!(tree.contains("worker"), "{tree}");
}

#[test]
fn a_summary_that_is_not_read_cannot_hold_the_command() {
    let web = SmallWeb::start().unwrap();
    let url = web.host(Temperament::Fast).url("/page/1");
    let desk = Desk::new();
    // Standard error is a pipe that is full already.
    let (reader, writer) = std::io::pipe().unwrap();
    let written = Arc::new(AtomicUsize::new(0));
    let filler = {
        let (mut writer, written) = (writer.try_clone().unwrap(), Arc::clone(&written));
        std::thread::spawn(move || {
            while std::io::Write::write_all(&mut writer, b"x").is_ok() {
                written.fetch_add(1, Relaxed);
            }
        })
    };
    wait_until("a full pipe", || {
        let before = written.load(Relaxed);
        std::thread::park_timeout(Duration::from_millis(300));
        before > 0 && written.load(Relaxed) == before
    });
    let mut command = desk.command(&["check", &url, "-o", "report.json"]);
    let mut child = command.stderr(writer).spawn().unwrap();
    wait_until("the report", || desk.names() == ["report.json"]);
    assert_eq!(child.try_wait().unwrap(), None, "it has something to say");
    let signal = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(signal.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    drop(reader);
    filler.join().unwrap();
}

#[test]
fn a_run_that_waits_for_its_list_can_be_interrupted() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let mut running = Running::start(&Desk::new(), "-");
    running.write(&host.url("/page/1\n"));
    running.next_record();
    running.signal("INT");
    let (code, _) = running.time_to_exit();
    assert_eq!(code, Some(130));
}
