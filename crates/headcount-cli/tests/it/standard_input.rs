//! The journal's copy of standard input: a run that is refused takes nothing of it away.
#![cfg(unix)]

use std::fs;
use std::sync::atomic::Ordering::Relaxed;

use small_web::SmallWeb;

use crate::harness::{Desk, Running, wait_until};
use crate::resume::{Hosts, RESUME, refusal, report};

const SEGMENT: &str = "out.json.headcount/segment-000000";
const COPY: &str = "out.json.headcount/spool-0";

#[test]
fn a_damaged_copy_is_replaced_by_the_same_list_and_by_nothing_else() {
    let web = SmallWeb::start().unwrap();
    let hosts = Hosts::start(&web);
    hosts.is_silent.store(true, Relaxed);
    let list = hosts.list(20);
    let desk = Desk::new();
    let mut running = Running::start(&desk, "- -o out.json --timeout 60s");
    running.write(&list);
    running.close_stdin();
    wait_until("the answers", || {
        fs::read_to_string(desk.path(SEGMENT))
            .is_ok_and(|text| text.matches("\"title\":\"Page ").count() == 10)
    });
    running.signal("KILL");
    running.end();
    hosts.is_silent.store(false, Relaxed);
    let damaged = desk.read(COPY).replacen("/page/3", "/page/7", 1);
    desk.write(COPY, &damaged);
    let resume = format!("- -o out.json {RESUME}");
    for (piped, reason) in [("", "is needed again"), (&*damaged, "is not the list")] {
        let ended = desk.check_stdin(&resume, piped);
        assert!(refusal(&ended).contains(reason), "{}", ended.stderr);
        assert!(refusal(&ended).contains("the journal's copy of it is damaged"), "{}", ended.stderr);
        assert_eq!(desk.read(COPY), damaged, "what is refused takes nothing away");
    }
    let ended = desk.check_stdin(&resume, &list);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("the journal's copy of standard input was damaged"), "{}", ended.stderr);
    let inputs: Vec<String> =
        report(&desk, "out.json").iter().map(|record| record["input"].as_str().unwrap().to_owned()).collect();
    assert_eq!(inputs, list.lines().collect::<Vec<_>>());
    assert_eq!(desk.names(), ["out.json"]);
}
