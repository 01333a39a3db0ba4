//! Finished outputs back to records, one at a time. What a file is shows in its first bytes, whatever it is called.

mod csv;
mod headline;
mod in_order;
mod json;
mod parquet;
mod sqlite;

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use headcount::Record;

use crate::error::Error;
use crate::format::Format;

pub use headline::headline_says_accepted;

/// Bytes read at once.
const BUFFER: usize = 256 << 10;

/// Records from a file. After an error there are no more.
pub struct RecordReader {
    format: Format,
    records: Box<dyn Iterator<Item = Result<Record, Error>> + Send>,
    is_broken: bool,
}

impl RecordReader {
    /// Opens an output: JSON, JSON lines, CSV, Parquet, or a database, of which the last run is read.
    pub fn open(path: &Path) -> Result<RecordReader, Error> {
        let cannot = |error: io::Error| Error::reading(path, "", error);
        let mut file = File::open(path).map_err(cannot)?;
        let mut start = Vec::new();
        (&mut file).take(512).read_to_end(&mut start).map_err(cannot)?;
        file.seek(SeekFrom::Start(0)).map_err(cannot)?;
        let format = format_of(&start).ok_or_else(|| {
            let reason = match headline_says_accepted(path) {
                Ok(Some(_)) => "it is a report, from which no records can be read",
                _ => "it is no output of headcount: neither JSON, JSON lines, CSV, Parquet nor SQLite",
            };
            Error::reading(path, "", reason)
        })?;
        let place = path.to_owned();
        let records: Box<dyn Iterator<Item = Result<Record, Error>> + Send> = match format {
            Format::Json => Box::new(json::array(BufReader::with_capacity(BUFFER, file), place)),
            Format::JsonLines => Box::new(json::lines(BufReader::with_capacity(BUFFER, file), place)),
            Format::Csv => Box::new(csv::rows(file, place)?),
            Format::Parquet => Box::new(parquet::rows(file, place)?),
            _ => Box::new(sqlite::rows(place)?),
        };
        Ok(RecordReader { format, records, is_broken: false })
    }

    /// The same in the order of the inputs, in which JSON lines need not be. A file that is not is read at once, and sorted
    /// with the help of a temporary file.
    pub fn open_in_order(path: &Path) -> Result<RecordReader, Error> {
        let reader = RecordReader::open(path)?;
        if reader.format != Format::JsonLines {
            return Ok(reader);
        }
        let lines = File::open(path).map(|file| BufReader::with_capacity(BUFFER, file));
        if lines.and_then(in_order::is_in_order).map_err(|error| Error::reading(path, "", error))? {
            return Ok(reader);
        }
        let format = reader.format;
        Ok(RecordReader { format, records: Box::new(in_order::sorted(reader)?), is_broken: false })
    }

    /// What the file turned out to be.
    pub fn format(&self) -> Format {
        self.format
    }
}

impl Iterator for RecordReader {
    type Item = Result<Record, Error>;

    fn next(&mut self) -> Option<Result<Record, Error>> {
        if self.is_broken {
            return None;
        }
        let record = self.records.next();
        self.is_broken = matches!(record, Some(Err(_)));
        record
    }
}

fn format_of(start: &[u8]) -> Option<Format> {
    let text = start.strip_prefix("\u{feff}".as_bytes()).unwrap_or(start);
    match text.trim_ascii_start().first() {
        _ if start.starts_with(b"PAR1") => Some(Format::Parquet),
        _ if start.starts_with(b"SQLite format 3\0") => Some(Format::Sqlite),
        Some(b'[') => Some(Format::Json),
        Some(b'{') => Some(Format::JsonLines),
        // No line, no record.
        None => Some(Format::JsonLines),
        _ => csv::is_header(text).then_some(Format::Csv),
    }
}
