//! Records from a database: those of one of its runs, in the order in which they were written.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use headcount::Record;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, params};
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
    /// Behind it there are rows of other runs only.
    end: i64,
    batch: VecDeque<serde_json::Result<Record>>,
}

type Problem = Box<dyn std::error::Error + Send + Sync>;

/// The records of this run, or of the last one.
pub(super) fn rows(
    path: PathBuf,
    run: Option<i64>,
) -> Result<impl Iterator<Item = Result<Record, Error>> + Send, Error> {
    let mut rows = Rows::open(&path, run).map_err(|error| Error::reading(&path, "", error))?;
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

/// The runs that a database has, in the order in which they were added.
pub(super) fn runs(path: &Path) -> Result<Vec<i64>, Problem> {
    runs_of(&open(path)?)
}

fn open(path: &Path) -> Result<Connection, Problem> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let tables: i64 = connection.query_row(
        "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ('runs', 'records')",
        [],
        |row| row.get(0),
    )?;
    if tables < 2 {
        return Err("the database is none of headcount's".into());
    }
    Ok(connection)
}

fn runs_of(connection: &Connection) -> Result<Vec<i64>, Problem> {
    let mut runs = connection.prepare("SELECT run FROM runs ORDER BY run")?;
    let runs = runs.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(runs)
}

impl Rows {
    fn open(path: &Path, wanted: Option<i64>) -> Result<Rows, Problem> {
        let connection = open(path)?;
        let runs = runs_of(&connection)?;
        let run = wanted.or(runs.last().copied()).unwrap_or(0);
        if wanted.is_some() && !runs.contains(&run) {
            return Err(match (runs.first(), runs.last()) {
                (Some(first), Some(last)) => {
                    format!("it has no run {run}; the first is {first}, the last {last}")
                }
                _ => "it has no runs".to_owned(),
            }
            .into());
        }
        // A run is written at once, so its rows stand together.
        let (first, end): (Option<i64>, Option<i64>) = connection.query_row(
            "SELECT min(rowid), max(rowid) FROM records WHERE run = ?1",
            [run],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let known = column_names(&connection, "records")?;
        let columns: Vec<&'static Column> =
            COLUMNS.iter().filter(|column| known.iter().any(|name| name == column.name())).collect();
        let names: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
        // The plus keeps the rows in the order of the table, which needs no sorting.
        let query = format!(
            "SELECT rowid, {} FROM records WHERE +run = ?1 AND rowid > ?2 AND rowid <= ?3 ORDER BY rowid LIMIT {BATCH}",
            names.join(", ")
        );
        let (last_row, end) = (first.map_or(0, |first| first - 1), end.unwrap_or(0));
        Ok(Rows { connection, query, columns, run, last_row, end, batch: VecDeque::new() })
    }

    fn fetch(&mut self) -> rusqlite::Result<()> {
        let mut query = self.connection.prepare_cached(&self.query)?;
        let mut rows = query.query(params![self.run, self.last_row, self.end])?;
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
