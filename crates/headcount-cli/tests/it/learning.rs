//! What is learnt of answers on request, and bodies that are kept.

use std::fs;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use small_web::{Answer, Reply, SmallWeb, Temperament};

use crate::harness::{Desk, Ended, Running, end_of, records, wait_until};

fn check(desk: &Desk, url: &str, arguments: &[&str]) -> Ended {
    desk.run(&[&["check", url], arguments].concat())
}

#[test]
fn fields_of_the_header_come_as_text_as_several_or_as_null() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::scripted(|request| {
        let answer =
            Answer::page(200, "Well").field("X-One", "1").field("Vary", "a").field("Vary", "b\u{9b}");
        answer.reply(request)
    }));
    let arguments = ["--header-field", "x-one", "--header-field", "VARY", "--header-field", "X-None"];
    let ended = check(&Desk::new(), &host.url("/"), &arguments);
    let expected = json!({"x-one": "1", "vary": ["a", "b\u{9b}"], "x-none": null});
    assert_eq!(ended.record()["header_fields"], expected);
    assert!(!ended.stdout.contains('\u{9b}'), "{}", ended.stdout);
    let failed = web.host(Temperament::CloseAfterRequest).url("/");
    let record = check(&Desk::new(), &failed, &["--header-field", "x", "--retries", "0"]).record();
    assert_eq!(record.get("header_fields"), None);
}

#[test]
fn what_is_extracted_stands_under_its_name() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let arguments = [
        "--extract",
        "heading=h1",
        "--extract",
        "language=html@lang",
        "--extract",
        "number=re:Page ([0-9]+)",
        "--extract",
        "json=/method",
        "--extract",
        "nothing=.nothing",
    ];
    let record = check(&Desk::new(), &host.url("/redirect/1"), &arguments).record();
    let expected =
        json!({"heading": "Page 0", "language": "en", "number": "0", "json": null, "nothing": null});
    assert_eq!((&record["extracted"], end_of(&record).as_str()), (&expected, "200"));
    let record = check(&Desk::new(), &host.url("/echo"), &arguments).record();
    assert_eq!(record["extracted"]["json"], "GET");
    // Of a body without its content coding.
    let record = check(&Desk::new(), &host.url("/gzip"), &arguments).record();
    assert_eq!(record["extracted"]["heading"], "The gzip page");
}

#[test]
fn the_hash_is_that_of_the_body_as_far_as_it_was_read() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let body: Vec<u8> = (0..=250).cycle().take(100_000).collect();
    let url = host.url("/bytes/100000");
    for (words, length) in [(&[][..], 100_000), (&["--max-body", "1000"], 1_000)] {
        let record = check(&Desk::new(), &url, &[&["--hash", "sha256"], words].concat()).record();
        let expected: String =
            Sha256::digest(&body[..length]).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(record["body_sha256"], expected);
    }
}

#[test]
fn what_is_not_asked_for_is_not_there() {
    let web = SmallWeb::start().unwrap();
    let record = check(&Desk::new(), &web.host(Temperament::Fast).url("/page/1"), &[]).record();
    for field in
        ["header_fields", "extracted", "body_sha256", "body_file", "body_bytes_received", "chain_urls"]
    {
        assert_eq!(record.get(field), None, "{field}");
    }
}

/// The files in a folder with what they hold, in order of their names.
fn files(desk: &Desk, folder: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(desk.path(folder)).unwrap().map(|entry| entry.unwrap());
    let mut files: Vec<_> = entries
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn bodies_are_kept_under_names_that_are_theirs() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let desk = Desk::new();
    let urls = ["/bytes/700000", "/gzip", "/redirect/1", "/../../..%2fetc/passwd", "/bytes/0", "/bytes/0"];
    let mut list: String = urls.iter().map(|path| host.url(path) + "\n").collect();
    list.push_str(&(web.host(Temperament::ShortBody).url("/") + "\nnot a URL\n"));
    desk.write("urls.txt", list);
    let ended = desk.check("urls.txt --body-dir kept/bodies --retries 0");
    let named: Vec<Option<String>> = ended
        .records()
        .iter()
        .map(|record| Some(record.get("body_file")?.as_str().unwrap().to_owned()))
        .collect();
    let expected = [
        Some("kept/bodies/00000000-127.0.0.1-bytes-700000.bin"),
        Some("kept/bodies/00000001-127.0.0.1-gzip.html"),
        Some("kept/bodies/00000002-127.0.0.1-page-0.html"),
        Some("kept/bodies/00000003-127.0.0.1-2fetc-passwd.html"),
        Some("kept/bodies/00000004-127.0.0.1-bytes-0.bin"),
        Some("kept/bodies/00000005-127.0.0.1-bytes-0.bin"),
        None,
        None,
    ];
    assert_eq!(named.iter().map(Option::as_deref).collect::<Vec<_>>(), expected);
    let files = files(&desk, "kept/bodies");
    assert_eq!(files.len(), 6, "{:?}", files.iter().map(|(name, _)| name).collect::<Vec<_>>());
    assert_eq!(files[0].1, (0..=250).cycle().take(700_000).collect::<Vec<u8>>());
    assert!(String::from_utf8_lossy(&files[1].1).contains("The gzip page"));
    #[cfg(unix)]
    for (name, _) in &files {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(desk.path("kept/bodies").join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

/// A body belongs to the record that says so: what a retry or a redirect brought before leaves no file.
#[test]
fn only_the_last_answer_is_kept() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::scripted(|request| match request.number {
        0 => Answer::page(500, "Not yet").reply(request),
        _ => Answer::page(200, "Well").reply(request),
    }));
    let desk = Desk::new();
    let ended = desk.check(&format!("{} --body-dir bodies --retry-delay 1ms", host.url("/")));
    assert_eq!(ended.record()["num_retries"], 1);
    let files = files(&desk, "bodies");
    assert_eq!(files.len(), 1);
    assert!(String::from_utf8_lossy(&files[0].1).contains("Well"));
}

#[cfg(unix)]
#[test]
fn a_body_is_whole_or_absent_and_a_later_run_puts_its_own_there() {
    let web = SmallWeb::start().unwrap();
    let (fast, endless) =
        (web.host(Temperament::Fast), web.host(Temperament::DripBody(std::time::Duration::from_millis(300))));
    let desk = Desk::new();
    desk.write("urls.txt", format!("{}\n{}\n", fast.url("/page/1"), endless.url("/")));
    let words = "urls.txt -o a.jsonl --body-dir bodies --retries 0";
    let running = Running::start(&desk, &format!("{words} --timeout 60s"));
    wait_until("a record and half a body", || {
        let has_record = fs::read_to_string(desk.path("a.jsonl.headcount/segment-000000"))
            .is_ok_and(|text| text.contains("Page 1"));
        has_record && endless.requests() == 1
    });
    running.signal("KILL");
    running.end();
    let whole = |files: &[(String, Vec<u8>)]| -> Vec<String> {
        files.iter().map(|(name, _)| name.clone()).filter(|name| !name.starts_with(".headcount-")).collect()
    };
    assert_eq!(whole(&files(&desk, "bodies")), ["00000000-127.0.0.1-page-1.html"]);
    desk.check(&format!("{words} --timeout 2s --resume"));
    let found: Vec<Value> = records(&desk.read("a.jsonl"));
    assert_eq!(found.len(), 2);
    assert_eq!(found[0]["body_file"], "bodies/00000000-127.0.0.1-page-1.html");
    assert_eq!((end_of(&found[1]).as_str(), found[1].get("body_file")), ("body/timeout", None));
    let other = desk.check(&format!("{words} --hash sha256 --resume"));
    assert_ne!(other.code, Some(1), "{}", other.stderr);
}

#[cfg(unix)]
#[test]
fn the_next_run_removes_what_a_killed_one_had_of_bodies() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::scripted(move |_request| {
        let header = "HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n";
        Reply::new().bytes(header).bytes(vec![b'x'; 600_000]).hang()
    }));
    let desk = Desk::new();
    let words = format!("{} --body-dir bodies --retries 0", host.url("/"));
    let unfinished = || -> Vec<String> {
        let names = files(&desk, "bodies").into_iter().map(|(name, _)| name);
        names.filter(|name| name.starts_with(".headcount-") && name.ends_with(".part")).collect()
    };
    for (number, output) in ["a.jsonl", "b.jsonl"].into_iter().enumerate() {
        let running = Running::start(&desk, &format!("{words} -o {output} --timeout 60s"));
        let is_begun = || desk.path("bodies").exists() && unfinished().len() == number + 1;
        wait_until("half a body", is_begun);
        running.signal("KILL");
        running.end();
    }
    desk.check(&format!("{words} -o a.jsonl --timeout 300ms"));
    assert_eq!(unfinished().len(), 1, "another run's is none of its business");
    desk.check(&format!("{words} -o b.jsonl --timeout 300ms --resume"));
    assert_eq!(files(&desk, "bodies"), []);
}

#[test]
fn a_folder_that_goes_away_is_told_in_the_records() {
    let web = SmallWeb::start().unwrap();
    let desk = Desk::new();
    let going = desk.path("bodies");
    let folder = going.clone();
    let host = web.host(Temperament::scripted(move |request| {
        let _ = fs::remove_dir_all(&folder);
        Answer::page(200, "Well").reply(request)
    }));
    let record = desk.check(&format!("{} --body-dir bodies --retry-delay 1ms", host.url("/"))).record();
    assert_eq!((end_of(&record).as_str(), &record["accepted"]), ("local/disk", &false.into()));
    assert_eq!(host.requests(), 1, "it is not the host that would have to do better");
    assert!(!going.exists());
}

#[test]
fn what_cannot_be_learnt_is_said_with_a_hint() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let desk = Desk::new();
    desk.write("file", "");
    let cases: [(&[&str], &str); 6] = [
        (&["--extract", "h1"], "name=SELECTOR"),
        (&["--extract", "a=re:("], "unclosed group"),
        (&["--extract", "a=h1", "--extract", "a=h2"], "\"a\""),
        (&["--header-field", "a b"], "no name of a header field"),
        (&["--hash", "md5"], "sha256"),
        (&["--body-dir", "file"], "cannot make the folder file"),
    ];
    for (arguments, part) in cases {
        let ended = check(&desk, &host.url("/"), arguments);
        assert_eq!(ended.code, Some(3), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains("error: ") && ended.stderr.contains("hint: "), "{}", ended.stderr);
        assert!(ended.stderr.contains(part), "{arguments:?}: {}", ended.stderr);
    }
    assert_eq!(host.requests(), 0);
}
