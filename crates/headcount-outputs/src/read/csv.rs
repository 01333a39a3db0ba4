//! Records from CSV. An empty cell is nothing, so an empty text comes back as nothing where a record may have none.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use csv::StringRecord;
use headcount::Record;
use serde_json::Value;

use crate::columns::{Column, ColumnType, record_of_row};
use crate::error::Error;
use crate::write::csv::as_it_was;

/// Whether a file that begins so is a table of ours: its first line names a column.
pub(super) fn is_header(start: &[u8]) -> bool {
    let line = start.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    let names = line.split(|byte| *byte == b',');
    names.filter_map(|name| std::str::from_utf8(name).ok()).any(|name| column_of(name).is_some())
}

pub(super) fn rows(file: File, path: PathBuf) -> Result<impl Iterator<Item = Result<Record, Error>>, Error> {
    let mut reader = csv::ReaderBuilder::new().buffer_capacity(super::BUFFER).from_reader(file);
    let header = reader.headers().map_err(|error| Error::reading(&path, "line 1", error))?;
    // Columns of others pass.
    let columns: Vec<Option<&'static Column>> =
        header.iter().map(|name| column_of(name.trim_start_matches('\u{feff}'))).collect();
    let mut row = StringRecord::new();
    let mut number = 0u64;
    Ok(std::iter::from_fn(move || {
        number += 1;
        let problem = |error: io::Error| Error::reading(&path, &format!("row {number}"), error);
        match reader.read_record(&mut row) {
            Ok(false) => None,
            Ok(true) => {
                let cells = columns.iter().zip(&row);
                let values =
                    cells.filter_map(|(column, text)| column.map(|column| (column, value(column, text))));
                Some(record_of_row(values).map_err(|error| problem(error.into())))
            }
            Err(error) => Some(Err(problem(error.into()))),
        }
    }))
}

/// The column of a header's cell, in quotes or not.
fn column_of(name: &str) -> Option<&'static Column> {
    Column::of_record(name.trim().trim_matches('"'))
}

fn value(column: &Column, text: &str) -> Value {
    if text.is_empty() && column.is_nullable() {
        return Value::Null;
    }
    // What is no number or flag stays text, and the record's parser says that it is none.
    let as_text = || Value::from(text);
    match column.column_type() {
        ColumnType::Text => Value::from(as_it_was(text)),
        ColumnType::Word | ColumnType::Time => as_text(),
        ColumnType::Flag => text.to_ascii_lowercase().parse::<bool>().map_or_else(|_| as_text(), Value::from),
        ColumnType::Count => text.parse::<u64>().map_or_else(|_| as_text(), Value::from),
        ColumnType::Seconds => text.parse::<f64>().map_or_else(|_| as_text(), Value::from),
        ColumnType::Codes | ColumnType::Texts | ColumnType::Object => {
            serde_json::from_str(text).unwrap_or_else(|_| as_text())
        }
        ColumnType::Value => as_text(),
    }
}
