//! What is sent: bodies, and who is asking; and that no secret is shown.

use std::path::Path;
use std::sync::{Arc, Mutex};

use small_web::{Answer, Host, ProxyManners, Request, SmallWeb, Temperament};

use crate::harness::{Desk, Ended, end_of};

const SECRET: &str = "hunter2";
/// `me:hunter2`.
const ENCODED: &str = "bWU6aHVudGVyMg";

/// A host that notes what it is asked.
fn listener(web: &SmallWeb) -> (Host, Arc<Mutex<Vec<Request>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&heard);
    let host = web.host(Temperament::scripted(move |request| {
        hears.lock().unwrap().push(request.clone());
        Answer::well_behaved(request).reply(request)
    }));
    (host, heard)
}

fn check(desk: &Desk, url: &str, arguments: &[&str]) -> Ended {
    desk.run(&[&["check", url], arguments].concat())
}

fn refusal(ended: &Ended) -> String {
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(ended.stderr.starts_with("error: ") && ended.stderr.contains("\nhint: "), "{}", ended.stderr);
    ended.stderr.clone()
}

#[test]
fn a_body_is_sent_as_it_was_given() {
    let web = SmallWeb::start().unwrap();
    let (host, heard) = listener(&web);
    let desk = Desk::new();
    desk.write("data", b"x=1\r\n\xff\n");
    let url = host.url("/echo");
    let form = "application/x-www-form-urlencoded";
    type Case<'a> = (&'a [&'a str], &'a str, &'a [u8], &'a str);
    let cases: [Case; 6] = [
        (&["-d", "a=1"], "POST", b"a=1", form),
        (&["-d", "a=1", "--data", "@data", "-d", ""], "POST", b"a=1&x=1\r\n\xff\n&", form),
        (&["-d", "", "-X", "PUT"], "PUT", b"", form),
        (&["-d", "a", "-X", "GET", "-H", "content-type: text/plain"], "GET", b"a", "text/plain"),
        (&["--json", r#"{"a": [1]}"#], "POST", br#"{"a": [1]}"#, "application/json"),
        (&["--json", "1", "-X", "PATCH", "-H", "Accept: text/html"], "PATCH", b"1", "application/json"),
    ];
    for (arguments, method, body, kind) in cases {
        let ended = check(&desk, &url, arguments);
        assert_eq!((ended.code, &ended.record()["method"]), (Some(0), &method.into()), "{}", ended.stderr);
        let request = heard.lock().unwrap().pop().unwrap();
        let length = body.len().to_string();
        assert_eq!((request.method.as_str(), request.body.as_slice()), (method, body), "{arguments:?}");
        assert_eq!(request.header("content-type"), Some(kind), "{arguments:?}");
        assert_eq!(request.header("content-length"), Some(length.as_str()), "{arguments:?}");
        let accept = match arguments[0] {
            "--json" if method == "POST" => "application/json",
            "--json" => "text/html",
            _ => "*/*",
        };
        assert_eq!(request.header("accept"), Some(accept), "{arguments:?}");
    }
}

#[test]
fn how_long_a_body_is_is_not_for_the_user_to_say() {
    let web = SmallWeb::start().unwrap();
    let (host, heard) = listener(&web);
    let desk = Desk::new();
    for field in ["Content-Length: 1000", "Transfer-Encoding: chunked"] {
        let ended = check(&desk, &host.url("/echo"), &["-H", field, "-d", "abc"]);
        assert_eq!(
            (ended.code, ended.stderr.contains("hint: leave it out")),
            (Some(3), true),
            "{}",
            ended.stderr
        );
    }
    assert!(heard.lock().unwrap().is_empty());
    // What a program writes into a list is passed over.
    let headers = serde_json::json!({"Content-Length": "1000", "Transfer-Encoding": "chunked"});
    let row = serde_json::json!({"url": host.url("/echo"), "headers": headers, "body": "abc"});
    desk.write("calls.jsonl", row.to_string());
    assert_eq!(desk.check("calls.jsonl").code, Some(0));
    let request = heard.lock().unwrap().pop().unwrap();
    assert_eq!((request.body.as_slice(), request.header("content-length")), (&b"abc"[..], Some("3")));
    assert_eq!(request.header("transfer-encoding"), None);
}

#[test]
fn name_and_password_are_sent_home_and_shown_nowhere() {
    let web = SmallWeb::start().unwrap();
    let (home, at_home) = listener(&web);
    let (stranger, away) = listener(&web);
    let desk = Desk::new();
    desk.write("me", "me:hunter2\r\nmore\n");
    let url = home.url(&format!("/redirect-to?url={}", stranger.url("/headers")));
    let with_own = url.replacen("//", "//you:hunter3@", 1);
    let sent = |url: &str, arguments: &[&str]| {
        let ended = check(&desk, url, &[arguments, &["-v", "-f", "jsonl"]].concat());
        assert_eq!(end_of(&ended.record()), "200");
        assert!(!(ended.stdout + &ended.stderr).contains("hunter"));
        assert_eq!(away.lock().unwrap().pop().unwrap().header("authorization"), None);
        at_home.lock().unwrap().pop().unwrap().header("authorization").map(str::to_owned)
    };
    assert_eq!(sent(&url, &["--user", "me:hunter2"]).unwrap(), "Basic bWU6aHVudGVyMg==");
    assert_eq!(sent(&url, &["--user", "@me"]).unwrap(), "Basic bWU6aHVudGVyMg==");
    assert_eq!(sent(&url, &["--user", "me:"]).unwrap(), "Basic bWU6");
    assert_eq!(sent(&with_own, &["--user", "me:hunter2"]).unwrap(), "Basic eW91Omh1bnRlcjM=");
    assert_eq!(sent(&url, &[]), None);
}

#[test]
fn what_cannot_be_sent_is_said_with_a_hint() {
    let desk = Desk::new();
    let refused = |arguments: &[&str]| refusal(&check(&desk, "http://127.255.255.255/", arguments));
    assert!(refused(&["--user", "hunter2"]).contains("does not ask"));
    assert!(refused(&["--user", "me:x", "-H", "Authorization: y"]).contains("--user and -H"));
    assert!(refused(&["-d", "@missing"]).contains("cannot read missing"));
    assert!(refused(&["-d", "@-"]).contains("standard input"));
    assert!(refused(&["--json", "{hunter2"]).contains("line 1 column 2"));
    assert!(refused(&["--json", "1", "-d", "1"]).contains("--data"));
    for arguments in [["--user", SECRET], ["--json", "{hunter2"]] {
        assert!(!refused(&arguments).contains(SECRET));
    }
}

#[cfg(unix)]
#[test]
fn a_journal_knows_another_login_at_a_proxy_and_another_key() {
    let web = SmallWeb::start().unwrap();
    let good = crate::resume::Hosts::start(&web);
    let proxy = web.proxy(ProxyManners::default());
    let (certificate, key) = web.member_pem();
    let desk = Desk::new();
    desk.write("both.pem", [certificate, key].concat());
    desk.write("urls.txt", format!("{}\n{}\n", good.url("/page/1"), good.mute.url("/")));
    let words = format!("urls.txt -o a.json --cert both.pem -x me:hunter2@{} --retries 0", proxy.address());
    let segment = desk.path("a.json.headcount/segment-000000");
    good.signalled(&desk, &words, "KILL", "a record", || {
        std::fs::read_to_string(&segment).is_ok_and(|text| text.contains("Page 1"))
    });
    assert_eq!(leaks(&desk), Vec::<String>::new());
    let other = |words: &str| refusal(&desk.check(&format!("{words} --resume")));
    assert!(other(&words.replace("hunter2", "hunter3")).contains("login at the proxy for http was sha256:"));
    // The same certificate, with its key in another file.
    desk.write("key.pem", key);
    assert!(other(&words.replace("--cert both.pem", "--cert both.pem --key key.pem")).contains("--key was"));
    assert_eq!(desk.check(&format!("{words} --resume")).code, Some(2));
}

/// Where a secret stands in a folder, the lists and what the user has written there aside.
fn leaks(desk: &Desk) -> Vec<String> {
    fn look(folder: &Path, leaks: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                look(&path, leaks);
            } else if !path.ends_with("urls.txt") {
                let bytes = std::fs::read(&path).unwrap();
                let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
                if has(SECRET) || has(ENCODED) {
                    leaks.push(path.display().to_string());
                }
            }
        }
    }
    let mut found = Vec::new();
    look(&desk.path(""), &mut found);
    found
}

/// URLs with a secret in them: answered, redirecting, failing in several ways, and none.
fn secret_urls(web: &SmallWeb) -> String {
    let fast = web.host(Temperament::Fast);
    let redirecting = |to: &'static str| {
        web.host(Temperament::scripted(move |request| Answer::redirect(302, to).reply(request))).url("/")
    };
    let urls = [
        fast.url("/page/1"),
        fast.url("/redirect/2"),
        redirecting("ftp://me:hunter2@a.example/"),
        redirecting("http://me:hunter2@[bad/"),
        web.host(Temperament::RedirectLoop).url("/"),
        web.host(Temperament::CloseAfterRequest).url("/"),
        "http://127.255.255.255/".to_owned(),
        "http://[bad/".to_owned(),
        "http://127.0.0.1:port/".to_owned(),
    ];
    let mut text: String = urls.iter().map(|url| url.replacen("//", "//me:hunter2@", 1) + "\n").collect();
    // A slash in a password makes no URL of it, and it must not be shown for that.
    text.push_str("http://me:hunter2/3@a.example/\nme:hunter2@a.example/\n");
    text
}

#[test]
fn a_secret_in_a_url_stands_in_no_output() {
    let web = SmallWeb::start().unwrap();
    let desk = Desk::new();
    desk.write("urls.txt", secret_urls(&web));
    let outputs = "-o a.json -o a.jsonl -o a.csv -o a.html -o a.md -o a.xml -o a.db -o a.parquet";
    let ended = desk.check(&format!("urls.txt {outputs} -v --retries 0"));
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(!ended.stderr.contains(SECRET), "{}", ended.stderr);
    assert_eq!(desk.run(&["report", "a.parquet", "-o", "back.jsonl"]).code, Some(0));
    let table = desk.check("urls.txt -f table --retries 0");
    assert!(!(table.stdout.clone() + &table.stderr).contains(SECRET), "{}", table.stdout);
    let diff = desk.run(&["diff", "a.json", "back.jsonl", "-o", "diff.html"]);
    assert!(!(diff.stdout + &diff.stderr).contains(SECRET));
    assert_eq!(leaks(&desk), Vec::<String>::new());
    let records = crate::harness::records(&desk.read("back.jsonl"));
    assert_eq!(records.len(), 11);
    for record in &records {
        assert!(record["input"].as_str().unwrap().contains("***@"), "{record}");
    }
}

#[cfg(unix)]
#[test]
fn a_journal_holds_no_secret_and_knows_another_one() {
    let web = SmallWeb::start().unwrap();
    let good = crate::resume::Hosts::start(&web);
    let desk = Desk::new();
    let with_secret = |url: String| url.replace("//", "//me:hunter2@");
    let (first, second) = (with_secret(good.url("/page/1")), with_secret(good.mute.url("/")));
    desk.write("urls.txt", format!("{}\n", with_secret(good.url("/page/2"))));
    desk.write("me", "me:hunter2");
    let words = format!("{first} {second} urls.txt -o a.json --user @me -d hunter2 -X GET --retries 0");
    let segment = desk.path("a.json.headcount/segment-000000");
    let two_are_done =
        || std::fs::read_to_string(&segment).is_ok_and(|text| text.matches("Page ").count() == 2);
    good.signalled(&desk, &words, "KILL", "two records", two_are_done);
    std::fs::remove_file(desk.path("me")).unwrap();
    assert_eq!(leaks(&desk), Vec::<String>::new());

    desk.write("me", "me:hunter2");
    let other = |words: &str| refusal(&desk.check(&format!("{words} --resume")));
    assert!(other(&words.replace("-d hunter2", "-d hunter3")).contains("--data"));
    assert!(other(&words.replacen("me:hunter2@", "me:hunter3@", 1)).contains("***@"));
    let ended = desk.check(&format!("{words} --resume"));
    assert!(ended.stderr.contains("3 records"), "{}", ended.stderr);
    assert_eq!(good.requests(), 2, "what was done is not asked again");
    std::fs::remove_file(desk.path("me")).unwrap();
    assert_eq!(leaks(&desk), Vec::<String>::new());
}
