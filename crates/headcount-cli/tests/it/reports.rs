//! `headcount report` and `headcount diff`, on what `headcount check` has written.

use serde_json::Value;
use small_web::{SmallWeb, Temperament};

use crate::harness::{Desk, Ended, records, to_the_microsecond};

fn headcount(desk: &Desk, words: &str) -> Ended {
    desk.run(&words.split_whitespace().collect::<Vec<_>>())
}

/// A run of three pages, one of which is not there.
fn desk_with_run(web: &SmallWeb) -> Desk {
    let desk = Desk::new();
    let host = web.host(Temperament::Fast);
    let paths = ["/page/1", "/status/404", "/page/2"];
    desk.write("urls.txt", paths.map(|path| host.url(path) + "\n").concat());
    assert_eq!(desk.check("urls.txt -o run.json").code, Some(2));
    desk
}

#[test]
fn a_report_is_made_in_every_format_of_every_format() {
    let web = SmallWeb::start().unwrap();
    let desk = desk_with_run(&web);
    let original: Vec<Value> = serde_json::from_str(&desk.read("run.json")).unwrap();
    let original = to_the_microsecond(&original);
    desk.write("run.json", serde_json::to_string(&original).unwrap());
    let ended = headcount(
        &desk,
        "report run.json -o a.jsonl -o a.csv -o a.parquet -o a.sqlite -o a.html -o a.md -o a.xml",
    );
    assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (Some(0), "", ""));
    let views = ["html", "md", "xml", "jsonl", "csv"];
    let view = |source: &str, kind: &str| -> Vec<String> {
        let files = views.map(|ending| format!("{kind}.{ending}"));
        let words = format!("report {source} --title Views -o {}", files.join(" -o "));
        assert_eq!(headcount(&desk, &words).code, Some(0), "{source}");
        files.iter().map(|file| desk.read(file)).collect()
    };
    let expected = view("run.json", "expected");
    for name in ["a.jsonl", "a.csv", "a.parquet", "a.sqlite"] {
        assert_eq!(headcount(&desk, &format!("report {name} -o back.json")).code, Some(0), "{name}");
        let back: Vec<Value> = serde_json::from_str(&desk.read("back.json")).unwrap();
        assert_eq!(back, original, "{name}");
        assert!(view(name, "back") == expected, "{name} is shown otherwise");
        let ended = headcount(&desk, &format!("report {name}"));
        assert!(ended.stdout.starts_with("3 records in "), "{}", ended.stdout);
        assert!(ended.stdout.contains(": 2 accepted, 1 not\n"), "{}", ended.stdout);
    }
    assert!(desk.read("a.html").contains("<h1>1 of 3 not accepted</h1>"));
    assert!(desk.read("a.md").starts_with("# run.json\n\n**3 records**: 2 accepted, **1 not**.\n"));
    assert!(desk.read("a.xml").contains("tests=\"3\" failures=\"1\" errors=\"0\""));
}

#[test]
fn a_report_of_json_lines_is_in_the_order_of_the_list() {
    let web = SmallWeb::start().unwrap();
    let desk = Desk::new();
    let slow = web.host(Temperament::Slow(std::time::Duration::from_secs(2)));
    let fast = web.host(Temperament::Fast);
    desk.write("urls.txt", [slow.url("/page/0"), fast.url("/page/1"), fast.url("/page/2")].join("\n"));
    assert_eq!(desk.check("urls.txt -o run.jsonl").code, Some(0));
    let indexes = |text: &str| -> Vec<u64> {
        records(text).iter().map(|record| record["index"].as_u64().unwrap()).collect()
    };
    assert_eq!(indexes(&desk.read("run.jsonl")).last(), Some(&0), "the slow host answers last");
    let ended =
        headcount(&desk, "report run.jsonl -o a.jsonl -o a.json -o a.csv -o a.parquet -o a.db -o a.xml");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(indexes(&desk.read("a.jsonl")), [0, 1, 2]);
    for name in ["a.json", "a.csv", "a.parquet", "a.db"] {
        assert_eq!(headcount(&desk, &format!("report {name} -o back.jsonl")).code, Some(0));
        assert_eq!(indexes(&desk.read("back.jsonl")), [0, 1, 2], "{name}");
    }
    let cases = desk.read("a.xml");
    let cases: Vec<_> = cases.lines().filter(|line| line.starts_with("<testcase ")).collect();
    assert!(cases[0].contains("/page/0") && cases[2].contains("/page/2"), "{cases:?}");
}

#[cfg(unix)]
#[test]
fn a_full_disk_leaves_no_part_of_a_report() {
    let web = SmallWeb::start().unwrap();
    let desk = desk_with_run(&web);
    let record = serde_json::from_str::<Value>(&desk.read("run.json")).unwrap()[0].clone();
    let lines = (0..9_000).map(|index| {
        let mut record = record.clone();
        (record["index"], record["title"]) = (index.into(), format!("{:x}", index * 7_919).repeat(20).into());
        record.to_string() + "\n"
    });
    desk.write("long.jsonl", lines.collect::<String>());
    let names = desk.names();
    // No file may be longer than 64 KiB. A signal that is ignored stays so, and writing fails.
    let limits = format!("trap '' XFSZ; ulimit -f 64; exec {}", env!("CARGO_BIN_EXE_headcount"));
    for ending in ["json", "jsonl", "csv", "parquet", "db", "xml", "html"] {
        let line = format!("{limits} report long.jsonl -o a.{ending} -o b.md");
        let output =
            std::process::Command::new("bash").args(["-c", &line]).current_dir(desk.path("")).output();
        let output = output.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        // SQLite does not tell a file's limit from another fault of the disk.
        let expected = if ending == "db" { 3 } else { 1 };
        assert_eq!(output.status.code(), Some(expected), "{ending}: {said}");
        assert!(said.starts_with(&format!("error: cannot write a.{ending}")), "{said}");
        assert_eq!(desk.names(), names);
    }
}

#[test]
fn fields_and_records_are_chosen() {
    let web = SmallWeb::start().unwrap();
    let desk = desk_with_run(&web);
    let words = [
        "report",
        "run.json",
        "-o",
        "bad.jsonl",
        "--fields",
        "status_code,index",
        "--where",
        "status_code >= 400",
    ];
    assert_eq!(desk.run(&words).code, Some(0));
    assert_eq!(desk.read("bad.jsonl"), "{\"status_code\":404,\"index\":1}\n");
    let ended = desk.run(&["report", "run.json", "--where", "not accepted"]);
    assert!(ended.stdout.starts_with("1 record in "), "{}", ended.stdout);
    assert!(ended.stdout.contains("\n  only records where `not (accepted)` (1 of 3)\n"), "{}", ended.stdout);
    // Several files are one report.
    let words = ["report", "run.json", "run.json", "-o", "twice.jsonl"];
    assert_eq!(desk.run(&words).code, Some(0));
    let twice = records(&desk.read("twice.jsonl"));
    assert!(twice.iter().map(|record| record["index"].as_u64()).eq((0..6).map(Some)), "each is there once");
    assert!(twice[..3].iter().zip(&twice[3..]).all(|(one, other)| one["input"] == other["input"]));
    assert_eq!(headcount(&desk, "report twice.jsonl -o again.json").code, Some(0));
    let again: Vec<Value> = serde_json::from_str(&desk.read("again.json")).unwrap();
    assert_eq!(again, twice);
}

#[test]
fn a_report_can_go_to_standard_output() {
    let web = SmallWeb::start().unwrap();
    let desk = desk_with_run(&web);
    desk.write("other.json", desk.read("run.json").replace("\"title\":\"Page ", "\"title\":\"Visitor "));
    for (format, name) in [("md", "a.md"), ("markdown", "a.md"), ("csv", "a.csv"), ("jsonl", "a.jsonl")] {
        assert_eq!(headcount(&desk, &format!("report run.json -o {name}")).code, Some(0));
        let ended = headcount(&desk, &format!("report run.json -f {format} -o -"));
        assert_eq!((ended.code, ended.stdout), (Some(0), desk.read(name)), "{format}");
    }
    let ended = headcount(&desk, "report run.json -o b.csv --format md -o -");
    assert_eq!((ended.code, ended.stdout), (Some(0), desk.read("a.md")));
    assert_eq!(desk.read("b.csv"), desk.read("a.csv"));
    assert_eq!(headcount(&desk, "report run.json --format md -o summary").code, Some(0));
    assert_eq!(desk.read("summary"), desk.read("a.md"));
    assert_eq!(headcount(&desk, "diff run.json other.json -o a.json").code, Some(0));
    let ended = headcount(&desk, "diff run.json other.json -o - -o diff.html");
    assert_eq!((ended.code, ended.stdout), (Some(0), desk.read("a.json")));
    assert!(desk.path("diff.html").exists());
}

#[test]
fn what_cannot_be_reported_on_is_said_with_a_hint() {
    let desk = Desk::new();
    desk.write("urls.txt", "https://example.com/\n");
    desk.write("broken.json", "[{\"index\": 0}]");
    desk.write("empty.jsonl", "");
    let reports = headcount(&desk, "report empty.jsonl -o page.html -o suite.xml -o summary.md");
    assert_eq!(reports.code, Some(0), "{}", reports.stderr);
    assert_eq!(headcount(&desk, "report empty.jsonl -o history.db").code, Some(0));
    let names = desk.names();
    let mut complaints = String::new();
    for words in [
        &["report"][..],
        &["report", "missing.json"],
        &["report", "urls.txt"],
        &["report", "broken.json"],
        &["report", "empty.jsonl", "-o", "a.txt"],
        &["report", "empty.jsonl", "-o", "a.md", "-o", "./a.md"],
        &["report", "empty.jsonl", "-o", "./empty.jsonl"],
        &["report", "empty.jsonl", "-o", "-"],
        &["report", "empty.jsonl", "-o", "-", "-o", "/dev/stdout", "-f", "md"],
        &["report", "empty.jsonl", "-o", "-", "-f", "sqlite"],
        &["report", "empty.jsonl", "-o", "a", "-f", "xlsx"],
        &["report", "empty.jsonl", "-o", "a.md", "-o", "a.csv", "-f", "md"],
        &["report", "empty.jsonl", "-f", "md"],
        &["report", "page.html"],
        &["report", "suite.xml"],
        &["report", "summary.md"],
        &["report", "empty.jsonl", "-o", "missing/a.md"],
        &["report", "empty.jsonl", "--where", "status >= 400 and"],
        &["report", "empty.jsonl", "--fields", "url,statuscode"],
        &["diff", "empty.jsonl"],
        &["diff", "missing.jsonl"],
        &["diff", "history.db"],
        &["diff", "history.db", "./history.db#1"],
        &["diff", "history.db#1", "history.db#2"],
        &["diff", "empty.jsonl", "./empty.jsonl"],
        &["diff", "empty.jsonl", "empty.jsonl", "-o", "a.csv"],
        &["diff", "empty.jsonl", "empty.jsonl", "-o", "a.json", "-o", "./a.json"],
        &["diff", "broken.json", "empty.jsonl", "-o", "broken.json"],
        &["diff", "broken.json", "empty.jsonl", "--ignore", "titel"],
    ] {
        let ended = desk.run(words);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""), "{words:?}: {}", ended.stderr);
        complaints += &format!("$ headcount {}\n{}", words.join(" "), ended.stderr);
    }
    insta::assert_snapshot!(complaints);
    assert_eq!(desk.names(), names);
}

#[test]
fn a_difference_between_two_runs_is_told() {
    let web = SmallWeb::start().unwrap();
    let desk = desk_with_run(&web);
    desk.write("again.json", desk.read("run.json"));
    let ended = headcount(&desk, "diff run.json again.json");
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (
            Some(0),
            "times: 1.00 of before at the median of 3 inputs; chance reaches 2.0-fold\n\
             0 broke, 3 as before (of 3 in both)\n"
        )
    );
    // What was there is gone, and the other way round.
    let text = desk.read("run.json");
    let later = text
        .replace("\"accepted\":true,\"failed\":false,\"error\":null,\"status_code\":200", "MISSING")
        .replace("\"accepted\":false,\"failed\":false,\"error\":null,\"status_code\":404", "THERE")
        .replacen("MISSING", "\"accepted\":false,\"failed\":false,\"error\":null,\"status_code\":410", 1)
        .replace("MISSING", "\"accepted\":true,\"failed\":false,\"error\":null,\"status_code\":200")
        .replace("THERE", "\"accepted\":true,\"failed\":false,\"error\":null,\"status_code\":200");
    desk.write("later.json", later);
    let ended = headcount(&desk, "diff run.json later.json");
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    let words: Vec<Vec<&str>> = ended.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(words[0][..4], ["broke", "200", "→", "410"]);
    assert!(words[0][4].ends_with("/page/1"));
    assert_eq!(words[1][..4], ["healed", "404", "→", "200"]);
    assert_eq!(ended.stdout.lines().last(), Some("1 broke, 1 healed, 1 as before (of 3 in both)"));
    let ended = headcount(&desk, "diff run.json later.json -o diff.json -o diff.html");
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    let value: Value = serde_json::from_str(&desk.read("diff.json")).unwrap();
    assert_eq!((&value["counts"]["broke"], &value["counts"]["healed"]), (&1.into(), &1.into()));
    assert!(desk.read("diff.html").contains("<h1>1 broke, 1 healed</h1>"));
}

#[test]
fn runs_of_a_database_are_compared() {
    let web = SmallWeb::start().unwrap();
    let desk = desk_with_run(&web);
    let is_accepted = "\"accepted\":true,\"failed\":false,\"error\":null,\"status_code\":200";
    let is_gone = "\"accepted\":false,\"failed\":false,\"error\":null,\"status_code\":410";
    desk.write("later.json", desk.read("run.json").replace(is_accepted, is_gone));
    desk.write("other.json", desk.read("run.json").replace("\"title\":\"Page ", "\"title\":\"Visitor "));
    for file in ["run.json", "run.json", "later.json"] {
        assert_eq!(headcount(&desk, &format!("report {file} -o history.db")).code, Some(0));
    }
    for (words, code, last) in [
        ("diff history.db", 2, "2 broke, 1 as before (of 3 in both)"),
        ("diff history.db#1 history.db#2", 0, "0 broke, 3 as before (of 3 in both)"),
        ("diff history.db#3 history.db#1", 0, "0 broke, 2 healed, 1 as before (of 3 in both)"),
        ("diff run.json history.db", 2, "2 broke, 1 as before (of 3 in both)"),
        ("diff other.json run.json", 0, "0 broke, 2 changed, 1 as before (of 3 in both)"),
        ("diff other.json run.json --ignore title,final_url", 0, "0 broke, 3 as before (of 3 in both)"),
    ] {
        let ended = headcount(&desk, words);
        assert_eq!((ended.code, ended.stdout.lines().last()), (Some(code), Some(last)), "{words}");
    }
    assert!(headcount(&desk, "report history.db#2").stdout.contains(": 2 accepted, 1 not\n"));
    assert!(headcount(&desk, "report history.db").stdout.contains(": 0 accepted, 3 not\n"));
}

#[test]
fn a_difference_between_runs_that_cannot_be_compared_is_none() {
    let desk = Desk::new();
    let host = SmallWeb::start().unwrap().host(Temperament::Fast).url("");
    let record = |path: &str, changes: &[(&str, &str)]| {
        let url = format!("{host}/{path}");
        let mut line = desk.run(&["check", "ftp://a.example/", "-j", "-q"]).stdout;
        line = line.replace("ftp://a.example/", &url).replace("\"accepted\":false", "\"accepted\":true");
        let (start, rest) = line.split_once("\"error\":{").unwrap();
        let (_, rest) = rest.split_once('}').unwrap();
        line = format!("{start}\"error\":null{rest}").replace("\"skipped\"", "\"answered\"");
        changes.iter().fold(line, |line, (from, to)| line.replace(from, to))
    };
    let interrupted = [("\"answered\"", "\"interrupted\""), ("\"accepted\":true", "\"accepted\":false")];
    desk.write("old.jsonl", record("a", &[]) + &record("b", &[]));
    desk.write("none.jsonl", record("a", &interrupted) + &record("b", &interrupted));
    desk.write("half.jsonl", record("a", &[]) + &record("b", &interrupted));
    desk.write("others.jsonl", record("c", &[]));
    desk.write("empty.jsonl", "");
    for (words, code, last) in [
        (
            "diff old.jsonl none.jsonl",
            2,
            "nothing could be compared, 2 not comparable (0 compared of 2 in both)",
        ),
        ("diff old.jsonl half.jsonl", 0, "0 broke, 1 as before, 1 not comparable (1 compared of 2 in both)"),
        ("diff old.jsonl others.jsonl", 2, "nothing could be compared, 1 added, 2 removed (of 0 in both)"),
        ("diff empty.jsonl old.jsonl", 0, "0 broke, 2 added (of 0 in both)"),
    ] {
        let ended = headcount(&desk, words);
        assert_eq!((ended.code, ended.stdout.lines().last()), (Some(code), Some(last)), "{words}");
        assert!(ended.stdout.contains("/b"), "it is named: {}", ended.stdout);
    }
}
