//! Conditions: any text is a condition that can be asked of any record, or is refused at a place within it.

use std::sync::LazyLock;

use headcount::Record;
use headcount_outputs::Where;

use crate::answers::records_of;

/// A page, and what is no page.
static RECORDS: LazyLock<Vec<Record>> = LazyLock::new(|| {
    let mut records = records_of(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>Home</title>");
    records.extend(records_of(b"HTTP/1.1 2"));
    records
});

/// What follows `--where`.
pub fn conditions(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match text.parse::<Where>() {
        Ok(condition) => {
            let opposite: Where = format!("not ({text})").parse().unwrap_or_else(|_| condition.clone());
            for record in RECORDS.iter() {
                assert!(opposite == condition || opposite.holds(record) != condition.holds(record), "{text}");
            }
        }
        Err(error) => {
            let column = error.column();
            assert!((1..=text.chars().count() + 1).contains(&column), "{text:?}: column {column}");
        }
    }
}
