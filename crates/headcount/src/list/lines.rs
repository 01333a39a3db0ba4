//! Plain lists: a URL a line.

use std::io::{self, BufRead};
use std::sync::Arc;

use super::addresses::Addresses;
use super::beginning;
use super::bounded_lines::{BoundedLines, Line};
use crate::Request;
use crate::record::{Failure, Kind, Phase};

/// Bytes of a line of a plain list, at most. A longer line becomes a `skipped` record that shows the line's beginning, so
/// that a list without line ends cannot fill the memory.
pub const LONGEST_LINE: usize = 65_536;

/// Blank lines and lines that begin with `#` are passed over; a byte order mark, CRLF, surrounding blanks and a missing
/// last newline do no harm.
pub(super) struct Lines<R> {
    lines: BoundedLines<R>,
    addresses: Addresses,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Lines<R> {
        Lines { lines: BoundedLines::new(reader, LONGEST_LINE), addresses: Addresses::default() }
    }

    pub(super) fn line(&self) -> u64 {
        self.lines.number()
    }

    pub(super) fn pass_over(&mut self) -> io::Result<Option<()>> {
        while self.lines.read()?.is_some() {
            if !self.is_blank() {
                return Ok(Some(()));
            }
        }
        Ok(None)
    }

    pub(super) fn next(&mut self, source: &Arc<str>) -> io::Result<Option<Request>> {
        while let Some(line) = self.lines.read()? {
            if !self.is_blank() {
                return Ok(Some(self.request(line).at(Arc::clone(source), self.lines.number())));
            }
        }
        Ok(None)
    }

    /// Whether the line is none to ask: blank, also in Unicode's sense, or a comment.
    fn is_blank(&self) -> bool {
        let text = self.lines.trimmed();
        text.first().is_none_or(|first| {
            *first == b'#'
                || (!first.is_ascii() && std::str::from_utf8(text).is_ok_and(|text| text.trim().is_empty()))
        })
    }

    fn request(&mut self, line: Line) -> Request {
        let text = self.lines.trimmed();
        match line {
            Line::Whole => self.addresses.request(text),
            Line::TooLong => {
                let message = format!("not a URL: the line is longer than {LONGEST_LINE} bytes");
                let failure = Failure::new(Phase::Input, Kind::InvalidUrl, message);
                Request::with_target(beginning(text), Err(failure))
            }
        }
    }
}
