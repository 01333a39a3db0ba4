//! Reports for people and CI systems: what they say, and that they run nothing that came from the network.

use base64::Engine;
use headcount::Record;
use headcount_outputs::Options;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Desk, failure, record};

const ATTACK: &str =
    "</script><script>alert(1)</script><!--<img src=x onerror=alert(1)>\u{202e}\u{1b}[2J|`*_]](";

fn records() -> Vec<Record> {
    vec![
        record(0, &json!({})),
        record(1, &json!({"status_code": 404, "accepted": false, "title": "Not found"})),
        failure(2, "dns", "not_found", "no such name"),
        failure(3, "tls", "certificate", ATTACK),
        record(4, &json!({"title": ATTACK, "input": ATTACK, "url": null})),
        record(
            5,
            &json!({"outcome": "interrupted", "accepted": false, "status_code": null, "time_total": null}),
        ),
        record(
            6,
            &json!({
                "outcome": "skipped", "accepted": false, "status_code": null, "url": null, "final_url": null,
                "error": {"phase": "input", "kind": "invalid_url", "message": "no host"}, "input": "not a URL"
            }),
        ),
        record(
            7,
            &json!({
                "num_redirects": 1, "final_url": "https://www.example.com/", "chain_status_codes": [301, 200],
                "time_total": 2.5
            }),
        ),
    ]
}

fn titled() -> Options {
    Options { title: "Links of the <handbook>".to_owned(), ..Options::default() }
}

#[test]
fn junit_says_what_failed_and_why() {
    let desk = Desk::new();
    insta::assert_snapshot!(desk.text("a.xml", &records(), &titled()));
}

#[test]
fn markdown_fits_a_comment() {
    let desk = Desk::new();
    insta::assert_snapshot!(desk.text("a.md", &records(), &titled()));
    let many: Vec<_> = (0..300).map(|index| failure(index, "dns", "not_found", "no such name")).collect();
    let text = desk.text("b.md", &many, &titled());
    assert!(text.ends_with("\nAnd 200 more.\n"), "{text}");
}

/// The table's data in a page.
fn data(page: &str) -> Value {
    let (_, rest) = page.split_once("<script type=\"application/json\" id=\"data\">").unwrap();
    let (text, _) = rest.split_once("</script>").unwrap();
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_page_lets_only_its_own_script_and_style_run() {
    let desk = Desk::new();
    let page = desk.text("a.html", &records(), &titled());
    for (element, directive) in [("style", "style-src"), ("script", "script-src")] {
        let (_, rest) = page.split_once(&format!("<{element}>")).unwrap();
        let (content, _) = rest.split_once(&format!("</{element}>")).unwrap();
        let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(content));
        let expected = format!("{directive} 'sha256-{hash}'");
        assert!(page.contains(&expected), "the hash in page.rs must be that of the {element}: {hash}");
    }
    assert!(page.contains("default-src 'none'"));
    // Two scripts, the data and the code, whatever the records hold.
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("</script").count(), 2);
    assert!(!page.contains("<img") && !page.contains("\u{202e}") && !page.contains('\u{1b}'));
    assert!(!page.contains(" style=\""), "the policy would ignore it");
}

#[test]
fn a_page_asks_nobody_for_anything() {
    let desk = Desk::new();
    let page = desk.text("a.html", &records(), &titled());
    let (markup, _) = page.split_once("<script type=\"application/json\"").unwrap();
    for word in ["http://", "https://", "url(", "@import", "<link", "src="] {
        assert!(!markup.replace("script-src", "").replace("style-src", "").contains(word), "{word}");
    }
}

#[test]
fn a_page_has_a_row_for_every_record_with_those_not_accepted_first() {
    let desk = Desk::new();
    let data = data(&desk.text("a.html", &records(), &titled()));
    let rows = data["rows"].as_array().unwrap();
    let indexes: Vec<_> = rows.iter().map(|row| row[0].as_u64().unwrap()).collect();
    assert_eq!(indexes, [1, 2, 3, 5, 6, 0, 4, 7]);
    let texts: Vec<_> = rows[7 - 1].as_array().unwrap().iter().collect();
    let shown = ATTACK.replace('\u{202e}', "\\u{202e}").replace('\u{1b}', "\\x1b");
    assert_eq!(texts[3].as_str(), Some(shown.as_str()));
    assert_eq!(rows[7][5], "https://www.example.com/");
    assert_eq!(data["tones"]["404"], "bad");
    assert_eq!(data["tones"]["interrupted"], "quiet");
}

#[test]
fn a_page_counts_all_and_shows_as_many_rows_as_it_may() {
    let desk = Desk::new();
    let mut records: Vec<_> = (0..50).map(|index| record(index, &json!({}))).collect();
    records.extend((50..60).map(|index| failure(index, "dns", "timeout", "no answer")));
    for (limit, first, last) in [(20, 50, 9), (10, 50, 59), (5, 50, 54), (60, 50, 49)] {
        let page = desk.text("a.html", &records, &Options { html_rows: limit, ..titled() });
        let data = data(&page);
        let rows = data["rows"].as_array().unwrap();
        assert_eq!(rows.len(), limit);
        assert_eq!((rows[0][0].as_u64(), rows[limit - 1][0].as_u64()), (Some(first), Some(last)));
        assert!(page.contains("<h1>50 of 60 accepted</h1>"));
        let rest = format!("{} more are counted above only", 60 - limit);
        assert_eq!(page.contains(&rest), limit < 60, "{limit}");
    }
}

#[test]
fn reports_stay_readable_whatever_the_records_hold() {
    let desk = Desk::new();
    let long = "long ".repeat(100_000);
    let records: Vec<_> =
        (0..5).map(|index| record(index, &json!({"title": long, "time_total": 1e300}))).collect();
    for (name, most) in [("a.html", 60_000), ("a.md", 3_000)] {
        assert!(desk.text(name, &records, &titled()).len() < most, "{name}");
    }
    let text = desk.text("a.xml", &records, &titled());
    assert_eq!(text.matches("<testcase ").count(), 5);
    assert!(text.contains("tests=\"5\"") && text.ends_with("</testsuite>\n</testsuites>\n"), "{text}");
    let back = crate::support::read(&desk.write("a.parquet", &records, &titled())).unwrap();
    assert_eq!(back, records);
}

#[test]
fn reports_of_nothing_say_so() {
    let desk = Desk::new();
    assert!(desk.text("a.html", &[], &titled()).contains("<h1>No records</h1>"));
    assert!(desk.text("a.md", &[], &titled()).contains("**0 records**"));
    assert!(desk.text("a.xml", &[], &titled()).contains("tests=\"0\""));
    assert_eq!(desk.text("a.json", &[], &titled()), "[]\n");
}
