//! Finished outputs back to records, one at a time. What a file is shows in its first bytes, whatever it is called.

mod csv;
mod headline;
mod in_order;
mod json;
mod parquet;
mod source;
mod sqlite;

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use headcount::Record;

use crate::error::Error;
use crate::format::Format;

pub use headline::headline_says_accepted;
pub use source::Source;

/// Bytes read at once.
const BUFFER: usize = 256 << 10;

/// Records from a file. After an error there are no more.
pub struct RecordReader {
    format: Format,
    records: Box<dyn Iterator<Item = Result<Record, Error>> + Send>,
    is_broken: bool,
}

impl RecordReader {
    /// Opens an output: JSON, JSON lines, CSV, Parquet, or a database, of which the last run is read unless another is named.
    pub fn open(source: impl Into<Source>) -> Result<RecordReader, Error> {
        let Source { path, run } = source.into();
        let path = path.as_path();
        let cannot = |error: io::Error| Error::reading(path, "", error);
        let mut file = File::open(path).map_err(cannot)?;
        let start = start_of(&mut file).map_err(cannot)?;
        let format = format_of(&start).ok_or_else(|| {
            let reason = match headline_says_accepted(path) {
                Ok(Some(_)) => "it is a report, from which no records can be read",
                _ => "it is no output of headcount: neither JSON, JSON lines, CSV, Parquet nor SQLite",
            };
            Error::reading(path, "", reason)
        })?;
        if run.is_some() && format != Format::Sqlite {
            return Err(Error::reading(path, "", "only a database has runs to choose from"));
        }
        let place = path.to_owned();
        let records: Box<dyn Iterator<Item = Result<Record, Error>> + Send> = match format {
            Format::Json => Box::new(json::array(BufReader::with_capacity(BUFFER, file), place)),
            Format::JsonLines => Box::new(json::lines(BufReader::with_capacity(BUFFER, file), place)),
            Format::Csv => Box::new(csv::rows(file, place)?),
            Format::Parquet => Box::new(parquet::rows(file, place)?),
            _ => Box::new(sqlite::rows(place, run)?),
        };
        Ok(RecordReader { format, records, is_broken: false })
    }

    /// The same in the order of the inputs, in which JSON lines need not be. A file that is not is read at once, and sorted
    /// with the help of a temporary file.
    pub fn open_in_order(source: impl Into<Source>) -> Result<RecordReader, Error> {
        let source = source.into();
        let path = source.path();
        let reader = RecordReader::open(&source)?;
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

/// The first bytes of a file, which is then at its start again.
fn start_of(file: &mut File) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    file.take(512).read_to_end(&mut start)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(start)
}

fn is_database(path: &Path) -> io::Result<bool> {
    Ok(format_of(&start_of(&mut File::open(path)?)?) == Some(Format::Sqlite))
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
