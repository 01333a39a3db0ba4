//! Long lists and many hosts: memory that does not grow, and descriptors that suffice.
#![cfg(target_os = "linux")]

use std::collections::HashSet;
use std::fs::File;
use std::io::Seek;
use std::process::Command;
use std::time::Duration;

use small_web::{SmallWeb, Temperament};

use crate::harness::{Desk, records, wait_until};

#[test]
fn a_hundred_thousand_inputs_in_little_memory() {
    const COUNT: usize = 100_000;
    let web = SmallWeb::start().unwrap();
    let (one, many) = (web.quiet_host(Temperament::Fast), web.many_hosts(Temperament::Fast));
    // Half on one host, half on a host each: 50,000 lanes come and go.
    let list: String = (0..COUNT)
        .map(|number| match number % 2 {
            0 => one.url(&format!("/page/{number}\n")),
            _ => many.url(number as u32, "/page/1\n"),
        })
        .collect();
    let desk = Desk::new();
    desk.write("urls.txt", list);
    let ended = peak_memory(&desk, "urls.txt -o report.jsonl -q");
    let report = records(&desk.read("report.jsonl"));
    let indices: HashSet<u64> = report.iter().map(|record| record["index"].as_u64().unwrap()).collect();
    assert_eq!((report.len(), indices.len()), (COUNT, COUNT));
    assert!(report.iter().all(|record| record["accepted"] == true));
    assert!(ended < 64 << 10, "{ended} KiB");
}

/// Runs a check to its end and returns the most memory it held, in KiB, as the kernel counted it.
fn peak_memory(desk: &Desk, words: &str) -> u64 {
    // The watchdog of debug builds reads the program's symbols, which are larger than all that is measured.
    let script = format!(
        "export HEADCOUNT_DEBUG=0; {} check {words} & pid=$!; \
         while status=$(grep VmHWM /proc/$pid/status 2>/dev/null) && [ -n \"$status\" ]; do \
         last=$status; sleep 0.02; done; wait $pid || exit 1; echo $last",
        env!("CARGO_BIN_EXE_headcount")
    );
    let output = Command::new("sh").args(["-c", &script]).current_dir(desk.path("")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace()
        .nth(1)
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("{text:?}"))
}

#[test]
fn twenty_thousand_hosts_with_256_descriptors() {
    const COUNT: u32 = 20_000;
    let web = SmallWeb::start().unwrap();
    let many = web.many_hosts(Temperament::Fast);
    let desk = Desk::new();
    desk.write("urls.txt", (0..COUNT).map(|number| many.url(number, "/page/1\n")).collect::<String>());
    let line = format!("ulimit -n 256; exec {} check urls.txt -j", env!("CARGO_BIN_EXE_headcount"));
    let output = Command::new("sh").args(["-c", &line]).current_dir(desk.path("")).output().unwrap();
    let report = records(&String::from_utf8(output.stdout).unwrap());
    assert_eq!((output.status.code(), report.len()), (Some(0), COUNT as usize));
    assert!(report.iter().all(|record| record["num_retries"] == 0));
}

#[test]
fn concurrency_is_fitted_to_the_descriptors() {
    let web = SmallWeb::start().unwrap();
    let many = web.many_hosts(Temperament::Slow(Duration::from_millis(50)));
    let desk = Desk::new();
    desk.write("urls.txt", (0..300).map(|number| many.url(number, "/page/1\n")).collect::<String>());
    let line = format!("ulimit -n 100; exec {} check urls.txt -j -c 500", env!("CARGO_BIN_EXE_headcount"));
    let output = Command::new("sh").args(["-c", &line]).current_dir(desk.path("")).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8(output.stderr).unwrap().contains("warning: 500 requests at once"));
    assert!(many.most_in_flight() <= 60, "{}", many.most_in_flight());
}

#[test]
fn the_soft_limit_is_raised_and_idle_connections_are_fitted_to_the_hard_one() {
    let web = SmallWeb::start().unwrap();
    let takes = Duration::from_millis(20);
    let many = web.many_hosts(Temperament::Gathering { at_once: 61, takes });
    let desk = Desk::new();
    // Every host is asked again after all others: connections are kept in between, as far as there is room.
    let pages = |page: u32| (0..300).map(move |number| (number, page));
    let list: String =
        pages(1).chain(pages(2)).map(|(number, page)| many.url(number, &format!("/page/{page}\n"))).collect();
    desk.write("urls.txt", list);
    let check = |limits: &str, words: &str| {
        let line = format!("{limits}; exec {} check urls.txt -j {words}", env!("CARGO_BIN_EXE_headcount"));
        Command::new("sh").args(["-c", &line]).current_dir(desk.path("")).output().unwrap()
    };
    let output = check("ulimit -Hn 300; ulimit -Sn 60", "-c 150");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said.contains("warning")), (Some(0), false), "{said}");
    let records = records(&String::from_utf8(output.stdout).unwrap());
    assert!(records.len() == 600 && records.iter().all(|record| record["num_retries"] == 0));
    assert!(many.most_in_flight() > 60, "{} at once", many.most_in_flight());
    assert!(many.most_open_connections() < 300, "{} open", many.most_open_connections());
}

#[test]
fn too_few_descriptors_to_begin_with_are_said_once() {
    let check = |limit: u32| {
        let words = "check http://127.0.0.1:1/ --retries 0";
        let line = format!("ulimit -n {limit}; exec {} {words}", env!("CARGO_BIN_EXE_headcount"));
        let output = Command::new("sh").args(["-c", &line]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for limit in [8, 10, 23] {
        let (code, said) = check(limit);
        assert_eq!(code, Some(3), "{said}");
        let expected = format!("error: a run needs 24 open files, and the limit is {limit}\nhint: ");
        assert!(said.starts_with(&expected) && said.lines().count() == 2, "{said}");
    }
    assert_eq!(check(24).0, Some(2));
}

#[test]
fn what_is_read_ahead_fits_into_the_memory_and_the_disk_that_it_may_take() {
    let web = SmallWeb::start().unwrap();
    let desk = Desk::new();
    // Of the list of a host that never answers, this many bytes are read.
    let read = |words: &str| {
        let silent = web.host(Temperament::Silent);
        let list: String = (0..40_000).map(|number| silent.url(&format!("/page/{number:060}\n"))).collect();
        desk.write("urls.txt", &list);
        let mut file = File::open(desk.path("urls.txt")).unwrap();
        let mut command = desk.command(&["check", "-", "--timeout", "60s", "-o", "/dev/null"]);
        command.args(words.split_whitespace()).stdin(file.try_clone().unwrap());
        let mut running = command.spawn().unwrap();
        // The place in the file is the same for both.
        let mut place = || file.stream_position().unwrap();
        wait_until("the end of the list, or a standstill", || {
            let before = place();
            if before < list.len() as u64 {
                std::thread::park_timeout(Duration::from_secs(1));
            }
            silent.requests() == 4 && place() == before
        });
        running.kill().unwrap();
        running.wait().unwrap();
        (place() * 100).div_ceil(list.len() as u64)
    };
    assert_eq!(read(""), 100);
    assert_eq!(read("--memory 1M"), 100, "what does not fit goes to the disk");
    let (little, more) = (read("--memory 200k --disk 0"), read("--memory 1M --disk 0"));
    assert!(little < more && more < 50, "{little} % and {more} %");
    let with_disk = read("--memory 1M --disk 500k");
    assert!(more < with_disk && with_disk < 100, "{more} % without disk and {with_disk} % with a little");
}

#[test]
fn there_are_as_many_event_loops_as_were_asked_for() {
    let web = SmallWeb::start().unwrap();
    let assert_loops = |words: &str, expected: usize| {
        let hosts: Vec<_> = (0..20).map(|_| web.host(Temperament::Silent)).collect();
        let desk = Desk::new();
        desk.write("urls.txt", hosts.iter().map(|host| host.url("/\n")).collect::<String>());
        let mut command = desk.command(&["check", "urls.txt", "--timeout", "60s"]);
        let mut running = command.args(words.split_whitespace()).spawn().unwrap();
        wait_until("the requests", || hosts.iter().all(|host| host.requests() == 1));
        let loops = || {
            let threads = std::fs::read_dir(format!("/proc/{}/task", running.id())).unwrap();
            // One that ends meanwhile has no name.
            let names = threads
                .filter_map(|thread| std::fs::read_to_string(thread.unwrap().path().join("comm")).ok());
            names.filter(|name| name.starts_with("headcount-engin")).count()
        };
        // A thread bears the name of the one that has started it until it takes its own.
        wait_until(&format!("{expected} loops with {words}"), || loops() == expected);
        running.kill().unwrap();
        running.wait().unwrap();
    };
    assert_loops("--loops 1", 1);
    assert_loops("--loops 3", 3);
    // No more than a sixteenth of the concurrency.
    assert_loops("--loops 3 -c 32", 2);
    assert_loops(&format!("--loops {}", usize::MAX), 6);
}
