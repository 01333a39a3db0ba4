//! Lists of every kind: read whole, in pieces, or passed over, they hold the same requests.

use std::io::{self, Cursor, Read};

use headcount::Request;
use headcount::list::{List, ListFormat, ListOptions};

/// A list, read as each kind that there is, and as what it looks like.
pub fn lists(data: &[u8]) {
    let known = [ListFormat::Lines, ListFormat::Csv, ListFormat::Tsv, ListFormat::JsonLines];
    for format in known.into_iter().map(Some).chain([None]) {
        let (whole, is_whole) = requests(data, 1 << 20, format);
        let (in_pieces, are_all) = requests(data, 3, format);
        assert_eq!(is_whole, are_all, "{format:?}");
        // How much comes before the place where compressed data is broken depends on how it is read.
        assert!(whole.len() == in_pieces.len() || !is_whole, "{format:?}");
        for (one, other) in whole.iter().zip(&in_pieces) {
            assert_eq!((one.input(), one.url()), (other.input(), other.url()), "{format:?}");
        }
        let mut passed = list(data, 1 << 20, format);
        let count = std::iter::from_fn(|| passed.pass_over()).take_while(Result::is_ok).count();
        assert_eq!(count, whole.len(), "{format:?}");
        for url in whole.iter().filter_map(|request| request.url().ok()) {
            assert!(["http", "https"].contains(&url.scheme()) && url.has_host(), "{url}");
        }
    }
}

fn list(data: &[u8], piece: usize, format: Option<ListFormat>) -> List {
    let mut options = ListOptions::default();
    options.format = format;
    List::new(Pieces { bytes: Cursor::new(data.to_vec()), piece }, "list", options)
}

/// Up to an error, which a header without the column is, or compressed data that is none; and whether there was none.
fn requests(data: &[u8], piece: usize, format: Option<ListFormat>) -> (Vec<Request>, bool) {
    let mut is_whole = true;
    let read = list(data, piece, format).map_while(|request| {
        is_whole = request.is_ok();
        request.ok()
    });
    (read.collect(), is_whole)
}

/// Gives a few bytes at a time.
struct Pieces {
    bytes: Cursor<Vec<u8>>,
    piece: usize,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(self.piece);
        self.bytes.read(&mut buffer[..length])
    }
}
