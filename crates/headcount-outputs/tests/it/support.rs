//! Records to write, and a folder to write them to.

use std::path::{Path, PathBuf};

use headcount::Record;
use headcount::record::{Outcome, Phase};
use headcount_outputs::{Error, Format, Options, OutputFile, RecordReader, write_all};
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A record of an answer, as JSON; fields can be replaced.
pub(crate) fn record(index: u64, changes: &Value) -> Record {
    let url = format!("https://example.com/{index}");
    let mut record = json!({
        "index": index, "source": "urls.txt", "line": index + 1, "input": url, "url": url, "final_url": url,
        "method": "GET", "outcome": "answered", "accepted": true, "failed": false, "error": null,
        "status_code": 200, "title": "A title", "content_type": "text/html", "content_length": 1_256,
        "body_bytes": 1_256, "truncated": false, "webserver": "small-web", "host_ip": "127.0.0.1",
        "http_version": "HTTP/1.1", "num_redirects": 0, "num_retries": 0, "chain_status_codes": [200],
        "insecure": false, "timestamp": "2026-01-31T08:00:00.123456789Z", "time_queued": 0.25,
        "time_namelookup": 0.001, "time_connect": 0.002, "time_appconnect": 0.01, "time_starttransfer": 0.05,
        "time_total": 0.0625
    });
    for (name, value) in changes.as_object().unwrap() {
        assert!(record.get(name).is_some(), "a record has no {name}");
        record[name] = value.clone();
    }
    serde_json::from_value(record).unwrap()
}

/// A record of a failure.
pub(crate) fn failure(index: u64, phase: &str, kind: &str, message: &str) -> Record {
    let error = json!({"phase": phase, "kind": kind, "message": message});
    let changes = json!({
        "outcome": "failed", "accepted": false, "failed": true, "error": error, "status_code": null, "title": null,
        "chain_status_codes": [], "time_total": null
    });
    record(index, &changes)
}

/// A folder of its own.
pub(crate) struct Desk(TempDir);

impl Desk {
    pub(crate) fn new() -> Desk {
        Desk(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Writes the records to a file of this name, and gives its place.
    pub(crate) fn write(&self, name: &str, records: &[Record], options: &Options) -> PathBuf {
        let path = self.path(name);
        write_all(records.iter().cloned().map(Ok), &[output(&path, options)]).unwrap();
        path
    }

    pub(crate) fn text(&self, name: &str, records: &[Record], options: &Options) -> String {
        std::fs::read_to_string(self.write(name, records, options)).unwrap()
    }
}

pub(crate) fn output(path: &Path, options: &Options) -> OutputFile {
    OutputFile { path: path.to_owned(), format: Format::of_path(path).unwrap(), options: options.clone() }
}

pub(crate) fn read(path: &Path) -> Result<Vec<Record>, Error> {
    RecordReader::open(path)?.collect()
}

/// The record as a format keeps it: databases and Parquet end at microseconds.
pub(crate) fn kept(record: &Record, format: Format) -> Record {
    let mut record = record.clone();
    if matches!(format, Format::Sqlite | Format::Parquet) {
        let microseconds = record.timestamp.as_nanosecond().div_euclid(1_000);
        record.timestamp = jiff::Timestamp::from_nanosecond(microseconds * 1_000).unwrap();
    }
    record
}

/// Any text, also such as spreadsheets, browsers and terminals would obey.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => any::<String>(),
        1 => "'{0,2}[=+@\\-]?[a-z'\"<>&|`,;\r\n\t]{0,8}",
        1 => Just("</script><script>alert(1)</script>".to_owned()),
    ]
}

/// Text that is not empty, for fields that a CSV cannot tell from nothing.
fn some_text() -> impl Strategy<Value = String> {
    text().prop_filter("an empty cell is nothing", |text| !text.is_empty())
}

fn seconds() -> impl Strategy<Value = f64> {
    prop_oneof![0.0..100.0f64, Just(0.0), 0.0..1e-6f64]
}

/// What a user may have beside a URL: any JSON but numbers that only some readers know.
fn fields() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(3, 12, 4, |value| {
        prop_oneof![
            prop::collection::vec(value.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(text(), value, 0..4).prop_map(Value::from_iter),
        ]
    });
    prop_oneof![Just(Value::Null), prop::collection::hash_map(text(), value, 1..4).prop_map(Value::from_iter)]
}

/// Any record that the engine could make, and many that it could not.
pub(crate) fn any_record() -> impl Strategy<Value = Record> {
    let error =
        proptest::option::of((any::<prop::sample::Index>(), any::<prop::sample::Index>(), text()).prop_map(
            |(phase, kind, message)| {
                let phase = *phase.get(Phase::ALL);
                let kind = *kind.get(phase.kinds());
                json!({"phase": phase, "kind": kind, "message": message})
            },
        ));
    let outcome = prop_oneof![
        Just(Outcome::Answered),
        Just(Outcome::Failed),
        Just(Outcome::Skipped),
        Just(Outcome::Interrupted)
    ];
    let option = proptest::option::of::<proptest::strategy::BoxedStrategy<String>>;
    let texts = prop::collection::vec(option(some_text().boxed()), 7);
    let counts = prop::collection::vec(proptest::option::of(0..=i64::MAX as u64), 3);
    let address = proptest::option::of(any::<std::net::IpAddr>());
    let times = prop::collection::vec(proptest::option::of(seconds()), 5);
    let flags = any::<[bool; 4]>();
    let codes = prop::collection::vec(100..600u16, 0..5);
    // The years that 64 bits of nanoseconds hold.
    let timestamp = (-9_000_000_000_000_000_000..9_000_000_000_000_000_000i128)
        .prop_map(|at| jiff::Timestamp::from_nanosecond(at).unwrap());
    let numbers = (any::<u32>(), any::<u32>(), 0..=i64::MAX as u64, proptest::option::of(100..600u16));
    (
        (error, outcome, texts, counts, address),
        (times, flags, codes, timestamp, numbers, seconds(), text(), text(), fields()),
    )
        .prop_map(
            |(
                (error, outcome, texts, counts, address),
                (times, flags, codes, timestamp, numbers, queued, input, method, fields),
            )| {
                let mut value = json!({
                    "index": numbers.2, "source": texts[0], "line": counts[0], "input": input, "input_fields": fields, "url": texts[1],
                    "final_url": texts[2], "method": method, "outcome": outcome, "accepted": flags[0],
                    "failed": flags[1], "error": error, "status_code": numbers.3, "title": texts[3],
                    "content_type": texts[4], "content_length": counts[1], "body_bytes": counts[2],
                    "truncated": flags[2], "webserver": texts[5], "host_ip": address, "http_version": texts[6],
                    "num_redirects": numbers.0, "num_retries": numbers.1, "chain_status_codes": codes,
                    "insecure": flags[3], "timestamp": timestamp, "time_queued": queued,
                    "time_namelookup": times[0], "time_connect": times[1], "time_appconnect": times[2],
                    "time_starttransfer": times[3], "time_total": times[4]
                });
                // What is there on request only.
                if flags[0] {
                    value["input_fields"] = json!({"": texts[0], "b": {"c": codes}});
                    value["body_bytes_received"] = json!(counts[0]);
                    value["body_sha256"] = json!(texts[2]);
                    value["body_file"] = json!(texts[3]);
                    value["header_fields"] = json!({"server": texts[5], "vary": ["a", "b"]});
                    value["extracted"] = json!({"price": texts[4], "items": [1, null]});
                    value["certificate"] = json!({
                        "issuer": texts[0].as_deref().unwrap_or("CN=a"), "subject": texts[1].as_deref().unwrap_or_default(),
                        "names": texts.iter().flatten().collect::<Vec<_>>(), "not_before": timestamp,
                        "not_after": timestamp, "fingerprint_sha256": "ab"
                    });
                    value["chain_urls"] = texts.iter().flatten().map(String::as_str).collect();
                }
                serde_json::from_value(value).unwrap()
            },
        )
}
