//! `--where` and `--fields`: what they select, and what they say of what they cannot understand.

use headcount::Record;
use headcount_outputs::{Fields, Options, Where};
use parquet::file::reader::SerializedFileReader;
use parquet::record::reader::RowIter;
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

/// Records with what is there on request, or stood beside the URL in the list.
fn records_with_parts() -> Vec<Record> {
    let parts = [
        json!({
            "input_fields": {"id": 7, "größe": "L"}, "header_fields": {"cache-control": ["no-store", "private"]},
            "extracted": {"price": "12.50", "offer": {"until": "May"}, "a.b": true, "none": null},
            "certificate": {
                "issuer": "O=Authority", "subject": "CN=a", "names": ["a.example", "b.example"],
                "not_before": "2026-01-01T00:00:00Z", "not_after": "2026-03-01T00:00:00Z",
                "fingerprint_sha256": "ab"
            }
        }),
        json!({"input_fields": {"id": 11}, "extracted": {"price": 9}}),
        json!({"extracted": {"price": "=1+1"}}),
    ];
    let with = |(index, parts): (u64, &serde_json::Value)| {
        let url = format!("https://host{index}.example:8443/");
        let mut value = serde_json::to_value(record(index, &json!({"url": url, "final_url": url}))).unwrap();
        value.as_object_mut().unwrap().extend(parts.as_object().unwrap().clone());
        serde_json::from_value(value).unwrap()
    };
    (0..).zip(&parts).map(with).collect()
}

#[test]
fn parts_of_fields_can_be_compared() {
    let cases: &[(&str, &[u64])] = &[
        ("host == 'host1.example:8443'", &[1]),
        ("input_fields.id > 9", &[1]),
        ("input_fields.id == null", &[2]),
        ("input_fields.größe == 'L'", &[0]),
        // Text that is a number is one, if it is compared with one.
        ("extracted.price > 10", &[0]),
        ("extracted.price < 10 or extracted.price ~ '+'", &[1, 2]),
        ("extracted.price == '9'", &[1]),
        ("extracted.price != 9", &[0, 2]),
        ("extracted.offer.until == 'May' and extracted.a.b == true", &[0]),
        ("extracted.none == null and extracted.missing == null", &[0, 1, 2]),
        ("header_fields.Cache-Control == 'private'", &[0]),
        ("certificate.not_after < '2026-03-02'", &[0]),
        ("certificate.names ~ 'b.ex' and certificate.issuer != null", &[0]),
    ];
    for (condition, expected) in cases {
        let parsed: Where = condition.parse().unwrap_or_else(|error| panic!("{condition}: {error}"));
        let selected: Vec<_> =
            records_with_parts().iter().filter(|r| parsed.holds(r)).map(|r| r.index).collect();
        assert_eq!(selected, *expected, "{condition}");
        assert_eq!(parsed.to_string().parse::<Where>().unwrap(), parsed, "{condition}");
    }
    for (condition, expected) in [
        (
            "extracted.price",
            "at column 1: extracted.price is not true or false; compare it, as in `extracted.price ~ 'text'`",
        ),
        (
            "certificate.notafter > 1",
            "at column 1: there is no field certificate.notafter; did you mean certificate.not_after?",
        ),
        (
            "webserver.name == 'a'",
            "at column 1: there is no field webserver.name; `headcount schema` lists them",
        ),
        (
            "certificate.not_after > 5",
            "at column 25: certificate.not_after is compared with a moment in quotes, such as \
            '2026-01-31' or '2026-01-31T08:00:00Z'",
        ),
    ] {
        assert_eq!(condition.parse::<Where>().unwrap_err().to_string(), expected);
    }
}

#[test]
fn parts_of_fields_are_written_in_every_format() {
    let desk = Desk::new();
    let fields = "host,extracted.price,input_fields.id,certificate.not_after,header_fields.cache-control";
    let options = Options { fields: fields.parse().unwrap(), ..Options::default() };
    let records = records_with_parts();
    assert_eq!(
        desk.text("a.jsonl", &records[..2], &options),
        "{\"host\":\"host0.example:8443\",\"extracted.price\":\"12.50\",\"input_fields.id\":7,\
         \"certificate.not_after\":\"2026-03-01T00:00:00Z\",\"header_fields.cache-control\":[\"no-store\",\"private\"]}\n\
         {\"host\":\"host1.example:8443\",\"extracted.price\":9,\"input_fields.id\":11,\
         \"certificate.not_after\":null,\"header_fields.cache-control\":null}\n"
    );
    assert_eq!(
        desk.text("a.csv", &records, &options),
        format!(
            "{fields}\r\nhost0.example:8443,12.50,7,2026-03-01T00:00:00Z,\"[\"\"no-store\"\",\"\"private\"\"]\"\r\n\
             host1.example:8443,9,11,,\r\nhost2.example:8443,'=1+1,,,\r\n"
        )
    );
    // The second time, the columns are there.
    for _ in 0..2 {
        desk.write("a.db", &records, &options);
    }
    let connection = rusqlite::Connection::open(desk.path("a.db")).unwrap();
    let query = "SELECT sum(\"input_fields.id\"), max(\"extracted.price\") FROM records WHERE run = 2";
    let (sum, price): (i64, String) =
        connection.query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!((sum, price.as_str()), (18, "=1+1"));
    let mut not_accepted = records.clone();
    not_accepted.iter_mut().for_each(|record| record.accepted = false);
    let text = desk.text("a.md", &not_accepted, &options);
    assert!(text.contains("| host0.example:8443 | 12.50 | 7 | 2026-03-01T00:00:00Z |"), "{text}");
    assert!(desk.text("a.html", &records, &options).contains("\"12.50\""));
    let parquet = desk.write("a.parquet", &records, &options);
    let reader = SerializedFileReader::new(std::fs::File::open(parquet).unwrap()).unwrap();
    let rows: Vec<String> =
        RowIter::from_file_into(Box::new(reader)).map(|row| row.unwrap().to_string()).collect();
    assert!(rows[1].contains("extracted.price: \"9\", input_fields.id: \"11\""), "{}", rows[1]);
    assert_eq!(
        "host,extracted.,url".parse::<Fields>().unwrap_err(),
        "there is no field extracted.; did you mean extracted?"
    );
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
