//! `headcount demo` works on any machine and leaves its report.

use serde_json::Value;

use crate::harness::Desk;

#[test]
fn the_demo_goes_as_designed() {
    let desk = Desk::new();
    let ended = desk.run(&["demo"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
    let report: Vec<Value> = serde_json::from_str(&desk.read("headcount-demo.json")).unwrap();
    assert!((900..1_100).contains(&report.len()), "{}", report.len());
    assert!(report.iter().enumerate().all(|(number, record)| record["index"] == number));
    let hosts: std::collections::BTreeSet<&str> =
        report.iter().filter_map(|record| record["url"].as_str()?.split('/').nth(2)).collect();
    assert!(hosts.len() > 80, "{}", hosts.len());
}

#[test]
fn the_report_goes_where_it_is_wanted() {
    let desk = Desk::new();
    assert_eq!(desk.run(&["demo", "-o", "here.jsonl", "--no-progress"]).code, Some(0));
    assert_eq!(desk.names(), ["here.html", "here.jsonl"]);
    assert!(desk.read("here.html").contains("<title>"));
    assert_eq!(desk.run(&["demo", "-o", "here.doc"]).code, Some(3));
}

#[cfg(unix)]
#[test]
fn few_open_files_are_enough_or_said_to_be_too_few() {
    let desk = Desk::new();
    let demo = |limits: &str| {
        let line = format!("{limits}; exec {} demo", env!("CARGO_BIN_EXE_headcount"));
        let output = std::process::Command::new("sh").args(["-c", &line]).current_dir(desk.path("")).output();
        let output = output.unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = demo("ulimit -n 60");
    assert_eq!(code, Some(3), "{said}");
    assert!(said.starts_with("error: the demo needs 128 open files, and the limit is 60\nhint: "), "{said}");
    // A soft limit is raised in time.
    let (code, said) = demo("ulimit -Hn 256; ulimit -Sn 60");
    assert_eq!(code, Some(0), "{said}");
}
