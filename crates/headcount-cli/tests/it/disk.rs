//! Disks that are full or fail: the run waits for room, and ends when it must with what can be gone on with.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::Value;
use small_web::{Host, SmallWeb, Temperament};

use crate::harness::{Desk, records, skip_for_want_of, wait_until};

/// A library that makes writing and syncing fail; `None` where there is no C compiler to make it.
static FAULTY_SYSTEM: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/faulty_system.c");
    let library = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("faulty_system.so");
    let made =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).arg("-ldl").status();
    made.is_ok_and(|status| status.success()).then_some(library)
});

/// `headcount check` with these words, on a system that fails and notes as the variables say.
pub(crate) fn system_that(desk: &Desk, words: &str, variables: &[(&str, &str)]) -> Option<Command> {
    let Some(library) = &*FAULTY_SYSTEM else {
        skip_for_want_of("C compiler");
        return None;
    };
    let mut arguments = vec!["check"];
    arguments.extend(words.split_whitespace());
    let mut command = desk.command(&arguments);
    command.env("LD_PRELOAD", library).envs(variables.iter().copied());
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    Some(command)
}

fn on_a_faulty_system(desk: &Desk, words: &str, variables: &[(&str, &str)]) -> Option<Child> {
    system_that(desk, words, variables).map(|mut command| command.spawn().unwrap())
}

/// Reads what a run says until a line holds this text.
fn read_until(said: &mut BufReader<ChildStderr>, text: &str) -> String {
    let mut all = String::new();
    while !all.contains(text) {
        assert!(said.read_line(&mut all).unwrap() > 0, "it ended without {text:?}: {all}");
    }
    all
}

fn list(host: &Host, count: usize) -> String {
    (0..count).map(|number| host.url(&format!("/page/{number}\n"))).collect()
}

fn assert_complete(desk: &Desk, name: &str, count: usize) {
    let text = desk.read(name);
    let mut report: Vec<Value> =
        if name.ends_with(".json") { serde_json::from_str(&text).unwrap() } else { records(&text) };
    report.sort_by_key(|record| record["index"].as_u64());
    assert_eq!(report.len(), count);
    assert!(report.iter().enumerate().all(|(number, record)| record["title"] == format!("Page {number}")));
}

#[test]
fn a_failed_sync_ends_the_run_and_leaves_what_can_be_gone_on_with() {
    let web = SmallWeb::start().unwrap();
    for name in ["out.json", "out.jsonl"] {
        // At this pace it would take a minute to the end.
        let host = web.host(Temperament::Slow(Duration::from_millis(60)));
        let desk = Desk::new();
        desk.write("urls.txt", list(&host, 1_000));
        let words = format!("urls.txt -o {name} -c 1 --per-host 1");
        let Some(run) = on_a_faulty_system(&desk, &words, &[("UNSYNCABLE", "segment-")]) else { return };
        let ended = run.wait_with_output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{said}");
        assert!(said.contains("could not be made safe: Input/output error"), "{said}");
        assert!(
            said.contains("hint: what is done is kept; the same command with --resume goes on"),
            "{said}"
        );
        let asked = host.requests();
        assert!((1..1_000).contains(&asked), "it ended with {asked} requests");

        let ended = desk.check(&format!("urls.txt -o {name} -c 100 --per-host 100 --resume"));
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert_complete(&desk, name, 1_000);
        // This disk has lost nothing but what it was not asked to write.
        assert!(host.requests() < 1_000 + asked, "what was written was asked again");
        assert_eq!(desk.names(), [name, "urls.txt"]);
    }
}

#[test]
fn an_output_that_cannot_be_made_safe_takes_no_place_and_its_journal_stays() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    for name in ["out.json", "out.jsonl", "out.csv", "out.parquet", "out.db", "out.html"] {
        let desk = Desk::new();
        desk.write("urls.txt", list(&host, 20));
        let before = host.requests();
        let words = format!("urls.txt -o {name}");
        let Some(run) = on_a_faulty_system(&desk, &words, &[("UNSYNCABLE", "out.")]) else { return };
        let ended = run.wait_with_output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{name}: {said}");
        assert!(said.contains("error: cannot write the records: "), "{name}: {said}");
        assert!(
            said.contains("hint: what is done is kept; the same command with --resume goes on"),
            "{said}"
        );
        // Lines that grow are there already.
        assert!(name == "out.jsonl" || !desk.path(name).exists(), "{name}");
        let ended = desk.check(&format!("{words} --resume"));
        assert_eq!((ended.code, host.requests()), (Some(0), before + 20), "{name}: {}", ended.stderr);
        assert_eq!(desk.names(), [name, "urls.txt"]);
        if name != "out.html" {
            assert_eq!(desk.run(&["report", name, "-o", "back.json"]).code, Some(0));
            assert_complete(&desk, "back.json", 20);
        }
    }
}

#[test]
fn every_output_waits_for_room_when_it_is_made() {
    let web = SmallWeb::start().unwrap();
    let journaled = ["json", "csv", "parquet", "db", "html", "md", "xml"].map(|ending| (ending, ""));
    let others =
        [("json", "--no-journal"), ("csv", "--no-journal"), ("json", "--no-journal --fields index,title")];
    for (ending, words) in journaled.into_iter().chain(others) {
        let host = web.host(Temperament::Fast);
        let desk = Desk::new();
        let name = format!("out.{ending}");
        let variables = [("FAULT_WHILE", "full"), ("FULL", "out.")];
        let words = format!("- -o {name} --local-wait 10m {words}");
        let Some(mut run) = on_a_faulty_system(&desk, &words, &variables) else { return };
        // The list is open, so the output is not made yet.
        let mut input = run.stdin.take().unwrap();
        std::io::Write::write_all(&mut input, list(&host, 20).as_bytes()).unwrap();
        wait_until("the answers", || host.requests() == 20);
        desk.write("full", "");
        drop(input);
        let mut said = BufReader::new(run.stderr.take().unwrap());
        let line = read_until(&mut said, "waits up to 600 s for room");
        assert!(line.contains("warning: "), "{line}");
        assert_eq!(run.try_wait().unwrap(), None, "{name}");
        fs::remove_file(desk.path("full")).unwrap();
        assert_eq!(run.wait().unwrap().code(), Some(0), "{name}");
        assert_eq!(desk.names(), [&*name]);
        match ending {
            "json" => assert_complete(&desk, &name, 20),
            "html" => assert!(desk.read(&name).contains("<h1>All 20 accepted</h1>")),
            "md" => assert!(desk.read(&name).contains("**20 records**: all of them accepted.")),
            "xml" => assert!(desk.read(&name).contains("tests=\"20\" failures=\"0\" errors=\"0\"")),
            _ => {
                assert_eq!(desk.run(&["report", &name, "-o", "back.json"]).code, Some(0));
                assert_complete(&desk, "back.json", 20);
            }
        }
    }
}

#[test]
fn the_copy_of_a_list_waits_for_room() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let lines = list(&host, 20);
    let desk = Desk::new();
    let full = [("FULL", "spool-")];
    let Some(mut run) = on_a_faulty_system(&desk, "- -o out.json --local-wait 0", &full) else { return };
    std::io::Write::write_all(&mut run.stdin.take().unwrap(), lines.as_bytes()).unwrap();
    let ended = run.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("hint: what is done is kept; the same command with --resume goes on"), "{said}");

    let words = "- -o out.json --local-wait 10m --resume";
    let while_full = [("FAULT_WHILE", "full"), ("FULL", "spool-")];
    desk.write("full", "");
    let Some(mut run) = on_a_faulty_system(&desk, words, &while_full) else { return };
    std::io::Write::write_all(&mut run.stdin.take().unwrap(), lines.as_bytes()).unwrap();
    asks_when_there_is_room(&desk, &host, run);
    assert_eq!(desk.names(), ["out.json"]);
}

/// The run waits, without having asked for anything, and is complete once the file that says that the disk is full is
/// gone.
fn asks_when_there_is_room(desk: &Desk, host: &Host, mut run: Child) {
    let mut said = BufReader::new(run.stderr.take().unwrap());
    read_until(&mut said, "waits up to 600 s for room");
    assert_eq!((run.try_wait().unwrap(), host.requests()), (None, 0));
    fs::remove_file(desk.path("full")).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(0));
    assert_complete(desk, "out.json", 20);
}

#[test]
fn a_request_that_must_be_noted_first_waits_for_room() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let desk = Desk::new();
    desk.write("urls.txt", list(&host, 20));
    desk.write("full", "");
    let while_full = [("FAULT_WHILE", "full"), ("FULL", "segment-")];
    let words = "urls.txt -o out.json -X POST --local-wait 10m";
    let Some(run) = on_a_faulty_system(&desk, words, &while_full) else { return };
    asks_when_there_is_room(&desk, &host, run);
    assert_eq!(host.requests(), 20);
}

#[test]
fn a_run_that_is_killed_when_all_but_its_journal_is_done_is_in_the_database_once() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let desk = Desk::new();
    desk.write("urls.txt", list(&host, 20));
    // An earlier run, which stays.
    assert_eq!(desk.check("urls.txt -o out.db").code, Some(0));
    let words = "urls.txt -o out.db --local-wait 10m";
    let Some(mut run) = on_a_faulty_system(&desk, words, &[("FULL", "ended")]) else { return };
    let mut said = BufReader::new(run.stderr.take().unwrap());
    read_until(&mut said, "waits up to 600 s for room");
    run.kill().unwrap();
    run.wait().unwrap();
    let ended = desk.check("urls.txt -o out.db --resume");
    assert_eq!((ended.code, host.requests()), (Some(0), 40), "{}", ended.stderr);
    assert_eq!(runs(&desk), [1, 2]);
    assert_eq!(desk.run(&["report", "out.db", "-o", "back.json"]).code, Some(0));
    assert_complete(&desk, "back.json", 20);
}

/// The runs that a database has records of.
fn runs(desk: &Desk) -> Vec<i64> {
    let database = rusqlite::Connection::open(desk.path("out.db")).unwrap();
    let mut runs =
        database.prepare("SELECT run FROM records GROUP BY run HAVING count(*) = 20 ORDER BY run").unwrap();
    runs.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

/// A run that may write no file longer than 64 KiB, as if the disk were full then.
fn with_little_room(desk: &Desk, words: &str) -> Child {
    // An ignored signal stays ignored in the program that takes the shell's place: writing then fails.
    let line =
        format!("trap '' XFSZ; ulimit -S -f 64; exec {} check {words}", env!("CARGO_BIN_EXE_headcount"));
    let mut command = Command::new("bash");
    command.args(["-c", &line]).current_dir(desk.path("")).stderr(Stdio::piped());
    command.spawn().unwrap()
}

#[test]
fn a_full_disk_is_waited_for_and_leaves_what_can_be_gone_on_with() {
    let web = SmallWeb::start().unwrap();
    for name in ["out.json", "out.jsonl"] {
        let host = web.host(Temperament::Fast);
        let desk = Desk::new();
        desk.write("urls.txt", list(&host, 500));
        let run = with_little_room(&desk, &format!("urls.txt -o {name} --local-wait 0"));
        let ended = run.wait_with_output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{said}");
        assert!(
            said.contains("error: cannot write") && said.contains("hint: what is done is kept"),
            "{said}"
        );

        let mut run = with_little_room(&desk, &format!("urls.txt -o {name} --local-wait 10m --resume"));
        let mut said = BufReader::new(run.stderr.take().unwrap());
        read_until(&mut said, "waits up to 600 s for room");
        assert_eq!(run.try_wait().unwrap(), None);
        let room = ["--pid", &run.id().to_string(), "--fsize=unlimited"];
        assert!(Command::new("prlimit").args(room).status().unwrap().success());
        assert_eq!(run.wait().unwrap().code(), Some(0));
        assert_complete(&desk, name, 500);
        assert_eq!(desk.names(), [name, "urls.txt"]);
    }
}
