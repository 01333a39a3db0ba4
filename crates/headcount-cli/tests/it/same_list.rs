//! A run that goes on has the list of the run before it, as far as that one had read it, however often it is broken off.
#![cfg(unix)]

use std::fs;

use small_web::{SmallWeb, Temperament};

use crate::harness::{Desk, Running, wait_until};
use crate::resume::{RESUME, refusal};

/// Waits until a segment has so many records, and kills the run.
fn kill_at(desk: &Desk, words: &str, segment: &str, records: usize) {
    let running = Running::start(desk, words);
    let path = desk.path(&format!("out.json.headcount/{segment}"));
    wait_until("the records", || {
        fs::read_to_string(&path).is_ok_and(|text| text.matches("\"index\":").count() >= records)
    });
    running.signal("KILL");
    running.end();
}

#[test]
fn how_far_it_was_read_is_not_forgotten_by_a_run_that_comes_less_far() {
    let web = SmallWeb::start().unwrap();
    let (refused, silent) = (web.refused_address(), web.host(Temperament::Silent));
    let desk = Desk::new();
    // Several times what is read at once, and more than the second run reads before its first records.
    let long = "x".repeat(300);
    let list: String = (0..2_000)
        .map(|number| format!("http://{refused}/{number}/{long}\n"))
        .chain([silent.url("/last\n")])
        .collect();
    desk.write("urls.txt", &list);
    let words = "urls.txt -o out.json --timeout 60s --retries 0";
    kill_at(&desk, words, "segment-000000", 2_000);
    let slow = "--retry-failed --rate 5 -c 1 --memory 100k";
    kill_at(&desk, &format!("{words} {slow}"), "segment-000001", 1);
    desk.write("urls.txt", list.replace("/1999/", "/another/"));
    let ended = desk.check(&format!("urls.txt -o out.json {RESUME}"));
    assert!(refusal(&ended).contains("urls.txt has changed within"), "{}", ended.stderr);
}
