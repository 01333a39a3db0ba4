//! CSV and TSV with a header: a request a row, whose other columns are carried into the record.

use std::io::{self, BufRead};
use std::sync::Arc;

use serde_json::Value;

use super::addresses::Addresses;
use super::row_reader::{Fault, RowReader};
use super::{LONGEST_ROW, bad_row, beginning, cannot_read};
use crate::record::Object;
use crate::{Error, Request};

/// Characters of a header's names that an error shows.
const SHOWN_NAMES: usize = 400;

/// A row that has not as many cells as the header becomes a `skipped` record.
pub(super) struct Rows<R> {
    rows: RowReader<R>,
    /// Of the columns.
    names: Vec<String>,
    /// Place of the column that holds the URL.
    url: usize,
    addresses: Addresses,
}

impl<R: BufRead> Rows<R> {
    /// Reads the header. `column` is the name of the column that holds the URL; if none is called so, capitals do not
    /// matter.
    pub(super) fn open(reader: R, delimiter: u8, column: &str, source: &str) -> Result<Rows<R>, Error> {
        let mut rows = RowReader::new(reader, delimiter);
        let has_header =
            rows.read().map_err(|error| cannot_read(source, rows.first_line(), error))?.is_some();
        if let Some(fault) = rows.fault() {
            let reason = reason(fault);
            return Err(Error::input(format!(
                "{source} has no header in line {}: {reason}",
                rows.first_line()
            )));
        }
        let names = names((0..rows.count()).map(|number| rows.cell(number)));
        let same = names.iter().position(|name| name == column);
        match same.or_else(|| names.iter().position(|name| name.eq_ignore_ascii_case(column))) {
            Some(url) => Ok(Rows { rows, names, url, addresses: Addresses::default() }),
            None if has_header => {
                let line = rows.first_line();
                let mut names = names.join(", ");
                if let Some((end, _)) = names.char_indices().nth(SHOWN_NAMES) {
                    names.truncate(end);
                    names.push('…');
                }
                Err(Error::input(format!("{source} has no column {column:?}; line {line} names {names}")))
            }
            None => Err(Error::input(format!("{source} has no column {column:?}; it is empty"))),
        }
    }

    pub(super) fn line(&self) -> u64 {
        self.rows.first_line()
    }

    pub(super) fn pass_over(&mut self) -> io::Result<Option<()>> {
        self.rows.read()
    }

    pub(super) fn next(&mut self, source: &Arc<str>) -> io::Result<Option<Request>> {
        let Some(()) = self.rows.read()? else { return Ok(None) };
        Ok(Some(self.request().at(Arc::clone(source), self.rows.first_line())))
    }

    fn request(&mut self) -> Request {
        let (cells, columns) = (self.rows.count(), self.names.len());
        if let Some(fault) = self.rows.fault() {
            return bad_row(beginning(self.rows.beginning()), reason(fault));
        }
        if cells != columns {
            let last = self.rows.last_line();
            let end = match last > self.rows.first_line() {
                true => format!("; it ends in line {last}: is there a quote too many?"),
                false => String::new(),
            };
            return bad_row(
                beginning(self.rows.beginning()),
                format!("it has {cells} cells, the header has {columns}{end}"),
            );
        }
        let request = self.addresses.request(self.rows.cell(self.url).trim_ascii());
        let others = self.names.iter().enumerate().filter(|(number, _)| *number != self.url);
        let carried: Object = others
            .map(|(number, name)| {
                (name.clone(), Value::from(String::from_utf8_lossy(self.rows.cell(number))))
            })
            .collect();
        if carried.is_empty() { request } else { request.carry(carried) }
    }
}

fn reason(fault: Fault) -> String {
    match fault {
        Fault::TooLong => {
            format!("it has more than {LONGEST_ROW} bytes or very many cells; is a quote open?")
        }
        Fault::OpenQuote => "a quote is open to the end of the list".to_owned(),
    }
}

/// Names that differ: a column without one, or with one that another has before it, is called by its place.
fn names<'a>(cells: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for cell in cells {
        let name = String::from_utf8_lossy(cell);
        let name = name.trim_start_matches('\u{feff}').trim();
        names.push(match name.is_empty() || names.iter().any(|before| before == name) {
            true => format!("column_{}", names.len() + 1),
            false => name.to_owned(),
        });
    }
    names
}
