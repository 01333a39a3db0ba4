//! JSON: an array of records with one on a line, and records a line without the array.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use headcount::Record;

use super::{RecordWriter, flush};
use crate::fields::Fields;
use crate::json_text;

pub(super) struct JsonArrayWriter {
    file: BufWriter<File>,
    fields: Fields,
    is_empty: bool,
}

impl JsonArrayWriter {
    pub(super) fn new(file: BufWriter<File>, fields: Fields) -> JsonArrayWriter {
        JsonArrayWriter { file, fields, is_empty: true }
    }
}

impl RecordWriter for JsonArrayWriter {
    fn write(&mut self, record: &Record) -> io::Result<()> {
        self.file.write_all(if self.is_empty { b"[\n" } else { b",\n" })?;
        self.is_empty = false;
        json_text::write(&mut self.file, &self.fields.of(record))
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.file.write_all(if self.is_empty { b"[]\n" } else { b"\n]\n" })?;
        flush(self.file)
    }
}

pub(super) struct JsonLinesWriter {
    file: BufWriter<File>,
    fields: Fields,
}

impl JsonLinesWriter {
    pub(super) fn new(file: BufWriter<File>, fields: Fields) -> JsonLinesWriter {
        JsonLinesWriter { file, fields }
    }
}

impl RecordWriter for JsonLinesWriter {
    fn write(&mut self, record: &Record) -> io::Result<()> {
        json_text::write(&mut self.file, &self.fields.of(record))?;
        self.file.write_all(b"\n")
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        flush(self.file)
    }
}
