//! Lines of a list as requests, read as they are needed.

use std::io::{self, BufRead};
use std::sync::Arc;

use memchr::memchr;

use crate::record::{Failure, Kind, Phase};
use crate::{Error, Request};

/// Bytes of a line, at most. A longer line becomes a `skipped` record that shows the line's beginning, so that a
/// list without line ends cannot fill the memory.
pub const LONGEST_LINE: usize = 65_536;

/// How much of an unusable line its record shows.
const SHOWN_OF_A_LONG_LINE: usize = 256;

/// The requests of a list: a URL a line. Blank lines and lines that begin with `#` are passed over; a byte order
/// mark, CRLF, surrounding blanks and a missing last newline do no harm. Reads no further than it is asked to.
pub struct Lines<R> {
    reader: R,
    source: Arc<str>,
    line: u64,
    text: Vec<u8>,
    failed: bool,
}

impl<R: BufRead> Lines<R> {
    /// `source` names the list in records and errors: a file's name, or `-`.
    pub fn new(reader: R, source: impl Into<Arc<str>>) -> Lines<R> {
        Lines { reader, source: source.into(), line: 0, text: Vec::new(), failed: false }
    }

    /// Reads the next line into `self.text`, without its end. `Ok(None)` is the end of the list, otherwise
    /// whether the line was longer than may be.
    fn read_line(&mut self) -> io::Result<Option<bool>> {
        self.text.clear();
        let mut too_long = false;
        let mut seen_any = false;
        loop {
            let available = match self.reader.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if available.is_empty() {
                return Ok(seen_any.then_some(too_long));
            }
            seen_any = true;
            let end = memchr(b'\n', available);
            let part = &available[..end.unwrap_or(available.len())];
            let room = LONGEST_LINE - self.text.len();
            too_long |= part.len() > room;
            self.text.extend_from_slice(&part[..part.len().min(room)]);
            let used = part.len() + usize::from(end.is_some());
            self.reader.consume(used);
            if end.is_some() {
                return Ok(Some(too_long));
            }
        }
    }

    /// Passes over the next request, which costs less than reading it. `None` is the end of the list.
    ///
    /// # Errors
    /// As for reading it; the list has ended then.
    pub fn pass_over(&mut self) -> Option<Result<(), Error>> {
        while !self.failed {
            match self.next_line() {
                Ok(None) => return None,
                Ok(Some(_)) if self.is_blank() => {}
                Ok(Some(_)) => return Some(Ok(())),
                Err(error) => return Some(Err(error)),
            }
        }
        None
    }

    /// The next line, counted.
    fn next_line(&mut self) -> Result<Option<bool>, Error> {
        self.line += 1;
        self.read_line().map_err(|error| {
            self.failed = true;
            Error::input(format!("cannot read {} at line {}", self.source, self.line)).because(error)
        })
    }

    /// The line without its mark and surrounding blanks.
    fn trimmed(&self) -> &[u8] {
        let text = match self.line {
            1 => self.text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.text),
            _ => &self.text[..],
        };
        text.trim_ascii()
    }

    /// Whether the line is none to ask: blank, also in Unicode's sense, or a comment.
    fn is_blank(&self) -> bool {
        let text = self.trimmed();
        text.first().is_none_or(|first| {
            *first == b'#'
                || (!first.is_ascii() && std::str::from_utf8(text).is_ok_and(|text| text.trim().is_empty()))
        })
    }

    fn request(&self, too_long: bool) -> Option<Request> {
        if self.is_blank() {
            return None;
        }
        let text = self.trimmed();
        let request = match text {
            _ if too_long => {
                let message = format!("not a URL: the line is longer than {LONGEST_LINE} bytes");
                let beginning = String::from_utf8_lossy(&text[..text.len().min(SHOWN_OF_A_LONG_LINE)]);
                let failure = Failure::new(Phase::Input, Kind::InvalidUrl, message);
                Request::with_target(beginning.into_owned(), Err(failure))
            }
            text => Request::from_bytes(text),
        };
        Some(request.at(Arc::clone(&self.source), self.line))
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = Result<Request, Error>;

    /// An error ends the list.
    fn next(&mut self) -> Option<Result<Request, Error>> {
        while !self.failed {
            match self.next_line() {
                Ok(None) => return None,
                Ok(Some(too_long)) => {
                    if let Some(request) = self.request(too_long) {
                        return Some(Ok(request));
                    }
                }
                Err(error) => return Some(Err(error)),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(list: &[u8]) -> Vec<(u64, String, Option<Kind>)> {
        // A buffer of three bytes puts a boundary into every line, mark and line end.
        Lines::new(io::BufReader::with_capacity(3, list), "list")
            .map(|request| {
                let request = request.expect("memory can be read");
                (
                    request.line.unwrap(),
                    request.input.clone(),
                    request.target.err().map(|failure| failure.kind),
                )
            })
            .collect()
    }

    #[test]
    fn marks_line_ends_comments_and_blanks_do_no_harm() {
        let list = b"\xef\xbb\xbfa.example\r\n\r\n  # no\n#no\n\t b.example \t\n\xe3\x80\x80\nc.example";
        let expected = [(1, "a.example"), (5, "b.example"), (7, "c.example")];
        assert_eq!(requests(list), expected.map(|(line, text)| (line, text.to_owned(), None)));
        assert_eq!(requests(b""), []);
        assert_eq!(requests(b"\n\n"), []);
    }

    #[test]
    fn passing_over_counts_as_reading_does() {
        let list = b"\xef\xbb\xbfa.example\n\n# no\n\xff.example\n\xe3\x80\x80\n \xe3\x80\x80x\nb.example";
        let read = requests(list);
        for passed in 0..=read.len() {
            let mut lines = Lines::new(&list[..], "list");
            for _ in 0..passed {
                lines.pass_over().unwrap().unwrap();
            }
            let left: Vec<_> = lines.map(|request| request.unwrap().line.unwrap()).collect();
            let expected: Vec<_> = read[passed..].iter().map(|(line, ..)| *line).collect();
            assert_eq!(left, expected);
        }
        let mut lines = Lines::new(&b"# only\n"[..], "list");
        assert!(lines.pass_over().is_none() && lines.next().is_none());
    }

    #[test]
    fn a_line_that_is_no_text_is_not_lost() {
        let found = requests(b"a.example\n\xff\xfe.example\nb.example\n");
        assert_eq!(found[1], (2, "\u{fffd}\u{fffd}.example".to_owned(), Some(Kind::InvalidText)));
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn an_endless_line_is_cut_and_the_next_one_read() {
        let mut list = vec![b'a'; 3 * LONGEST_LINE];
        list.extend_from_slice(b"\nb.example");
        let found = requests(&list);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].2, Some(Kind::InvalidUrl));
        assert!(found[0].1.len() <= SHOWN_OF_A_LONG_LINE);
        assert_eq!((found[1].0, found[1].1.as_str()), (2, "b.example"));
    }
}
