//! A JSON object a line, as the records come.

use std::io::{self, BufWriter, Write};

use headcount::Record;
use headcount_outputs::{Fields, json_text};

pub(crate) struct JsonLines {
    writer: BufWriter<Box<dyn Write + Send>>,
    fields: Fields,
}

impl JsonLines {
    pub(crate) fn new(writer: Box<dyn Write + Send>, fields: Fields) -> JsonLines {
        JsonLines { writer: BufWriter::with_capacity(64 << 10, writer), fields }
    }

    pub(crate) fn write(&mut self, record: &Record) -> io::Result<()> {
        json_text::write(&mut self.writer, &self.fields.of(record))?;
        self.writer.write_all(b"\n")
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
