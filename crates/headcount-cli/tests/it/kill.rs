//! `kill -9` at any moment, again and again: in the end every input has exactly one record, and the right one; at every
//! moment what can be seen of the output is valid.
#![cfg(unix)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use small_web::{Answer, Host, SmallWeb, Temperament};
use tokio::time::Instant;

use crate::harness::{Desk, records};
use crate::lists::gzip;

const COUNT: usize = 20_000;

/// Requests under way at once.
const CONCURRENCY: usize = 100;

/// A record is written within this time of its end, as long as the disk and the processor do not keep the run waiting. It is
/// held to that where another build is tested, which happens with nothing beside it.
const PROMISED: Duration = Duration::from_millis(50);

/// How far the run gets ahead of its journal when they do, in records: a parcel being written, those that may wait, and what
/// each loop gathers.
const AHEAD: usize = 64 * (1 + 16 + MOST_LOOPS);

/// The hosts that the pages are dealt to, so that every loop has some.
const HOSTS: usize = 12;

const MOST_LOOPS: usize = 4;

#[test]
fn every_input_has_one_record_however_often_the_run_is_killed() {
    let kills: u64 = std::env::var("HEADCOUNT_KILLS").map_or(25, |number| number.parse().unwrap());
    let web = SmallWeb::start().unwrap();
    let mut random = fastrand::Rng::with_seed(kills);
    let (mut killed, mut rounds) = (0, 0);
    let (mut looks, mut late) = (0, 0);
    while killed < kills {
        let answers = Answers::default();
        let hosts: [Host; HOSTS] = std::array::from_fn(|_| web.quiet_host(answers.temperament()));
        let name = if rounds % 2 == 0 { "out.json" } else { "out.jsonl" };
        rounds += 1;
        let desk = Desk::new();
        let list = LISTS[rounds % LISTS.len()];
        list.write(&desk, &hosts);
        let mut is_over = false;
        let mut may_be_asked = COUNT;
        while !is_over {
            let started = Instant::now();
            // What one run has left, another goes on with that has more loops, or fewer.
            let mut run = start(&desk, list.name, name, random.usize(1..=MOST_LOOPS));
            let mut killed_at = None;
            if killed < kills {
                wait_for_a_moment(&mut run, &desk, name, &hosts, &mut random);
                killed_at = Some(Instant::now());
                // It may have come to its end meanwhile.
                let _ = run.kill();
                killed += 1;
            }
            is_over = run.wait().unwrap().success();
            assert_valid(&desk.path(name), is_over);
            let journal = desk.path(&format!("{name}.headcount"));
            if let Some(killed_at) = killed_at.filter(|_| !is_over && !journal.join("ended").exists()) {
                let lost = answers.lost(&done(&journal), started, killed_at);
                looks += 1;
                late += usize::from(is_late(&lost));
                // And what the hosts had not read yet.
                may_be_asked += lost.len() + CONCURRENCY;
            }
        }
        let asked = asked(&hosts);
        assert!(asked <= may_be_asked as u64, "{asked} requests where {may_be_asked} should do");
        let journal = desk.path(&format!("{name}.headcount"));
        assert!(!journal.exists(), "left: {:?}", names(&journal));
        assert_eq!(desk.names(), [name, list.name]);
        assert_complete(&desk.path(name), list.first_line);
    }
    // Beside other tests the disk and the processor keep a run waiting as long as they like.
    if std::env::var_os("HEADCOUNT_BINARY").is_some() {
        assert!(late <= looks / 4, "at {late} of {looks} kills, records were not written in time");
    }
}

/// A list of all pages, of one kind or another.
#[derive(Clone, Copy)]
struct List {
    name: &'static str,
    header: &'static str,
    row: fn(usize, &str) -> String,
    /// Where the first page stands.
    first_line: usize,
}

const LISTS: [List; 3] = [
    List { name: "urls.txt", header: "", row: |_, url| format!("{url}\n"), first_line: 1 },
    List {
        name: "urls.csv.gz",
        header: "url,note\n",
        row: |number, url| format!("{url},\"number {number}\"\n"),
        first_line: 2,
    },
    List {
        name: "urls.jsonl",
        header: "",
        row: |number, url| format!("{{\"number\": {number}, \"url\": {url:?}}}\n"),
        first_line: 1,
    },
];

impl List {
    fn write(self, desk: &Desk, hosts: &[Host]) {
        let url = |number: usize| hosts[number % hosts.len()].url(&format!("/page/{number}"));
        let rows = (0..COUNT).map(|number| (self.row)(number, &url(number)));
        let text = self.header.to_owned() + &rows.collect::<String>();
        desk.write(self.name, if self.name.ends_with(".gz") { gzip(text) } else { text.into_bytes() });
    }
}

/// Whether more was lost than the requests under way and the records of the last moments.
fn is_late(lost: &[Duration]) -> bool {
    let old = lost.iter().filter(|age| **age > PROMISED).count();
    assert!(
        old <= CONCURRENCY + AHEAD,
        "{old} records were not written, the oldest for {:?}",
        lost.iter().max()
    );
    old > CONCURRENCY
}

/// When each page was last answered.
#[derive(Clone)]
struct Answers(Arc<Mutex<Vec<Option<Instant>>>>);

impl Default for Answers {
    fn default() -> Answers {
        Answers(Arc::new(Mutex::new(vec![None; COUNT])))
    }
}

impl Answers {
    /// A fast host that notes when it answers.
    fn temperament(&self) -> Temperament {
        let answers = self.clone();
        Temperament::scripted(move |request| {
            let number: usize = request.path().strip_prefix("/page/").unwrap().parse().unwrap();
            answers.0.lock().unwrap()[number] = Some(Instant::now());
            Answer::page(200, &format!("Page {number}")).reply(request)
        })
    }

    /// What was answered in a run and is not done: how long before the kill.
    fn lost(&self, done: &BTreeSet<usize>, started: Instant, killed_at: Instant) -> Vec<Duration> {
        let answers = self.0.lock().unwrap();
        let answers = answers.iter().enumerate().filter(|(page, _)| !done.contains(page));
        let moments = answers.filter_map(|(_, at)| at.filter(|at| *at >= started));
        moments.map(|at| killed_at.saturating_duration_since(at)).collect()
    }
}

fn start(desk: &Desk, list: &str, name: &str, loops: usize) -> Child {
    let (concurrency, loops) = (CONCURRENCY.to_string(), loops.to_string());
    let mut command = desk.command(&[
        "check",
        list,
        "-q",
        "-c",
        &concurrency,
        "--per-host",
        &concurrency,
        "--loops",
        &loops,
        "--resume",
        "-o",
        name,
    ]);
    command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn asked(hosts: &[Host]) -> u64 {
    hosts.iter().map(|host| host.requests()).sum()
}

/// In the first moments, in the middle, or when the output takes its place and the journal is removed.
fn wait_for_a_moment(run: &mut Child, desk: &Desk, name: &str, hosts: &[Host], random: &mut fastrand::Rng) {
    let started = Instant::now();
    let before = asked(hosts);
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
                let has_come = asked(hosts) >= before + requests;
                seen = seen.or(has_come.then(Instant::now));
                seen.is_some_and(|seen: Instant| seen.elapsed() >= delay)
            }
        };
        if has_come {
            return;
        }
        // Some of the moments are short, and whoever looked all the time would keep the run from them.
        std::thread::park_timeout(Duration::from_micros(200));
    }
}

/// The inputs whose records the segments of a journal hold, as docs/journal.md says.
fn done(journal: &Path) -> BTreeSet<usize> {
    let mut done = BTreeSet::new();
    let Ok(entries) = fs::read_dir(journal) else { return done };
    let paths = entries.map(|entry| entry.unwrap().path());
    for path in paths.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("segment-")) {
        let text = fs::read_to_string(path).unwrap();
        let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
        let records = whole.lines().filter_map(|line| line.get(9..)?.strip_prefix("r "));
        done.extend(records.map(|record| record.split(' ').next().unwrap().parse::<usize>().unwrap()));
    }
    done
}

/// An array is whole or absent; of lines, the last may be torn until the run goes on.
fn assert_valid(output: &Path, is_over: bool) {
    let Ok(text) = fs::read_to_string(output) else { return };
    if output.extension().is_some_and(|extension| extension == "json") {
        assert_eq!(serde_json::from_str::<Vec<Value>>(&text).unwrap().len(), COUNT);
        return;
    }
    let whole = if is_over { &text[..] } else { &text[..text.rfind('\n').map_or(0, |end| end + 1)] };
    let mut seen = BTreeSet::new();
    for record in records(whole) {
        assert!(seen.insert(record["index"].as_u64()), "{} stands there twice", record["index"]);
    }
}

fn assert_complete(output: &Path, first_line: usize) {
    let text = fs::read_to_string(output).unwrap();
    let mut report: Vec<Value> = match output.extension() {
        Some(extension) if extension == "json" => serde_json::from_str(&text).unwrap(),
        _ => records(&text),
    };
    report.sort_by_key(|record| record["index"].as_u64());
    assert_eq!(report.len(), COUNT);
    for (number, record) in report.iter().enumerate() {
        assert_eq!((&record["index"], &record["title"]), (&number.into(), &format!("Page {number}").into()));
        assert_eq!((&record["accepted"], &record["line"]), (&true.into(), &(number + first_line).into()));
    }
}
