//! JSON lines in the order of the inputs. A run writes them as its records come.

use std::io::{self, BufRead};

use headcount::Record;
use serde::Deserialize;

use crate::error::Error;
use crate::sorting::{Merged, Sorter};

/// Of a record, its place.
#[derive(Deserialize)]
struct Place {
    index: u64,
}

/// Whether each record stands behind those of earlier inputs. What is no record counts as one: whoever reads it says so.
pub(super) fn is_in_order(mut lines: impl BufRead) -> io::Result<bool> {
    let mut line = Vec::new();
    let mut last = 0;
    while lines.read_until(b'\n', &mut line)? > 0 {
        match serde_json::from_slice(&line) {
            Ok(Place { index }) if index < last => return Ok(false),
            Ok(Place { index }) => last = index,
            Err(_) => {}
        }
        line.clear();
    }
    Ok(true)
}

/// The records by their indexes. Those that do not fit in memory go to a temporary file.
pub(super) fn sorted(
    records: impl Iterator<Item = Result<Record, Error>>,
) -> Result<Merged<Record, u64>, Error> {
    let mut sorter = Sorter::new(|record: &Record| record.index);
    for record in records {
        sorter.add(&record?)?;
    }
    Ok(sorter.finish().iter())
}
