//! Lines of a list: every line that is not blank is one request, however it is read.

use std::io::BufReader;

use headcount::Request;
use headcount::list::Lines;

/// A list.
pub fn lists(data: &[u8]) {
    let whole: Vec<Request> = requests(data, 1 << 20).collect();
    let in_pieces: Vec<Request> = requests(data, 3).collect();
    assert_eq!(whole.len(), in_pieces.len());
    for (one, other) in whole.iter().zip(&in_pieces) {
        assert_eq!((one.input(), one.url()), (other.input(), other.url()));
    }
    let mut passed = Lines::new(data, "list");
    for _ in &whole {
        assert!(passed.pass_over().is_some_and(|passed| passed.is_ok()));
    }
    assert!(passed.pass_over().is_none());
    assert!(whole.len() <= data.split(|byte| *byte == b'\n').count());
    for request in &whole {
        if let Ok(url) = request.url() {
            assert!(["http", "https"].contains(&url.scheme()) && url.has_host(), "{url}");
            assert_eq!(Request::new(request.input()).url(), Ok(url), "the text alone means the same");
        }
    }
}

fn requests(data: &[u8], buffer: usize) -> impl Iterator<Item = Request> {
    Lines::new(BufReader::with_capacity(buffer, data), "list")
        .map(|request| request.expect("memory can be read"))
}
