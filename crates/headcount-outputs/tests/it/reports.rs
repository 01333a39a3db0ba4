//! Reports for people and CI systems: what they say, and that they run nothing that came from the network.

use base64::Engine;
use headcount::Record;
use headcount_outputs::{Format, Options, headline_says_accepted};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Desk, failure, kept, record};

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

#[test]
fn markdown_makes_no_link_of_what_the_network_says() {
    let desk = Desk::new();
    let title = "see https://evil.example/a, WWW.evil.example, ftp://evil.example or me@evil.example";
    let records =
        [record(0, &json!({"title": title, "accepted": false, "final_url": "http://evil.example/"}))];
    for fields in [None, Some("title,final_url,chain_status_codes")] {
        let fields = fields.map_or_else(Default::default, |fields| fields.parse().unwrap());
        let options = Options { fields, ..Options::default() };
        let text = desk.text("a.md", &records, &options);
        let outside_code: String = text.split('`').step_by(2).collect();
        for link in ["://", "www.", "WWW.", "@evil"] {
            assert!(!outside_code.contains(link), "{link} in {text}");
        }
        assert!(text.contains("see https:\u{2060}//evil.example/a, WWW\u{2060}.evil.example"), "{text}");
    }
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
    // Three scripts, twice data and the code, whatever the records hold.
    assert_eq!(page.matches("<script").count(), 3);
    assert_eq!(page.matches("</script").count(), 3);
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
    assert_eq!(data["table"]["tones"]["404"], "bad");
    assert_eq!(data["table"]["tones"]["interrupted"], "quiet");
}

#[test]
fn a_page_says_first_what_is_wrong() {
    let desk = Desk::new();
    let mut records: Vec<_> = (0..20).map(|index| record(index, &json!({}))).collect();
    records.push(record(20, &json!({"status_code": 404, "chain_status_codes": [404]})));
    records.extend((21..26).map(|index| failure(index, "headers", "too_large", "the header is too large")));
    records.extend((26..29).map(|index| failure(index, "dns", "not_found", "no such name")));
    records.push(record(29, &json!({"status_code": 404, "accepted": false})));
    records.push(failure(30, "tls", "certificate", "expired"));
    let page = desk.text("a.html", &records, &titled());
    let (header, rest) = page.split_once("</header>").unwrap();
    assert!(header.contains("<h1>10 of 31 not accepted</h1>"), "{header}");
    assert!(
        header.contains(
            "Most often <a href=\"#result=headers%2Ftoo_large\">headers/<wbr>too_<wbr>large</a> (5), \
             <a href=\"#result=dns%2Fnot_found\">dns/<wbr>not_<wbr>found</a> (3) and \
             <a href=\"#result=404\">404</a> (1); 1 ended in another way."
        ),
        "{header}"
    );
    assert!(!header.contains("Only records where"), "{header}");
    // Then every end: what was accepted in a line, though its status be one of the others, too.
    let (_, ends) = rest.split_once("<h2>How they ended</h2>").unwrap();
    let (accepted, list) = ends.split_once("<ul class=\"ends\">").unwrap();
    assert!(accepted.contains("21 accepted</a>: ") && accepted.contains("\">200</a> (20), "), "{accepted}");
    let (list, _) = list.split_once("</ul>").unwrap();
    let counts: Vec<_> = list.split("<b>").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
    assert_eq!(counts, ["5", "3", "1", "1"]);
    let options =
        Options { condition: Some("status_code < 300 or title ~ '<b>'".parse().unwrap()), ..titled() };
    let page = desk.text("b.html", &records, &options);
    assert!(page.contains("<h1>All 20 accepted</h1>") && !page.contains("Most often"), "{page}");
    assert!(
        page.contains(
            "Only records where <code>(status_code &lt; 300) or (title ~ &#39;&lt;b&gt;&#39;)</code>"
        ),
        "{page}"
    );
}

#[test]
fn a_page_says_whether_all_was_accepted_to_who_reads_its_headline() {
    let desk = Desk::new();
    let (good, bad) = (record(0, &json!({})), failure(1, "dns", "not_found", "no such name"));
    for (records, all_accepted) in [
        (vec![], true),
        (vec![good.clone()], true),
        (vec![good.clone(), good.clone()], true),
        (vec![bad.clone()], false),
        (vec![good, bad.clone()], false),
        (vec![bad.clone(), bad], false),
    ] {
        let path = desk.write("a.html", &records, &titled());
        assert_eq!(headline_says_accepted(&path).unwrap(), Some(all_accepted), "{records:?}");
    }
}

/// A record that ended so many milliseconds after the first one.
fn at(index: u64, milliseconds: u64) -> Record {
    let mut record = record(index, &json!({}));
    record.timestamp += std::time::Duration::from_millis(milliseconds);
    record
}

#[test]
fn charts_say_in_words_what_they_show() {
    let desk = Desk::new();
    let mut records: Vec<_> = (0..200).map(|index| at(index, index * 5)).collect();
    records.extend(self::records().split_off(1));
    let page = desk.text("a.html", &records, &titled());
    let charts: Vec<_> = page.split("<svg ").skip(1).map(|rest| rest.split('>').next().unwrap()).collect();
    let told: Vec<_> = charts.iter().filter(|chart| !chart.contains("aria-hidden")).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].contains("role=\"img\" aria-label=\"Response times of 203 answers, from "), "{told:?}");
    assert!(told[1].contains("aria-label=\"207 records over "), "{told:?}");
    assert!(told[2].contains("aria-label=\"Response times over time: the median is "), "{told:?}");
}

#[test]
fn there_is_no_chart_of_nothing_and_none_of_stragglers_alone() {
    let desk = Desk::new();
    let headings = |records: &[Record]| -> Vec<String> {
        let page = desk.text("a.html", records, &titled());
        let (_, charts) = page.split_once("<div class=\"charts\">").unwrap();
        let panels = charts.split("<section class=\"panel\"><h2>").skip(1);
        panels.map(|panel| panel.split('<').next().unwrap().to_owned()).take(5).collect()
    };
    let failures: Vec<_> = (0..3).map(|index| failure(index, "dns", "not_found", "no such name")).collect();
    assert_eq!(headings(&failures), ["How they ended", "Worst hosts"]);
    assert_eq!(
        headings(&[record(0, &json!({}))]),
        ["How they ended", "What the time went into", "Slowest hosts"]
    );
    // Two hundred in a second, and one a minute later.
    let mut records: Vec<_> = (0..200).map(|index| at(index, index * 5)).collect();
    assert!(!desk.text("a.html", &records, &titled()).contains(" more until "));
    records.push(at(200, 60_000));
    let page = desk.text("a.html", &records, &titled());
    assert_eq!(page.matches(">1 more until 59.").count(), 2, "{page}");
    assert!(page.contains(", before the last record.\""), "{page}");
}

#[test]
fn a_row_holds_what_the_whole_record_shows() {
    let desk = Desk::new();
    let mut redirected = record(
        1,
        &json!({
            "input": "example.com/old", "url": "https://example.com/old", "final_url": "https://www.example.com/new",
            "num_redirects": 1, "chain_status_codes": [301, 200], "num_retries": 2
        }),
    );
    redirected.chain_urls =
        Some(vec!["https://example.com/old".into(), "https://www.example.com/new".into()]);
    let records = [record(0, &json!({"content_type": "text/html; charset=utf-8"})), redirected];
    let page = desk.text("a.html", &records, &titled());
    let data = data(&page);
    assert_eq!(data["table"]["accepted_from"], 0);
    assert_eq!(
        data["rows"],
        json!([
            [0, "200", 0.0625, "https://example.com/0", "A title"],
            [1, "200", 0.0625, "https://example.com/old", "A title", "https://www.example.com/new"]
        ])
    );
    let (_, more) = page.split_once("id=\"more\">").unwrap();
    let more: Vec<Value> = more.lines().take(2).map(|line| serde_json::from_str(line).unwrap()).collect();
    let answer = "HTTP/1.1 from 127.0.0.1, small-web, text/html, 1,256 bytes";
    let way = "301 https://example.com/old → 200 https://www.example.com/new";
    assert_eq!(
        more,
        [
            json!([answer, 0.25, [1_000, 1_000, 8_000, 40_000, 12_500]]),
            json!([answer, 0.25, null, way, "example.com/old", 2])
        ]
    );
}

#[test]
fn tables_have_the_fields_that_were_chosen() {
    let desk = Desk::new();
    let options = Options { fields: "url,chain_status_codes,time_total".parse().unwrap(), ..titled() };
    let data = data(&desk.text("a.html", &records(), &options));
    let labels: Vec<_> =
        data["table"]["columns"].as_array().unwrap().iter().map(|column| &column["label"]).collect();
    assert_eq!(labels, ["Result", "url", "chain_status_codes", "time_total"]);
    assert_eq!(data["rows"][0], json!(["404", "https://example.com/1", "[200]", 0.0625]));
    assert_eq!(data["rows"][7], json!(["200", "https://example.com/7", "[301,200]", 2.5]));
    let text = desk.text("a.md", &records(), &options);
    assert!(text.contains("\n| end | url | chain_status_codes | time_total |\n|-|-|-|-|\n"), "{text}");
    assert!(text.contains("\n| 404 | `https://example.com/1` | \\[200\\] | 0.0625 |\n"), "{text}");
    // A suite of test cases has no fields.
    assert_eq!(desk.text("a.xml", &records(), &options), desk.text("b.xml", &records(), &titled()));
}

#[test]
fn reports_are_of_the_records_that_meet_the_condition() {
    let desk = Desk::new();
    let options = Options { condition: Some("status_code >= 400 or failed".parse().unwrap()), ..titled() };
    let page = desk.text("a.html", &records(), &options);
    assert!(page.contains("<h1>3 of 3 not accepted</h1>") && page.contains("</code> (3 of 8)</p>"), "{page}");
    let told = "**3 records**: 0 accepted, **3 not**.\nOnly records where `(status_code >= 400) or (failed)` (3 of 8).\n";
    let text = desk.text("a.md", &records(), &options);
    assert!(text.contains(told), "{text}");
    assert!(desk.text("a.xml", &records(), &options).contains("tests=\"3\" failures=\"1\" errors=\"2\""));
}

#[test]
fn a_page_names_the_worst_hosts_then_the_slowest() {
    let desk = Desk::new();
    let of = |index: u64, host: &str, seconds: f64| {
        let url = format!("https://{host}/");
        record(index, &json!({"url": url, "final_url": url, "time_total": seconds}))
    };
    let mut records =
        vec![of(0, "slow.example", 3.0), of(1, "quick.example", 0.01), of(2, "slower.example", 4.0)];
    let hosts = |page: &str| -> Vec<String> {
        let cells = page.split("data-label=\"Host\"><a href=\"").skip(1);
        cells.map(|cell| cell.split(['>', '<']).nth(1).unwrap().to_owned()).collect()
    };
    let page = desk.text("a.html", &records, &titled());
    assert!(page.contains("<h2>Slowest hosts</h2>"));
    assert_eq!(hosts(&page), ["slower.example", "slow.example", "quick.example"]);
    let url = "https://broken.example/";
    records.push(record(3, &json!({"url": url, "final_url": url, "accepted": false, "status_code": 500})));
    let page = desk.text("a.html", &records, &titled());
    assert!(page.contains("<h2>Worst hosts</h2>"));
    assert_eq!(hosts(&page)[..2], ["broken.example", "slower.example"]);
    // A host leads to its records, and so few of them have no pace.
    assert!(page.contains("<a href=\"#search=%2F%2Fbroken.example%2F&amp;result=not+accepted\">"), "{page}");
    assert!(
        page.contains("<b>1</b> of 1</td>") && !page.contains("data-label=\"Records a second\""),
        "{page}"
    );
}

#[test]
fn a_page_names_the_certificates_that_run_out_first() {
    let desk = Desk::new();
    // They were seen on 31 January.
    let with_certificate = |index: u64, host: &str, not_after: &str| {
        let url = format!("https://{host}/");
        let mut value = serde_json::to_value(record(index, &json!({"url": url, "final_url": url}))).unwrap();
        value["certificate"] = json!({
            "subject": "CN=a", "issuer": "O=<Authority>", "names": [], "not_before": "2026-01-01T00:00:00Z",
            "not_after": not_after, "fingerprint_sha256": "ab"
        });
        serde_json::from_value(value).unwrap()
    };
    let fine = with_certificate(0, "fine.example", "2026-06-01T00:00:00Z");
    assert!(!desk.text("a.html", &[fine], &titled()).contains("Certificates"));
    // Each host twice, the last to run out first.
    let soon = (0..60).map(|number| {
        with_certificate(
            number,
            &format!("{}.example", number / 2),
            &format!("2026-02-{:02}T12:00:00Z", 28 - number / 3),
        )
    });
    let page = desk.text("a.html", &soon.collect::<Vec<_>>(), &titled());
    let (_, table) = page.split_once("<h2>Certificates that run out soon</h2>").unwrap();
    let (table, _) = table.split_once("</table>").unwrap();
    assert_eq!(table.matches("<tr><td").count(), 10);
    let first = "<td class=\"text\" data-label=\"Host\">28.example</td><td class=\"num\" data-label=\"Valid until\">2026-02-09</td>\
                 <td class=\"num\" data-label=\"Days left\"><b class=\"bad\">9</b></td>\
                 <td class=\"text\" data-label=\"Signed by\">O=&lt;Authority&gt;</td>";
    assert!(table.contains(first), "{table}");
    assert!(!table.contains("2026-02-28"), "{table}");
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
        assert!(page.contains("<h1>10 of 60 not accepted</h1>"));
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
    assert!(back.into_iter().eq(records.iter().map(|record| kept(record, Format::Parquet))));
}

#[test]
fn reports_of_nothing_say_so() {
    let desk = Desk::new();
    let page = desk.text("a.html", &[], &titled());
    assert!(
        page.contains("<h1>No records</h1>") && !page.contains("<svg") && !page.contains("<dl"),
        "{page}"
    );
    let text = desk.text("a.md", &[], &titled());
    assert!(text.ends_with("\n\n**0 records**: nothing to be accepted.\n"), "{text}");
    let options = Options { condition: Some("title == 'a|b'".parse().unwrap()), ..titled() };
    let text = desk.text("a.md", &records(), &options);
    assert!(text.ends_with("accepted.\nOnly records where `title == 'a|b'` (0 of 8).\n"), "{text}");
    assert_eq!(headline_says_accepted(&desk.path("a.md")).unwrap(), Some(true));
    assert!(desk.text("a.xml", &[], &titled()).contains("tests=\"0\""));
    assert_eq!(desk.text("a.json", &[], &titled()), "[]\n");
}
