//! CSV as RFC 4180 has it: a header, CRLF at the ends of lines, quotes where they are needed. A cell that a spreadsheet
//! would take for a formula begins with an apostrophe.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter};

use csv::{Terminator, Writer, WriterBuilder};
use headcount::Record;
use serde::Serialize;
use serde_json::Value;

use super::RecordWriter;
use crate::columns::{Cell, Column};
use crate::fields::Fields;

/// What makes a formula, in the spreadsheets of the world, as the first character of a cell.
const FORMULA_STARTS: &[char] = &['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

pub(super) struct CsvWriter {
    writer: Writer<BufWriter<File>>,
    columns: Vec<&'static Column>,
    is_raw: bool,
}

impl CsvWriter {
    pub(super) fn new(file: BufWriter<File>, fields: &Fields, is_raw: bool) -> io::Result<CsvWriter> {
        let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(file);
        let columns = fields.columns();
        writer.write_record(columns.iter().map(|column| column.name()))?;
        Ok(CsvWriter { writer, columns, is_raw })
    }
}

impl RecordWriter for CsvWriter {
    fn write(&mut self, record: &Record) -> io::Result<()> {
        for column in &self.columns {
            let text = match column.cell(record) {
                Cell::Text(text) if !self.is_raw => harmless(text),
                Cell::Value(Value::String(text)) if !self.is_raw => harmless(text.into()),
                cell => cell_text(cell),
            };
            self.writer.write_field(text.as_bytes())?;
        }
        Ok(self.writer.write_record(None::<&[u8]>)?)
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.writer.flush()
    }
}

/// A cell as text, as tables without types have it.
pub(crate) fn cell_text(cell: Cell<'_>) -> Cow<'_, str> {
    match cell {
        Cell::Null => Cow::Borrowed(""),
        Cell::Flag(flag) => Cow::Borrowed(if flag { "true" } else { "false" }),
        Cell::Count(count) => Cow::Owned(count.to_string()),
        Cell::Seconds(seconds) => Cow::Owned(seconds.to_string()),
        Cell::Text(text) => text,
        Cell::Time(time) => Cow::Owned(time.to_string()),
        Cell::Codes(codes) => Cow::Owned(codes_text(&codes)),
        Cell::Texts(texts) => Cow::Owned(as_json(texts)),
        Cell::Object(object) => Cow::Owned(as_json(&object)),
        Cell::Value(value) => value_text(value),
    }
}

/// Text as it is, and other values as JSON.
pub(crate) fn value_text(value: &Value) -> Cow<'_, str> {
    value.as_str().map_or_else(|| Cow::Owned(as_json(value)), Cow::Borrowed)
}

/// `[301,200]`
pub(crate) fn codes_text(codes: &[u16]) -> String {
    let codes: Vec<String> = codes.iter().map(u16::to_string).collect();
    format!("[{}]", codes.join(","))
}

/// A JSON object or array.
pub(crate) fn as_json(value: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(value).expect("what is JSON can be written as JSON")
}

/// The text with an apostrophe before it if it is a formula, or would be without the apostrophes that it has.
fn harmless(text: Cow<'_, str>) -> Cow<'_, str> {
    match text.trim_start_matches('\'').starts_with(FORMULA_STARTS) {
        true => Cow::Owned(format!("'{text}")),
        false => text,
    }
}

/// The text as it was before [`harmless`].
pub(crate) fn as_it_was(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if rest.trim_start_matches('\'').starts_with(FORMULA_STARTS) => rest,
        _ => text,
    }
}
