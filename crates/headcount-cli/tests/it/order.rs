//! In which order a run writes and makes safe, as the system sees it: what is reported stands in the journal before, with
//! `--durable` safely.
#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::io::Write;

use small_web::{SmallWeb, Temperament};

use crate::disk::system_that;
use crate::harness::{Desk, wait_until};

/// What a run did to a file, in the order of the log.
#[derive(Debug, PartialEq)]
enum Call {
    /// It begins to write.
    Writes(String),
    /// So many bytes are written.
    Wrote(String, usize),
    /// It begins to make safe what is written.
    Syncs(String),
    /// That is safe.
    Synced(String),
}

fn calls(desk: &Desk) -> Vec<Call> {
    let log = fs::read_to_string(desk.path("log")).unwrap_or_default();
    let call = |line: &str| {
        let mut words = line.split(' ');
        let mut word = || words.next().unwrap();
        let (what, name, count) = (word(), word().to_owned(), word());
        match what {
            "writes" => Call::Writes(name),
            "wrote" => Call::Wrote(name, count.parse().unwrap()),
            "syncs" => Call::Syncs(name),
            "synced" => Call::Synced(name),
            _ => panic!("{line}"),
        }
    };
    // The last line may be on its way.
    let whole = &log[..log.rfind('\n').map_or(0, |end| end + 1)];
    whole.lines().map(call).collect()
}

/// Whole lines with `part` in the first `length` bytes of a text.
fn lines(text: &str, length: usize, part: &str) -> usize {
    let whole = &text[..text[..length].rfind('\n').map_or(0, |end| end + 1)];
    whole.lines().filter(|line| line.contains(part)).count()
}

#[test]
fn a_record_is_in_the_journal_before_it_is_reported_and_safe_if_it_must_be() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    for (flag, is_durable) in [("", false), ("--durable", true)] {
        let desk = Desk::new();
        let log = desk.path("log");
        let words = format!("- -o out.jsonl -v --no-progress --accept 404 {flag}");
        let Some(mut command) = system_that(&desk, &words, &[("LOG", log.to_str().unwrap())]) else { return };
        let mut run = command.stderr(File::create(desk.path("said")).unwrap()).spawn().unwrap();
        let mut input = run.stdin.take().unwrap();
        let mut count = 0;
        for batch in [1, 5, 20, 100] {
            count += batch;
            let pages = (count - batch..count).map(|number| host.url(&format!("/page/{number}\n")));
            input.write_all(pages.collect::<String>().as_bytes()).unwrap();
            wait_until("the reports", || {
                let lines = |name| fs::read_to_string(desk.path(name)).map_or(0, |text| text.lines().count());
                lines("out.jsonl") == count && lines("said") == count
            });
        }
        run.kill().unwrap();
        run.wait().unwrap();
        assert_in_order(&desk, count, is_durable);
    }
}

/// Whatever is shown of a record, its line in the journal was there before.
fn assert_in_order(desk: &Desk, count: usize, is_durable: bool) {
    let segment = "segment-000000";
    let journal = desk.read(&format!("out.jsonl.headcount/{segment}"));
    let (output, said) = (desk.read("out.jsonl"), desk.read("said"));
    let (mut kept, mut syncing, mut safe) = (0, 0, 0);
    let (mut output_length, mut said_length) = (0, 0);
    // What the reports have, as they are written, is told from what was in the journal when the writing began.
    let mut before = 0;
    for call in &calls(desk) {
        match call {
            Call::Wrote(name, bytes) if name == segment => kept += bytes,
            Call::Syncs(name) if name == segment => syncing = kept,
            Call::Synced(name) if name == segment => safe = syncing,
            Call::Writes(name) if name == "out.jsonl" || name == "said" => {
                before = lines(&journal, if is_durable { safe } else { kept }, " r ");
            }
            Call::Wrote(name, bytes) if name == "out.jsonl" => {
                output_length += bytes;
                let shown = lines(&output, output_length, "index");
                assert!(shown <= before, "{shown} records are shown where the journal has {before}");
            }
            Call::Wrote(name, bytes) if name == "said" => {
                said_length += bytes;
                let told = lines(&said, said_length, "not accepted");
                assert!(told <= before, "{told} records are told where the journal has {before}");
            }
            _ => {}
        }
    }
    assert_eq!(lines(&output, output_length, "index"), count);
    assert_eq!(lines(&said, said_length, "not accepted"), count);
}

#[test]
fn what_was_written_is_made_safe_though_nothing_else_happens() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    for name in ["out.json", "out.jsonl"] {
        let desk = Desk::new();
        let log = desk.path("log");
        let words = format!("- -o {name}");
        let Some(mut command) = system_that(&desk, &words, &[("LOG", log.to_str().unwrap())]) else { return };
        let mut run = command.spawn().unwrap();
        let mut input = run.stdin.take().unwrap();
        for number in 1..=3 {
            input.write_all(host.url("/page/1\n").as_bytes()).unwrap();
            // The run has nothing to do but wait for more of the list.
            wait_until("the sync after the write", || {
                let segment = desk.path(&format!("{name}.headcount/segment-000000"));
                let text = fs::read_to_string(segment).unwrap_or_default();
                lines(&text, text.len(), " r ") == number && is_last_write_safe(&calls(&desk))
            });
        }
        drop(input);
        assert_eq!(run.wait().unwrap().code(), Some(0));
    }
}

/// Whether it is on the disk, and before it the copy of the list that it speaks of.
fn is_last_write_safe(calls: &[Call]) -> bool {
    let (segment, copy) = (|| "segment-000000".to_owned(), || "spool-0".to_owned());
    let is_write = |call: &Call| matches!(call, Call::Wrote(name, _) if *name == segment());
    let Some(last) = calls.iter().rposition(is_write) else { return false };
    let mut after = calls[last..].iter().skip_while(|call| **call != Call::Syncs(copy()));
    after.any(|call| *call == Call::Synced(copy()))
        && after.any(|call| *call == Call::Syncs(segment()))
        && after.any(|call| *call == Call::Synced(segment()))
}
