//! What selectors, pointers and patterns find.

use headcount::probe::{EXTRACT_LIMIT, Extraction, extract};
use serde_json::{Value, json};

fn found(body: &[u8], content_type: &str, way: &str) -> Value {
    let extraction: Extraction = format!("x={way}").parse().unwrap();
    extract(body, Some(content_type), &[extraction])["x"].clone()
}

#[test]
fn selectors_find_text_and_attributes() {
    let page =
        b"<!doctype html><title>T</title><ul id=l><li class='a b'>One <b>&amp;\n two</b><li>Three</ul>\
        <a href='/n?a=1&amp;b=2' data-X=7>next</a><p></p>";
    let cases = [
        ("li", json!("One & two")),
        ("#l > li:nth-child(2)", json!("Three")),
        ("li.b b", json!("& two")),
        ("a@href", json!("/n?a=1&b=2")),
        ("a@data-x", json!("7")),
        ("a@DATA-X", json!("7")),
        ("[data-x='7']", json!("next")),
        ("p", json!("")),
        ("a@title", json!(null)),
        ("h1", json!(null)),
        ("title, li", json!("T")),
    ];
    for (way, expected) in cases {
        assert_eq!(found(page, "text/html", way), expected, "{way}");
    }
}

#[test]
fn pointers_find_any_json() {
    let body = r#"{"items": [{"id": 7, "a/b": [1, null]}], "": "é"}"#.as_bytes();
    let cases = [
        ("/items/0/id", json!(7)),
        ("/items/0/a~1b", json!([1, null])),
        ("/", json!("é")),
        ("/items/1", json!(null)),
        ("/items/0", json!({"id": 7, "a/b": [1, null]})),
    ];
    for (way, expected) in cases {
        assert_eq!(found(body, "application/json", way), expected, "{way}");
        assert_eq!(
            found(&body[..body.len() - 1], "application/json", way),
            json!(null),
            "{way} of half a text"
        );
    }
}

#[test]
fn patterns_find_their_first_group_or_all() {
    let cases = [
        ("re:v[0-9.]+", json!("v1.20")),
        ("re:v([0-9]+).([0-9]+)", json!("1")),
        ("re:(?i)VERSION=(?:v)", json!("version=v")),
        ("re:(x)?v", json!(null)),
        ("re:nothing", json!(null)),
    ];
    for (way, expected) in cases {
        assert_eq!(found(b"version=v1.20", "text/plain", way), expected, "{way}");
    }
}

#[test]
fn text_is_read_in_its_encoding() {
    let (latin, cyrillic) = (b"<p>caf\xe9</p>", b"<p>\xcf\xf0\xe8\xe2\xe5\xf2, \xec\xe8\xf0</p>");
    assert_eq!(found(latin, "text/html; charset=iso-8859-1", "p"), "café");
    assert_eq!(found(cyrillic, "text/html; charset=windows-1251", "re:(?s)<p>(.*)</p>"), "Привет, мир");
    assert_eq!(found("<p>Привет</p>".as_bytes(), "text/html", "p"), "Привет");
    assert_eq!(found(b"\xff\xfe<\0p\0>\0!\0", "text/html", "p"), "!");
    assert_eq!(
        found(b"\x00\xff\xfe\x80", "image/png", "re:."),
        found(b"\x00\xff\xfe\x80", "image/png", "re:(.)")
    );
}

#[test]
fn what_is_found_has_an_end() {
    let long = format!("<p title='{0}'>{0}</p>", "é".repeat(3 * EXTRACT_LIMIT));
    for way in ["p", "p@title", "re:é+"] {
        let found = found(long.as_bytes(), "text/html; charset=utf-8", way);
        assert_eq!(found.as_str().unwrap().chars().count(), EXTRACT_LIMIT, "{way}");
    }
}

/// Parsing such pages to their ends takes the square of their length: minutes for these.
#[test]
fn pages_made_to_be_slow_or_deep_end() {
    let fonts: String = (0..8_000).map(|size| format!("<font size={size}><p>")).collect();
    for part in ["<b><p>", "<div>", "<b>", "<a href=1><div>", "<svg><b>", "<table><tr><td>", &fonts] {
        let page = format!("<h1>First</h1>{}<h2>Last</h2>", part.repeat((128 << 10) / part.len()));
        assert_eq!(found(page.as_bytes(), "text/html", "h1"), "First", "{}", &part[..5]);
        let _ = found(page.as_bytes(), "text/html", "p b:last-child");
    }
    let nested = |depth: usize| format!("{}<h2>Last</h2>", "<div>".repeat(depth));
    assert_eq!(found(nested(400).as_bytes(), "text/html", "h2"), "Last");
    assert_eq!(found(nested(4_000).as_bytes(), "text/html", "h2"), json!(null));
    let flat = format!("{}<h2>Last</h2>", "<p>x</p>".repeat(20_000));
    assert_eq!(found(flat.as_bytes(), "text/html", "h2"), "Last");
    let deep = "[".repeat(1 << 20);
    assert_eq!(found(deep.as_bytes(), "application/json", "/0/0"), json!(null));
}

#[test]
fn what_is_no_extraction_is_said() {
    for (text, part) in [
        ("h1", "name="),
        ("=h1", "name="),
        ("a=", "name="),
        ("a=h1 >", "CSS selector"),
        ("a=re:(", "unclosed group"),
    ] {
        let problem = text.parse::<Extraction>().unwrap_err();
        assert!(problem.contains(part), "{text}: {problem}");
    }
    assert_eq!("a = h1".parse::<Extraction>().unwrap().name(), "a");
}
