//! An SQLite database: a table of runs and one of records, to which every run is added.

use std::io;
use std::path::Path;

use headcount::Record;
use jiff::Timestamp;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, OpenFlags, ToSql, params, params_from_iter};

use super::Options;
use super::csv::{as_json, codes_text, value_text};
use crate::columns::{COLUMNS, Cell, Column, ColumnType};
use crate::fields::Fields;
use crate::replacement::Replacement;

/// `HCNT`: says in the file's header whose database it is.
const APPLICATION: i64 = 0x4843_4E54;

/// The form of the database, kept as its `user_version`. In the first, times were as in JSON.
const FORM: i64 = 1;

/// A moment as SQLite's own functions write and read it, always as long, so that texts are in the order of the moments.
const TIME: &str = "%Y-%m-%d %H:%M:%S.%6f";

/// What serves questions about a run and what went wrong in it, and about a URL over time.
const INDEXES: &str = "
CREATE INDEX IF NOT EXISTS records_of_run ON records (run, accepted, error_phase, error_kind, status_code);
CREATE INDEX IF NOT EXISTS records_of_url ON records (url, run);
";

const RUNS: &str = "
CREATE TABLE IF NOT EXISTS runs (
    run INTEGER PRIMARY KEY,
    title TEXT NOT NULL,
    added TEXT NOT NULL,
    records INTEGER,
    accepted INTEGER,
    first_timestamp TEXT,
    last_timestamp TEXT,
    name TEXT
);
";

pub(crate) struct SqliteWriter {
    connection: Connection,
    insert: String,
    columns: Vec<&'static Column>,
    run: i64,
    records: u64,
    accepted: u64,
    times: Option<(Timestamp, Timestamp)>,
    /// Of a database that is not there yet.
    replacement: Option<Replacement>,
}

impl SqliteWriter {
    pub(super) fn open(path: &Path, options: &Options) -> io::Result<SqliteWriter> {
        let is_there = path.metadata().is_ok_and(|metadata| metadata.len() > 0);
        let replacement = if is_there { None } else { Some(Replacement::beside(path)?) };
        let file = replacement.as_ref().map_or(path, Replacement::path);
        SqliteWriter::begin(file, options)
            .map_err(io::Error::other)
            .map(|writer| SqliteWriter { replacement, ..writer })
    }

    fn begin(
        path: &Path,
        options: &Options,
    ) -> Result<SqliteWriter, Box<dyn std::error::Error + Send + Sync>> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        // Before anything changes: it may be somebody else's.
        let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
        let application: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        if tables > 0 && application != APPLICATION {
            return Err("the database that is there is none of headcount's".into());
        }
        if tables == 0 {
            // Nobody sees the file before it is whole, so there is nothing to roll back.
            connection.pragma_update(None, "journal_mode", "OFF")?;
            connection.pragma_update(None, "synchronous", "OFF")?;
            connection.pragma_update(None, "application_id", APPLICATION)?;
        }
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let columns = columns(&options.fields);
        create_tables(&connection, &columns)?;
        bring_up_to_date(&connection)?;
        if let Some(name) = &options.run_name {
            connection
                .execute("DELETE FROM records WHERE run IN (SELECT run FROM runs WHERE name = ?1)", [name])?;
            connection.execute("DELETE FROM runs WHERE name = ?1", [name])?;
        }
        connection.execute(
            "INSERT INTO runs (title, added, name) VALUES (?1, ?2, ?3)",
            params![options.title, time_text(Timestamp::now()), options.run_name],
        )?;
        let names: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
        let insert = format!(
            "INSERT INTO records (run, {}) VALUES (?{})",
            names.join(", "),
            ", ?".repeat(columns.len())
        );
        Ok(SqliteWriter {
            run: connection.last_insert_rowid(),
            connection,
            insert,
            columns,
            records: 0,
            accepted: 0,
            times: None,
            replacement: None,
        })
    }

    pub(super) fn write(&mut self, record: &Record) -> io::Result<()> {
        self.records += 1;
        self.accepted += u64::from(record.accepted);
        let (first, last) = self.times.get_or_insert((record.timestamp, record.timestamp));
        *first = record.timestamp.min(*first);
        *last = record.timestamp.max(*last);
        let run = Cell::Count(self.run.unsigned_abs());
        let cells = self.columns.iter().map(|column| column.cell(record));
        let mut insert = self.connection.prepare_cached(&self.insert).map_err(io::Error::other)?;
        insert.execute(params_from_iter(std::iter::once(run).chain(cells))).map_err(io::Error::other)?;
        Ok(())
    }

    /// Does all that can fail for want of room, short of making the run visible.
    pub(super) fn finish(&self) -> io::Result<()> {
        self.end_run().map_err(io::Error::other)?;
        match &self.replacement {
            None => Ok(()),
            Some(replacement) => {
                self.connection.execute_batch("COMMIT").map_err(io::Error::other)?;
                replacement.sync()
            }
        }
    }

    /// Makes the run visible.
    pub(super) fn commit(self) -> io::Result<()> {
        if self.replacement.is_none() {
            self.connection.execute_batch("COMMIT").map_err(io::Error::other)?;
        }
        self.connection.close().map_err(|(_, error)| io::Error::other(error))?;
        self.replacement.map_or(Ok(()), Replacement::publish)
    }

    fn end_run(&self) -> rusqlite::Result<()> {
        let (first, last) = self.times.unzip();
        let text = |time: Option<Timestamp>| time.map(time_text);
        self.connection.execute(
            "UPDATE runs SET records = ?2, accepted = ?3, first_timestamp = ?4, last_timestamp = ?5 WHERE run = ?1",
            params![self.run, as_integer(self.records), as_integer(self.accepted), text(first), text(last)],
        )?;
        self.connection.execute_batch(INDEXES)
    }
}

/// The fields that were chosen, and those without which neither the view of failures nor the order of the records is any.
fn columns(fields: &Fields) -> Vec<&'static Column> {
    let mut columns = fields.columns();
    for name in ["index", "outcome", "accepted"] {
        if let Some(column) = Column::find(name).filter(|column| !columns.contains(column)) {
            columns.push(column);
        }
    }
    columns
}

/// Makes what is not there. A database gets the columns that it does not know, of a newer headcount or of parts of fields.
fn create_tables(connection: &Connection, chosen: &[&'static Column]) -> rusqlite::Result<()> {
    connection.execute_batch(RUNS)?;
    let columns: Vec<String> = COLUMNS.iter().map(declared).collect();
    connection.execute_batch(&format!(
        "CREATE TABLE IF NOT EXISTS records (run INTEGER NOT NULL REFERENCES runs, {})",
        columns.join(", ")
    ))?;
    if !column_names(connection, "runs")?.iter().any(|name| name == "name") {
        connection.execute_batch("ALTER TABLE runs ADD COLUMN name TEXT")?;
    }
    let known = column_names(connection, "records")?;
    let is_known = |column: &Column| known.iter().any(|name| name.eq_ignore_ascii_case(column.name()));
    let parts = chosen.iter().copied().filter(|column| !COLUMNS.contains(column));
    for column in COLUMNS.iter().chain(parts).filter(|column| !is_known(column)) {
        connection.execute_batch(&format!("ALTER TABLE records ADD COLUMN {}", declared(column)))?;
    }
    connection.execute_batch("CREATE VIEW IF NOT EXISTS failures AS SELECT * FROM records WHERE accepted = 0")
}

/// Rewrites the times of a database whose runs are of an older form, for one column with two forms could not be compared.
fn bring_up_to_date(connection: &Connection) -> rusqlite::Result<()> {
    let form: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if form >= FORM {
        return Ok(());
    }
    for (table, column) in
        [("records", "timestamp"), ("runs", "added"), ("runs", "first_timestamp"), ("runs", "last_timestamp")]
    {
        // From `2026-01-31T08:00:00.5Z`, whose fraction has as many digits as it needs.
        connection.execute_batch(&format!(
            "UPDATE {table} SET {column} = replace(substr({column}, 1, 19), 'T', ' ') || '.' ||
                substr(rtrim(substr({column}, 21), 'Z') || '000000', 1, 6)
             WHERE {column} LIKE '____-__-__T__:__:__%Z'"
        ))?;
    }
    connection.pragma_update(None, "user_version", FORM)
}

fn time_text(time: Timestamp) -> String {
    time.strftime(TIME).to_string()
}

/// The columns that a table has.
pub(crate) fn column_names(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut names = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
    names.query_map([table], |row| row.get(0))?.collect()
}

fn declared(column: &Column) -> String {
    let affinity = match column.column_type() {
        ColumnType::Flag | ColumnType::Count => "INTEGER",
        ColumnType::Seconds => "REAL",
        ColumnType::Text
        | ColumnType::Word
        | ColumnType::Time
        | ColumnType::Codes
        | ColumnType::Texts
        | ColumnType::Object => "TEXT",
        // A number stays a number, and text stays text.
        ColumnType::Value => "BLOB",
    };
    format!("{} {affinity}", quoted(column))
}

/// `index` is a keyword of SQL, and the names of parts are the user's.
pub(crate) fn quoted(column: &Column) -> String {
    format!("\"{}\"", column.name().replace('"', "\"\""))
}

/// SQLite's whole numbers end at 2⁶³ - 1; larger ones, which only a lying host sends, become that.
fn as_integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl ToSql for Cell<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Cell::Null => ToSqlOutput::Owned(Value::Null),
            Cell::Flag(flag) => ToSqlOutput::Owned(Value::Integer((*flag).into())),
            Cell::Count(count) => ToSqlOutput::Owned(Value::Integer(as_integer(*count))),
            Cell::Seconds(seconds) => ToSqlOutput::Owned(Value::Real(*seconds)),
            Cell::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Cell::Time(time) => ToSqlOutput::Owned(Value::Text(time_text(*time))),
            Cell::Codes(codes) => ToSqlOutput::Owned(Value::Text(codes_text(codes))),
            Cell::Texts(texts) => ToSqlOutput::Owned(Value::Text(as_json(texts))),
            Cell::Object(object) => ToSqlOutput::Owned(Value::Text(as_json(object))),
            Cell::Value(value) => match (value.as_i64(), value.as_f64(), value.as_bool()) {
                (Some(number), ..) => ToSqlOutput::Owned(Value::Integer(number)),
                (_, Some(number), _) => ToSqlOutput::Owned(Value::Real(number)),
                (.., Some(flag)) => ToSqlOutput::Owned(Value::Integer(flag.into())),
                _ => ToSqlOutput::Owned(Value::Text(value_text(value).into_owned())),
            },
        })
    }
}
