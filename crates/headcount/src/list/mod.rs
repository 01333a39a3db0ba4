//! Lists: plain lines, CSV, TSV and JSON lines, compressed or not, read lazily as requests.
//!
//! ```
//! use headcount::list::{List, ListFormat, ListOptions};
//!
//! let text = "name,url\nexample,example.com/a\n";
//! let mut options = ListOptions::default();
//! options.format = Some(ListFormat::Csv);
//! let mut list = List::new(text.as_bytes(), "sites.csv", options);
//! list.read_header()?; // complains if there is no column `url`
//! let request = list.next().unwrap()?;
//! assert_eq!(request.url().unwrap().as_str(), "https://example.com/a");
//! # Ok::<(), headcount::Error>(())
//! ```

mod address;
mod addresses;
mod bounded_lines;
mod compression;
mod format;
mod json_lines;
mod lines;
mod row_reader;
mod rows;
#[cfg(test)]
mod tests;
mod utf16;

use std::io::{self, BufRead, Read};
use std::sync::Arc;

use http::Method;

pub(crate) use address::{is_supported, parse_address};
pub use compression::{MAGIC_BYTES, is_compressed};
pub use format::ListFormat;
use json_lines::JsonLines;
pub use lines::LONGEST_LINE;
use lines::Lines;
use rows::Rows;

use crate::credentials::REDACTED;
use crate::record::{Failure, Kind, Phase};
use crate::{Error, Request};

/// Bytes of a row of CSV, TSV or JSON lines, at most. A longer row becomes a `skipped` record that shows its beginning.
pub const LONGEST_ROW: usize = 1 << 20;

/// Characters of an unusable row that its record shows, and bytes that are looked at for what must not be shown.
const SHOWN_OF_A_BAD_ROW: usize = 256;
const LOOKED_AT_OF_A_BAD_ROW: usize = 4_096;

/// How a list is read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ListOptions {
    /// Which kind of list it is. Default `None`: as the name of its source says ([`ListFormat::of_name`]); else as its
    /// first line shows: a JSON object, or the header of a CSV or TSV that has the `column`; else it is lines.
    pub format: Option<ListFormat>,
    /// The column, or the field of JSON lines, that holds the URL. Default `url`.
    pub column: String,
    /// Method of rows that name none. Default: GET, and POST for rows of JSON lines that have a body.
    pub method: Option<Method>,
}

impl Default for ListOptions {
    fn default() -> ListOptions {
        ListOptions { format: None, column: "url".to_owned(), method: None }
    }
}

impl ListOptions {
    /// A request with the method that rows have which name none.
    pub fn complete(&self, request: Request) -> Request {
        match &self.method {
            Some(method) => request.method(method.clone()),
            None => request,
        }
    }
}

/// The requests of a list, in their order. Reads no further than it is asked to.
///
/// gzip and zstd are known by their first bytes, and so is UTF-16. Rows that cannot be used are requests too: their records will say
/// `skipped`, and why. An error, which is one of reading or a header without the column, ends the list.
pub struct List {
    source: Arc<str>,
    options: ListOptions,
    state: State,
}

type Text = Box<dyn BufRead + Send>;

enum State {
    Unopened(Box<dyn Read + Send>),
    Lines(Lines<Text>),
    Rows(Box<Rows<Text>>),
    JsonLines(JsonLines<Text>),
    Ended,
}

impl List {
    /// `source` names the list in records and errors: a file's name, or `-`. Nothing is read yet.
    pub fn new(bytes: impl Read + Send + 'static, source: impl Into<Arc<str>>, options: ListOptions) -> List {
        let source = source.into();
        let format = options.format.or_else(|| ListFormat::of_name(&source));
        List { source, options: ListOptions { format, ..options }, state: State::Unopened(Box::new(bytes)) }
    }

    /// Reads the header, if the list is known to have one, so that a column that is missing is known before anything is
    /// sent.
    ///
    /// # Errors
    /// The column is not there, or the list cannot be read ([`Error::is_input`]).
    pub fn read_header(&mut self) -> Result<(), Error> {
        match self.options.format {
            Some(ListFormat::Csv | ListFormat::Tsv) => self.open(),
            _ => Ok(()),
        }
    }

    /// Passes over the next request, which costs less than making it. `None` is the end of the list.
    ///
    /// # Errors
    /// As for reading it.
    pub fn pass_over(&mut self) -> Option<Result<(), Error>> {
        self.advance(|list| match &mut list.state {
            State::Lines(lines) => lines.pass_over(),
            State::Rows(rows) => rows.pass_over(),
            State::JsonLines(lines) => lines.pass_over(),
            State::Unopened(_) | State::Ended => Ok(None),
        })
    }

    fn advance<T>(
        &mut self,
        next: impl FnOnce(&mut List) -> io::Result<Option<T>>,
    ) -> Option<Result<T, Error>> {
        let next = self.open().and_then(|()| next(self).map_err(|error| self.cannot_read(error)));
        if !matches!(next, Ok(Some(_))) {
            self.state = State::Ended;
        }
        next.transpose()
    }

    fn open(&mut self) -> Result<(), Error> {
        let bytes = match std::mem::replace(&mut self.state, State::Ended) {
            State::Unopened(bytes) => bytes,
            open => {
                self.state = open;
                return Ok(());
            }
        };
        let (source, column) = (&*self.source, self.options.column.as_str());
        let (line, text) = compression::decompressed(bytes)
            .and_then(format::first_line)
            .map_err(|error| cannot_read(source, 1, error))?;
        let format = self.options.format.unwrap_or_else(|| ListFormat::of_line(&line, column));
        let rows = |text, delimiter| Rows::open(text, delimiter, column, source).map(Box::new);
        self.state = match format {
            ListFormat::Lines => State::Lines(Lines::new(text)),
            ListFormat::Csv => State::Rows(rows(text, format::delimiter(&line))?),
            ListFormat::Tsv => State::Rows(rows(text, b'\t')?),
            ListFormat::JsonLines => State::JsonLines(JsonLines::new(text, column)),
        };
        Ok(())
    }

    fn cannot_read(&self, error: io::Error) -> Error {
        let line = match &self.state {
            State::Lines(lines) => lines.line(),
            State::Rows(rows) => rows.line(),
            State::JsonLines(lines) => lines.line(),
            State::Unopened(_) | State::Ended => 1,
        };
        cannot_read(&self.source, line, error)
    }
}

impl Iterator for List {
    type Item = Result<Request, Error>;

    fn next(&mut self) -> Option<Result<Request, Error>> {
        self.advance(|list| {
            let (source, options) = (&list.source, &list.options);
            let request = match &mut list.state {
                State::Lines(lines) => lines.next(source)?,
                State::Rows(rows) => rows.next(source)?,
                State::JsonLines(lines) => return lines.next(source, options),
                State::Unopened(_) | State::Ended => None,
            };
            Ok(request.map(|request| options.complete(request)))
        })
    }
}

fn cannot_read(source: &str, line: u64, error: io::Error) -> Error {
    Error::input(format!("cannot read {source} at line {line}")).because(error)
}

/// A row that cannot be used: what its record shows of it, and why.
fn bad_row(shown: String, reason: impl std::fmt::Display) -> Request {
    let failure = Failure::new(Phase::Input, Kind::BadRow, format!("the row cannot be used: {reason}"));
    Request::with_target(shown, Err(failure))
}

/// The beginning of a row as a record may show it. Where its URL stands is not known, and with it a password may: nothing
/// is shown up to an `@`, and where there is more to come, nothing but the host behind it.
fn beginning(row: &[u8]) -> String {
    let goes_on = row.len() >= LOOKED_AT_OF_A_BAD_ROW;
    let row = String::from_utf8_lossy(&row[..row.len().min(LOOKED_AT_OF_A_BAD_ROW)]);
    let shown = match row.rsplit_once('@') {
        Some((_, behind)) if goes_on => {
            let is_of_host = |character: char| character.is_alphanumeric() || ".-[]:".contains(character);
            format!(
                "{REDACTED}@{}",
                behind.split(|character| !is_of_host(character)).next().unwrap_or_default()
            )
        }
        Some((_, behind)) => format!("{REDACTED}@{behind}"),
        None => row.into_owned(),
    };
    shown.trim().chars().take(SHOWN_OF_A_BAD_ROW).collect()
}
