//! A run that was broken off goes on: what is done is not asked again, what has changed is refused, and what is not ours
//! is left alone.
#![cfg(unix)]

use std::fs;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use small_web::{Answer, Host, Reply, Request, SmallWeb, Temperament};

use crate::harness::{Desk, Ended, Running, end_of, records, wait_until};

/// A host that answers, which it can be used as, and a mute one, which is silent while a run is to be broken off and hangs
/// up on the others, so that they need not wait for a timeout.
pub(crate) struct Hosts {
    good: Host,
    pub(crate) mute: Host,
    pub(crate) is_silent: Arc<AtomicBool>,
}

impl Deref for Hosts {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.good
    }
}

impl Hosts {
    pub(crate) fn start(web: &SmallWeb) -> Hosts {
        Hosts::beside(web, web.host(Temperament::Fast))
    }

    fn beside(web: &SmallWeb, good: Host) -> Hosts {
        let is_silent = Arc::<AtomicBool>::default();
        let flag = Arc::clone(&is_silent);
        let mute = web.host(Temperament::scripted(move |_request| match flag.load(Relaxed) {
            true => Reply::new().hang(),
            false => Reply::new().close(),
        }));
        Hosts { good, mute, is_silent }
    }

    /// Pages of the one and of the other, in turn.
    pub(crate) fn list(&self, count: usize) -> String {
        let host = |number: usize| if number.is_multiple_of(2) { &self.good } else { &self.mute };
        (0..count).map(|number| host(number).url(&format!("/page/{number}\n"))).collect()
    }

    /// A run that is made to end by a signal once something holds. Who asks the mute host meanwhile hears nothing.
    pub(crate) fn signalled(
        &self,
        desk: &Desk,
        words: &str,
        signal: &str,
        what: &str,
        holds: impl FnMut() -> bool,
    ) -> Ended {
        self.is_silent.store(true, Relaxed);
        let running = Running::start(desk, &format!("{words} --timeout 60s"));
        wait_until(what, holds);
        running.signal(signal);
        let ended = running.end();
        self.is_silent.store(false, Relaxed);
        ended
    }

    /// The same when half of twenty records are in the journal, and the others are waited for.
    fn signalled_halfway(&self, desk: &Desk, words: &str, signal: &str) -> Ended {
        let (good, mute) = (self.good.requests() + 10, self.mute.requests() + 4);
        self.signalled(desk, words, signal, "half of the records", || {
            let journals = fs::read_dir(desk.path("")).unwrap().filter_map(|entry| {
                let path = entry.unwrap().path();
                fs::read_to_string(path.join("segment-000000")).ok()
            });
            self.good.requests() == good
                && self.mute.requests() == mute
                && journals.map(|text| text.lines().count()).sum::<usize>() >= 12
        })
    }
}

/// A run with half of its records, killed.
pub(crate) fn broken_off(desk: &Desk, hosts: &Hosts, words: &str) {
    hosts.signalled_halfway(desk, words, "KILL");
}

fn desk(web: &SmallWeb) -> (Desk, Hosts) {
    let hosts = Hosts::start(web);
    let desk = Desk::new();
    desk.write("urls.txt", hosts.list(20));
    (desk, hosts)
}

pub(crate) const RESUME: &str = "--timeout 30s --retries 0 --resume";

pub(crate) fn report(desk: &Desk, name: &str) -> Vec<Value> {
    let text = desk.read(name);
    let mut report =
        if name.ends_with(".json") { serde_json::from_str(&text).unwrap() } else { records(&text) };
    report.sort_by_key(|record: &Value| record["index"].as_u64());
    report
}

/// Every input of the list once, as it should have ended.
fn assert_complete(desk: &Desk, name: &str) {
    let report = report(desk, name);
    assert_eq!(report.len(), 20);
    for (number, record) in report.iter().enumerate() {
        assert_eq!((&record["index"], &record["line"]), (&number.into(), &(number + 1).into()));
        assert_eq!(end_of(record), if number % 2 == 0 { "200" } else { "headers/closed" });
    }
}

pub(crate) fn refusal(ended: &Ended) -> &str {
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(ended.stderr.starts_with("error: ") && ended.stderr.contains("\nhint: "), "{}", ended.stderr);
    &ended.stderr
}

#[test]
fn every_output_of_a_run_that_was_killed_is_whole_in_the_end() {
    let web = SmallWeb::start().unwrap();
    for outputs in
        ["-o out.parquet -o out.db -o out.html", "-o out.jsonl -o out.db -o out.parquet -o out.html"]
    {
        let (desk, good) = desk(&web);
        broken_off(&desk, &good, &format!("urls.txt {outputs}"));
        assert!(!desk.path("out.parquet").exists() && !desk.path("out.html").exists());
        let ended = desk.check(&format!("urls.txt {outputs} {RESUME}"));
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(ended.stderr.contains("20 records"), "{}", ended.stderr);
        assert_eq!(good.requests(), 10);
        for name in ["out.parquet", "out.db"] {
            assert_eq!(desk.run(&["report", name, "-o", "back.json"]).code, Some(0));
            assert_complete(&desk, "back.json");
        }
        assert!(desk.read("out.html").contains("<h1>10 of 20 not accepted</h1>"));
        let left: Vec<String> = desk.names().into_iter().filter(|name| name.contains("headcount")).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn a_file_beside_standard_output_has_a_journal_too() {
    let web = SmallWeb::start().unwrap();
    let (desk, good) = desk(&web);
    let words = "urls.txt -o - -o out.json -o out.csv";
    broken_off(&desk, &good, words);
    assert!(refusal(&desk.check(words)).contains("out.json.headcount is the journal of a run"));
    let ended = desk.check(&format!("{words} {RESUME}"));
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert_eq!(good.requests(), 10);
    // What comes now; what came before stands in the files.
    let came: Vec<u64> = ended.records().iter().map(|record| record["index"].as_u64().unwrap()).collect();
    assert!(came.len() == 10 && came.iter().all(|index| index % 2 == 1), "{came:?}");
    assert_complete(&desk, "out.json");
    assert_eq!(desk.read("out.csv").lines().count(), 21);
    assert!(!desk.path("out.json.headcount").exists());
    let again = desk.check(&format!("{words} {RESUME}"));
    assert_eq!((again.code, again.stdout.as_str()), (Some(2), ""), "{}", again.stderr);
}

#[test]
fn what_failed_is_asked_again_and_replaced_in_every_output() {
    let web = SmallWeb::start().unwrap();
    for first in ["out.parquet", "out.jsonl"] {
        let (desk, good) = desk(&web);
        let words = format!("urls.txt -o {first} -o out.csv --retries 0");
        assert_eq!(desk.check(&words).code, Some(2));
        let ended = desk.check(&format!("{words} --retry-failed"));
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(ended.stderr.contains("20 records"), "{}", ended.stderr);
        assert_eq!(good.requests(), 10, "what was answered is not asked again");
        for name in [first, "out.csv"] {
            assert_eq!(desk.run(&["report", name, "-o", "back.json"]).code, Some(0));
            assert_complete(&desk, "back.json");
        }
    }
}

#[test]
fn an_interrupted_run_shows_what_it_has_and_adds_one_run_to_a_database() {
    let web = SmallWeb::start().unwrap();
    let (desk, good) = desk(&web);
    let outputs = "-o out.csv -o out.db -o out.md";
    let ended = good.signalled_halfway(&desk, &format!("urls.txt {outputs} --grace 0s"), "INT");
    assert_eq!(ended.code, Some(130));
    let told = "  records in     out.csv, out.md; out.db when the run is complete\n";
    assert!(ended.stderr.ends_with(told), "{}", ended.stderr);
    assert!(desk.read("out.md").contains("| interrupted | "), "{}", desk.read("out.md"));
    assert!(!desk.path("out.db").exists());
    assert_eq!(desk.check(&format!("urls.txt {outputs} {RESUME}")).code, Some(2));
    for name in ["out.csv", "out.db"] {
        assert_eq!(desk.run(&["report", name, "-o", "back.json"]).code, Some(0));
        assert_complete(&desk, "back.json");
    }
}

#[test]
fn what_is_done_is_not_asked_again() {
    let web = SmallWeb::start().unwrap();
    for name in ["out.json", "out.jsonl"] {
        let (desk, good) = desk(&web);
        broken_off(&desk, &good, &format!("urls.txt -o {name}"));
        assert_eq!(good.requests(), 10);
        let ended = desk.check(&format!("urls.txt -o {name} {RESUME}"));
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(
            ended.stderr.contains("20 records") && ended.stderr.contains("done before           10"),
            "{}",
            ended.stderr
        );
        assert_eq!(good.requests(), 10);
        assert_complete(&desk, name);
        assert_eq!(desk.names(), [name, "urls.txt"]);
        // Nothing is left to do, and the exit code is the same.
        let ended = desk.check(&format!("urls.txt -o {name} {RESUME}"));
        assert_eq!((ended.code, good.requests()), (Some(2), 10));
        assert!(ended.stderr.contains(&format!("{name} is complete; nothing was asked")), "{}", ended.stderr);
    }
}

#[test]
fn what_a_kill_left_of_a_journal_that_was_being_removed_goes() {
    let web = SmallWeb::start().unwrap();
    let (desk, good) = desk(&web);
    assert_eq!(desk.check("urls.txt -o out.json --retries 0").code, Some(2));
    // The folder goes last.
    fs::create_dir(desk.path("out.json.headcount")).unwrap();
    assert_eq!(desk.check(&format!("urls.txt -o out.json {RESUME}")).code, Some(2));
    assert_eq!((good.requests(), desk.names()), (10, vec!["out.json".to_owned(), "urls.txt".to_owned()]));
}

#[test]
fn a_finished_file_ends_as_its_run_did() {
    let web = SmallWeb::start().unwrap();
    for name in ["out.html", "out.md", "out.xml", "out.csv", "out.parquet", "out.db"] {
        let (desk, good) = desk(&web);
        let all = desk.read("urls.txt");
        let half: String = all.lines().step_by(2).map(|url| format!("{url}\n")).collect();
        for (list, code, asked) in [(all, 2, 10), (half, 0, 20)] {
            desk.write("urls.txt", list);
            let words = format!("urls.txt -o {name} --retries 0");
            assert_eq!(desk.check(&words).code, Some(code));
            let ended = desk.check(&format!("{words} --resume"));
            assert_eq!((ended.code, good.requests()), (Some(code), asked), "{}", ended.stderr);
            assert!(
                ended.stderr.contains(&format!("{name} is complete; nothing was asked")),
                "{}",
                ended.stderr
            );
        }
        desk.write(name, "something else");
        let ended = desk.check(&format!("urls.txt -o {name} --resume"));
        let reason = match name {
            "out.csv" | "out.parquet" => "as headcount wrote it",
            "out.db" => "is not a database",
            _ => "is no report of headcount",
        };
        assert!(refusal(&ended).contains(reason), "{name}: {}", ended.stderr);
        assert_eq!(desk.read(name), "something else");
    }
}

#[test]
fn an_unfinished_journal_is_neither_overwritten_nor_forgotten() {
    let web = SmallWeb::start().unwrap();
    let (desk, good) = desk(&web);
    broken_off(&desk, &good, "urls.txt -o out.json");
    let ended = desk.check("urls.txt -o out.json");
    insta::assert_snapshot!(refusal(&ended));
    let ended = desk.check("urls.txt -o out.json --retries 0 --restart");
    assert_eq!((ended.code, good.requests()), (Some(2), 20), "{}", ended.stderr);
    assert_complete(&desk, "out.json");
}

#[test]
fn other_options_are_refused_with_what_differs() {
    let web = SmallWeb::start().unwrap();
    let (desk, good) = desk(&web);
    broken_off(&desk, &good, "urls.txt -o out.json -H Authorization:secret");
    let cases = [
        "urls.txt -o out.json --resume",
        "urls.txt -o out.json --resume -H Authorization:other",
        "urls.txt -o out.json --resume -H Authorization:secret -X HEAD --max-redirects 3",
        "urls.txt -o out.json --resume -H Authorization:secret -f jsonl",
        "urls.txt -o out.json --resume -H Authorization:secret --robots",
        "-o out.json --resume -H Authorization:secret",
    ];
    let said: Vec<String> = cases
        .iter()
        .map(|words| {
            refusal(&desk.check(words)).replace(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'], "")
        })
        .collect();
    for (said, expected) in said.iter().zip([
        "--header authorization was sha:",
        "--header authorization was sha:",
        "--max-redirects was  and is ; --method was by default and is HEAD",
        "--format was json and is jsonl",
        "--robots was nothing and is true",
        "input  was urls.txt and is -",
    ]) {
        assert!(said.contains(expected), "{said}");
    }
    let secrets = fs::read_dir(desk.path("out.json.headcount")).unwrap();
    for file in secrets {
        let content = fs::read(file.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&content).contains("secret"));
    }
    // How fast it goes, and how long it waits, may change.
    let words = format!("urls.txt -o out.json -H Authorization:secret -c 3 --per-host 2 {RESUME}");
    assert_eq!(desk.check(&words).code, Some(2));
    assert_complete(&desk, "out.json");
}

#[test]
fn a_list_that_has_changed_is_refused_and_a_longer_one_goes_on() {
    let web = SmallWeb::start().unwrap();
    let (desk, good) = desk(&web);
    broken_off(&desk, &good, "urls.txt -o out.json");
    let list = desk.read("urls.txt");
    desk.write("urls.txt", list.replacen("/page/", "/Page/", 1));
    assert!(
        refusal(&desk.check(&format!("urls.txt -o out.json {RESUME}")))
            .contains("urls.txt has changed within")
    );
    desk.write("urls.txt", &list[..list.len() - 1]);
    assert!(
        refusal(&desk.check(&format!("urls.txt -o out.json {RESUME}")))
            .contains("urls.txt has changed within")
    );
    desk.write("urls.txt", list + &good.url("/page/20"));
    assert_eq!(desk.check(&format!("urls.txt -o out.json {RESUME}")).code, Some(2));
    let report = report(&desk, "out.json");
    assert_eq!((report.len(), &report[20]["title"]), (21, &"Page 20".into()));
    assert_eq!(good.requests(), 11);
}

#[test]
fn a_list_may_not_grow_before_another_one() {
    let web = SmallWeb::start().unwrap();
    let (desk, good) = desk(&web);
    desk.write("more.txt", "ftp://a.example/\n");
    broken_off(&desk, &good, "urls.txt more.txt -o out.json");
    let list = desk.read("urls.txt");
    desk.write("urls.txt", list.clone() + "ftp://b.example/\n");
    let ended = desk.check(&format!("urls.txt more.txt -o out.json {RESUME}"));
    assert!(refusal(&ended).contains("urls.txt has grown"), "{}", ended.stderr);
    desk.write("third.txt", "ftp://c.example/\n");
    let ended = desk.check(&format!("urls.txt more.txt third.txt -o out.json {RESUME}"));
    assert!(refusal(&ended).contains("urls.txt has grown"), "{}", ended.stderr);
    // What was refused has left no trace.
    let shown = desk.run(&["journal", "out.json.headcount"]).stdout;
    assert!(!shown.contains("third.txt"), "{shown}");
    desk.write("urls.txt", list);
    let ended = desk.check(&format!("urls.txt more.txt third.txt -o out.json {RESUME}"));
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    let report = report(&desk, "out.json");
    assert_eq!((report.len(), &report[21]["source"]), (22, &"third.txt".into()));
}

#[test]
fn a_torn_line_is_cut_off_and_lines_agree_with_the_journal() {
    let web = SmallWeb::start().unwrap();
    let (desk, good) = desk(&web);
    broken_off(&desk, &good, "urls.txt -o out.jsonl");
    let append = |name: &str, text: &str| desk.write(name, desk.read(name) + text);
    append("out.jsonl", "{\"index\":17,\"tor");
    append("out.jsonl.headcount/segment-000000", "0123abcd r 17 {\"index\":17,\"tor");
    let ended = desk.check(&format!("urls.txt -o out.jsonl {RESUME}"));
    assert!(ended.stderr.contains("is an unfinished line, and is cut off"), "{}", ended.stderr);
    assert_complete(&desk, "out.jsonl");
    assert_eq!(good.requests(), 10);
}

#[test]
fn a_damaged_record_is_reported_and_asked_again() {
    let web = SmallWeb::start().unwrap();
    for name in ["out.json", "out.jsonl"] {
        let (desk, good) = desk(&web);
        broken_off(&desk, &good, &format!("urls.txt -o {name}"));
        let segment = format!("{name}.headcount/segment-000000");
        desk.write(&segment, desk.read(&segment).replacen("Page 8", "Page 9", 1));
        let ended = desk.check(&format!("urls.txt -o {name} {RESUME}"));
        assert!(ended.stderr.contains("of segment-000000 is damaged, and is set aside"), "{}", ended.stderr);
        assert_complete(&desk, name);
        assert_eq!(report(&desk, name)[8]["title"], "Page 8");
        assert_eq!(good.requests(), 11);
    }
}

#[test]
fn a_journal_that_is_in_use_is_refused() {
    let web = SmallWeb::start().unwrap();
    let (desk, hosts) = desk(&web);
    hosts.is_silent.store(true, Relaxed);
    let running = Running::start(&desk, "urls.txt -o out.json --timeout 60s");
    wait_until("the journal", || desk.path("out.json.headcount/segment-000000").exists());
    for words in ["", "--resume", "--restart", "--retry-failed"] {
        let ended = desk.check(&format!("urls.txt -o out.json {words}"));
        assert!(refusal(&ended).contains("another run is writing to"), "{}", ended.stderr);
    }
    running.signal("KILL");
    running.end();
}

#[test]
fn a_folder_without_the_marker_is_left_alone() {
    let web = SmallWeb::start().unwrap();
    let (desk, good) = desk(&web);
    broken_off(&desk, &good, "urls.txt -o out.json");
    fs::remove_file(desk.path("out.json.headcount/headcount-journal")).unwrap();
    let names = || fs::read_dir(desk.path("out.json.headcount")).unwrap().count();
    let before = names();
    for words in ["", "--resume", "--restart", "--retry-failed"] {
        let ended = desk.check(&format!("urls.txt -o out.json {words}"));
        assert!(refusal(&ended).contains("is not a journal of headcount"), "{}", ended.stderr);
    }
    assert_eq!((names(), good.requests()), (before, 10));
    assert_eq!(desk.check("urls.txt -o out.json --retries 0 --no-journal").code, Some(2));
    assert_eq!(names(), before);
}

#[test]
fn an_interrupted_run_shows_what_it_has_and_goes_on() {
    let web = SmallWeb::start().unwrap();
    for name in ["out.json", "out.jsonl"] {
        let (desk, good) = desk(&web);
        let ended = good.signalled_halfway(&desk, &format!("urls.txt -o {name} --grace 0"), "INT");
        assert_eq!(ended.code, Some(130));
        assert!(ended.stderr.contains("to go on       the same command with --resume"), "{}", ended.stderr);
        let ends: Vec<String> = report(&desk, name).iter().map(end_of).collect();
        assert_eq!(ends.iter().filter(|end| *end == "interrupted").count(), 4, "{ends:?}");
        assert_eq!(desk.check(&format!("urls.txt -o {name} {RESUME}")).code, Some(2));
        assert_complete(&desk, name);
    }
}

#[test]
fn what_a_killed_run_left_half_made_is_removed_and_nothing_else() {
    let web = SmallWeb::start().unwrap();
    let (desk, good) = desk(&web);
    broken_off(&desk, &good, "urls.txt -o out.json -o out.csv");
    let others = [".other.json.headcount-a1B2c3.part", ".out.json.mine", "out.json.part"];
    let ours = [".out.json.headcount-a1B2c3.part", ".out.csv.headcount-a1B2c3.part"];
    for name in others.iter().chain(&ours) {
        desk.write(name, "half");
    }
    assert_eq!(desk.check(&format!("urls.txt -o out.json -o out.csv {RESUME}")).code, Some(2));
    let names = desk.names();
    assert!(others.iter().all(|name| names.contains(&(*name).to_owned())), "{names:?}");
    assert!(!ours.iter().any(|name| names.contains(&(*name).to_owned())), "{names:?}");
}

#[test]
fn standard_input_is_copied_and_compared() {
    let web = SmallWeb::start().unwrap();
    // Late enough for the end of the list to be known before.
    let hosts = Hosts::beside(&web, web.host(Temperament::Slow(Duration::from_millis(500))));
    let list = hosts.list(20);
    for is_whole in [true, false] {
        let desk = Desk::new();
        let before = hosts.requests();
        hosts.is_silent.store(true, Relaxed);
        let mut running = Running::start(&desk, "- -o out.json --timeout 60s");
        running.write(&list);
        if is_whole {
            running.close_stdin();
        }
        let segment = "out.json.headcount/segment-000000";
        wait_until("the answers", || {
            fs::read_to_string(desk.path(segment)).is_ok_and(|text| text.matches("Page ").count() == 10)
        });
        running.signal("KILL");
        running.end();
        hosts.is_silent.store(false, Relaxed);
        assert_eq!(desk.read(segment).contains("\"is_whole\":true"), is_whole);
        let other = list.replace("/page/", "/PAGE/");
        let resume = format!("- -o out.json {RESUME}");
        if is_whole {
            // It is not asked for again, whatever it is by now.
            assert_eq!(desk.check_stdin(&resume, &other).code, Some(2));
        } else {
            let ended = desk.check_stdin(&resume, "");
            assert!(refusal(&ended).contains("standard input is needed again"), "{}", ended.stderr);
            let ended = desk.check_stdin(&resume, &other);
            assert!(refusal(&ended).contains("is not the list"), "{}", ended.stderr);
            assert_eq!(desk.check_stdin(&resume, &list).code, Some(2));
        }
        assert_complete(&desk, "out.json");
        assert_eq!(hosts.requests(), before + 10);
    }
}

/// What of an output failed, by index.
fn failed(desk: &Desk, name: &str) -> Vec<u64> {
    let report = report(desk, name);
    assert_eq!(report.len(), 20);
    report
        .iter()
        .filter(|record| record["failed"] == true)
        .map(|record| record["index"].as_u64().unwrap())
        .collect()
}

#[test]
fn what_failed_is_asked_again_and_merged() {
    let web = SmallWeb::start().unwrap();
    let good = web.host(Temperament::Fast);
    let hangs_up = |_: &Request| Reply::new().close();
    let mood = Arc::new(Mutex::new(hangs_up as fn(&Request) -> Reply));
    let moody = {
        let mood = Arc::clone(&mood);
        web.host(Temperament::scripted(move |request| mood.lock().unwrap()(request)))
    };
    for name in ["out.json", "out.jsonl"] {
        *mood.lock().unwrap() = hangs_up;
        let desk = Desk::new();
        let host = |number: usize| if number.is_multiple_of(2) { &good } else { &moody };
        let list: String = (0..19).map(|number| host(number).url(&format!("/page/{number}\n"))).collect();
        desk.write("urls.txt", list + "ftp://a.example/");
        let before = good.requests();
        assert_eq!(desk.check(&format!("urls.txt -o {name} --retries 0")).code, Some(2));
        assert_eq!(failed(&desk, name), [1, 3, 5, 7, 9, 11, 13, 15, 17]);
        let was = report(&desk, name);

        let again = |words: &str| desk.check(&format!("urls.txt -o {name} --retries 0 {words}"));
        let asked = moody.requests();
        assert_eq!(again("--retry-failed=dns,headers/reset").code, Some(2));
        assert_eq!(moody.requests(), asked, "of other kinds there were none");
        assert!(report(&desk, name) == was);

        // Killed meanwhile, it goes on.
        *mood.lock().unwrap() = |_| Reply::new().hang();
        let running = Running::start(&desk, &format!("urls.txt -o {name} --timeout 60s --retry-failed"));
        wait_until("the requests", || moody.requests() == asked + 4);
        running.signal("KILL");
        running.end();
        assert!(report(&desk, name) == was, "until all are there, the output is as it was");

        *mood.lock().unwrap() = |request| Answer::page(200, "Mended").reply(request);
        let ended = again("--resume");
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert_eq!(failed(&desk, name), [] as [u64; 0]);
        let is = report(&desk, name);
        assert_eq!(good.requests(), before + 10, "what was answered is not asked again");
        for number in (0..20).step_by(2) {
            assert_eq!(is[number], was[number]);
        }
        assert_eq!(is[7]["title"], "Mended");
        assert_eq!(desk.names(), [name, "urls.txt"]);
    }
}

#[test]
fn what_failed_is_asked_again_from_a_journal_too() {
    let web = SmallWeb::start().unwrap();
    let good = Hosts::start(&web);
    let refused = web.refused_address();
    let desk = Desk::new();
    desk.write("urls.txt", format!("http://{refused}/\n{}\n{}\n", good.url("/page/1"), good.mute.url("/")));
    good.signalled(&desk, "urls.txt -o out.json --retries 0", "KILL", "two records", || {
        fs::read_to_string(desk.path("out.json.headcount/segment-000000"))
            .is_ok_and(|text| text.matches("\"index\":").count() == 2)
    });
    let ended = desk.check("urls.txt -o out.json --retries 0 --retry-failed=connect -v");
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert_eq!((good.requests(), ended.stderr.matches("connect/refused:").count()), (1, 1));
    let ends: Vec<String> = report(&desk, "out.json").iter().map(end_of).collect();
    assert_eq!(ends, ["connect/refused", "200", "headers/closed"]);
}

#[test]
fn a_merge_with_what_is_not_ours_is_refused() {
    let web = SmallWeb::start().unwrap();
    let (desk, good) = desk(&web);
    refusal(&desk.check("urls.txt -o out.json --retry-failed"));
    desk.write("out.json", "[\n{\"index\": 1}\n]\n");
    assert!(refusal(&desk.check("urls.txt -o out.json --retry-failed")).contains("line 2 of "));
    refusal(&desk.check("urls.txt -o out.json --resume"));
    assert_eq!((good.requests(), desk.names()), (0, vec!["out.json".to_owned(), "urls.txt".to_owned()]));
}

#[test]
fn another_list_is_not_merged() {
    let web = SmallWeb::start().unwrap();
    let (desk, good) = desk(&web);
    assert_eq!(desk.check("urls.txt -o out.json --retries 0").code, Some(2));
    let list = desk.read("urls.txt");
    desk.write("urls.txt", "http://127.0.0.1:1/\n".to_owned() + &list);
    let was = desk.read("out.json");
    let ended = desk.check("urls.txt -o out.json --retries 0 --retry-failed");
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("is this another list?"), "{}", ended.stderr);
    assert_eq!(good.requests(), 10);
    assert!(desk.read("out.json") == was);
}

#[test]
fn what_may_have_been_sent_is_not_sent_again_unless_it_may_be() {
    let web = SmallWeb::start().unwrap();
    for (words, is_sent_again) in [
        ("", false),
        ("--resend-in-doubt", true),
        ("-H Idempotency-Key:x", true),
        ("--list-format jsonl", true),
    ] {
        let hosts = Hosts::start(&web);
        let mute = &hosts.mute;
        let desk = Desk::new();
        let url = |number: usize| mute.url(&format!("/page/{number}"));
        let line = |number| match words.starts_with("--list") {
            true => {
                format!("{{\"url\":{:?},\"headers\":{{\"Idempotency-Key\":\"{number}\"}}}}\n", url(number))
            }
            false => url(number) + "\n",
        };
        desk.write("urls.txt", (0..10).map(line).collect::<String>());
        let header = if words == "--resend-in-doubt" { "" } else { words };
        let first = format!("urls.txt -o out.json -X POST {header}");
        hosts.signalled(&desk, &first, "KILL", "the requests", || mute.requests() == 4);
        let journal = desk.run(&["journal", "out.json.headcount"]);
        assert!(journal.stdout.contains("in doubt     4\n"), "{}", journal.stdout);
        let ended = desk.check(&format!("urls.txt -o out.json -X POST {RESUME} {words}"));
        assert_eq!(ended.code, Some(2), "{words}: {}", ended.stderr);
        let ends: Vec<String> = report(&desk, "out.json").iter().map(end_of).collect();
        let in_doubt = ends.iter().filter(|end| *end == "policy/in_doubt").count();
        assert_eq!((ends.len(), in_doubt), (10, if is_sent_again { 0 } else { 4 }), "{words}: {ends:?}");
        assert_eq!(mute.requests(), if is_sent_again { 14 } else { 10 });
    }
}

#[test]
fn a_journal_can_be_shown_verified_and_exported() {
    let web = SmallWeb::start().unwrap();
    let (desk, good) = desk(&web);
    broken_off(&desk, &good, "urls.txt -o out.json");
    let shown = desk.run(&["journal", "out.json.headcount"]);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    // Whether it has seen the end of the list yet is a matter of moments.
    let length = desk.read("urls.txt").len().to_string();
    let text =
        shown.stdout.replace(&format!("read to its end ({length} bytes)"), &format!("{length} bytes read"));
    let text = text.replace(&length, "[length]");
    insta::assert_snapshot!(text);
    assert_eq!(desk.run(&["journal", "out.json.headcount", "--verify"]).code, Some(0));
    for name in ["part.json", "part.jsonl"] {
        assert_eq!(desk.run(&["journal", "out.json.headcount", "--export", name]).code, Some(0));
        let report = report(&desk, name);
        assert!(report.len() == 10 && report.iter().all(|record| end_of(record) == "200"));
    }
    assert_eq!(desk.run(&["journal", "out.json.headcount", "--export", "-"]).records().len(), 10);
    let segment = "out.json.headcount/segment-000000";
    desk.write(segment, desk.read(segment).replacen("Page 8", "Page 9", 1));
    let damaged = desk.run(&["journal", "out.json.headcount", "--verify"]);
    assert!(damaged.code == Some(1) && damaged.stdout.contains("damaged "), "{}", damaged.stdout);
    for target in ["part.json", "-"] {
        let exported = desk.run(&["journal", "out.json.headcount", "--export", target]);
        assert_eq!(exported.code, Some(1));
        assert!(exported.stderr.contains("some records are damaged"), "{}", exported.stderr);
    }
    refusal(&desk.run(&["journal", "."]));
}

#[test]
fn flags_of_the_journal_need_one() {
    let desk = Desk::new();
    for words in
        ["--resume", "--restart", "--retry-failed", "--durable", "--resume -o -", "--resume -o /dev/null"]
    {
        let ended = desk.check(&format!("http://127.0.0.1:1/ {words}"));
        assert!(refusal(&ended).contains("needs an output that has a journal"), "{}", ended.stderr);
    }
    for words in [
        "--resume --restart",
        "--resume --no-journal",
        "--retry-failed=dns,nonsense",
        "--retry-failed=dns/reset",
    ] {
        refusal(&desk.check(&format!("http://127.0.0.1:1/ -o out.json {words}")));
    }
    assert_eq!(desk.names(), Vec::<String>::new());
}

#[test]
fn a_durable_run_is_as_any_other() {
    let web = SmallWeb::start().unwrap();
    let (desk, _) = desk(&web);
    let ended = desk.check("urls.txt -o out.jsonl --durable --retries 0");
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert_complete(&desk, "out.jsonl");
}

/// So many records, so long, that the journal has a closed segment and a checkpoint.
const LONG_RECORDS: usize = 1_300;

/// A run that is killed when it has a checkpoint.
pub(crate) fn broken_off_late(desk: &Desk, web: &SmallWeb, name: &str) {
    let long = "x".repeat(60_000);
    let mut list: String =
        (0..LONG_RECORDS).map(|number| format!("ftp://a.example/{number}/{long}\n")).collect();
    let hosts = Hosts::start(web);
    list += &hosts.mute.url("/");
    desk.write("urls.txt", list);
    let journal = desk.path(&format!("{name}.headcount"));
    hosts.signalled(desk, &format!("urls.txt -o {name}"), "KILL", "the checkpoint", || {
        journal.join("checkpoint").exists() && journal.join("segment-000001").exists()
    });
}

fn assert_long_complete(desk: &Desk, name: &str) {
    let report = report(desk, name);
    assert_eq!(report.len(), LONG_RECORDS + 1);
    for (number, record) in report.iter().enumerate() {
        let input =
            if number < LONG_RECORDS { format!("ftp://a.example/{number}/x") } else { "http".to_owned() };
        assert!(
            record["index"] == number && record["input"].as_str().unwrap().starts_with(&input),
            "{number}"
        );
    }
}

#[test]
fn a_long_run_goes_on_from_its_checkpoint() {
    let web = SmallWeb::start().unwrap();
    let desk = Desk::new();
    broken_off_late(&desk, &web, "out.jsonl");
    let file = fs::OpenOptions::new().write(true).open(desk.path("out.jsonl")).unwrap();
    file.set_len(file.metadata().unwrap().len() - 100_000).unwrap();
    let ended = desk.check(&format!("urls.txt -o out.jsonl {RESUME}"));
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert_long_complete(&desk, "out.jsonl");
}

#[test]
fn damage_that_shows_at_the_end_is_mended_by_the_next_run() {
    let web = SmallWeb::start().unwrap();
    let desk = Desk::new();
    broken_off_late(&desk, &web, "out.json");
    let segment = "out.json.headcount/segment-000000";
    // What a checkpoint covers is not read until the output is made of it.
    desk.write(segment, desk.read(segment).replacen("/7/xxx", "/7/xyx", 1).replacen(" r 9 ", " x 9 ", 1));
    let ended = desk.check(&format!("urls.txt -o out.json {RESUME}"));
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("the disk has changed some records"), "{}", ended.stderr);
    assert!(!desk.path("out.json").exists());
    let ended = desk.check(&format!("urls.txt -o out.json {RESUME}"));
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("is damaged, and is set aside").count(), 2, "{}", ended.stderr);
    assert_long_complete(&desk, "out.json");
    assert_eq!(desk.names(), ["out.json", "urls.txt"]);
}
