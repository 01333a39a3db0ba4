//! Records from a database: those of its last run, in the order in which they were written.

use std::collections::VecDeque;
use std::path::PathBuf;

use headcount::Record;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use serde_json::Value;

use crate::columns::{COLUMNS, Column, ColumnType, record_of_row};
use crate::error::Error;
use crate::write::{column_names, quoted};

/// Rows fetched at once.
const BATCH: i64 = 1_000;

struct Rows {
    connection: Connection,
    query: String,
    columns: Vec<&'static Column>,
    run: i64,
    last_row: i64,
    batch: VecDeque<serde_json::Result<Record>>,
}

pub(super) fn rows(path: PathBuf) -> Result<impl Iterator<Item = Result<Record, Error>> + Send, Error> {
    let mut rows = Rows::open(&path).map_err(|error| Error::reading(&path, "", error))?;
    Ok(std::iter::from_fn(move || {
        if rows.batch.is_empty()
            && let Err(error) = rows.fetch()
        {
            return Some(Err(Error::reading(&path, "", error)));
        }
        let record = rows.batch.pop_front()?;
        Some(record.map_err(|error| Error::reading(&path, &format!("run {}", rows.run), error)))
    }))
}

impl Rows {
    fn open(path: &std::path::Path) -> Result<Rows, Box<dyn std::error::Error + Send + Sync>> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let tables: i64 = connection.query_row(
            "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ('runs', 'records')",
            [],
            |row| row.get(0),
        )?;
        if tables < 2 {
            return Err("the database is none of headcount's".into());
        }
        let run: Option<i64> =
            connection.query_row("SELECT max(run) FROM runs", [], |row| row.get(0)).optional()?.flatten();
        let known = column_names(&connection, "records")?;
        let columns: Vec<&'static Column> =
            COLUMNS.iter().filter(|column| known.iter().any(|name| name == column.name())).collect();
        let names: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
        // The plus keeps the rows in the order of the table, which needs no sorting.
        let query = format!(
            "SELECT rowid, {} FROM records WHERE +run = ?1 AND rowid > ?2 ORDER BY rowid LIMIT {BATCH}",
            names.join(", ")
        );
        let run = run.unwrap_or(0);
        Ok(Rows { connection, query, columns, run, last_row: 0, batch: VecDeque::new() })
    }

    fn fetch(&mut self) -> rusqlite::Result<()> {
        let mut query = self.connection.prepare_cached(&self.query)?;
        let mut rows = query.query(params![self.run, self.last_row])?;
        while let Some(row) = rows.next()? {
            self.last_row = row.get(0)?;
            let mut values = Vec::with_capacity(self.columns.len());
            for (place, column) in self.columns.iter().enumerate() {
                values.push((*column, value(column, row.get_ref(place + 1)?)));
            }
            self.batch.push_back(record_of_row(values.into_iter()));
        }
        Ok(())
    }
}

/// A value as JSON. What should not stand there stays as it is, and the record's parser says so.
fn value(column: &Column, value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) if column.column_type() == ColumnType::Flag => Value::from(number != 0),
        ValueRef::Integer(number) => Value::from(number),
        ValueRef::Real(number) => Value::from(number),
        ValueRef::Text(text) => {
            let text = String::from_utf8_lossy(text);
            match column.column_type() {
                ColumnType::Codes | ColumnType::Texts | ColumnType::Object => {
                    serde_json::from_str(&text).unwrap_or(Value::Null)
                }
                ColumnType::Time => Value::from(json_time(&text)),
                _ => Value::from(text),
            }
        }
        ValueRef::Blob(_) => Value::Null,
    }
}

/// `2026-01-31 08:00:00.500000`, which is UTC's, as JSON has it. An older form is that already.
fn json_time(text: &str) -> String {
    if text.ends_with('Z') { text.to_owned() } else { text.replacen(' ', "T", 1) + "Z" }
}
