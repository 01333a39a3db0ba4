//! Records from Parquet, a row at a time.

use std::fs::File;
use std::path::PathBuf;

use headcount::Record;
use jiff::Timestamp;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};
use serde_json::Value;

use crate::columns::{Column, ColumnType, record_of_row};
use crate::error::Error;

pub(super) fn rows(
    file: File,
    path: PathBuf,
) -> Result<impl Iterator<Item = Result<Record, Error>> + Send, Error> {
    let reader = SerializedFileReader::new(file).map_err(|error| Error::reading(&path, "", error))?;
    let names = reader.metadata().file_metadata().schema().get_fields();
    // Columns of others pass.
    let columns: Vec<_> = names.iter().map(|field| Column::of_record(field.name())).collect();
    let mut rows = RowIter::from_file_into(Box::new(reader));
    let mut number = 0u64;
    Ok(std::iter::from_fn(move || {
        number += 1;
        let row = rows.next()?;
        let place = format!("row {number}");
        Some(match row {
            Ok(row) => record(&columns, &row).map_err(|error| Error::reading(&path, &place, error)),
            Err(error) => Err(Error::reading(&path, &place, error)),
        })
    }))
}

fn record(columns: &[Option<&'static Column>], row: &Row) -> serde_json::Result<Record> {
    let cells = columns.iter().zip(row.get_column_iter());
    record_of_row(
        cells.filter_map(|(column, (_, field))| column.map(|column| (column, value(column, field)))),
    )
}

/// A value as JSON. What should not stand there becomes text, and the record's parser says so.
fn value(column: &Column, field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(flag) => Value::from(*flag),
        Field::TimestampMicros(microseconds) => time(Timestamp::from_microsecond(*microseconds)),
        // As older files have it, like unsigned numbers.
        Field::Long(nanoseconds) if column.column_type() == ColumnType::Time => {
            time(Timestamp::from_nanosecond((*nanoseconds).into()))
        }
        Field::Long(number) => Value::from(*number),
        Field::ULong(number) => Value::from(*number),
        Field::Int(number) => Value::from(*number),
        Field::UInt(number) => Value::from(*number),
        Field::UShort(number) => Value::from(*number),
        Field::Double(number) => Value::from(*number),
        Field::Str(text) if matches!(column.column_type(), ColumnType::Texts | ColumnType::Object) => {
            serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str()))
        }
        Field::Str(text) => Value::from(text.as_str()),
        Field::ListInternal(list) => list.elements().iter().map(|element| value(column, element)).collect(),
        other => Value::from(other.to_string()),
    }
}

fn time(moment: Result<Timestamp, jiff::Error>) -> Value {
    moment.map_or(Value::Null, |moment| Value::from(moment.to_string()))
}
