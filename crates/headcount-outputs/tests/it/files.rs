//! Files: whole or absent, several at once, safe to open, and a database that grows by a run.

use headcount_outputs::{Error, Format, Options, RecordReader, Source, write_all};
use rusqlite::Connection;
use serde_json::json;

use crate::support::{Desk, failure, kept, output, read, record};

const ALL: &[&str] = &["a.json", "a.jsonl", "a.csv", "a.parquet", "a.sqlite", "a.xml", "a.md", "a.html"];

#[test]
fn one_pass_writes_every_format() {
    let desk = Desk::new();
    let outputs: Vec<_> = ALL.iter().map(|name| output(&desk.path(name), &Options::default())).collect();
    let records = (0..10).map(|index| record(index, &json!({})));
    write_all(records.map(Ok), &outputs).unwrap();
    let mut expected: Vec<_> = ALL.iter().map(|name| (*name).to_owned()).collect();
    expected.sort();
    assert_eq!(desk.names(), expected);
}

#[test]
fn an_error_leaves_what_was_there() {
    let desk = Desk::new();
    std::fs::write(desk.path("a.json"), "yesterday's").unwrap();
    desk.write("a.sqlite", &[record(0, &json!({}))], &Options::default());
    let outputs: Vec<_> = ALL.iter().map(|name| output(&desk.path(name), &Options::default())).collect();
    let records = [Ok(record(0, &json!({}))), Err(Error::of_records("the disk is gone"))];
    assert!(write_all(records, &outputs).is_err());
    assert_eq!(desk.names(), ["a.json", "a.sqlite"]);
    assert_eq!(std::fs::read_to_string(desk.path("a.json")).unwrap(), "yesterday's");
    let connection = Connection::open(desk.path("a.sqlite")).unwrap();
    assert_eq!(number(&connection, "SELECT count(*) FROM runs"), 1);
    assert_eq!(number(&connection, "SELECT count(*) FROM records"), 1);
}

#[test]
fn a_place_that_cannot_be_written_to_is_known_before_the_first_record() {
    let desk = Desk::new();
    for name in ALL {
        let outputs = [output(&desk.path("missing").join(name), &Options::default())];
        let error = write_all(std::iter::from_fn(|| unreachable!()), &outputs).unwrap_err();
        assert!(error.to_string().starts_with("cannot write ") && !error.is_input(), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_replaced() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("a.json")).unwrap();
    std::os::unix::fs::symlink("missing.json", desk.path("b.json")).unwrap();
    std::os::unix::fs::symlink("c.json", desk.path("c.json")).unwrap();
    let socket = std::os::unix::net::UnixListener::bind(desk.path("d.json")).unwrap();
    for name in ["a.json", "b.json", "c.json", "d.json"] {
        assert!(write_all([], &[output(&desk.path(name), &Options::default())]).is_err(), "{name}");
    }
    assert_eq!(desk.names(), ["a.json", "b.json", "c.json", "d.json"]);
    drop(socket);
}

#[cfg(unix)]
#[test]
fn a_link_stays_one_and_a_file_keeps_its_permissions() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    std::fs::write(desk.path("target.json"), "").unwrap();
    std::fs::set_permissions(desk.path("target.json"), std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("target.json", desk.path("a.json")).unwrap();
    let path = desk.write("a.json", &[record(0, &json!({}))], &Options::default());
    assert!(path.is_symlink());
    assert_eq!(read(&desk.path("target.json")).unwrap().len(), 1);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[test]
fn a_cell_that_begins_a_formula_is_harmless_unless_it_is_wanted_raw() {
    let desk = Desk::new();
    let starts = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "＝1", "'=1", "'tis", "a,\"b\"\r\nc"];
    let records: Vec<_> =
        starts.iter().zip(0..).map(|(title, index)| record(index, &json!({"title": title}))).collect();
    let options = Options { fields: "title".parse().unwrap(), ..Options::default() };
    let text = desk.text("a.csv", &records, &options);
    let rows = "title\r\n'=1+1\r\n'+1\r\n'-1\r\n'@x\r\n'\tx\r\n\"'\rx\"\r\n'＝1\r\n''=1\r\n'tis\r\n\"a,\"\"b\"\"\r\nc\"\r\n";
    assert_eq!(text, rows);
    let raw = desk.text("b.csv", &records[..2], &Options { raw_csv: true, ..options });
    assert_eq!(raw, "title\r\n=1+1\r\n+1\r\n");
}

#[test]
fn a_second_run_is_added_to_the_database() {
    let desk = Desk::new();
    let first = [record(0, &json!({})), failure(1, "dns", "not_found", "no such name")];
    let second = [record(0, &json!({"accepted": false, "status_code": 500})), record(1, &json!({}))];
    desk.write("a.db", &first, &Options { title: "Monday".to_owned(), ..Options::default() });
    let path = desk.write("a.db", &second, &Options { title: "Tuesday".to_owned(), ..Options::default() });
    let last: Vec<_> = second.iter().map(|record| kept(record, Format::Sqlite)).collect();
    assert_eq!(read(&path).unwrap(), last, "the last run is read");
    let connection = Connection::open(&path).unwrap();
    let runs = "SELECT group_concat(run || title || records || accepted) FROM runs";
    let runs: String = connection.query_row(runs, [], |row| row.get(0)).unwrap();
    assert_eq!(runs, "1Monday21,2Tuesday21");
    assert_eq!(number(&connection, "SELECT count(*) FROM records"), 4);
    assert_eq!(number(&connection, "SELECT count(*) FROM failures WHERE run = 1 AND error_phase = 'dns'"), 1);
    let since = "SELECT count(*) FROM failures AS now JOIN records AS before ON before.url = now.url
        AND before.run = now.run - 1 WHERE now.run = 2 AND before.accepted";
    assert_eq!(number(&connection, since), 1);
    for (query, index) in [
        ("SELECT * FROM records WHERE url = 'a'", "records_of_url"),
        ("SELECT * FROM failures WHERE run = 1", "records_of_run (run=? AND accepted=?)"),
        (
            "SELECT error_kind, count(*) FROM failures WHERE run = 1 GROUP BY 1",
            "COVERING INDEX records_of_run",
        ),
    ] {
        let plan: String =
            connection.query_row(&format!("EXPLAIN QUERY PLAN {query}"), [], |row| row.get(3)).unwrap();
        assert!(plan.contains(index), "{query}: {plan}");
    }
}

#[test]
fn a_database_of_an_older_kind_gets_the_columns_that_it_lacks() {
    let desk = Desk::new();
    let path = desk.write("a.db", &[record(0, &json!({}))], &Options::default());
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("DROP VIEW failures; ALTER TABLE records DROP COLUMN webserver").unwrap();
    drop(connection);
    let again = [record(0, &json!({"webserver": "caddy"}))];
    let path = desk.write("a.db", &again, &Options::default());
    assert_eq!(read(&path).unwrap()[0].webserver, again[0].webserver);
}

#[test]
fn every_run_of_a_database_can_be_read() {
    let desk = Desk::new();
    let at = |run: u64| vec![record(run, &json!({"timestamp": "2026-01-31T08:00:00Z"})); 3];
    for run in 1..=3 {
        desk.write("a.db", &at(run), &Options::default());
    }
    let source = |name: &str| Source::named(&desk.path(name));
    let records = |name: &str| -> Result<Vec<_>, _> { RecordReader::open(source(name))?.collect() };
    for run in 1..=3 {
        assert_eq!(records(&format!("a.db#{run}")).unwrap(), at(run));
    }
    assert_eq!(records("a.db").unwrap(), at(3));
    let told = |error: Error| std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(told(records("a.db#7").unwrap_err()), "it has no run 7; the first is 1, the last 3");
    let names: Vec<_> = source("a.db").runs().unwrap().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(names, [1, 2, 3].map(|run| format!("{}#{run}", desk.path("a.db").display())));
    assert!(source("a.db").is_same_as(&source("a.db#3")).unwrap());
    assert!(!source("a.db").is_same_as(&source("a.db#2")).unwrap());
    // A file that is called so goes first; others have no runs.
    desk.write("a.jsonl", &at(7), &Options::default());
    assert!(source("a.jsonl").runs().unwrap().is_none());
    assert!(told(records("a.jsonl#1").unwrap_err()).contains("only a database has runs"));
    std::fs::rename(desk.path("a.jsonl"), desk.path("a.db#2")).unwrap();
    assert_eq!(records("a.db#2").unwrap(), at(7));
}

#[test]
fn a_database_knows_its_failures_whatever_fields_were_chosen() {
    let desk = Desk::new();
    let records = [record(0, &json!({})), failure(1, "dns", "timeout", "no answer")];
    let options = Options { fields: "url,error.kind".parse().unwrap(), ..Options::default() };
    let connection = Connection::open(desk.write("a.db", &records, &options)).unwrap();
    let failures =
        "SELECT count(*) FROM failures WHERE \"index\" = 1 AND outcome = 'failed' AND title IS NULL";
    assert_eq!(number(&connection, failures), 1);
}

#[test]
fn times_in_a_database_are_those_of_sqlite() {
    let desk = Desk::new();
    let at = |index: u64, time: &str| record(index, &json!({"timestamp": time}));
    let times = ["2026-01-31T08:00:00Z", "2026-01-31T08:00:00.5Z", "2026-01-31T08:00:00.123456789Z"];
    let records: Vec<_> = (0..).zip(times).map(|(index, time)| at(index, time)).collect();
    let path = desk.write("a.db", &records, &Options::default());
    let connection = Connection::open(&path).unwrap();
    let text = |query: &str| -> String { connection.query_row(query, [], |row| row.get(0)).unwrap() };
    assert_eq!(
        text("SELECT group_concat(timestamp, ', ') FROM (SELECT * FROM records ORDER BY timestamp)"),
        "2026-01-31 08:00:00.000000, 2026-01-31 08:00:00.123456, 2026-01-31 08:00:00.500000"
    );
    let between = "SELECT count(*) FROM records WHERE timestamp >= datetime('2026-01-31 09:00', '-1 hour')
        AND timestamp < strftime('%Y-%m-%d %H:%M:%f', '2026-01-31 08:00:00.2')";
    assert_eq!(number(&connection, between), 2);
    assert_eq!(text("SELECT first_timestamp FROM runs"), "2026-01-31 08:00:00.000000");
    assert_eq!(
        number(&connection, "SELECT count(*) FROM runs WHERE abs(julianday() - julianday(added)) < 1"),
        1
    );
}

#[test]
fn times_of_an_older_database_are_read_and_rewritten_when_a_run_is_added() {
    let desk = Desk::new();
    let records = [
        record(0, &json!({"timestamp": "2026-01-31T08:00:00.5Z"})),
        record(1, &json!({"timestamp": "2026-01-31T08:00:00Z"})),
    ];
    let path = desk.write("a.db", &records, &Options::default());
    let old = "UPDATE records SET timestamp = '2026-01-31T08:00:00' || iif(\"index\" = 0, '.5', '') || 'Z';
        UPDATE runs SET added = '2026-01-31T09:00:00.123456789Z', first_timestamp = '2026-01-31T08:00:00Z';
        PRAGMA user_version = 0";
    Connection::open(&path).unwrap().execute_batch(old).unwrap();
    assert_eq!(read(&path).unwrap(), records);
    desk.write("a.db", &records, &Options::default());
    let connection = Connection::open(&path).unwrap();
    let runs = "SELECT group_concat(timestamp, ', ') FROM (SELECT * FROM records ORDER BY run, \"index\")";
    let runs: String = connection.query_row(runs, [], |row| row.get(0)).unwrap();
    let run = "2026-01-31 08:00:00.500000, 2026-01-31 08:00:00.000000";
    assert_eq!(runs, format!("{run}, {run}"));
    let added = "SELECT added || ', ' || first_timestamp FROM runs WHERE run = 1";
    let added: String = connection.query_row(added, [], |row| row.get(0)).unwrap();
    assert_eq!(added, "2026-01-31 09:00:00.123456, 2026-01-31 08:00:00.000000");
}

#[test]
fn a_database_of_somebody_else_is_left_alone() {
    let desk = Desk::new();
    let connection = Connection::open(desk.path("a.db")).unwrap();
    connection.execute_batch("CREATE TABLE records (secret TEXT)").unwrap();
    drop(connection);
    let before = std::fs::read(desk.path("a.db")).unwrap();
    let error = write_all([], &[output(&desk.path("a.db"), &Options::default())]).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "the database that is there is none of headcount's");
    assert_eq!(std::fs::read(desk.path("a.db")).unwrap(), before);
    std::fs::write(desk.path("b.db"), "a list of things").unwrap();
    assert!(write_all([], &[output(&desk.path("b.db"), &Options::default())]).is_err());
}

fn number(connection: &Connection, query: &str) -> i64 {
    connection.query_row(query, [], |row| row.get(0)).unwrap()
}
