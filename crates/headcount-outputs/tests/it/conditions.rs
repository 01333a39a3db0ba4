//! `--where` and `--fields`: what they select, and what they say of what they cannot understand.

use headcount::Record;
use headcount_outputs::{Fields, Options, Where};
use proptest::prelude::*;
use serde_json::json;

use crate::support::{Desk, failure, record};

fn records() -> [Record; 4] {
    [
        record(0, &json!({})),
        record(
            1,
            &json!({"status_code": 404, "accepted": false, "title": "Nicht GEFUNDEN", "time_total": 1.5}),
        ),
        failure(2, "dns", "not_found", "no such name"),
        record(
            3,
            &json!({"title": null, "chain_status_codes": [301, 200], "timestamp": "2026-02-01T00:00:00Z"}),
        ),
    ]
}

fn selected(condition: &str) -> Vec<u64> {
    let condition: Where = condition.parse().unwrap_or_else(|error| panic!("{condition}: {error}"));
    records().iter().filter(|record| condition.holds(record)).map(|record| record.index).collect()
}

#[test]
fn conditions_select_records() {
    let cases: &[(&str, &[u64])] = &[
        ("failed", &[2]),
        ("not failed", &[0, 1, 3]),
        ("accepted == false", &[1, 2]),
        ("status_code>=400 or failed", &[1, 2]),
        ("status_code >= 200 and status_code < 300 and title != null", &[0]),
        // `null` equals nothing but itself.
        ("status_code != 200", &[1, 2]),
        ("status_code < 1000", &[0, 1, 3]),
        ("status_code = null", &[2]),
        ("title == null", &[2, 3]),
        ("error == null", &[0, 1, 3]),
        ("error.phase == 'dns'", &[2]),
        ("error_phase == \"dns\" AND error.kind = 'not_found'", &[2]),
        ("error.message ~ 'SUCH'", &[2]),
        ("title ~ 'gefunden'", &[1]),
        ("title == 'A title'", &[0]),
        ("title > 'B'", &[1]),
        ("time_total > 1", &[1]),
        ("outcome == 'failed' or not (accepted or status_code == 404)", &[2]),
        // `and` binds before `or`, `not` before both.
        ("failed or accepted and status_code == 404", &[2]),
        ("not failed and not accepted", &[1]),
        ("chain_status_codes == 301", &[3]),
        ("timestamp >= '2026-02-01'", &[3]),
        ("timestamp < '2026-01-31T09:00:00Z'", &[0, 1, 2]),
        ("failed = True or title == NULL", &[2, 3]),
        ("time_total > 1.4e0 and time_total > 1e-3", &[1]),
        ("time_total<15e-1", &[0, 3]),
        // Without a zone it is UTC; nothing of it is dropped.
        ("timestamp >= '2026-01-31T08:00'", &[0, 1, 2, 3]),
        ("timestamp >= '2026-01-31T08:01'", &[3]),
        ("timestamp > '2026-01-31 08:00:00.123456789'", &[3]),
        ("timestamp < '2026-01-31T09:00:01+01:00'", &[0, 1, 2]),
        ("timestamp < '2026-01-31T08:59+01:00'", &[]),
        ("input ~ ''''", &[]),
        ("index>=2", &[2, 3]),
        ("time_total > -1", &[0, 1, 3]),
    ];
    for (condition, expected) in cases {
        assert_eq!(selected(condition), *expected, "{condition}");
    }
}

const NO_MOMENT: &str = "at column 13: a moment is written as '2026-01-31', '2026-01-31 08:00' (both in UTC) or \
    '2026-01-31T08:00:00+01:00'";

#[test]
fn what_is_no_condition_is_said_with_its_place() {
    let cases = [
        ("", "at column 1: a field should stand here, not the end"),
        ("statuscode >= 400", "at column 1: there is no field statuscode; did you mean status_code?"),
        ("failed or bogus", "at column 11: there is no field bogus; `headcount schema` lists them"),
        ("status_code >=", "at column 15: a value should stand here, not the end"),
        ("status_code >= 'a'", "at column 16: status_code is compared with a number"),
        (
            "status_code",
            "at column 1: status_code is not true or false; compare it, as in `status_code >= 1`",
        ),
        ("status_code ~ 40", "at column 13: ~ is for text, which status_code is not"),
        ("title == bar", "at column 10: text stands in quotes: 'bar'"),
        ("title ~ 'bar", "at column 9: this ' is never closed"),
        (
            "error.phase == 'dsn'",
            "at column 16: error_phase is one of input, dns, connect, tls, send, headers, body, redirect, policy, local",
        ),
        ("title < null", "at column 7: null is compared with == or != only"),
        ("index == null", "at column 10: index is never null"),
        ("failed failed", "at column 8: `and` or `or` should stand here, not `failed`"),
        ("(failed", "at column 8: `)` should stand here, not the end"),
        ("failed)", "at column 7: `and` or `or` should stand here, not `)`"),
        ("ü == 1", "at column 1: 'ü' has no meaning here"),
        ("status_code == 4x", "at column 16: 4x is no number"),
        ("timestamp > 'yesterday'", NO_MOMENT),
        ("timestamp > '2026-01-31T25:00'", NO_MOMENT),
        ("timestamp > '2026-01-31T08:00[Europe/Berlin]'", NO_MOMENT),
        ("failed && accepted", "at column 8: `&` is written `and`"),
        ("failed || accepted", "at column 8: `|` is written `or`"),
        ("!failed", "at column 1: `!` is written `not`"),
        ("title !~ 'a'", "at column 7: `!~` is written with `not`, as in `not title ~ 'text'`"),
        ("status_code <> 200", "at column 13: `<>` is written `!=`"),
        ("title is null", "at column 7: `is` is written `==`, and `is not` is written `!=`"),
        ("failed IS NOT true", "at column 8: `is` is written `==`, and `is not` is written `!=`"),
        (
            "status_code in (200, 301)",
            "at column 13: `in` is written with `or`, as in `(status_code == … or status_code == …)`",
        ),
        ("title like '%a%'", "at column 7: `like` is written `~`, as in `title ~ 'text'`"),
        (
            "index between 1 and 2",
            "at column 7: `between` is written with `and`, as in `index >= … and index <= …`",
        ),
        ("time_total > 500ms", "at column 14: 500ms is no number; times are in seconds: 0.5"),
        ("time_total > 2min", "at column 14: 2min is no number; times are in seconds: 120"),
        ("failed < true", "at column 8: failed is compared with == or != only"),
    ];
    for (condition, expected) in cases {
        let error = condition.parse::<Where>().unwrap_err();
        assert_eq!(error.to_string(), expected, "{condition}");
    }
}

#[test]
fn conditions_may_be_many_but_not_endlessly_deep() {
    let many = vec!["failed"; 50_000].join(" or ");
    assert!(many.parse::<Where>().unwrap().holds(&records()[2]));
    for deep in [format!("{}failed{}", "(".repeat(9_999), ")".repeat(9_999)), "not ".repeat(9_999) + "failed"]
    {
        assert!(deep.parse::<Where>().unwrap_err().to_string().contains("more than 64 deep"));
    }
}

/// Conditions as people could write them.
fn condition() -> impl Strategy<Value = String> {
    let simple = prop_oneof![
        Just("failed".to_owned()),
        Just("error.phase != 'tls'".to_owned()),
        ("(==|!=|<|<=|>|>=)", 0..600u32).prop_map(|(sign, number)| format!("status_code {sign} {number}")),
        ("(==|!=|<|<=|>|>=)", 0.0..9.0f64).prop_map(|(sign, number)| format!("time_total {sign} {number}")),
        ("(==|~|!=)", "[^']{0,9}").prop_map(|(sign, text)| format!("title {sign} '{text}'")),
    ];
    simple.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| format!("not ({inner})")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(one, two, three)| format!("{one} or {two} and {three}")),
            (inner.clone(), inner).prop_map(|(one, other)| format!("({one}) and ({other})")),
        ]
    })
}

proptest! {
    #[test]
    fn a_condition_written_out_means_the_same(text in condition()) {
        let condition: Where = text.parse().unwrap();
        let again: Where = condition.to_string().parse().unwrap();
        prop_assert_eq!(&condition, &again);
        let negated: Where = format!("not ({text})").parse().unwrap();
        for record in records() {
            prop_assert_ne!(condition.holds(&record), negated.holds(&record));
        }
    }

    #[test]
    fn any_text_is_a_condition_or_an_error_within_it(text in any::<String>(), words in "[a-z_. ()'=<>!~0-9-]{0,40}") {
        for text in [text, words, "failed ".to_owned()] {
            if let Err(error) = text.parse::<Where>() {
                prop_assert!((1..=text.chars().count() + 1).contains(&error.column()), "{}", error);
            }
        }
    }
}

#[test]
fn fields_are_chosen_and_ordered() {
    let desk = Desk::new();
    let fields: Fields = "status_code, error,url".parse().unwrap();
    let options = Options {
        fields,
        condition: Some("index >= 1 and index <= 2".parse().unwrap()),
        ..Options::default()
    };
    assert_eq!(
        desk.text("a.jsonl", &records(), &options),
        "{\"status_code\":404,\"error\":null,\"url\":\"https://example.com/1\"}\n\
         {\"status_code\":null,\"error\":{\"phase\":\"dns\",\"kind\":\"not_found\",\"message\":\"no such name\"},\
         \"url\":\"https://example.com/2\"}\n"
    );
    assert_eq!(
        desk.text("a.csv", &records(), &options),
        "status_code,error_phase,error_kind,error_reason,error_message,url\r\n404,,,,,https://example.com/1\r\n\
         ,dns,not_found,,no such name,https://example.com/2\r\n"
    );
    let fields = "error.kind,index".parse().unwrap();
    let text = desk.text("b.json", &records()[2..3], &Options { fields, ..Options::default() });
    assert_eq!(text, "[\n{\"error_kind\":\"not_found\",\"index\":2}\n]\n");
}

#[test]
fn fields_that_are_not_there_are_named() {
    let cases = [
        ("url,statuscode", "there is no field statuscode; did you mean status_code?"),
        ("url,,title", "it takes names of fields, with commas between"),
        ("url,url", "url is named twice"),
        ("error,error.kind", "error_kind is named twice"),
        ("x", "there is no field x; `headcount schema` lists them"),
    ];
    for (fields, expected) in cases {
        assert_eq!(fields.parse::<Fields>().unwrap_err(), expected);
    }
}
