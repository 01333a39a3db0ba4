//! Writing records, in the order in which they come, to any number of files at once.

pub(crate) mod csv;
mod json;
mod junit;
mod markdown;
mod parquet;
mod sqlite;
pub(crate) use sqlite::{column_names, quoted};

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use headcount::Record;

use crate::error::Error;
use crate::fields::Fields;
use crate::format::Format;
use crate::html::HtmlWriter;
use crate::replacement::Replacement;
use crate::selection::Where;
use csv::CsvWriter;
use json::{JsonArrayWriter, JsonLinesWriter};
use junit::JunitWriter;
use markdown::MarkdownWriter;
use parquet::ParquetWriter;
use sqlite::SqliteWriter;

/// A file to be written.
#[derive(Clone, Debug)]
pub struct OutputFile {
    /// Where it is to be.
    pub path: PathBuf,
    /// In which format.
    pub format: Format,
    /// What of the records it gets.
    pub options: Options,
}

/// What of the records an output gets, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// The fields that are written. The tables of HTML and Markdown have them as columns; JUnit has none.
    pub fields: Fields,
    /// The records that are written, and counted in reports; without it, all.
    pub condition: Option<Where>,
    /// Leave cells of a CSV as they are, though a spreadsheet would take them for formulas.
    pub raw_csv: bool,
    /// Rows that the table of an HTML page holds at most. Those not accepted go first.
    pub html_rows: usize,
    /// What reports are called.
    pub title: String,
    /// What a run is known by in a database: one that was added under the same name takes its place. A run that was killed
    /// just before it could say that it was complete is added once so.
    pub run_name: Option<String>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            fields: Fields::default(),
            condition: None,
            raw_csv: false,
            html_rows: 100_000,
            title: "Headcount".to_owned(),
            run_name: None,
        }
    }
}

/// Writes every record to every output. The files appear when all of them are whole; if the records end in an error, or
/// a file cannot be written, none does. A database gets a new run, in one transaction.
pub fn write_all(
    records: impl IntoIterator<Item = Result<Record, Error>>,
    outputs: &[OutputFile],
) -> Result<(), Error> {
    let mut writers = outputs.iter().map(OutputWriter::open).collect::<Result<Vec<_>, _>>()?;
    for record in records {
        let record = record?;
        for writer in &mut writers {
            writer.write(&record)?;
        }
    }
    publish(writers)
}

/// Makes the outputs appear, once all of them are whole.
pub fn publish(writers: Vec<OutputWriter>) -> Result<(), Error> {
    let complete = writers.into_iter().map(OutputWriter::complete).collect::<Result<Vec<_>, _>>()?;
    complete.into_iter().try_for_each(Complete::publish)
}

/// An output that is being written. Dropped, it leaves nothing.
pub struct OutputWriter {
    path: PathBuf,
    condition: Option<Where>,
    form: Form,
}

enum Form {
    File { writer: Box<dyn RecordWriter>, replacement: Replacement },
    Database(Box<SqliteWriter>),
}

/// A whole output that has not taken its place yet.
struct Complete {
    path: PathBuf,
    place: Place,
}

enum Place {
    File(Replacement),
    Database(Box<SqliteWriter>),
}

/// A form of file.
pub(crate) trait RecordWriter: Send {
    fn write(&mut self, record: &Record) -> io::Result<()>;

    /// Hears of a record that does not meet the output's condition.
    fn pass_over(&mut self) {}

    /// Writes what is left.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

impl OutputWriter {
    /// Makes the file beside its place, or opens the database, so that what cannot be written is known at once.
    pub fn open(output: &OutputFile) -> Result<OutputWriter, Error> {
        let cannot = |error| Error::writing(&output.path, error);
        let form = match output.format {
            Format::Sqlite => {
                Form::Database(Box::new(SqliteWriter::open(&output.path, &output.options).map_err(cannot)?))
            }
            _ => {
                let replacement = Replacement::beside(&output.path).map_err(cannot)?;
                let file = replacement.file().map_err(cannot)?;
                Form::File {
                    writer: writer(file, output.format, &output.options).map_err(cannot)?,
                    replacement,
                }
            }
        };
        Ok(OutputWriter { path: output.path.clone(), condition: output.options.condition.clone(), form })
    }

    /// Writes a record, if it meets the output's condition.
    pub fn write(&mut self, record: &Record) -> Result<(), Error> {
        if self.condition.as_ref().is_some_and(|condition| !condition.holds(record)) {
            if let Form::File { writer, .. } = &mut self.form {
                writer.pass_over();
            }
            return Ok(());
        }
        match &mut self.form {
            Form::File { writer, .. } => writer.write(record),
            Form::Database(database) => database.write(record),
        }
        .map_err(|error| Error::writing(&self.path, error))
    }

    fn complete(self) -> Result<Complete, Error> {
        let place = match self.form {
            Form::Database(database) => database.finish().map(|()| Place::Database(database)),
            Form::File { writer, replacement } => {
                writer.finish().and_then(|()| replacement.sync()).map(|()| Place::File(replacement))
            }
        };
        let place = place.map_err(|error| Error::writing(&self.path, error))?;
        Ok(Complete { path: self.path, place })
    }
}

impl Complete {
    fn publish(self) -> Result<(), Error> {
        match self.place {
            Place::File(replacement) => replacement.publish(),
            Place::Database(database) => database.commit(),
        }
        .map_err(|error| Error::writing(&self.path, error))
    }
}

fn writer(file: File, format: Format, options: &Options) -> io::Result<Box<dyn RecordWriter>> {
    if format == Format::Parquet {
        return Ok(Box::new(ParquetWriter::new(file, &options.fields)?));
    }
    let file = BufWriter::with_capacity(64 << 10, file);
    Ok(match format {
        Format::Json => Box::new(JsonArrayWriter::new(file, options.fields.clone())),
        Format::JsonLines => Box::new(JsonLinesWriter::new(file, options.fields.clone())),
        Format::Csv => Box::new(CsvWriter::new(file, &options.fields, options.raw_csv)?),
        Format::Junit => Box::new(JunitWriter::new(file, &options.title)?),
        Format::Markdown => Box::new(MarkdownWriter::new(file, options)),
        Format::Html => Box::new(HtmlWriter::new(file, options)),
        Format::Parquet | Format::Sqlite => unreachable!("these write to no buffered file"),
    })
}

/// Writes what is buffered.
pub(crate) fn flush<W: Write>(mut writer: W) -> io::Result<()> {
    writer.flush()
}
