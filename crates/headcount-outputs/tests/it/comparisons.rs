//! Two runs beside each other.

use headcount::Record;
use headcount_outputs::{Change, ChangeKind, Comparison, Ignored};
use proptest::prelude::*;
use serde_json::json;

use crate::support::{Desk, any_record, failure, record};

fn compare(old: &[Record], new: &[Record]) -> Comparison {
    Comparison::of(old.iter().cloned().map(Ok), new.iter().cloned().map(Ok)).unwrap()
}

fn changes(comparison: &Comparison) -> Vec<Change> {
    let changes: Vec<_> = comparison.changes.iter().map(Result::unwrap).collect();
    assert_eq!(comparison.changes.count(), changes.len() as u64);
    changes
}

fn told(change: &Change) -> String {
    let (before, after) = change.before_and_after();
    let place = change.new_index.or(change.old_index).unwrap();
    format!("{place} {} {before}>{after} {}", change.kind.as_str(), change.details())
}

#[test]
fn what_broke_healed_and_changed_is_told_apart() {
    let not_found = json!({"status_code": 404, "accepted": false, "title": "Not found"});
    let old = [
        record(0, &json!({})),
        record(1, &json!({})),
        failure(2, "dns", "timeout", "no answer"),
        record(3, &json!({})),
        record(4, &json!({"title": "Old"})),
        record(5, &not_found),
        record(6, &json!({"final_url": "https://example.com/a"})),
        record(7, &json!({})),
        record(8, &json!({})),
    ];
    let new = [
        record(0, &json!({})),
        record(1, &not_found),
        record(2, &json!({})),
        failure(3, "tls", "certificate", "expired"),
        record(4, &json!({"title": null})),
        failure(5, "connect", "refused", "nobody listens"),
        record(6, &json!({"final_url": "https://example.com/b"})),
        record(7, &json!({"status_code": 204, "chain_status_codes": [204]})),
        record(8, &json!({"accepted": false})),
    ];
    let comparison = compare(&old, &new);
    let told: Vec<String> = changes(&comparison).iter().map(told).collect();
    assert_eq!(
        told,
        [
            "1 broke 200>404 title “A title” → “Not found”",
            "3 broke 200>tls/certificate “expired”",
            "8 broke 200>200 ",
            "2 healed dns/timeout>200 was “no answer”",
            "4 changed > title “Old” → none",
            "5 changed 404>connect/refused “nobody listens”",
            "6 changed > leads to “https://example.com/a” → “https://example.com/b”",
            "7 changed 200>204 ",
        ]
    );
    assert_eq!(comparison.counts.unchanged, 1);
    assert_eq!(comparison.counts.in_both(), 9);
}

/// A record with the certificate of its host. It was made on 31 January.
fn with_certificate(subject: &str, issuer: &str, not_after: &str) -> Record {
    let mut value = serde_json::to_value(record(0, &json!({}))).unwrap();
    value["certificate"] = json!({
        "subject": subject, "issuer": issuer, "names": ["example.com"], "not_before": "2026-01-01T00:00:00Z",
        "not_after": not_after, "fingerprint_sha256": format!("{subject} {issuer} {not_after}")
    });
    serde_json::from_value(value).unwrap()
}

#[test]
fn another_certificate_or_one_that_runs_out_is_a_change_and_a_renewed_one_is_none() {
    const MARCH: &str = "2026-03-31T00:00:00Z";
    let old = with_certificate("CN=example.com", "C=US, O=Let's Encrypt, CN=R10", MARCH);
    let news = |new: &Record| {
        let comparison = compare(std::slice::from_ref(&old), std::slice::from_ref(new));
        changes(&comparison).iter().map(told).collect::<Vec<_>>().join("\n")
    };
    let renewed = with_certificate("CN=example.com", "C=US, O=Let's Encrypt, CN=R11", "2026-05-31T00:00:00Z");
    assert_eq!(news(&renewed), "");
    let elsewhere = with_certificate("CN=example.com", "C=US, O=Google Trust Services, CN=R10", MARCH);
    assert_eq!(
        news(&elsewhere),
        "0 changed > certificate “CN=example.com, by C=US, O=Let's Encrypt, CN=R10, until 2026-03-31T00:00:00Z” → \
         “CN=example.com, by C=US, O=Google Trust Services, CN=R10, until 2026-03-31T00:00:00Z”"
    );
    let parked = with_certificate("CN=parking.example", "C=US, O=Let's Encrypt, CN=R10", MARCH);
    assert!(news(&parked).contains("→ “CN=parking.example, by"), "{}", news(&parked));
    let self_signed = with_certificate("CN=example.com", "CN=example.com", MARCH);
    assert!(news(&self_signed).starts_with("0 changed > certificate "), "{}", news(&self_signed));
    let soon = with_certificate("CN=example.com", "C=US, O=Let's Encrypt, CN=R10", "2026-02-03T00:00:00Z");
    // It is an older one, too.
    let told = news(&soon);
    assert!(
        told.starts_with("0 changed > certificate “") && told.ends_with("“58 days left” → “2 days left”"),
        "{told}"
    );
    // A run without --tls-info knows no certificate.
    assert_eq!(news(&record(0, &json!({}))), "");
}

#[test]
fn more_changes_than_memory_holds_come_in_the_same_order() {
    const COUNT: u64 = 60_000;
    let desk = Desk::new();
    // In opposite orders, so that most have to wait for their counterparts.
    let old = (0..COUNT).map(|index| Ok(record(index, &json!({"title": "Old"}))));
    let new = (0..COUNT).rev().map(|index| match index % 2 {
        0 => Ok(record(index, &json!({"title": "New"}))),
        _ => Ok(failure(index, "dns", "timeout", "no answer")),
    });
    let comparison = Comparison::of(old, new).unwrap();
    let counts = comparison.counts;
    assert_eq!((counts.broke, counts.changed, counts.added, counts.removed), (COUNT / 2, COUNT / 2, 0, 0));
    let all = changes(&comparison);
    let expected: Vec<_> = (0..COUNT).filter(|index| index % 2 == 1).chain((0..COUNT).step_by(2)).collect();
    assert!(all.iter().map(|change| change.new_index.unwrap()).eq(expected));
    // The page holds the worst, and says of how many.
    comparison.write_html(&desk.path("diff.html"), "", 10).unwrap();
    let page = std::fs::read_to_string(desk.path("diff.html")).unwrap();
    assert!(page.contains("The worst 10; 59,990 more are counted above only."));
    assert_eq!(page.matches("[\"broke\",\"result\",\"200\",\"dns/timeout\",").count(), 10);
    comparison.write_json(&desk.path("diff.json")).unwrap();
    let value: serde_json::Value =
        serde_json::from_slice(&std::fs::read(desk.path("diff.json")).unwrap()).unwrap();
    assert_eq!(value["changes"].as_array().unwrap().len() as u64, COUNT);
}

/// A record of a certificate that was refused.
fn refused(index: u64, reason: &str, message: &str) -> Record {
    let mut value = serde_json::to_value(failure(index, "tls", "certificate", message)).unwrap();
    value["error"]["reason"] = json!(reason);
    serde_json::from_value(value).unwrap()
}

#[test]
fn why_a_certificate_is_refused_is_told() {
    let old = [
        refused(0, "expired", "since Monday"),
        record(1, &json!({})),
        refused(2, "expired", "since Monday"),
        refused(3, "expired", "for 7 days"),
    ];
    let new = [
        refused(0, "wrong_name", "it is for b.example"),
        refused(1, "expired", "since Tuesday"),
        record(2, &json!({})),
        // Words alone are no news.
        refused(3, "expired", "for 8 days"),
    ];
    let comparison = compare(&old, &new);
    assert_eq!(
        changes(&comparison).iter().map(told).collect::<Vec<_>>(),
        [
            "1 broke 200>tls/certificate expired; “since Tuesday”",
            "2 healed tls/certificate>200 was expired; was “since Monday”",
            "0 changed > expired → wrong_name; “it is for b.example”",
        ]
    );
    assert_eq!(comparison.counts.unchanged, 1);
}

#[test]
fn what_was_not_asked_is_no_evidence() {
    let interrupted = json!({"outcome": "interrupted", "accepted": false, "status_code": null});
    let old = [
        record(0, &json!({})),
        record(1, &json!({})),
        record(2, &interrupted),
        failure(3, "policy", "robots", "it forbids it"),
        record(4, &json!({})),
        record(5, &json!({})),
    ];
    let new = [
        record(0, &interrupted),
        failure(1, "local", "network", "no network"),
        record(2, &json!({})),
        failure(3, "policy", "robots", "it forbids it"),
        failure(4, "policy", "in_doubt", "the run was killed"),
        record(5, &interrupted),
    ];
    let comparison = compare(&old, &new);
    let counts = comparison.counts;
    assert_eq!((counts.not_comparable, counts.broke, counts.healed), (6, 0, 0));
    assert!(counts.is_no_comparison() && counts.compared() == 0);
    assert_eq!(told(&changes(&comparison)[0]), "0 not comparable 200>interrupted ");
    assert_eq!(told(&changes(&comparison)[3]), "3 not comparable policy/robots>policy/robots ");
    assert!(!compare(&[], &new).counts.is_no_comparison(), "there was nothing to compare with");
    assert!(compare(&old, &[]).counts.is_no_comparison());
}

#[test]
fn a_host_that_had_its_chance_is_evidence() {
    let old: Vec<_> = (0..2).map(|index| record(index, &json!({}))).collect();
    let new = [
        failure(0, "policy", "given_up", "no answer to 20 attempts in a row"),
        failure(1, "policy", "rate_limited", "it wants to be left alone"),
    ];
    let counts = compare(&old, &new).counts;
    assert_eq!((counts.broke, counts.not_comparable), (2, 0));
    // What is no URL is none today either.
    let skipped = json!({
        "outcome": "skipped", "accepted": false, "status_code": null, "url": null, "final_url": null,
        "error": {"phase": "input", "kind": "invalid_url", "message": "no host"}, "input": "not a URL"
    });
    let counts = compare(&[record(0, &skipped)], &[record(0, &skipped)]).counts;
    assert_eq!((counts.unchanged, counts.not_comparable), (1, 0));
}

#[test]
fn what_is_in_one_run_only_is_named() {
    let desk = Desk::new();
    let old = [record(0, &json!({})), failure(1, "dns", "timeout", "no answer"), record(2, &json!({}))];
    let new = [record(2, &json!({})), record(7, &json!({"status_code": 204})), record(3, &json!({}))];
    let comparison = compare(&old, &new);
    let told: Vec<_> = changes(&comparison).iter().map(told).collect();
    let expected = ["0 removed 200> ", "1 removed dns/timeout> ", "3 added >200 ", "7 added >204 "];
    assert_eq!(told, expected);
    comparison.write_json(&desk.path("diff.json")).unwrap();
    let text = std::fs::read_to_string(desk.path("diff.json")).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&value["in_both"], &value["compared"], &value["counts"]["added"]),
        (&json!(1), &json!(1), &json!(2))
    );
    assert_eq!(
        value["changes"][3],
        json!({
            "kind": "added", "input": "https://example.com/7", "url": "https://example.com/7", "old_index": null,
            "new_index": 7, "differences": [{"field": "end", "before": null, "after": "204"}]
        })
    );
}

#[test]
fn lists_may_differ_in_order_and_length() {
    let mut old: Vec<_> = (0..500).map(|index| record(index, &json!({}))).collect();
    let mut new: Vec<_> = (100..650).rev().map(|index| record(index, &json!({}))).collect();
    // The same URL twice is two inputs.
    old.push(record(200, &json!({})));
    new.push(failure(200, "dns", "timeout", "no answer"));
    let counts = compare(&old, &new).counts;
    assert_eq!((counts.added, counts.removed, counts.broke, counts.unchanged), (150, 100, 1, 400));
}

#[test]
fn times_within_the_noise_are_as_before() {
    let took = |index: u64, seconds: f64| record(index, &json!({"time_total": seconds}));
    // Every input is a tenth slower or faster by chance, and the network a half slower.
    let old: Vec<_> = (0..200).map(|index| took(index, 0.2)).collect();
    let mut new: Vec<_> =
        (0..200).map(|index| took(index, 0.3 * (0.9 + 0.001 * (index % 200) as f64))).collect();
    let counts = compare(&old, &new).counts;
    assert_eq!((counts.slower, counts.faster, counts.unchanged), (0, 0, 200));
    new[7] = took(7, 2.0);
    new[9] = took(9, 0.02);
    let comparison = compare(&old, &new);
    let told: Vec<String> = changes(&comparison).iter().map(told).collect();
    assert_eq!(told, ["7 slower 200 ms>2.00 s ", "9 faster 200 ms>20 ms "]);
    assert!((1.4..1.6).contains(&comparison.time_noise.overall), "{:?}", comparison.time_noise);
    // Twenty times as long, but a time that nobody feels.
    let counts = compare(&[took(0, 0.002)], &[took(0, 0.04)]).counts;
    assert_eq!(counts.slower, 0);
    // Where chance makes up to ninefold differences, ninefold is chance.
    let wild = |index: u64| 0.5 * 3f64.powf((index * 7_919 % 1_000) as f64 / 500.0 - 1.0);
    let new: Vec<_> = (0..300).map(|index| took(index, wild(index))).collect();
    let old: Vec<_> = (0..300).map(|index| took(index, wild(index * 31 + 17))).collect();
    assert_eq!(compare(&old, &new).changes.count(), 0);
}

#[test]
fn a_run_that_is_slower_as_a_whole_is_told_as_such() {
    let took = |index: u64, seconds: f64| record(index, &json!({"time_total": seconds}));
    // So many inputs, of which so many take eighty times as long: how many are slower, and what is said of the run.
    let verdict = |inputs: u64, slow: u64| {
        let old: Vec<_> = (0..inputs).map(|index| took(index, 0.02)).collect();
        let new: Vec<_> =
            (0..inputs).map(|index| took(index, if index < slow { 1.6 } else { 0.02 })).collect();
        let comparison = compare(&old, &new);
        (comparison.counts.slower, comparison.time_noise.verdict())
    };
    let as_a_whole = Some("the run as a whole took 80 times as long".to_owned());
    for (inputs, slow, expected) in [
        (1, 1, (1, None)),
        (2, 2, (2, None)),
        (4, 3, (3, None)),
        (10, 1, (1, None)),
        (10, 4, (4, None)),
        (10, 5, (5, None)),
        (10, 6, (0, as_a_whole.clone())),
        (100, 100, (0, as_a_whole)),
    ] {
        assert_eq!(verdict(inputs, slow), expected, "{slow} of {inputs}");
    }
    // The other way round, and three times as long where nobody feels it.
    let ten = |seconds: f64| (0..10).map(|index| took(index, seconds)).collect::<Vec<_>>();
    let said = compare(&ten(1.6), &ten(0.4)).time_noise.verdict();
    assert_eq!(said.as_deref(), Some("the run as a whole was 4.0 times as fast"));
    assert_eq!(compare(&ten(0.002), &ten(0.006)).time_noise.verdict(), None);
}

#[test]
fn what_is_another_every_time_can_be_left_out() {
    let old = [
        record(0, &json!({"title": "3 visitors"})),
        record(1, &json!({"title": "3 visitors"})),
        record(2, &json!({"time_total": 0.1})),
    ];
    let new = [
        record(0, &json!({"title": "4 visitors", "final_url": "https://example.com/?session=4"})),
        record(1, &json!({"title": "Gone", "status_code": 404, "accepted": false})),
        record(2, &json!({"time_total": 9.0})),
    ];
    let without = |ignored: &str| {
        let ignored: Vec<Ignored> = ignored.split(',').map(|name| name.parse().unwrap()).collect();
        let [old, new] = [&old, &new].map(|records| records.iter().cloned().map(Ok));
        changes(&Comparison::without(&ignored, old, new).unwrap()).iter().map(told).collect::<Vec<_>>()
    };
    let slower = "2 slower 100 ms>9.00 s ";
    assert_eq!(
        without("title"),
        [
            "1 broke 200>404 ",
            "0 changed > leads to “https://example.com/0” → “https://example.com/?session=4”",
            slower
        ]
    );
    assert_eq!(without("title,final_url"), ["1 broke 200>404 ", slower]);
    assert_eq!(without("title, final_url, time_total"), ["1 broke 200>404 "]);
    assert_eq!(
        "titel".parse::<Ignored>().unwrap_err(),
        "it takes some of title, final_url, certificate, time_total, with commas between"
    );
}

#[test]
fn a_comparison_is_written_as_json_and_as_a_page() {
    let desk = Desk::new();
    let comparison = compare(&[record(0, &json!({}))], &[failure(0, "dns", "not_found", "no such name")]);
    comparison.write_json(&desk.path("diff.json")).unwrap();
    let text = std::fs::read_to_string(desk.path("diff.json")).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["counts"]["broke"], 1);
    assert_eq!(
        value["changes"],
        json!([{
            "kind": "broke", "input": "https://example.com/0", "url": "https://example.com/0", "old_index": 0,
            "new_index": 0, "differences": [
                {"field": "end", "before": "200", "after": "dns/not_found"},
                {"field": "message", "before": null, "after": "no such name"}
            ]
        }])
    );
    comparison.write_html(&desk.path("diff.html"), "<Monday> & Tuesday", 10).unwrap();
    let page = std::fs::read_to_string(desk.path("diff.html")).unwrap();
    assert!(page.contains("<h1>1 broke</h1>") && page.contains("&lt;Monday&gt; &amp; Tuesday"));
    assert_eq!(desk.names(), ["diff.html", "diff.json"]);
}

#[test]
fn a_page_shows_what_was_and_what_is_whatever_changed() {
    let desk = Desk::new();
    let old = [
        record(0, &json!({"title": "Old", "final_url": "https://example.com/a"})),
        record(1, &json!({})),
        record(2, &json!({"final_url": "https://example.com/a"})),
        record(3, &json!({})),
    ];
    let mut new = [
        record(0, &json!({"title": null, "final_url": "https://example.com/b"})),
        record(1, &json!({"accepted": false})),
        record(2, &json!({"final_url": "https://example.com/b"})),
        record(3, &json!({"outcome": "interrupted", "accepted": false, "status_code": null})),
    ];
    new[0].timestamp += std::time::Duration::from_hours(24);
    new[1..].iter_mut().for_each(|record| record.timestamp += std::time::Duration::from_hours(25));
    compare(&old, &new).write_html(&desk.path("diff.html"), "", 10).unwrap();
    let page = std::fs::read_to_string(desk.path("diff.html")).unwrap();
    for row in [
        "[\"broke\",\"result\",\"200, accepted\",\"200, not accepted\",\"https://example.com/1\"]",
        "[\"changed\",\"title\",\"Old\",\"none\",\"https://example.com/0\",\
         \"leads to “https://example.com/a” → “https://example.com/b”\"]",
        "[\"changed\",\"target\",\"https://example.com/a\",\"https://example.com/b\",\"https://example.com/2\"]",
    ] {
        assert!(page.contains(row), "{row} in {page}");
    }
    assert!(page.contains("2026-01-31 08:00 UTC → 2026-02-01 08:00 UTC"), "{page}");
    assert!(page.contains("<b>1</b> of them not comparable"), "{page}");
    assert!(page.contains("<dt>Broke</dt><dd class=\"bad\">1</dd>"), "{page}");
    // What cannot be compared has not stayed whole either.
    compare(&old[3..], &new[3..]).write_html(&desk.path("diff.html"), "", 10).unwrap();
    let page = std::fs::read_to_string(desk.path("diff.html")).unwrap();
    assert!(page.contains("<h1>Nothing could be compared</h1>"), "{page}");
    // Of what ended the same way unasked, neither run thinks otherwise.
    let unasked = [failure(0, "policy", "robots", "it forbids it")];
    compare(&unasked, &unasked).write_html(&desk.path("diff.html"), "", 10).unwrap();
    let page = std::fs::read_to_string(desk.path("diff.html")).unwrap();
    assert!(page.contains("[\"not comparable\",\"result\",\"policy/robots\",\"policy/robots\","), "{page}");
}

#[test]
fn a_page_stays_readable_whatever_changes() {
    let desk = Desk::new();
    let long = |index: u64, letter: &str| {
        let url = format!("https://example.com/{index}{}", "x".repeat(100_000));
        record(index, &json!({"url": url, "title": letter.repeat(100_000)}))
    };
    let old: Vec<_> = (0..5).map(|index| long(index, "a")).collect();
    let new: Vec<_> = (0..5).map(|index| long(index, "b")).collect();
    compare(&old, &new).write_html(&desk.path("diff.html"), "", 10).unwrap();
    assert!(std::fs::metadata(desk.path("diff.html")).unwrap().len() < 60_000);
}

#[test]
fn a_comparison_is_safe_to_show_whatever_the_records_hold() {
    const ATTACK: &str = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\u{202e}\u{1b}[2J";
    let desk = Desk::new();
    let old = [record(0, &json!({"title": ATTACK, "input": ATTACK})), record(1, &json!({}))];
    let new =
        [record(0, &json!({"title": "other", "input": ATTACK})), failure(1, "tls", "certificate", ATTACK)];
    let comparison = compare(&old, &new);
    assert_eq!(comparison.changes.count(), 2);
    comparison.write_json(&desk.path("diff.json")).unwrap();
    comparison.write_html(&desk.path("diff.html"), ATTACK, 10).unwrap();
    for name in ["diff.json", "diff.html"] {
        let text = std::fs::read_to_string(desk.path(name)).unwrap();
        assert!(!text.contains('\u{202e}') && !text.contains('\u{1b}'), "{name}");
        assert!(name == "diff.json" || (!text.contains("<img") && !text.contains("<script>alert")), "{text}");
    }
}

proptest! {
    #[test]
    fn nobody_is_lost_and_a_run_is_as_itself(
        old in prop::collection::vec(any_record(), 0..12),
        new in prop::collection::vec(any_record(), 0..12),
    ) {
        let counts = compare(&old, &new).counts;
        prop_assert_eq!(counts.in_both() + counts.removed, old.len() as u64);
        prop_assert_eq!(counts.in_both() + counts.added, new.len() as u64);
        let itself = compare(&new, &new);
        prop_assert_eq!(itself.counts.unchanged + itself.counts.not_comparable, new.len() as u64);
        let backwards = compare(&new, &old);
        let broke = |comparison: &Comparison| changes(comparison).iter().filter(|c| c.kind == ChangeKind::Broke).count();
        prop_assert_eq!(broke(&backwards) as u64, counts.healed);
    }
}
