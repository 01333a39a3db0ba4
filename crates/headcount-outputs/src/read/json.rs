//! Records from JSON: an array of them, or one a line.

use std::io::{self, BufRead};
use std::path::PathBuf;

use headcount::Record;

use crate::error::Error;

/// A record a line. Lines that hold nothing pass.
pub(super) fn lines(mut input: impl BufRead, path: PathBuf) -> impl Iterator<Item = Result<Record, Error>> {
    let mut line = Vec::new();
    let mut number = 0u64;
    std::iter::from_fn(move || {
        loop {
            line.clear();
            number += 1;
            let problem =
                |error: io::Error| Some(Err(Error::reading(&path, &format!("line {number}"), error)));
            match input.read_until(b'\n', &mut line) {
                Ok(0) => return None,
                Err(error) => return problem(error),
                Ok(_) if line.trim_ascii().is_empty() => {}
                Ok(_) => {
                    return serde_json::from_slice(without_mark(&line))
                        .map(|record| Some(Ok(record)))
                        .unwrap_or_else(|error| problem(error.into()));
                }
            }
        }
    })
}

/// The records of an array, however it is laid out, without reading it whole.
pub(super) fn array(input: impl BufRead, path: PathBuf) -> impl Iterator<Item = Result<Record, Error>> {
    let mut elements = Elements { input, state: State::Before };
    let mut number = 0u64;
    std::iter::from_fn(move || {
        number += 1;
        let record = match elements.next() {
            Ok(None) => return None,
            Ok(Some(text)) => serde_json::from_slice(&text).map_err(io::Error::from),
            Err(error) => Err(error),
        };
        Some(record.map_err(|error| Error::reading(&path, &format!("record {number}"), error)))
    })
}

/// Cuts an array of objects into its elements. Whether each is JSON, its parser says.
struct Elements<R> {
    input: R,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Before,
    /// Another element may stand here, or the end.
    First,
    /// A comma or the end must stand here.
    AfterElement,
    /// An element must stand here.
    AfterComma,
    After,
}

impl<R: BufRead> Elements<R> {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let Some(byte) = self.byte()? else {
                return match self.state {
                    State::After => Ok(None),
                    _ => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the array has no end")),
                };
            };
            self.state = match (self.state, byte) {
                (state, b' ' | b'\t' | b'\r' | b'\n') => state,
                // A byte order mark.
                (State::Before, 0xef | 0xbb | 0xbf) => State::Before,
                (State::Before, b'[') => State::First,
                (State::First | State::AfterElement, b']') => State::After,
                (State::AfterElement, b',') => State::AfterComma,
                (State::First | State::AfterComma, b'{') => {
                    self.state = State::AfterElement;
                    return self.rest_of_object().map(Some);
                }
                _ => {
                    let message = format!("{:?} should not stand here", char::from(byte));
                    return Err(io::Error::new(io::ErrorKind::InvalidData, message));
                }
            };
        }
    }

    fn byte(&mut self) -> io::Result<Option<u8>> {
        let byte = self.input.fill_buf()?.first().copied();
        self.input.consume(usize::from(byte.is_some()));
        Ok(byte)
    }

    /// An object whose opening brace has been read, up to its closing one.
    fn rest_of_object(&mut self) -> io::Result<Vec<u8>> {
        let mut text = vec![b'{'];
        let (mut depth, mut is_string, mut is_escaped) = (1u32, false, false);
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the record has no end"));
            }
            let end = buffer.iter().position(|byte| {
                match byte {
                    _ if is_escaped => is_escaped = false,
                    b'\\' if is_string => is_escaped = true,
                    b'"' => is_string = !is_string,
                    b'{' if !is_string => depth += 1,
                    b'}' if !is_string => depth -= 1,
                    _ => {}
                }
                depth == 0
            });
            let taken = end.map_or(buffer.len(), |end| end + 1);
            text.extend_from_slice(&buffer[..taken]);
            self.input.consume(taken);
            if end.is_some() {
                return Ok(text);
            }
        }
    }
}

fn without_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line)
}
