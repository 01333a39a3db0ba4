//! Lists of every kind: what their rows ask, what of them comes back, and that they can be gone on with.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use small_web::{Answer, SmallWeb, Temperament};

use crate::harness::{Desk, Running, end_of};

pub(crate) fn gzip(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &str) -> Vec<u8> {
    zstd::encode_all(text.as_bytes(), 1).unwrap()
}

/// What a row came to: line, end, and what was carried.
fn row(record: &Value) -> Value {
    json!([record["line"], end_of(record), record["input_fields"]])
}

#[test]
fn columns_beside_the_url_come_back_in_the_records() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let (one, two) = (host.url("/page/1"), host.url("/page/2"));
    let desk = Desk::new();
    desk.write(
        "urls.csv",
        format!("id,url,note\n7,{one},\"two\nlines, said \"\"so\"\"\"\n\n8,{two},\n9,{two}\n"),
    );
    let ended = desk.check("urls.csv -o out.jsonl -o out.csv -o out.db -o out.parquet");
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    let expected = json!([
        [2, "200", {"id": "7", "note": "two\nlines, said \"so\""}],
        [5, "200", {"id": "8", "note": ""}],
        [6, "input/bad_row", null],
    ]);
    for name in ["out.jsonl", "out.csv", "out.db", "out.parquet"] {
        let report = desk.run(&["report", name, "-o", "back.json"]);
        assert_eq!(report.code, Some(0), "{}", report.stderr);
        let mut records: Vec<Value> = serde_json::from_str(&desk.read("back.json")).unwrap();
        records.sort_by_key(|record| record["index"].as_u64());
        assert_eq!(Value::from_iter(records.iter().map(row)), expected, "{name}");
        assert_eq!(records[2]["outcome"], "skipped");
        assert_eq!((&records[0]["input"], &records[0]["title"]), (&one.clone().into(), &"Page 1".into()));
    }
}

#[test]
fn the_column_has_the_name_that_it_is_given() {
    let web = SmallWeb::start().unwrap();
    let url = web.host(Temperament::Fast).url("/page/1");
    let desk = Desk::new();
    desk.write("urls.tsv", format!("link\turl\n{url}\tno, this is none\n"));
    desk.write("urls.ndjson", format!("{{\"link\": \"{url}\", \"url\": 7}}\n"));
    let expected = json!([[2, "200", {"url": "no, this is none"}], [1, "200", {"url": 7}]]);
    let records = desk.check("urls.tsv urls.ndjson --column link").records();
    assert_eq!(Value::from_iter(records.iter().map(row)), expected);
}

#[test]
fn a_row_says_how_to_ask_and_its_secrets_stay_with_its_host() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::scripted(|request| {
        let header = |name| request.header(name).unwrap_or("none");
        let body = String::from_utf8_lossy(&request.body);
        let title = format!("{} {} {} {body}", request.method, header("content-type"), header("x-token"));
        Answer::page(200, &title).reply(request)
    }));
    let url = host.url("/");
    let rows = [
        json!({"url": url, "id": 1, "nested": {"a": [null]}}),
        json!({"url": url, "method": "PUT", "headers": {"X-Token": "s3cret-one", "Content-Type": "text/x"}, "body": "as it is"}),
        json!({"url": url, "body": [1, 2]}),
        json!({"url": url, "headers": {"X-Token": ["s3cret\u{1}two"]}}),
        json!({"url": url, "headers": "X-Token: s3cret-three"}),
    ];
    let desk = Desk::new();
    desk.write(
        "calls.jsonl",
        rows.map(|row| format!("{row}\n")).concat() + "{\"url\": 1, \"headers\": \"s3cret",
    );
    let ended = desk.check("calls.jsonl -o out.json -H X-Token:of-all");
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    let records: Vec<Value> = serde_json::from_str(&desk.read("out.json")).unwrap();
    let titles: Vec<&str> = records.iter().filter_map(|record| record["title"].as_str()).collect();
    assert_eq!(
        titles,
        ["GET none of-all", "PUT text/x s3cret-one as it is", "POST application/json of-all [1,2]"],
        "the server was asked so"
    );
    assert_eq!(records[0]["input_fields"], json!({"id": 1, "nested": {"a": [null]}}));
    let ends: Vec<String> = records[3..].iter().map(end_of).collect();
    assert_eq!(ends, ["input/bad_row"; 3]);
    // The server's own words are all that has the secret of a request that was sent.
    let said = desk.read("out.json").replace("PUT text/x s3cret-one", "") + &ended.stderr;
    assert!(!said.contains("s3cret"), "{said}");
    assert!(desk.check("calls.jsonl -X DELETE").records()[0]["method"] == "DELETE");
}

#[test]
fn compressed_lists_are_known_in_files_and_in_pipes() {
    let web = SmallWeb::start().unwrap();
    let url = web.host(Temperament::Fast).url("/page/1");
    let csv = format!("url,id\n{url},1\n");
    let jsonl = format!("{{\"url\": \"{url}\", \"id\": \"1\"}}\n");
    let desk = Desk::new();
    desk.write("urls.csv.gz", gzip(&csv));
    desk.write("urls.jsonl.zst", zstd(&jsonl));
    desk.write("named-otherwise.txt", gzip(&csv));
    let words = "urls.csv.gz urls.jsonl.zst named-otherwise.txt -";
    let records = desk.check_stdin(words, &zstd(&url)).records();
    let id = json!({"id": "1"});
    let expected = json!([[2, "200", id], [1, "200", id], [2, "200", id], [1, "200", null]]);
    assert_eq!(Value::from_iter(records.iter().map(row)), expected);
    assert_eq!((&records[0]["source"], &records[3]["source"]), (&"urls.csv.gz".into(), &"-".into()));
}

#[test]
fn a_pipe_says_what_it_is_in_its_first_line_or_is_told() {
    let web = SmallWeb::start().unwrap();
    let url = web.host(Temperament::Fast).url("/page/1");
    let desk = Desk::new();
    let ends = |words: &str, text: &str| -> Vec<String> {
        desk.check_stdin(words, text).records().iter().map(end_of).collect()
    };
    let csv = format!("id,url\n1,{url}\n");
    assert_eq!(ends("-", &csv), ["200"]);
    assert_eq!(ends("- --list-format tsv", &csv.replace(',', "\t")), ["200"]);
    let braces = format!("{url}\n{{ }}\n");
    assert_eq!(ends("- --list-format lines", &braces), ["200", "input/invalid_url"]);
    assert_eq!(ends("- --list-format jsonl", &format!("{url}\n")), ["input/bad_row"]);
    let mut running = Running::start(&desk, "-");
    for _ in 0..3 {
        running.write(&format!("{{\"url\": \"{url}\"}}\n"));
        assert_eq!(running.next_record()["title"], "Page 1", "while the pipe is open");
    }
    running.close_stdin();
    assert_eq!(running.end().code, Some(0));
}

#[test]
fn lists_and_urls_can_be_named_for_what_they_are() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let pages: Vec<String> = (0..5).map(|number| host.url(&format!("/page/{number}"))).collect();
    let desk = Desk::new();
    desk.write("127.0.0.1:1", &pages[1]);
    desk.write("b", &pages[2]);
    let words = format!("{} -l 127.0.0.1:1 --list b -u {} --url {}", pages[0], pages[3], pages[4]);
    let titles: Vec<Value> =
        desk.check(&words).records().iter().map(|record| record["title"].clone()).collect();
    assert_eq!(titles, ["Page 0", "Page 1", "Page 2", "Page 3", "Page 4"]);
    assert_eq!(end_of(&desk.check("-u 127.0.0.1:1 --retries 0").record()), "connect/refused");
    assert_eq!(end_of(&desk.check_stdin("-l -", &pages[0]).record()), "200");
    let ended = desk.check("-l http://127.0.0.1:1/");
    assert_eq!(ended.code, Some(3), "a list is a file");
    assert!(ended.stderr.contains("hint: -l takes a file"), "{}", ended.stderr);
}

#[test]
fn a_missing_column_is_said_before_anything_is_sent_or_made() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let url = host.url("/page/1");
    let csv = format!("id,link\n1,{url}\n");
    let desk = Desk::new();
    desk.write("urls.csv", &csv);
    desk.write("old.jsonl", "kept");
    desk.write("cut.csv.gz", &gzip(&csv)[..12]);
    let mut said = Vec::new();
    let words =
        ["urls.csv", "urls.csv -o new.json", "urls.csv -o old.jsonl", "urls.csv -o old.jsonl --no-journal"];
    for words in words.into_iter().chain(["urls.csv --column Link,ID", "cut.csv.gz"]) {
        let ended = desk.check(&format!("{url} {words}"));
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""), "{words}");
        said.push(format!("$ headcount check {words}\n{}", ended.stderr));
    }
    for words in
        ["- --list-format csv", "- --list-format csv -o new.json", "- --list-format csv -o old.jsonl"]
    {
        let ended = desk.check_stdin(&format!("{url} {words}"), &csv);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""), "{words}");
        said.push(format!("$ headcount check {words}\n{}", ended.stderr));
    }
    insta::assert_snapshot!(said.join("\n"));
    assert_eq!(host.requests(), 0);
    assert_eq!(desk.names(), ["cut.csv.gz", "old.jsonl", "urls.csv"], "nothing was made");
    assert_eq!(desk.read("old.jsonl"), "kept");
}

#[test]
fn a_compressed_list_that_breaks_off_ends_the_run_once_what_was_read_is_answered() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let pages: String = (0..2_000).map(|number| host.url(&format!("/page/{number}\n"))).collect();
    let whole = gzip(&pages);
    let desk = Desk::new();
    desk.write("urls.gz", &whole[..whole.len() - 20]);
    let ended = desk.check("urls.gz -o out.json");
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("error: cannot read urls.gz at line "), "{}", ended.stderr);
    let records: Vec<Value> = serde_json::from_str(&desk.read("out.json")).unwrap();
    assert!(records.len() > 1_000 && records.iter().all(|record| record["accepted"] == true));
}

/// Killed runs, gone on with.
#[cfg(unix)]
mod resumed {
    use std::sync::atomic::Ordering::Relaxed;

    use super::*;
    use crate::resume::{Hosts, RESUME, broken_off, refusal, report};

    /// Twenty pages in rows, of which every other one is never answered.
    fn rows(web: &SmallWeb) -> (String, Hosts) {
        let hosts = Hosts::start(web);
        let list = hosts.list(20);
        let rows = list.lines().enumerate().map(|(number, url)| format!("\"of\n{number}\",{url}\n"));
        (format!("note,url\n{}", rows.collect::<String>()), hosts)
    }

    fn assert_complete(desk: &Desk, name: &str) {
        let report = report(desk, name);
        assert_eq!(report.len(), 20);
        for (number, record) in report.iter().enumerate() {
            let end = if number % 2 == 0 { "200" } else { "headers/closed" };
            let fields = json!({ "note": format!("of\n{number}") });
            assert_eq!(
                (&record["index"], row(record)),
                (&number.into(), json!([2 * number + 2, end, fields]))
            );
        }
    }

    #[test]
    fn a_killed_run_goes_on_with_rows_and_compressed_lists() {
        let web = SmallWeb::start().unwrap();
        for (name, compress) in [
            ("urls.csv", (|text| text.as_bytes().to_vec()) as fn(&str) -> Vec<u8>),
            ("urls.csv.gz", |text| gzip(text)),
            ("urls.csv.zst", zstd),
        ] {
            let (text, good) = rows(&web);
            let desk = Desk::new();
            desk.write(name, compress(&text));
            broken_off(&desk, &good, &format!("{name} -o out.json"));
            desk.write("urls.csv.as-it-was", compress(&text));
            desk.write(name, compress(&text.replace("/page/1", "/page/2")));
            let ended = desk.check(&format!("{name} -o out.json {RESUME}"));
            assert!(refusal(&ended).contains("has changed"), "{}", ended.stderr);
            desk.write(name, compress(&text));
            let ended = desk.check(&format!("{name} -o out.json {RESUME} --column note"));
            assert!(refusal(&ended).contains("--column was url and is note"), "{}", ended.stderr);
            let ended = desk.check(&format!("{name} -o out.json {RESUME}"));
            assert_eq!((ended.code, good.requests()), (Some(2), 10), "{}", ended.stderr);
            assert_complete(&desk, "out.json");
        }
    }

    #[test]
    fn a_killed_run_goes_on_with_what_came_through_a_pipe() {
        let web = SmallWeb::start().unwrap();
        let (text, good) = rows(&web);
        let desk = Desk::new();
        let segment = "out.jsonl.headcount/segment-000000";
        good.is_silent.store(true, Relaxed);
        let mut running = Running::start(&desk, "- -o out.jsonl --timeout 60s");
        running.write(&gzip(&text));
        running.close_stdin();
        crate::harness::wait_until("the answers", || {
            desk.path(segment).exists() && desk.read(segment).matches("Page ").count() == 10
        });
        running.signal("KILL");
        running.end();
        good.is_silent.store(false, Relaxed);
        let is_whole = desk.read(segment).contains("\"is_whole\":true");
        let again = if is_whole { Vec::new() } else { gzip(&text) };
        let ended = desk.check_stdin(&format!("- -o out.jsonl {RESUME}"), &again);
        assert_eq!((ended.code, good.requests()), (Some(2), 10), "{}", ended.stderr);
        assert_complete(&desk, "out.jsonl");
    }

    #[test]
    fn rows_may_be_added_but_not_to_a_compressed_list() {
        let web = SmallWeb::start().unwrap();
        let (text, good) = rows(&web);
        let more = format!("new,{}\n", good.url("/page/new"));
        let desk = Desk::new();
        desk.write("urls.csv", &text);
        broken_off(&desk, &good, "urls.csv -o out.json");
        desk.write("urls.csv", text.clone() + &more);
        let ended = desk.check(&format!("urls.csv -o out.json {RESUME}"));
        assert_eq!((ended.code, report(&desk, "out.json").len()), (Some(2), 21), "{}", ended.stderr);

        desk.write("urls.gz", gzip(&text));
        broken_off(&desk, &good, "urls.gz -o gz.json");
        desk.write("urls.gz", [gzip(&text), gzip(&more)].concat());
        let ended = desk.check(&format!("urls.gz -o gz.json {RESUME}"));
        assert!(refusal(&ended).contains("it is compressed"), "{}", ended.stderr);
    }

    #[test]
    fn a_row_that_may_have_been_sent_is_not_sent_again() {
        let web = SmallWeb::start().unwrap();
        let hosts = Hosts::start(&web);
        let mute = &hosts.mute;
        let rows: String =
            (0..2).map(|_| format!("{}\n", json!({"url": mute.url("/"), "body": "x"}))).collect();
        let desk = Desk::new();
        desk.write("calls.jsonl", rows);
        let words = "calls.jsonl -o out.json --per-host 1";
        hosts.signalled(&desk, words, "KILL", "the request", || mute.requests() == 1);
        let ended = desk.check(&format!("calls.jsonl -o out.json {RESUME}"));
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        let ends: Vec<String> = report(&desk, "out.json").iter().map(end_of).collect();
        assert_eq!(
            (ends, mute.requests()),
            (vec!["policy/in_doubt".to_owned(), "headers/closed".to_owned()], 2)
        );
    }
}
