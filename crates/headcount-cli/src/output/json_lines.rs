//! A JSON object a line, as the records come.

use std::io::{self, BufWriter, Write};

use headcount::Record;

use super::json_text;

pub(crate) struct JsonLines {
    writer: BufWriter<Box<dyn Write + Send>>,
}

impl JsonLines {
    pub(crate) fn new(writer: Box<dyn Write + Send>) -> JsonLines {
        JsonLines { writer: BufWriter::with_capacity(64 << 10, writer) }
    }

    pub(crate) fn write(&mut self, record: &Record) -> io::Result<()> {
        json_text::write(&mut self.writer, record)?;
        self.writer.write_all(b"\n")
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
