//! `--config`: what a file says holds, the command line has the last word, and what is wrong is named with its line.

use small_web::{SmallWeb, Temperament};

use crate::harness::{Desk, end_of};

#[test]
fn a_file_says_what_flags_would() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let desk = Desk::new();
    desk.write(
        "headcount.toml",
        format!(
            "# for the tests\nurl = [{:?}, {:?}]\nmethod = \"HEAD\"\nheader = [\"X-One: 1\", \"X-Two: 2\"]\n\
             output = \"out.json\"\nretries = 0\ntimeout = 2.5\nmax-body = 1_024\nquiet = true\nrobots = false\n",
            host.url("/page/1"),
            host.url("/page/2")
        ),
    );
    let ended = desk.check("--config headcount.toml");
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let records: Vec<serde_json::Value> = serde_json::from_str(&desk.read("out.json")).unwrap();
    assert_eq!(records.len(), 2);
    let seen = host.seen();
    assert_eq!(seen.len(), 2, "robots.txt is not asked for");
    assert_eq!(seen[0].method, "HEAD");
    let names: Vec<_> = seen[0].headers.iter().map(|(name, _)| name.to_lowercase()).collect();
    assert!(names.contains(&"x-one".to_owned()) && names.contains(&"x-two".to_owned()), "{names:?}");
    assert_eq!(desk.check("").code, Some(0), "no file is read that is not named");
}

#[test]
fn the_command_line_has_the_last_word() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let desk = Desk::new();
    desk.write(
        "a.toml",
        "method = \"HEAD\"\nheader = [\"X-One: 1\"]\nquiet = true\nformat = \"table\"\nresume = true\n",
    );
    let words = format!("{} --config a.toml -X GET -H X-Two:2 -v -j", host.url("/page/1"));
    let ended = desk.check(&format!("{words} --no-journal"));
    assert_eq!(end_of(&ended.record()), "200", "{}", ended.stderr);
    assert!(ended.stderr.contains("1 record"), "not quiet: {}", ended.stderr);
    let seen = &host.seen()[0];
    assert_eq!(seen.method, "GET");
    let has = |name: &str| seen.headers.iter().any(|(header, _)| header.eq_ignore_ascii_case(name));
    assert!(has("x-two") && !has("x-one"), "{:?}", seen.headers);
}

#[test]
fn what_is_wrong_in_a_file_is_named_with_its_line() {
    let desk = Desk::new();
    let files = [
        "timeout = 5s\n",
        "\n\n[limits]\n",
        "timeout = \"5s\"\ntimeuot = 3\n",
        "per_host = 3\n",
        "retries = 2\ntimeout = \"soon\"\n",
        "\ntimeout = true\n",
        "timeout = [1, 2]\n",
        "header = [1, [2]]\n",
        "robots = \"yes\"\n",
        "format = \"yaml\"\n",
        "concurrency = 0x0\n",
        "retry-failed = \"nothing\"\n",
        "config = \"b.toml\"\n",
        "help = true\n",
        "inputs = [\"urls.txt\"]\n",
        "\"\" = 1\n",
        "\"timeout=3\" = 1\n",
        "c = 5\n",
        "quiet = true\nverbose = true\n",
        "resume = true\nresume = true\n",
    ];
    let mut said = Vec::new();
    for file in files {
        desk.write("a.toml", file);
        let ended = desk.check("127.0.0.1:1 --config a.toml");
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""), "{file}: {}", ended.stderr);
        said.push(format!("{}\n{}", file.trim(), ended.stderr));
    }
    said.push(desk.check("127.0.0.1:1 --config missing.toml").stderr);
    insta::assert_snapshot!(said.join("\n"));
}
