//! A disk that is full while a run opens its journal is waited for, as later.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::{BufRead, BufReader};

use small_web::SmallWeb;

use crate::disk::system_that;
use crate::harness::Desk;
use crate::resume::{Hosts, broken_off, report};

#[test]
fn a_run_that_opens_waits_for_room() {
    let web = SmallWeb::start().unwrap();
    let run = "urls.txt -o out.jsonl --timeout 30s --retries 0 --local-wait 60s";
    for (words, full) in [
        ("", "headcount-journal"),
        ("", "manifest.part"),
        ("--resume", "manifest.part"),
        ("--resume", "out.jsonl"),
        ("--retry-failed", "segment-"),
    ] {
        let hosts = Hosts::start(&web);
        let desk = Desk::new();
        desk.write("urls.txt", hosts.list(20));
        match words {
            "--resume" => {
                broken_off(&desk, &hosts, "urls.txt -o out.jsonl");
                fs::write(desk.path("out.jsonl"), "").unwrap();
            }
            "--retry-failed" => assert_eq!(desk.check(run).code, Some(2)),
            _ => {}
        }
        desk.write("full", "");
        let variables = [("FAULT_WHILE", "full"), ("FULL", full)];
        let Some(mut command) = system_that(&desk, &format!("{run} {words}"), &variables) else { return };
        let mut child = command.spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut text = String::new();
        while !text.contains("the run waits up to 60 s for room") {
            assert!(said.read_line(&mut text).unwrap() > 0, "{words}, {full}: it ended: {text}");
        }
        fs::remove_file(desk.path("full")).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(2), "{words}, {full}");
        assert_eq!(report(&desk, "out.jsonl").len(), 20);
        assert_eq!(desk.names(), ["out.jsonl", "urls.txt"]);
    }
}
