//! robots.txt: the rules of RFC 9309, the cases that search engines document, and a second matcher to be held against.

use std::time::Duration;

use headcount::policy::robots::{Access, Robots};
use http::StatusCode;
use proptest::prelude::*;

fn allows(file: &str, agent: &str, path: &str) -> bool {
    Robots::parse(file.as_bytes(), agent).allows(path)
}

/// A file of rules for everyone, and paths with whether they are open.
fn check(rules: &str, paths: &[(&str, bool)]) {
    let file = format!("User-agent: *\n{rules}");
    for (path, expected) in paths {
        assert_eq!(allows(&file, "headcount", path), *expected, "{path} under {rules:?}");
    }
}

#[test]
fn the_group_that_names_us_is_the_only_one_that_counts() {
    let file = "User-Agent: *\nDisallow: *.gif$\nDisallow: /example/\nAllow: /publications/\n\n\
                User-Agent: foobot\nDisallow:/\nAllow:/example/page.html\nAllow:/example/allowed.gif\n\n\
                User-Agent: barbot\nUser-Agent: bazbot\nDisallow: /example/page.html\n\n\
                User-Agent: quxbot\n\nEOF";
    for (agent, path, expected) in [
        ("otherbot", "/a.gif", false),
        ("otherbot", "/example/page.html", false),
        ("otherbot", "/publications/x", true),
        ("foobot", "/example/page.html", true),
        ("foobot", "/example/allowed.gif", true),
        ("foobot", "/publications/x", false),
        ("barbot", "/example/page.html", false),
        ("bazbot", "/example/page.html", false),
        ("bazbot", "/example/a.gif", true),
        ("quxbot", "/example/page.html", true),
        ("QuxBot", "/example/page.html", true),
    ] {
        assert_eq!(allows(file, agent, path), expected, "{agent} {path}");
    }
}

#[test]
fn groups_for_the_same_agent_are_one() {
    let file =
        "User-agent: a\nDisallow: /x\n\nUser-agent: b\nDisallow: /y\n\nUSER-AGENT: A/2.0\nDisallow: /z";
    assert_eq!(["/x", "/y", "/z"].map(|path| allows(file, "a", path)), [false, true, false]);
    let file = "User-agent: *\nDisallow: /x\nUser-agent: b\nUser-agent: *\nDisallow: /y";
    assert_eq!(["/x", "/y"].map(|path| allows(file, "other", path)), [false, false]);
}

#[test]
fn lines_that_are_no_rules_do_not_divide_a_group() {
    let file =
        "User-agent: a\nSitemap: https://a.example/map\nNoindex: /q\n\nnonsense\nUser-agent: b\nDisallow: /";
    assert!(!allows(file, "a", "/x") && !allows(file, "b", "/x") && allows(file, "c", "/x"));
}

#[test]
fn an_agents_name_is_compared_as_a_whole() {
    let file = "User-agent: head\nDisallow: /\nUser-agent: headcounts\nDisallow: /";
    assert!(allows(file, "headcount", "/x"));
    assert!(!allows("User-agent: HeadCount/1.0 (polite)\nDisallow: /", "headcount", "/x"));
    assert!(!allows("User-agent: * # everyone\nDisallow: /", "headcount", "/x"));
}

#[test]
fn rules_before_any_agent_are_for_nobody() {
    assert!(allows("Disallow: /\nUser-agent: *\nDisallow: /x", "headcount", "/y"));
}

#[test]
fn the_longest_pattern_decides_and_allow_wins_between_equals() {
    check(
        "Allow: /example/page/\nDisallow: /example/page/disallowed.gif",
        &[("/example/page/disallowed.gif", false), ("/example/page/other.gif", true)],
    );
    check("Allow: /p\nDisallow: /", &[("/page", true), ("/x", false)]);
    check("Disallow: /folder\nAllow: /folder", &[("/folder/page", true)]);
    check("Allow: /page\nDisallow: /*.htm", &[("/page.htm", false)]);
    check("Allow: /page\nDisallow: /*.ph", &[("/page.php5", true)]);
    check("Allow: /$\nDisallow: /", &[("/", true), ("/page.htm", false), ("", true)]);
}

#[test]
fn patterns_are_beginnings_with_wildcards() {
    check(
        "Disallow: /fish",
        &[
            ("/fish", false),
            ("/fish.html", false),
            ("/fish/salmon.html", false),
            ("/fishheads/yummy.html", false),
            ("/fish.php?id=anything", false),
            ("/Fish.asp", true),
            ("/catfish", true),
            ("/?id=fish", true),
            ("/desert/fish", true),
        ],
    );
    check("Disallow: /fish*", &[("/fish", false), ("/fishheads", false), ("/Fish.asp", true)]);
    check("Disallow: /fish/", &[("/fish/?id=a", false), ("/fish", true), ("/fish.html", true)]);
    check(
        "Disallow: /*.php",
        &[
            ("/index.php", false),
            ("/folder/any.php.file.html", false),
            ("/filename.php/", false),
            ("/", true),
            ("/windows.PHP", true),
        ],
    );
    check(
        "Disallow: /*.php$",
        &[
            ("/filename.php", false),
            ("/folder/filename.php", false),
            ("/filename.php?parameters", true),
            ("/filename.php/", true),
            ("/filename.php5", true),
        ],
    );
    check(
        "Disallow: /fish*.php",
        &[("/fish.php", false), ("/fishheads/cat.php?p", false), ("/Fish.PHP", true)],
    );
}

#[test]
fn what_closes_nothing() {
    for nothing in ["Disallow:", "Disallow: x", "Disallow", "Disallow /", "Disallow: # /", "Dis allow: /"] {
        check(nothing, &[("/x", true), ("/", true)]);
    }
}

#[test]
fn the_file_itself_is_open_to_everyone() {
    check("Disallow: /", &[("/robots.txt", true), ("/robots.txt.bak", false)]);
}

#[test]
fn spellings_of_one_path_are_equal() {
    for (pattern, path) in [
        ("/foo/bar?baz=quz", "/foo/bar?baz=quz"),
        ("/foo/bar?baz=https://foo.bar", "/foo/bar?baz=https%3A%2F%2Ffoo.bar"),
        ("/foo/bar?baz=https%3a%2f%2ffoo.bar", "/foo/bar?baz=https://foo.bar"),
        ("/foo/bar/ツ", "/foo/bar/%E3%83%84"),
        ("/foo/bar/%e3%83%84", "/foo/bar/ツ"),
        ("/foo/bar/%62%61%7A", "/foo/bar/baz"),
        ("/foo/bar/baz", "/foo/bar/%62%61%7A"),
        ("/path/file-with-a-%2A.html", "/path/file-with-a-*.html"),
        ("/path/foo-%24", "/path/foo-$"),
        ("/a$b", "/a$b"),
    ] {
        check(&format!("Disallow: {pattern}$"), &[(path, false)]);
    }
    check("Disallow: /a%2Fb", &[("/a/b", true), ("/a%2fb", false)]);
    check("Disallow: /100%", &[("/100%", false), ("/100%zz", false)]);
}

#[test]
fn lines_end_as_they_like_and_a_byte_order_mark_is_no_text() {
    for end in ["\n", "\r", "\r\n", "\n\r\n"] {
        let file = ["\u{feff}User-agent: *", "Disallow: /x # why", "  allow :/x/y  ", ""].join(end);
        assert_eq!(["/x", "/x/y"].map(|path| allows(&file, "headcount", path)), [false, true], "{end:?}");
    }
}

#[test]
fn five_hundred_kibibytes_are_read_and_no_half_line() {
    let limit = 500 * 1024;
    let head = "User-agent: *\nDisallow: /early\n";
    let file = |last: &str, cut: usize| {
        let padding = "#".repeat(limit - head.len() - 1 - cut);
        format!("{head}{padding}\n{last}\nDisallow: /late\n")
    };
    let whole = "Disallow: /within";
    let file_whole = file(whole, whole.len());
    let file_cut = file(whole, whole.len() - 3);
    let paths = ["/early", "/within", "/with", "/late"];
    assert_eq!(paths.map(|path| allows(&file_whole, "headcount", path)), [false, false, true, true]);
    assert_eq!(paths.map(|path| allows(&file_cut, "headcount", path)), [false, true, true, true]);
}

#[test]
fn a_crawl_delay_is_bounded() {
    let delay = |value: &str| {
        let file = format!("User-agent: *\nCrawl-delay: {value}\nDisallow: /x");
        Robots::parse(file.as_bytes(), "headcount").crawl_delay()
    };
    assert_eq!(delay("2"), Some(Duration::from_secs(2)));
    assert_eq!(delay("0.5"), Some(Duration::from_millis(500)));
    assert_eq!(delay("86400"), Some(Duration::from_secs(60)));
    assert_eq!(delay("99999999999999999999999"), Some(Duration::from_secs(60)));
    for nothing in ["0", "", "-1", "a while", "1e9", "."] {
        assert_eq!(delay(nothing), None, "{nothing}");
    }
    let file = "User-agent: a\nCrawl-delay: 5\nUser-agent: *\nCrawl-delay: 9\nDisallow: /";
    assert_eq!(Robots::parse(file.as_bytes(), "a").crawl_delay(), Some(Duration::from_secs(9)));
    assert!(!Robots::parse(file.as_bytes(), "a").allows("/x"));
}

#[test]
fn sitemaps_change_nothing_wherever_they_stand() {
    let file = "Sitemap: https://a.example/1\nUser-agent: headcount\nSITEMAP:https://a.example/2\nSitemap:\nDisallow: /x";
    let robots = Robots::parse(file.as_bytes(), "headcount");
    assert_eq!(["/x", "/y"].map(|path| robots.allows(path)), [false, true]);
}

#[test]
fn the_status_decides_what_no_file_means() {
    let after = |status: Option<u16>| {
        let status = status.map(|status| StatusCode::from_u16(status).unwrap());
        let access = Access::from_answer(status, b"User-agent: *\nDisallow: /x", "headcount");
        ["/x", "/y", "/robots.txt"].map(|path| access.allows(path))
    };
    for status in [200, 204, 299] {
        assert_eq!(after(Some(status)), [false, true, true], "{status}");
    }
    for status in [301, 400, 401, 403, 404, 410, 451] {
        assert_eq!(after(Some(status)), [true, true, true], "{status}");
    }
    for status in [429, 500, 503, 599, 999] {
        assert_eq!(after(Some(status)), [false, false, true], "{status}");
    }
    assert_eq!(after(None), [false, false, true]);
}

/// The matcher as one would write it down: try everything.
fn naive(pattern: &[u8], path: &[u8]) -> bool {
    match pattern {
        [] => true,
        [b'$'] => path.is_empty(),
        [b'*', rest @ ..] => (0..=path.len()).any(|taken| naive(rest, &path[taken..])),
        [byte, rest @ ..] => path.first() == Some(byte) && naive(rest, &path[1..]),
    }
}

/// The longest matching rule decides; between equals, the one that allows.
fn naive_allows(rules: &[(bool, String)], path: &str) -> bool {
    let matching = rules.iter().filter(|(_, pattern)| naive(pattern.as_bytes(), path.as_bytes()));
    matching.map(|(allow, pattern)| (pattern.len(), *allow)).max().is_none_or(|(_, allow)| allow)
}

proptest! {
    #[test]
    fn any_bytes_are_a_file(file in proptest::collection::vec(any::<u8>(), 0..500), path in ".{0,30}") {
        let robots = Robots::parse(&file, "headcount");
        robots.allows(&path);
    }

    #[test]
    fn files_of_likely_words_are_read(
        words in proptest::collection::vec(
            prop_oneof![
                Just("User-agent:"), Just("Disallow:"), Just("Allow:"), Just("Crawl-delay:"), Just("Sitemap:"),
                Just(" "), Just("\n"), Just("\r"), Just("*"), Just("/"), Just("$"), Just("%2"), Just("%2f"), Just("a"),
                Just("headcount"), Just("#"), Just("\u{feff}"), Just("é"), Just("9"),
            ],
            0..80,
        ),
        path in "/[a/*$%2fé]{0,8}",
    ) {
        let robots = Robots::parse(words.concat().as_bytes(), "headcount");
        prop_assert!(robots.allows("/robots.txt"));
        robots.allows(&path);
    }

    #[test]
    fn the_matcher_agrees_with_the_naive_one(
        rules in proptest::collection::vec((any::<bool>(), "[/*][ab*]{0,6}\\$?"), 0..6),
        path in "/[ab]{0,8}",
    ) {
        let line = |(allow, pattern): &(bool, String)| {
            format!("{}: {pattern}\n", if *allow { "Allow" } else { "Disallow" })
        };
        let file = format!("User-agent: *\n{}", rules.iter().map(line).collect::<String>());
        prop_assert_eq!(allows(&file, "headcount", &path), naive_allows(&rules, &path), "{}", file);
    }

    /// However a path is escaped, it is the same path.
    #[test]
    fn escaping_a_letter_changes_nothing(pattern in "/[a-c]{0,5}", path in "/[a-c]{0,5}", every in 1..4_usize) {
        let escaped: String = path
            .char_indices()
            .map(|(at, letter)| match letter {
                'a'..='c' if at % every == 0 => format!("%{:02x}", u32::from(letter)),
                letter => letter.to_string(),
            })
            .collect();
        let file = format!("User-agent: *\nDisallow: {pattern}");
        prop_assert_eq!(allows(&file, "headcount", &path), allows(&file, "headcount", &escaped));
    }
}

/// A pattern of nothing but choices, on a path that fails only at its end: a matcher that goes back would not return.
#[test]
fn the_worst_pattern_takes_linear_time() {
    let file = format!("User-agent: *\nDisallow: /{}b$\n", "a*".repeat(50_000));
    assert!(allows(&file, "headcount", &format!("/{}", "a".repeat(200_000))));
}
