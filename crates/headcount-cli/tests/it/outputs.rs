//! Outputs: their forms, that a file is whole or absent, and what is never replaced.

use std::fs;
use std::process::Stdio;

use serde_json::Value;
use small_web::{SmallWeb, Temperament};

use crate::harness::{Desk, Running, records};

fn list(web: &SmallWeb, count: usize) -> String {
    let (fast, slow) =
        (web.host(Temperament::Fast), web.host(Temperament::Slow(std::time::Duration::from_millis(5))));
    let url =
        |number: usize| if number.is_multiple_of(3) { &slow } else { &fast }.url(&format!("/page/{number}"));
    (0..count).map(|number| url(number) + "\n").collect()
}

#[test]
fn a_json_file_is_an_array_in_the_order_of_the_list() {
    let web = SmallWeb::start().unwrap();
    let desk = Desk::new();
    desk.write("urls.txt", list(&web, 200));
    let ended = desk.check("urls.txt -o report.json");
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""));
    let report: Vec<Value> = serde_json::from_str(&desk.read("report.json")).unwrap();
    assert_eq!(report.len(), 200);
    for (number, record) in report.iter().enumerate() {
        assert_eq!((&record["index"], &record["title"]), (&number.into(), &format!("Page {number}").into()));
    }
    assert_eq!(desk.names(), ["report.json", "urls.txt"], "nothing else is left");
}

#[test]
fn a_jsonl_file_and_standard_output_get_a_line_for_each() {
    let web = SmallWeb::start().unwrap();
    let desk = Desk::new();
    desk.write("urls.txt", list(&web, 50));
    for words in ["urls.txt", "urls.txt -j", "urls.txt -o -", "urls.txt -f jsonl -o -"] {
        assert_eq!(desk.check(words).records().len(), 50, "{words}");
    }
    for (words, file) in
        [("-o out.jsonl", "out.jsonl"), ("-o out.ndjson", "out.ndjson"), ("-o out.log -j", "out.log")]
    {
        assert_eq!(desk.check(&format!("urls.txt {words}")).stdout, "");
        assert_eq!(records(&desk.read(file)).len(), 50, "{words}");
    }
    let array: Vec<Value> = serde_json::from_str(&desk.check("urls.txt -f json").stdout).unwrap();
    assert_eq!(array.len(), 50);
}

#[test]
fn a_table_has_a_line_for_people() {
    let web = SmallWeb::start().unwrap();
    let desk = Desk::new();
    let (good, bad) =
        (web.host(Temperament::Fast).url("/page/7"), web.host(Temperament::Status(404)).url("/"));
    let ended = desk.check(&format!("{good} {bad} -f table -c 1"));
    let lines: Vec<Vec<&str>> = ended.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(
        (lines[0][0], lines[0][2], lines[0][3], &lines[0][4..]),
        ("200", "ms", good.as_str(), &["Page", "7"][..])
    );
    assert_eq!((lines[1][0], lines[1][3]), ("404", bad.as_str()));
}

#[test]
fn an_old_report_stays_until_the_new_one_is_whole() {
    let web = SmallWeb::start().unwrap();
    let desk = Desk::new();
    desk.write("report.json", "old");
    let host = web.host(Temperament::Fast);
    let mut running = Running::start(&desk, "- -o report.json");
    running.write(&(host.url("/page/1") + "\n"));
    crate::harness::wait_until("the request", || host.requests() == 1);
    assert_eq!(desk.read("report.json"), "old");
    running.close_stdin();
    assert_eq!(running.end().code, Some(0));
    assert_eq!(serde_json::from_str::<Vec<Value>>(&desk.read("report.json")).unwrap().len(), 1);
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link() {
    let web = SmallWeb::start().unwrap();
    let desk = Desk::new();
    fs::create_dir(desk.path("kept")).unwrap();
    desk.write("kept/real.json", "old");
    std::os::unix::fs::symlink("kept/real.json", desk.path("report.json")).unwrap();
    let url = web.host(Temperament::Fast).url("/page/1");
    assert_eq!(desk.check(&format!("{url} -o report.json")).code, Some(0));
    assert!(fs::symlink_metadata(desk.path("report.json")).unwrap().is_symlink());
    assert!(desk.read("kept/real.json").starts_with('['));
}

#[test]
fn a_long_end_does_not_push_its_row_aside() {
    let web = SmallWeb::start().unwrap();
    let elsewhere = web.host(Temperament::RedirectToOtherScheme("ftp://127.0.0.1/")).url("/");
    let good = web.host(Temperament::Fast).url("/page/1");
    let ended = Desk::new().check(&format!("{elsewhere} {good} -f table"));
    let columns: Vec<_> = ended.stdout.lines().map(|line| line.find("http://")).collect();
    assert!(columns.len() == 2 && columns[0] == columns[1], "{}", ended.stdout);
}

#[cfg(unix)]
#[test]
fn a_link_says_the_format_and_its_end_gets_the_records() {
    let web = SmallWeb::start().unwrap();
    let url = web.host(Temperament::Fast).url("/page/1");
    let desk = Desk::new();
    let link = |target: &str, name: &str| std::os::unix::fs::symlink(target, desk.path(name)).unwrap();
    link("second", "report.json");
    link("data.bin", "second");
    // First the links lead nowhere, then to a file.
    for _ in 0..2 {
        let ended = desk.check(&format!("{url} -o report.json"));
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        for name in ["report.json", "second"] {
            assert!(fs::symlink_metadata(desk.path(name)).unwrap().is_symlink(), "{name}");
        }
        assert_eq!(serde_json::from_str::<Vec<Value>>(&desk.read("data.bin")).unwrap().len(), 1);
    }
    link("report.json", "report.txt");
    let complaint = desk.check(&format!("{url} -o report.txt")).stderr;
    assert!(complaint.contains("the ending of report.txt "), "{complaint}");

    link("circle.json", "circle.json");
    assert_eq!(desk.check(&format!("{url} -o circle.json")).code, Some(3));
}

#[cfg(unix)]
#[test]
fn standard_error_is_added_to_though_it_be_a_file() {
    let desk = Desk::new();
    desk.write("log", "as it was\n");
    let log = fs::OpenOptions::new().append(true).open(desk.path("log")).unwrap();
    let mut command = desk.command(&["check", "ftp://a.example/", "-q", "-o", "/dev/stderr"]);
    assert_eq!(command.stderr(log).status().unwrap().code(), Some(2));
    let log = desk.read("log");
    assert_eq!(records(log.strip_prefix("as it was\n").unwrap()).len(), 1);
}

#[cfg(unix)]
#[test]
fn devices_and_pipes_are_written_to_and_not_replaced() {
    use std::os::unix::fs::FileTypeExt;
    let web = SmallWeb::start().unwrap();
    let desk = Desk::new();
    let url = web.host(Temperament::Fast).url("/page/1");
    assert_eq!(desk.check(&format!("{url} -o /dev/null")).code, Some(0));
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    assert_eq!(desk.check(&format!("{url} -o /dev/stdout")).record()["title"], "Page 1");

    let fifo = desk.path("pipe.json");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let reader = {
        let fifo = fifo.clone();
        std::thread::spawn(move || fs::read_to_string(fifo).unwrap())
    };
    assert_eq!(desk.check(&format!("{url} -o pipe.json")).code, Some(0));
    assert_eq!(serde_json::from_str::<Vec<Value>>(&reader.join().unwrap()).unwrap().len(), 1);
    assert!(fs::metadata(&fifo).unwrap().file_type().is_fifo());

    let socket = desk.path("socket");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut listener.accept().unwrap().0, &mut text).unwrap();
        text
    });
    assert_eq!(desk.check(&format!("{url} -o socket")).code, Some(0));
    assert_eq!(records(&reader.join().unwrap()).len(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_the_run() {
    let web = SmallWeb::start().unwrap();
    let url = web.host(Temperament::Fast).url("/page/1");
    let ended = Desk::new().check(&format!("{url} -o /dev/full"));
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("error: cannot write the records"), "{}", ended.stderr);
    assert!(ended.stderr.contains("hint: make room there"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("records in"), "{}", ended.stderr);
    let ended = Desk::new().check(&format!("{url} -o /dev/full -f json"));
    assert!(ended.code == Some(1) && !ended.stderr.contains("records in"), "{}", ended.stderr);
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_run_in_silence() {
    let web = SmallWeb::start().unwrap();
    let desk = Desk::new();
    desk.write("urls.txt", list(&web, 20_000));
    let mut running = Running::start(&desk, "urls.txt");
    running.next_record();
    running.close_stdout();
    let ended = running.end();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_reader_that_has_seen_enough_takes_no_file_away() {
    let web = SmallWeb::start().unwrap();
    let desk = Desk::new();
    // More than a pipe holds, so that the run meets the closed one.
    desk.write("urls.txt", list(&web, 2_000));
    for words in ["", "--no-journal", "--no-journal -f json", "-f json"] {
        let mut running = Running::start(&desk, &format!("urls.txt -o all.csv -o - {words}"));
        if !words.contains("json") {
            running.next_record();
        }
        running.close_stdout();
        let ended = running.end();
        assert_eq!(ended.code, Some(0), "{words}: {}", ended.stderr);
        assert!(ended.stderr.contains("records in     all.csv"), "{words}: {}", ended.stderr);
        assert_eq!(desk.read("all.csv").lines().count(), 2_001, "{words}");
    }
}

#[test]
fn nothing_from_the_network_commands_a_terminal() {
    let web = SmallWeb::start().unwrap();
    let desk = Desk::new();
    let url = web.host(Temperament::EscapesInTitle).url("/");
    let hostile = web.host(Temperament::RedirectToBadUrl).url("/");
    desk.write("urls.txt", format!("{url}\n{hostile}\n\u{1b}]0;owned\u{7}\u{202e}\n"));
    let ended = desk.check("urls.txt -f table -v --color never");
    for text in [&ended.stdout, &ended.stderr] {
        let wrong: Vec<char> = text
            .chars()
            .filter(|c| (c.is_control() && *c != '\n') || ('\u{202a}'..='\u{202e}').contains(c))
            .collect();
        assert!(wrong.is_empty(), "{text:?}");
    }
    assert!(ended.stdout.contains("\\x1b"), "{}", ended.stdout);
}

#[test]
fn what_diff_tells_of_titles_commands_no_terminal() {
    let web = SmallWeb::start().unwrap();
    let desk = Desk::new();
    desk.check(&format!("{} -o old.jsonl -q", web.host(Temperament::EscapesInTitle).url("/")));
    desk.write("new.jsonl", desk.read("old.jsonl").replace("mred", "mblue"));
    let told = desk.run(&["diff", "old.jsonl", "new.jsonl"]).stdout;
    let wrong =
        told.chars().find(|c| (c.is_control() && *c != '\n') || ('\u{202a}'..='\u{202e}').contains(c));
    assert!(
        wrong.is_none() && told.contains("red") && told.contains("blue") && told.contains("\\x1b"),
        "{told:?}"
    );
}

#[test]
fn json_is_safe_to_show_and_says_the_same() {
    let web = SmallWeb::start().unwrap();
    let url = web.host(Temperament::EscapesInTitle).url("/");
    for words in ["-j", "-f json"] {
        let ended = Desk::new().check(&format!("{url} {words}"));
        let wrong = ended
            .stdout
            .chars()
            .find(|c| (c.is_control() && *c != '\n') || ('\u{202a}'..='\u{202e}').contains(c));
        assert_eq!(wrong, None, "{:?}", ended.stdout);
        assert!(ended.stdout.contains("\\u202e") || ended.stdout.contains("\\u009b"), "{}", ended.stdout);
        let value: Value = serde_json::from_str(&ended.stdout).unwrap();
        let record = value.get(0).unwrap_or(&value);
        assert!(record["title"].as_str().unwrap().contains('\u{1b}'), "the title is as it came");
    }
}

#[cfg(unix)]
#[test]
fn what_stands_in_a_device_folder_is_a_file_if_it_is_one() {
    let Ok(folder) = tempfile::tempdir_in("/dev/shm") else { return };
    let file = folder.path().join("out.jsonl");
    fs::write(&file, "old ".repeat(10_000)).unwrap();
    let ended = Desk::new().check(&format!("ftp://a.example/ -o {}", file.display()));
    assert_eq!((ended.code, records(&fs::read_to_string(&file).unwrap()).len()), (Some(2), 1));
}

#[test]
fn an_output_that_cannot_be_opened_stops_the_run_before_it_begins() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let desk = Desk::new();
    fs::create_dir(desk.path("folder.json")).unwrap();
    for output in ["folder.json", "missing/out.json", "missing/out.jsonl"] {
        let mut command = desk.command(&["check", &host.url("/page/1"), "-o", output]);
        assert_eq!(command.stderr(Stdio::null()).status().unwrap().code(), Some(3), "{output}");
    }
    assert_eq!(host.requests(), 0);
}
