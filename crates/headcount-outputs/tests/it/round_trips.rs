//! What was written comes back: as many records, in the same order, with the same in them.

use headcount_outputs::{COLUMNS, Format, Options, RecordReader};
use parquet::basic::{LogicalType, TimeUnit, Type};
use parquet::file::reader::{FileReader, SerializedFileReader};
use proptest::prelude::*;
use serde_json::json;

use crate::support::{Desk, any_record, failure, kept, read, record};

const READABLE: &[&str] = &["run.json", "run.jsonl", "run.csv", "run.parquet", "run.sqlite"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn records_come_back_from_every_format(records in prop::collection::vec(any_record(), 0..12)) {
        let desk = Desk::new();
        for name in READABLE {
            let path = desk.write(name, &records, &Options::default());
            let format = Format::of_path(&path).unwrap();
            let expected: Vec<_> = records.iter().map(|record| kept(record, format)).collect();
            prop_assert_eq!(read(&path).unwrap(), expected, "{}", name);
        }
    }

    #[test]
    fn a_file_cut_short_is_no_shorter_run(
        records in prop::collection::vec(any_record(), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let desk = Desk::new();
        for name in ["run.json", "run.parquet"] {
            let path = desk.write(name, &records, &Options::default());
            let whole = std::fs::read(&path).unwrap();
            // The line end that a text ends in is not missed.
            let length = 1 + cut.index(whole.len() - 2);
            std::fs::write(&path, &whole[..length]).unwrap();
            prop_assert!(read(&path).is_err(), "{} bytes of {} of {}", length, whole.len(), name);
        }
    }
}

#[test]
fn many_records_come_back_in_their_order() {
    let desk = Desk::new();
    // More than a group of Parquet's rows and than a batch of SQLite's.
    let records: Vec<_> =
        (0..70_000).map(|index| record(index, &json!({"title": index.to_string()}))).collect();
    for name in READABLE {
        let path = desk.write(name, &records, &Options::default());
        let format = Format::of_path(&path).unwrap();
        assert!(
            read(&path).unwrap().into_iter().eq(records.iter().map(|record| kept(record, format))),
            "{name}"
        );
    }
}

#[test]
fn json_lines_are_read_in_the_order_of_the_inputs_if_that_is_wanted() {
    let desk = Desk::new();
    // More than memory holds of what is sorted, with every hundredth much too early.
    let in_order: Vec<_> = (0..40_000).map(|index| record(index, &json!({}))).collect();
    let (early, late): (Vec<_>, Vec<_>) =
        in_order.iter().cloned().partition(|record| record.index % 100 == 7);
    let as_they_came = [early, late].concat();
    let path = desk.write("run.jsonl", &as_they_came, &Options::default());
    assert!(read(&path).unwrap() == as_they_came);
    let open = |path| RecordReader::open_in_order(path).unwrap().collect::<Result<Vec<_>, _>>().unwrap();
    assert!(open(&path) == in_order);
    let path = desk.write("run.jsonl", &in_order[..9], &Options::default());
    assert_eq!(open(&path), in_order[..9]);
}

#[test]
fn what_a_file_is_shows_in_its_first_bytes() {
    let desk = Desk::new();
    for name in READABLE {
        let path = desk.write(name, &[record(0, &json!({}))], &Options::default());
        let renamed = desk.path("yesterday");
        std::fs::rename(&path, &renamed).unwrap();
        let reader = RecordReader::open(&renamed).unwrap();
        assert_eq!(Some(reader.format()), Format::of_path(&path), "{name}");
    }
}

#[test]
fn an_array_may_be_laid_out_otherwise() {
    let desk = Desk::new();
    let records =
        [record(0, &json!({"title": "} ] \\\" {"})), failure(1, "dns", "not_found", "no such name")];
    for text in [serde_json::to_string_pretty(&records).unwrap(), serde_json::to_string(&records).unwrap()] {
        std::fs::write(desk.path("a.json"), format!("\u{feff} {text}  \n")).unwrap();
        assert_eq!(read(&desk.path("a.json")).unwrap(), records);
    }
}

#[test]
fn what_cannot_be_read_is_named_with_its_place() {
    let desk = Desk::new();
    let line = serde_json::to_string(&record(0, &json!({}))).unwrap();
    let cases = [
        ("a.jsonl", format!("{line}\n{{\"index\":1}}\n"), "line 2"),
        ("a.jsonl", format!("{line}\n{}", &line[..100]), "line 2"),
        ("a.json", format!("[{line} {line}]"), "record 2"),
        ("a.json", format!("[{line},]"), "record 2"),
        ("a.json", "[1, 2]".to_owned(), "record 1"),
        ("a.csv", "index,input\r\n0,a\r\n".to_owned(), "row 1"),
        ("a.txt", "https://example.com/\n".to_owned(), "no output of headcount"),
        ("a.html", "<!DOCTYPE html>".to_owned(), "no output of headcount"),
    ];
    for (name, text, expected) in cases {
        std::fs::write(desk.path(name), &text).unwrap();
        let error = read(&desk.path(name)).unwrap_err();
        let source = std::error::Error::source(&error).unwrap();
        assert!(error.is_input());
        assert!(format!("{error}: {source}").contains(expected), "{error}: {source}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn a_number_that_a_signed_one_cannot_hold_is_the_largest_that_it_can() {
    let desk = Desk::new();
    let records = [record(0, &json!({"content_length": u64::MAX}))];
    let back = read(&desk.write("a.db", &records, &Options::default())).unwrap();
    assert_eq!(back[0].content_length, Some(i64::MAX as u64));
    let back = read(&desk.write("a.parquet", &records, &Options::default())).unwrap();
    assert_eq!(back[0].content_length, Some(i64::MAX as u64));
}

#[test]
fn numbers_of_parquet_can_be_calculated_with() {
    let desk = Desk::new();
    let path = desk.write("a.parquet", &[record(0, &json!({}))], &Options::default());
    let reader = SerializedFileReader::new(std::fs::File::open(path).unwrap()).unwrap();
    let schema = reader.metadata().file_metadata().schema_descr();
    let leaves: Vec<_> = schema.columns().iter().map(|leaf| (leaf.path().string(), leaf)).collect();
    let signed = |bits| Some(LogicalType::integer(bits, true));
    for (name, physical, logical) in [
        ("index", Type::INT64, signed(64)),
        ("status_code", Type::INT64, signed(64)),
        ("chain_status_codes.list.element", Type::INT32, signed(32)),
        ("timestamp", Type::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
        ("time_total", Type::DOUBLE, None),
    ] {
        let (_, leaf) = leaves.iter().find(|(path, _)| path == name).unwrap();
        assert_eq!((leaf.physical_type(), leaf.logical_type_ref()), (physical, logical.as_ref()), "{name}");
    }
}

/// Older files have unsigned numbers, and moments in nanoseconds.
#[test]
fn parquet_made_before_is_still_read() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/made_before/unsigned.parquet");
    let changes = json!({
        "content_length": u64::MAX, "num_redirects": 1, "chain_status_codes": [301, 200],
        "timestamp": "2026-01-31T08:00:00.123456789Z"
    });
    assert_eq!(read(path.as_ref()).unwrap(), [record(0, &changes)]);
}

/// A field that a record gets must get a column.
#[test]
fn every_field_of_a_record_has_its_column() {
    let schema = serde_json::to_value(headcount::record::json_schema()).unwrap();
    let fields = schema["properties"].as_object().unwrap().keys();
    let mut expected: Vec<String> = fields
        .flat_map(|field| match field.as_str() {
            "error" => {
                ["error_phase", "error_kind", "error_reason", "error_message"].map(str::to_owned).to_vec()
            }
            name => vec![name.to_owned()],
        })
        .collect();
    let mut columns: Vec<String> = COLUMNS.iter().map(|column| column.name().to_owned()).collect();
    expected.sort();
    columns.sort();
    assert_eq!(columns, expected);
}
