//! Lists: what counts as an input, where it stood, and that it is read lazily.

use small_web::{SmallWeb, Temperament};

use crate::harness::{Desk, Running, end_of};

#[test]
fn every_line_that_is_one_gets_its_record() {
    let web = SmallWeb::start().unwrap();
    let url = web.host(Temperament::Fast).url("/page/1");
    let desk = Desk::new();
    let mut list = b"\xef\xbb\xbf".to_vec();
    list.extend_from_slice(
        format!("{url}\r\n\r\n# a comment\n  {url}\t\nftp://a.example/\nmailto:x@a.example\ntwo words\n")
            .as_bytes(),
    );
    list.extend_from_slice(b"http://a\xff.example/\nhttp://[\n");
    list.extend_from_slice(url.as_bytes());
    desk.write("urls.txt", list);
    let ended = desk.check("urls.txt");
    assert_eq!(ended.code, Some(2));
    let found: Vec<(u64, u64, String)> = ended
        .records()
        .iter()
        .map(|record| {
            assert_eq!(record["source"], "urls.txt");
            (record["index"].as_u64().unwrap(), record["line"].as_u64().unwrap(), end_of(record))
        })
        .collect();
    let expected = [
        (0, 1, "200"),
        (1, 4, "200"),
        (2, 5, "input/unsupported_scheme"),
        (3, 6, "input/unsupported_scheme"),
        (4, 7, "input/invalid_url"),
        (5, 8, "input/invalid_text"),
        (6, 9, "input/invalid_url"),
        (7, 10, "200"),
    ];
    assert_eq!(found, expected.map(|(index, line, end)| (index, line, end.to_owned())));
    let records = ended.records();
    assert_eq!((&records[1]["input"], &records[2]["outcome"]), (&url.into(), &"skipped".into()));
}

#[test]
fn indices_count_over_all_inputs() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let desk = Desk::new();
    desk.write("a.txt", format!("{}\n{}\n", host.url("/page/0"), host.url("/page/1")));
    desk.write("b.txt", format!("#\n{}", host.url("/page/4")));
    let direct = host.url("/page/2");
    let ended = desk.check_stdin(&format!("a.txt {direct} - b.txt"), &host.url("/page/3"));
    let places: Vec<_> = ended
        .records()
        .iter()
        .map(|record| (record["title"].clone(), record["source"].clone(), record["line"].clone()))
        .collect();
    let expected = serde_json::json!([
        ["Page 0", "a.txt", 1],
        ["Page 1", "a.txt", 2],
        ["Page 2", null, null],
        ["Page 3", "-", 1],
        ["Page 4", "b.txt", 2]
    ]);
    assert_eq!(serde_json::json!(places), expected);
}

#[test]
fn without_an_input_the_list_comes_from_the_pipe() {
    let web = SmallWeb::start().unwrap();
    let url = web.host(Temperament::Fast).url("/page/1");
    let record = Desk::new().check_stdin("", &url).record();
    assert_eq!((&record["source"], end_of(&record).as_str()), (&"-".into(), "200"));
}

#[test]
fn a_pipe_is_answered_line_by_line() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let mut running = Running::start(&Desk::new(), "-");
    for number in 0..3 {
        // The record comes while the pipe is still open.
        running.write(&format!("{}\n", host.url(&format!("/page/{number}"))));
        assert_eq!(running.next_record()["title"], format!("Page {number}"));
    }
    running.close_stdin();
    assert_eq!(running.end().code, Some(0));
}

#[test]
fn an_empty_list_is_no_failure() {
    let desk = Desk::new();
    desk.write("urls.txt", "# nothing yet\n\n");
    let ended = desk.check("urls.txt -o report.json");
    assert!(!ended.stderr.contains("verdict"), "there is nothing to judge: {}", ended.stderr);
    assert_eq!((ended.code, desk.read("report.json").as_str()), (Some(0), "[]\n"));
}

#[test]
fn a_url_is_told_from_a_file_that_is_missing() {
    let desk = Desk::new();
    assert_eq!(end_of(&desk.check("ftp://a.example/").record()), "input/unsupported_scheme");
    assert_eq!(end_of(&desk.check("localhost:1 --retries 0").record()), "connect/refused");
    assert_eq!(end_of(&desk.check("localhost:1/robots.txt --retries 0").record()), "connect/refused");
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        let bytes = std::ffi::OsStr::from_bytes(b"http://a\xff.example/");
        assert_eq!(end_of(&desk.run(&["check".as_ref(), bytes]).record()), "input/invalid_text");
    }
    for missing in ["urls.txt", "urls", "./localhost", "a/b.csv"] {
        assert_eq!(desk.check(missing).code, Some(3), "{missing}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_list_that_breaks_off_ends_the_run_once_what_was_read_is_answered() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let desk = Desk::new();
    desk.write("urls.txt", host.url("/page/1\n") + &host.url("/page/2"));
    // It can be opened, but nothing is mapped at its beginning.
    let ended = desk.check(&format!("urls.txt /proc/self/mem {} -o report.json", host.url("/page/3")));
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("error: cannot read /proc/self/mem at line 1: "), "{}", ended.stderr);
    let report: Vec<serde_json::Value> = serde_json::from_str(&desk.read("report.json")).unwrap();
    assert_eq!(report.iter().map(end_of).collect::<Vec<_>>(), ["200", "200"]);
}
