//! Lists of every kind: read whole, in pieces, or passed over, they hold the same requests.

use std::io::{self, Read};

use headcount::Request;
use headcount::list::{List, ListFormat, ListOptions, is_compressed};

/// A list, a URL a line, and the same as what it looks like.
pub fn lists(data: &[u8]) {
    all(data, None);
    let requests = all(data, Some(ListFormat::Lines));
    assert!(is_compressed(data) || requests.len() <= data.split(|byte| *byte == b'\n').count());
}

/// CSV, and the same bytes as TSV.
pub fn rows(data: &[u8]) {
    all(data, Some(ListFormat::Csv));
    all(data, Some(ListFormat::Tsv));
}

/// JSON lines.
pub fn json_lines(data: &[u8]) {
    let requests = all(data, Some(ListFormat::JsonLines));
    assert!(is_compressed(data) || requests.len() <= data.split(|byte| *byte == b'\n').count());
}

fn all(data: &[u8], format: Option<ListFormat>) -> Vec<Request> {
    let whole = requests(data, format, usize::MAX);
    for request in &whole {
        if let Ok(url) = request.url() {
            assert!(["http", "https"].contains(&url.scheme()) && url.has_host(), "{url}");
            assert_eq!(Request::new(request.input()).url(), Ok(url), "the text alone means the same");
        }
    }
    // How much of a broken archive can be read depends on how it comes.
    if !is_compressed(data) {
        let in_pieces = requests(data, format, 3);
        assert_eq!(format!("{whole:?}"), format!("{in_pieces:?}"));
        let mut passed = list(data, format, 3);
        for _ in &whole {
            assert!(passed.pass_over().is_some_and(|passed| passed.is_ok()));
        }
        assert!(passed.pass_over().is_none_or(|passed| passed.is_err()));
    }
    whole
}

/// As many as there are before an error, which ends the list.
fn requests(data: &[u8], format: Option<ListFormat>, piece: usize) -> Vec<Request> {
    let mut list = list(data, format, piece);
    let requests = list.by_ref().map_while(Result::ok).collect();
    assert!(list.next().is_none(), "the end is the end");
    requests
}

fn list(data: &[u8], format: Option<ListFormat>, piece: usize) -> List {
    let mut options = ListOptions::default();
    options.format = format;
    List::new(InPieces { data: data.to_vec(), given: 0, piece }, "list", options)
}

/// Gives no more bytes at once than it is told to, as a pipe may.
struct InPieces {
    data: Vec<u8>,
    given: usize,
    piece: usize,
}

impl Read for InPieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = &self.data[self.given..];
        let count = left.len().min(self.piece).min(buffer.len());
        buffer[..count].copy_from_slice(&left[..count]);
        self.given += count;
        Ok(count)
    }
}
