//! curl and Headcount over the same cases: final status, final URL, bytes of the body and number of redirects agree.
//! Where they do not, docs/curl.md says why.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Command;

use serde_json::json;
use small_web::{Answer, Request, SmallWeb, Temperament};

use crate::harness::{Desk, end_of};

/// A request, the same for both.
struct Case {
    method: &'static str,
    url: String,
    body: Option<&'static str>,
}

/// What came of a case: how it ended, final URL, bytes of the body, redirects.
type Outcome = (String, String, u64, u64);

fn page(bytes: usize) -> Vec<u8> {
    b"<!doctype html><title>Page</title><p>".iter().copied().chain(*b"words ").cycle().take(bytes).collect()
}

/// A body in a content coding.
fn coded(coding: &str, body: &[u8]) -> Vec<u8> {
    let level = flate2::Compression::default;
    let mut output = Vec::new();
    let written = match coding {
        "gzip" => flate2::write::GzEncoder::new(&mut output, level()).write_all(body),
        "deflate" => flate2::write::ZlibEncoder::new(&mut output, level()).write_all(body),
        "raw" => flate2::write::DeflateEncoder::new(&mut output, level()).write_all(body),
        "br" => brotli::CompressorWriter::new(&mut output, 4_096, 5, 20).write_all(body),
        "zstd" => zstd::stream::copy_encode(body, &mut output, 3),
        _ => output.write_all(body),
    };
    written.unwrap();
    output
}

/// What the host of the cases says.
fn reply(request: &Request) -> small_web::Reply {
    let parts: Vec<&str> = request.path()[1..].split('/').collect();
    let answer = match parts[..] {
        ["s", status] => {
            let status = status.parse().unwrap();
            let fields = Answer::status(status).field("X-Status", "said");
            if matches!(status, 204 | 304) { fields } else { fields.body(page(status.into())) }
        }
        ["r", status, "chain"] => Answer::redirect(status.parse().unwrap(), format!("/r/{status}/relative")),
        ["r", status, "relative"] => Answer::redirect(status.parse().unwrap(), "../../end/50?r=1"),
        ["r", status, _] => Answer::redirect(status.parse().unwrap(), "/end/60"),
        ["l", ..] => Answer::redirect(302, request.query("to").unwrap()),
        ["c", coding, bytes] => {
            let name = if coding == "raw" { "deflate" } else { coding };
            let body = coded(coding, &page(bytes.parse().unwrap()));
            Answer::html(body).field("Content-Encoding", name.to_owned())
        }
        ["m", ..] => {
            let body = format!("{} {}", request.method, String::from_utf8_lossy(&request.body));
            Answer::html(body)
        }
        ["end", bytes] => Answer::html(page(bytes.parse().unwrap())),
        _ => Answer::well_behaved(request),
    };
    answer.reply(request)
}

fn cases(host: &str, stranger: &str, curl_can: &str) -> Vec<Case> {
    const METHODS: [(&str, Option<&str>); 5] =
        [("GET", None), ("HEAD", None), ("POST", Some("a=1")), ("PUT", Some("a=1")), ("DELETE", None)];
    let mut cases = Vec::new();
    let mut add = |(method, body): (&'static str, Option<&'static str>), url: String| {
        cases.push(Case { method, url, body });
    };
    for status in [200, 201, 202, 204, 206, 300, 304, 400, 401, 403, 404, 405, 410, 418, 500, 501, 502, 504] {
        METHODS.iter().for_each(|method| add(*method, format!("{host}/s/{status}")));
    }
    for status in [301, 302, 303, 307, 308] {
        for way in ["absolute", "relative", "chain"] {
            METHODS.iter().for_each(|method| add(*method, format!("{host}/r/{status}/{way}")));
        }
        // What the request has become shows in what it is told.
        add(("POST", Some("a=1")), format!("{host}/l/?to=/m/a%3Fstatus%3D{status}"));
    }
    let get = ("GET", None);
    for coding in ["gzip", "deflate", "raw", "br", "zstd", "identity"] {
        let needs = if coding == "br" { "brotli" } else { coding };
        if ["br", "zstd"].contains(&coding) && !curl_can.contains(needs) {
            continue;
        }
        for bytes in [1, 5_000, 500_000] {
            add(get, format!("{host}/c/{coding}/{bytes}"));
        }
        add(("HEAD", None), format!("{host}/c/{coding}/5000"));
    }
    for to in [
        "//OTHER/end/1",
        "http://OTHER/end/2",
        "?to=/end/3",
        "/end/4",
        "/a/../end/5",
        "./../end/6",
        "/end/7?a=b%26c",
    ] {
        let to = to.replace("OTHER", stranger.trim_start_matches("http://"));
        let to = to.replace('?', "%3F").replace('=', "%3D").replace("%26", "%2526");
        add(get, format!("{host}/l/?to={to}"));
    }
    for path in [
        "/",
        "/page/8?a=1&b=2",
        "/ip",
        "/chunked",
        "/gzip",
        "/deflate",
        "/bytes/0",
        "/bytes/1",
        "/bytes/1000000",
        "/end/10?q=%20+",
        "/a/./b/../end",
        "/charset/utf-8",
        "/robots.txt",
        "/status/418",
        "/page/7",
        "/m/x",
        "/%7Euser",
        "/end/5",
        "/redirect/9",
    ] {
        add(get, format!("{host}{path}"));
    }
    cases
}

/// curl in one process, with its cookies and proxies left out of it. `None` where there is no curl.
fn by_curl(desk: &Desk, cases: &[Case]) -> Option<Vec<Outcome>> {
    let mut config = String::new();
    for (number, Case { method, url, body }) in cases.iter().enumerate() {
        let write_out = r"%{exitcode} %{http_code} %{url_effective} %{num_redirects}\n";
        writeln!(config, "url = \"{url}\"\noutput = \"{number}.body\"\nwrite-out = \"{write_out}\"").unwrap();
        config.push_str("location\ncompressed\nsilent\nnoproxy = \"*\"\nmax-redirs = 10\n");
        if let Some(body) = body {
            writeln!(config, "data = \"{body}\"").unwrap();
        }
        match *method {
            "HEAD" => config.push_str("head\n"),
            "GET" => {}
            // curl is told so by the data, and asks with GET where browsers do.
            "POST" => {}
            other => writeln!(config, "request = \"{other}\"").unwrap(),
        }
        config.push_str("next\n");
    }
    desk.write("curl.cfg", config.trim_end_matches("next\n"));
    let output =
        Command::new("curl").args(["-q", "-K", "curl.cfg"]).current_dir(desk.path("")).output().ok()?;
    let lines = String::from_utf8(output.stdout).unwrap();
    assert_eq!(lines.lines().count(), cases.len(), "{lines}{}", String::from_utf8_lossy(&output.stderr));
    let outcome = |(number, line): (usize, &str)| {
        let words: Vec<&str> = line.split(' ').collect();
        let [exit, status, url, redirects] = words[..] else { panic!("{line}") };
        let end = if exit == "0" { status.to_owned() } else { format!("curl exit {exit}") };
        // With -I, what it writes is the header.
        let body = std::fs::metadata(desk.path(&format!("{number}.body"))).map_or(0, |file| file.len());
        let bytes = if cases[number].method == "HEAD" { 0 } else { body };
        (end, url.to_owned(), bytes, redirects.parse().unwrap())
    };
    Some(lines.lines().enumerate().map(outcome).collect())
}

fn by_headcount(desk: &Desk, cases: &[Case]) -> Vec<Outcome> {
    let rows: String = cases
        .iter()
        .map(|case| json!({"url": case.url, "method": case.method, "body": case.body}).to_string() + "\n")
        .collect();
    desk.write("cases.jsonl", rows);
    let ended = desk.check("cases.jsonl --retries 0 -f jsonl");
    let records = ended.records();
    assert_eq!(records.len(), cases.len(), "{}", ended.stderr);
    let outcome = |record: &serde_json::Value| {
        (
            end_of(record),
            record["final_url"].as_str().unwrap_or_default().to_owned(),
            record["body_bytes"].as_u64().unwrap_or_default(),
            record["num_redirects"].as_u64().unwrap(),
        )
    };
    records.iter().map(outcome).collect()
}

#[test]
fn two_hundred_cases_end_as_they_do_with_curl() {
    let web = SmallWeb::start().unwrap();
    let (host, stranger) = (web.host(Temperament::scripted(reply)), web.host(Temperament::scripted(reply)));
    let desk = Desk::new();
    let Ok(version) = Command::new("curl").arg("--version").output() else {
        note("skipped: there is no curl to compare with");
        return;
    };
    let curl_can = String::from_utf8_lossy(&version.stdout).into_owned();
    let cases = cases(&host.url(""), &stranger.url(""), &curl_can);
    assert!(cases.len() >= 200, "{} cases", cases.len());
    let Some(by_curl) = by_curl(&desk, &cases) else { return };
    let by_headcount = by_headcount(&desk, &cases);
    let mut differences = String::new();
    for ((case, curl), headcount) in cases.iter().zip(&by_curl).zip(&by_headcount) {
        if curl != headcount {
            writeln!(differences, "{} {}: {curl:?} and {headcount:?}", case.method, case.url).unwrap();
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

#[expect(clippy::disallowed_macros, reason = "what a test skips is for the test's own output")]
fn note(text: &str) {
    eprintln!("{text}");
}

/// What docs/curl.md says of each difference.
#[test]
fn where_they_differ_it_is_as_the_page_says() {
    let web = SmallWeb::start().unwrap();
    let elsewhere = web.host(Temperament::Fast);
    let to = elsewhere.url("/echo");
    let host = web.host(Temperament::scripted(move |request| match request.path() {
        "/circle" => Answer::redirect(302, "/circle").reply(request),
        "/keep" => Answer::redirect(307, to.clone()).reply(request),
        "/three" => {
            let thrice = coded("gzip", &coded("gzip", &coded("gzip", b"well")));
            Answer::html(thrice).field("Content-Encoding", "gzip, gzip, gzip").reply(request)
        }
        _ => Answer::well_behaved(request).reply(request),
    }));
    let case = |method, path: &str, body| Case { method, url: host.url(path), body };
    let cases = [
        case("GET", "/page/1#here", None),
        case("GET", "/circle", None),
        case("POST", "/keep", Some("secret")),
        case("GET", "/set-cookie-and-redirect", None),
        case("GET", "/three", None),
        case("GET", "/page/1?", None),
    ];
    let desk = Desk::new();
    let by_headcount = by_headcount(&desk, &cases);
    let ours: Vec<&str> = by_headcount.iter().map(|outcome| outcome.0.as_str()).collect();
    assert_eq!(ours, ["200", "redirect/loop", "redirect/denied", "200", "200", "200"]);
    let Some(by_curl) = by_curl(&desk, &cases) else { return };
    let curls: Vec<&str> = by_curl.iter().map(|outcome| outcome.0.as_str()).collect();
    assert_eq!(curls, ["200", "curl exit 47", "200", "curl exit 47", "200", "200"]);
    let urls = |number: usize| [by_curl[number].1.as_str(), by_headcount[number].1.as_str()];
    assert_eq!(urls(0), [host.url("/page/1#here"), host.url("/page/1")]);
    assert_eq!(urls(5), [host.url("/page/1"), host.url("/page/1?")]);
    // curl takes as many layers off as there are, up to five.
    assert_ne!(by_curl[4].2, by_headcount[4].2);
}
