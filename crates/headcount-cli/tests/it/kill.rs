//! `kill -9` at any moment, again and again: in the end every input has exactly one record, and the right one; at every
//! moment what can be seen of the output is valid.
#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use small_web::{Host, SmallWeb, Temperament};
use tokio::time::Instant;

use crate::harness::Desk;

const COUNT: usize = 20_000;

/// What may be on its way between a host and the journal: requests under way, full parcels in the channel, and those
/// being written and gathered.
const ON_ITS_WAY: u64 = 100 + 18 * 64;

#[test]
fn every_input_has_one_record_however_often_the_run_is_killed() {
    let kills: u64 = std::env::var("HEADCOUNT_KILLS").map_or(25, |number| number.parse().unwrap());
    let web = SmallWeb::start().unwrap();
    let mut random = fastrand::Rng::with_seed(kills);
    let (mut killed, mut rounds) = (0, 0);
    while killed < kills {
        let host = web.quiet_host(Temperament::Fast);
        let name = if rounds % 2 == 0 { "out.json" } else { "out.jsonl" };
        rounds += 1;
        let desk = Desk::new();
        desk.write(
            "urls.txt",
            (0..COUNT).map(|number| host.url(&format!("/page/{number}\n"))).collect::<String>(),
        );
        let mut is_over = false;
        while !is_over {
            let before = host.requests();
            let done_before = done(&desk, name);
            let mut run = start(&desk, name);
            if killed < kills {
                wait_for_a_moment(&mut run, &desk, name, &host, &mut random);
                // It may have come to its end meanwhile.
                let _ = run.kill();
                killed += 1;
            }
            is_over = run.wait().unwrap().success();
            assert_valid(&desk.path(name), is_over);
            let journal = desk.path(&format!("{name}.headcount"));
            if !is_over && journal.join("segment-000000").exists() && !journal.join("ended").exists() {
                let lost = (host.requests() - before) - (done(&desk, name) - done_before);
                assert!(lost <= ON_ITS_WAY, "{lost} requests were sent in vain");
            }
        }
        assert_eq!(desk.names(), [name, "urls.txt"]);
        assert_complete(&desk.path(name));
    }
}

fn start(desk: &Desk, name: &str) -> Child {
    let mut command =
        desk.command(&["check", "urls.txt", "-q", "-c", "100", "--per-host", "100", "--resume", "-o", name]);
    command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap()
}

/// In the first moments, in the middle, or when the output takes its place and the journal is removed.
fn wait_for_a_moment(run: &mut Child, desk: &Desk, name: &str, host: &Host, random: &mut fastrand::Rng) {
    let started = Instant::now();
    let before = host.requests();
    let journal = desk.path(&format!("{name}.headcount"));
    let (moment, delay) = (random.u8(..6), Duration::from_millis(random.u64(..50)));
    let requests = random.u64(..5_000);
    let mut seen = None;
    while run.try_wait().unwrap().is_none() {
        let has_come = match moment {
            0 => started.elapsed() >= delay,
            1 if name == "out.json" => desk.path(name).exists(),
            1 => journal.join("ended").exists(),
            2 => journal.join("ended").exists() && !journal.join("segment-000000").exists(),
            _ => {
                let has_come = host.requests() >= before + requests;
                seen = seen.or(has_come.then(Instant::now));
                seen.is_some_and(|seen: Instant| seen.elapsed() >= delay)
            }
        };
        if has_come {
            return;
        }
        std::thread::yield_now();
    }
}

/// The inputs that the journal has; all where there is none any more.
fn done(desk: &Desk, name: &str) -> u64 {
    let folder = desk.path(&format!("{name}.headcount"));
    if !folder.join("segment-000000").exists() {
        return 0;
    }
    let shown = Command::new(env!("CARGO_BIN_EXE_headcount")).arg("journal").arg(folder).output().unwrap();
    let text = String::from_utf8(shown.stdout).unwrap();
    let line = text.lines().find(|line| line.starts_with("done "));
    line.map_or(0, |line| line.split_whitespace().last().unwrap().replace(',', "").parse().unwrap())
}

/// An array is whole or absent; of lines, the last may be torn until the run goes on.
fn assert_valid(output: &Path, is_over: bool) {
    let Ok(text) = fs::read_to_string(output) else { return };
    if output.extension().is_some_and(|extension| extension == "json") {
        assert_eq!(serde_json::from_str::<Vec<Value>>(&text).unwrap().len(), COUNT);
        return;
    }
    let whole = if is_over { &text[..] } else { &text[..text.rfind('\n').map_or(0, |end| end + 1)] };
    for line in whole.lines() {
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
}

fn assert_complete(output: &Path) {
    let text = fs::read_to_string(output).unwrap();
    let mut report: Vec<Value> = match output.extension() {
        Some(extension) if extension == "json" => serde_json::from_str(&text).unwrap(),
        _ => text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
    };
    report.sort_by_key(|record| record["index"].as_u64());
    assert_eq!(report.len(), COUNT);
    for (number, record) in report.iter().enumerate() {
        assert_eq!((&record["index"], &record["title"]), (&number.into(), &format!("Page {number}").into()));
        assert_eq!((&record["accepted"], &record["line"]), (&true.into(), &(number + 1).into()));
    }
}
