//! The columns of a record: what a table of records has from left to right, and how a row becomes a record again.
//! Tables are flat: `error` stands in them as `error_phase`, `error_kind`, `error_reason` and `error_message`.

use std::borrow::Cow;
use std::net::IpAddr;

use headcount::Record;
use headcount::record::{Kind, Object, Outcome, Phase, Reason};
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::parts;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// True or false.
    Flag,
    /// A whole number from 0 on.
    Count,
    /// A time as a number of seconds.
    Seconds,
    /// Text.
    Text,
    /// A word from a closed list.
    Word,
    /// A moment, in UTC.
    Time,
    /// Statuses, one after another.
    Codes,
    /// Texts, one after another; in tables a JSON array as text.
    Texts,
    /// Names and values that are the user's or the host's; in tables a JSON object as text.
    Object,
    /// One of these values: whatever JSON has.
    Value,
}

/// One column.
#[derive(Debug)]
pub struct Column {
    name: &'static str,
    column_type: ColumnType,
    is_nullable: bool,
    source: CellSource,
}

/// Where in a record a column's cells come from.
#[derive(Debug)]
enum CellSource {
    Field(for<'a> fn(&'a Record) -> Cell<'a>),
    /// The value of this name in an object.
    Within(ObjectOf, &'static str),
}

/// An object that a record has.
pub(crate) type ObjectOf = for<'a> fn(&'a Record) -> Option<&'a Object>;

/// What stands in one column of one record.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell<'a> {
    /// It does not apply.
    Null,
    /// True or false.
    Flag(bool),
    /// A whole number.
    Count(u64),
    /// A number of seconds.
    Seconds(f64),
    /// Text, or a word.
    Text(Cow<'a, str>),
    /// A moment.
    Time(Timestamp),
    /// Statuses.
    Codes(Cow<'a, [u16]>),
    /// Texts.
    Texts(&'a [String]),
    /// Names and values.
    Object(Cow<'a, Object>),
    /// One of these values, but for `null`.
    Value(&'a Value),
}

/// All columns, in the order of the record's fields.
pub static COLUMNS: &[Column] = &[
    Column::new("index", ColumnType::Count, |record| record.index.into()),
    Column::nullable("source", ColumnType::Text, |record| record.source.as_deref().into()),
    Column::nullable("line", ColumnType::Count, |record| record.line.into()),
    Column::new("input", ColumnType::Text, |record| record.input.as_str().into()),
    Column::nullable("input_fields", ColumnType::Object, |record| record.input_fields.as_deref().into()),
    Column::nullable("url", ColumnType::Text, |record| record.url.as_deref().into()),
    Column::nullable("final_url", ColumnType::Text, |record| record.final_url.as_deref().into()),
    Column::new("method", ColumnType::Text, |record| record.method.as_str().into()),
    Column::new("outcome", ColumnType::Word, |record| record.outcome.as_str().into()),
    Column::new("accepted", ColumnType::Flag, |record| record.accepted.into()),
    Column::new("failed", ColumnType::Flag, |record| record.failed.into()),
    Column::nullable("error_phase", ColumnType::Word, |record| {
        record.error.as_ref().map(|error| error.phase.as_str()).into()
    }),
    Column::nullable("error_kind", ColumnType::Word, |record| {
        record.error.as_ref().map(|error| error.kind.as_str()).into()
    }),
    Column::nullable("error_reason", ColumnType::Word, |record| {
        record.error.as_ref().and_then(|error| error.reason).map(Reason::as_str).into()
    }),
    Column::nullable("error_message", ColumnType::Text, |record| {
        record.error.as_ref().map(|error| error.message.as_str()).into()
    }),
    Column::nullable("status_code", ColumnType::Count, |record| record.status_code.into()),
    Column::nullable("title", ColumnType::Text, |record| record.title.as_deref().into()),
    Column::nullable("content_type", ColumnType::Text, |record| record.content_type.as_deref().into()),
    Column::nullable("content_length", ColumnType::Count, |record| record.content_length.into()),
    Column::nullable("body_bytes", ColumnType::Count, |record| record.body_bytes.into()),
    Column::nullable("body_bytes_received", ColumnType::Count, |record| record.body_bytes_received.into()),
    Column::new("truncated", ColumnType::Flag, |record| record.truncated.into()),
    Column::nullable("body_sha256", ColumnType::Text, |record| record.body_sha256.as_deref().into()),
    Column::nullable("body_file", ColumnType::Text, |record| record.body_file.as_deref().into()),
    Column::nullable("header_fields", ColumnType::Object, |record| record.header_fields.as_deref().into()),
    Column::nullable("extracted", ColumnType::Object, |record| record.extracted.as_deref().into()),
    Column::nullable("webserver", ColumnType::Text, |record| record.webserver.as_deref().into()),
    Column::nullable("host_ip", ColumnType::Text, |record| record.host_ip.into()),
    Column::nullable("http_version", ColumnType::Text, |record| record.http_version.as_deref().into()),
    Column::new("num_redirects", ColumnType::Count, |record| record.num_redirects.into()),
    Column::new("num_retries", ColumnType::Count, |record| record.num_retries.into()),
    Column::new("chain_status_codes", ColumnType::Codes, |record| {
        Cell::Codes(Cow::Borrowed(&record.chain_status_codes))
    }),
    Column::nullable("chain_urls", ColumnType::Texts, |record| record.chain_urls.as_deref().into()),
    Column::nullable("certificate", ColumnType::Object, |record| {
        record
            .certificate
            .as_deref()
            .and_then(object)
            .map_or(Cell::Null, |facts| Cell::Object(Cow::Owned(facts)))
    }),
    Column::new("insecure", ColumnType::Flag, |record| record.insecure.into()),
    Column::new("timestamp", ColumnType::Time, |record| Cell::Time(record.timestamp)),
    Column::new("time_queued", ColumnType::Seconds, |record| Cell::Seconds(record.time_queued)),
    Column::nullable("time_namelookup", ColumnType::Seconds, |record| record.time_namelookup.into()),
    Column::nullable("time_connect", ColumnType::Seconds, |record| record.time_connect.into()),
    Column::nullable("time_appconnect", ColumnType::Seconds, |record| record.time_appconnect.into()),
    Column::nullable("time_starttransfer", ColumnType::Seconds, |record| record.time_starttransfer.into()),
    Column::nullable("time_total", ColumnType::Seconds, |record| record.time_total.into()),
];

impl Column {
    pub(crate) const fn new(
        name: &'static str,
        column_type: ColumnType,
        cell: for<'a> fn(&'a Record) -> Cell<'a>,
    ) -> Column {
        Column { name, column_type, is_nullable: false, source: CellSource::Field(cell) }
    }

    pub(crate) const fn nullable(
        name: &'static str,
        column_type: ColumnType,
        cell: for<'a> fn(&'a Record) -> Cell<'a>,
    ) -> Column {
        Column { name, column_type, is_nullable: true, source: CellSource::Field(cell) }
    }

    /// A column of what an object has under this name.
    pub(crate) const fn within(full_name: &'static str, object: ObjectOf, name: &'static str) -> Column {
        Column {
            name: full_name,
            column_type: ColumnType::Value,
            is_nullable: true,
            source: CellSource::Within(object, name),
        }
    }

    /// The column of this name: a field of the record, the host, or a part of a field, such as `extracted.price`.
    pub fn find(name: &str) -> Option<&'static Column> {
        Column::of_record(name).or_else(|| parts::find(name))
    }

    /// The column of a field of the record. `error.phase` is the same as `error_phase`.
    pub(crate) fn of_record(name: &str) -> Option<&'static Column> {
        let flat = name.strip_prefix("error.").map(|part| format!("error_{part}"));
        let name = flat.as_deref().unwrap_or(name);
        COLUMNS.iter().find(|column| column.name == name)
    }

    /// Its name in tables.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What it holds.
    pub fn column_type(&self) -> ColumnType {
        self.column_type
    }

    /// Whether a record may have nothing there.
    pub fn is_nullable(&self) -> bool {
        self.is_nullable
    }

    /// The words of a [`ColumnType::Word`].
    pub fn words(&self) -> Vec<&'static str> {
        match self.name {
            "outcome" => [Outcome::Answered, Outcome::Failed, Outcome::Skipped, Outcome::Interrupted]
                .map(Outcome::as_str)
                .to_vec(),
            "error_phase" => Phase::ALL.iter().map(|phase| phase.as_str()).collect(),
            "error_kind" => Kind::ALL.iter().map(|kind| kind.as_str()).collect(),
            "error_reason" => Reason::ALL.iter().map(|reason| reason.as_str()).collect(),
            _ => Vec::new(),
        }
    }

    /// What a record has there.
    pub fn cell<'a>(&self, record: &'a Record) -> Cell<'a> {
        match self.source {
            CellSource::Field(cell) => cell(record),
            CellSource::Within(object, name) => {
                match object(record).and_then(|object| parts::value(object, name)) {
                    None | Some(Value::Null) => Cell::Null,
                    Some(value) => Cell::Value(value),
                }
            }
        }
    }
}

/// What stands in a record as an object with fields of its own.
fn object(value: &impl Serialize) -> Option<Object> {
    match serde_json::to_value(value) {
        Ok(Value::Object(object)) => Some(object),
        _ => None,
    }
}

impl PartialEq for Column {
    /// A name stands for one column.
    fn eq(&self, other: &Column) -> bool {
        self.name == other.name
    }
}

/// The record of a row: the values of its columns by name, as JSON. A column that may be empty need not be there.
pub(crate) fn record_of_row(
    row: impl Iterator<Item = (&'static Column, Value)>,
) -> serde_json::Result<Record> {
    let mut fields = Map::new();
    let mut error = Map::new();
    for (column, value) in row {
        match column.name.strip_prefix("error_") {
            Some(_) if value.is_null() => {}
            Some(part) => {
                error.insert(part.to_owned(), value);
            }
            None => {
                fields.insert(column.name.to_owned(), value);
            }
        }
    }
    if !error.is_empty() {
        // A table may not tell an empty text from none.
        error.entry("message").or_insert_with(|| Value::from(""));
        fields.insert("error".to_owned(), Value::Object(error));
    }
    serde_json::from_value(Value::Object(fields))
}

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Cell::Null => serializer.serialize_none(),
            Cell::Flag(flag) => flag.serialize(serializer),
            Cell::Count(count) => count.serialize(serializer),
            Cell::Seconds(seconds) => seconds.serialize(serializer),
            Cell::Text(text) => text.serialize(serializer),
            Cell::Time(time) => time.serialize(serializer),
            Cell::Codes(codes) => codes.serialize(serializer),
            Cell::Texts(texts) => texts.serialize(serializer),
            Cell::Object(object) => object.serialize(serializer),
            Cell::Value(value) => value.serialize(serializer),
        }
    }
}

impl<'a, T: Into<Cell<'a>>> From<Option<T>> for Cell<'a> {
    fn from(value: Option<T>) -> Cell<'a> {
        value.map_or(Cell::Null, Into::into)
    }
}

impl From<bool> for Cell<'_> {
    fn from(flag: bool) -> Self {
        Cell::Flag(flag)
    }
}

impl From<u16> for Cell<'_> {
    fn from(count: u16) -> Self {
        Cell::Count(count.into())
    }
}

impl From<u32> for Cell<'_> {
    fn from(count: u32) -> Self {
        Cell::Count(count.into())
    }
}

impl From<u64> for Cell<'_> {
    fn from(count: u64) -> Self {
        Cell::Count(count)
    }
}

impl From<f64> for Cell<'_> {
    fn from(seconds: f64) -> Self {
        Cell::Seconds(seconds)
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Cell::Text(Cow::Borrowed(text))
    }
}

impl<'a> From<&'a [String]> for Cell<'a> {
    fn from(texts: &'a [String]) -> Self {
        Cell::Texts(texts)
    }
}

impl<'a> From<&'a Object> for Cell<'a> {
    fn from(object: &'a Object) -> Self {
        Cell::Object(Cow::Borrowed(object))
    }
}

impl From<IpAddr> for Cell<'_> {
    fn from(address: IpAddr) -> Self {
        Cell::Text(Cow::Owned(address.to_string()))
    }
}
