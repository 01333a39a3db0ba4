//! One run, several outputs: each of them whole, with the same records.

use serde_json::Value;
use small_web::{SmallWeb, Temperament};

use crate::harness::{Desk, records, to_the_microsecond};

/// A list of so many pages, every fourth of which is not there.
fn desk_with_list(web: &SmallWeb, count: usize) -> Desk {
    let desk = Desk::new();
    let host = web.host(Temperament::Fast);
    let path = |number: usize| match number % 4 {
        3 => "/status/404".to_owned(),
        _ => format!("/page/{number}"),
    };
    desk.write("urls.txt", (0..count).map(|number| host.url(&path(number)) + "\n").collect::<String>());
    desk
}

fn read_back(desk: &Desk, name: &str) -> Vec<Value> {
    let ended = desk.run(&["report", name, "-o", "back.json"]);
    assert_eq!(ended.code, Some(0), "{name}: {}", ended.stderr);
    serde_json::from_str(&desk.read("back.json")).unwrap()
}

#[test]
fn a_run_has_as_many_outputs_as_are_named() {
    let web = SmallWeb::start().unwrap();
    for words in ["", "--no-journal "] {
        let desk = desk_with_list(&web, 40);
        let outputs = "-o a.json -o a.jsonl -o a.csv -o a.parquet -o a.db -o a.xml -o a.md -o a.html";
        let ended = desk.check(&format!("urls.txt {words}{outputs}"));
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{}", ended.stderr);
        assert!(
            ended.stderr.contains("a.json, a.jsonl, a.csv, a.parquet, a.db, a.xml, a.md, a.html"),
            "{}",
            ended.stderr
        );
        let expected =
            ["a.csv", "a.db", "a.html", "a.json", "a.jsonl", "a.md", "a.parquet", "a.xml", "urls.txt"];
        assert_eq!(desk.names(), expected, "nothing else is left");
        let array: Vec<Value> = serde_json::from_str(&desk.read("a.json")).unwrap();
        assert_eq!(array.len(), 40);
        for name in ["a.jsonl", "a.csv", "a.parquet", "a.db"] {
            assert_eq!(to_the_microsecond(&read_back(&desk, name)), to_the_microsecond(&array), "{name}");
        }
        assert!(desk.read("a.html").contains("<h1>10 of 40 not accepted</h1>"));
        assert!(desk.read("a.md").starts_with("# urls.txt\n\n**40 records**: 30 accepted, **10 not**."));
        assert!(desk.read("a.xml").contains("tests=\"40\" failures=\"10\" errors=\"0\""));
    }
}

#[test]
fn however_many_loops_there_are_every_file_is_in_the_order_of_the_list() {
    let web = SmallWeb::start().unwrap();
    let hosts = web.many_hosts(Temperament::Fast);
    let slow = web.host(Temperament::Slow(std::time::Duration::from_millis(200)));
    let desk = Desk::new();
    let url = |number: u32| match number % 50 {
        0 => slow.url(&format!("/page/{number}\n")),
        _ => hosts.url(number % 37, &format!("/page/{number}\n")),
    };
    desk.write("urls.txt", (0..400).map(url).collect::<String>());
    for journal in ["", "--no-journal"] {
        // The first output is JSON lines, which are written as they come, and the others are made of.
        let outputs = "-o as-they-come.jsonl -o a.json -o a.jsonl -o a.csv -o a.parquet -o a.db -o a.xml";
        let ended = desk.check(&format!("urls.txt --loops 4 -c 100 {journal} {outputs}"));
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let came = records(&desk.read("as-they-come.jsonl"));
        assert!(
            came.windows(2).any(|two| two[0]["index"].as_u64() > two[1]["index"].as_u64()),
            "all in order"
        );
        assert_eq!(came.len(), 400);
        let array: Vec<Value> = serde_json::from_str(&desk.read("a.json")).unwrap();
        assert!(array.iter().map(|record| record["index"].as_u64()).eq((0..400).map(Some)));
        for name in ["a.jsonl", "a.csv", "a.parquet", "a.db"] {
            assert!(to_the_microsecond(&read_back(&desk, name)) == to_the_microsecond(&array), "{name}");
        }
        let suite = desk.read("a.xml");
        let cases = suite.lines().filter(|line| line.starts_with("<testcase "));
        assert!(cases.zip(&array).all(|(case, record)| case.contains(record["input"].as_str().unwrap())));
        assert!(suite.contains("tests=\"400\" failures=\"0\" errors=\"0\""));
    }
}

#[test]
fn any_format_may_be_alone_or_stand_beside_standard_output() {
    let web = SmallWeb::start().unwrap();
    let desk = desk_with_list(&web, 12);
    for (name, journal) in
        [("a.csv", ""), ("a.parquet", "--no-journal"), ("a.sqlite", ""), ("b", "-f parquet")]
    {
        assert_eq!(desk.check(&format!("urls.txt -o {name} {journal}")).code, Some(2), "{name}");
        let indexes: Vec<u64> =
            read_back(&desk, name).iter().map(|record| record["index"].as_u64().unwrap()).collect();
        assert_eq!(indexes, (0..12).collect::<Vec<_>>(), "{name}");
    }
    let ended = desk.check("urls.txt -o c.csv -o - -j");
    assert_eq!(ended.records().len(), 12);
    assert_eq!(read_back(&desk, "c.csv").len(), 12);
}

#[test]
fn fields_and_records_are_chosen_for_every_output() {
    let web = SmallWeb::start().unwrap();
    let desk = desk_with_list(&web, 8);
    let selection = ["--fields", "index,status_code", "--where", "status_code >= 400"];
    let lines = "{\"index\":3,\"status_code\":404}\n{\"index\":7,\"status_code\":404}\n";
    let mut words = vec!["check", "urls.txt", "-c", "1"];
    words.extend(selection);
    let ended = desk.run(&words);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), lines));
    // What is written does not change what the run came to.
    assert!(ended.stderr.starts_with("8 records in "), "{}", ended.stderr);
    for journal in [&[][..], &["--no-journal"]] {
        let mut words = vec!["check", "urls.txt", "-o", "a.jsonl", "-o", "a.csv", "-o", "a.json"];
        words.extend(selection);
        words.extend(journal);
        assert_eq!(desk.run(&words).code, Some(2));
        assert_eq!(desk.read("a.jsonl"), lines);
        assert_eq!(desk.read("a.csv"), "index,status_code\r\n3,404\r\n7,404\r\n");
        assert_eq!(serde_json::from_str::<Vec<Value>>(&desk.read("a.json")).unwrap(), records(lines));
    }
}

#[test]
fn a_run_that_is_done_is_known_by_its_first_output() {
    let web = SmallWeb::start().unwrap();
    let desk = desk_with_list(&web, 8);
    assert_eq!(desk.check("urls.txt -o a.parquet -o a.html").code, Some(2));
    // Nothing is asked again, and the exit code is that of the run.
    let asked_before = desk.read("a.html");
    assert_eq!(desk.check("urls.txt -o a.parquet -o a.html --resume").code, Some(2));
    assert_eq!(desk.read("a.html"), asked_before);
    // A report says how the run ended, and has no records to begin another with.
    assert_eq!(desk.check("urls.txt -o a.html --resume").code, Some(2));
    let ended = desk.check("urls.txt -o a.html --retry-failed");
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("is a report, from which no records can be read\nhint: "),
        "{}",
        ended.stderr
    );
}

#[test]
fn outputs_that_cannot_be_are_refused_before_anything_is_sent() {
    let desk = Desk::new();
    desk.write("urls.txt", "http://127.255.255.255/\n");
    desk.write("urls.db", "no database\n");
    let mut complaints = String::new();
    for words in [
        "-o a.txt",
        "-o a.json -o a.txt",
        "-o a.json -o ./a.json",
        "-o a.json -o urls.txt",
        "-o a.json -o missing/a.html",
        "-o a.json -o urls.db",
        "-o urls.db --no-journal",
        "-o a.json -o a.html -f json",
        "-f parquet",
    ] {
        let ended = desk.check(&format!("urls.txt {words}"));
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""), "{words}: {}", ended.stderr);
        complaints += &format!("$ headcount check urls.txt {words}\n{}", ended.stderr);
    }
    let complaints = complaints.replace(&*desk.path("").to_string_lossy(), "DESK/");
    insta::assert_snapshot!(complaints);
    assert_eq!(desk.names(), ["urls.db", "urls.txt"]);
}
