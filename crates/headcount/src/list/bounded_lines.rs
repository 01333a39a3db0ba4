//! Lines of bounded length, counted.

use std::io::{self, BufRead};

use memchr::memchr;

/// What the next line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Whole,
    /// Longer than may be; only its beginning was kept.
    TooLong,
}

pub(super) struct BoundedLines<R> {
    reader: R,
    longest: usize,
    number: u64,
    text: Vec<u8>,
}

impl<R: BufRead> BoundedLines<R> {
    /// Lines of which at most `longest` bytes are kept.
    pub(super) fn new(reader: R, longest: usize) -> BoundedLines<R> {
        BoundedLines { reader, longest, number: 0, text: Vec::new() }
    }

    /// The number of the line that was read last, or that could not be read.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Reads the next line, without its end. `None` is the end of the list.
    pub(super) fn read(&mut self) -> io::Result<Option<Line>> {
        self.number += 1;
        self.text.clear();
        let mut line = None;
        loop {
            let available = match self.reader.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if available.is_empty() {
                return Ok(line);
            }
            let end = memchr(b'\n', available);
            let part = &available[..end.unwrap_or(available.len())];
            let room = self.longest - self.text.len();
            if part.len() > room {
                line = Some(Line::TooLong);
            }
            self.text.extend_from_slice(&part[..part.len().min(room)]);
            let used = part.len() + usize::from(end.is_some());
            self.reader.consume(used);
            let line = line.get_or_insert(Line::Whole);
            if end.is_some() {
                return Ok(Some(*line));
            }
        }
    }

    /// The line without a byte order mark and surrounding blanks.
    pub(super) fn trimmed(&self) -> &[u8] {
        let text = match self.number {
            1 => self.text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.text),
            _ => &self.text[..],
        };
        text.trim_ascii()
    }
}
