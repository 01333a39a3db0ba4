//! A line for people, as each record comes.

use std::io::{self, BufWriter, Write};

use console::{Term, measure_text_width, truncate_str};
use headcount::Record;
use headcount::record::Outcome;

use crate::terminal::{Palette, shown, time};

/// Columns of how it ended and how long it took: `headers/malformed   1.00 s`.
const LEAD_WIDTH: usize = 27;

/// In fewer columns nothing is aligned: the URL needs them.
const NARROW: usize = 64;

/// What a line may take where the width of the terminal is not known.
const UNKNOWN_WIDTH: usize = 160;

pub(crate) struct Table {
    writer: BufWriter<Box<dyn Write + Send>>,
    palette: Palette,
    width: usize,
}

impl Table {
    pub(crate) fn new(writer: Box<dyn Write + Send>, palette: Palette) -> Table {
        let width = Term::stdout().size_checked().map_or(UNKNOWN_WIDTH, |(_, columns)| columns.into());
        Table { writer: BufWriter::with_capacity(64 << 10, writer), palette, width }
    }

    pub(crate) fn write(&mut self, record: &Record) -> io::Result<()> {
        writeln!(self.writer, "{}", line(record, self.palette, self.width))
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// `200      31 ms  https://example.com/a  A title`
fn line(record: &Record, palette: Palette, width: usize) -> String {
    let Palette { good, bad, faint, reset, .. } = palette;
    let end = end(record);
    let colour = if record.accepted { good } else { bad };
    let mut took = record.time_total.map_or_else(String::new, time);
    let mut before = took.len() + 1;
    if width >= NARROW {
        before = LEAD_WIDTH.saturating_sub(end.len());
        // A long end takes of the columns before the time, and at last those of the time itself.
        if took.len() >= before {
            took.clear();
        }
    }
    let url = shown(record.url.as_deref().unwrap_or(&record.input));
    let detail = match &record.error {
        Some(error) => shown(&error.message),
        None => shown(record.title.as_deref().unwrap_or_default()),
    };
    let room = width.saturating_sub(end.len() + before + 3);
    let url = truncate_str(&url, room, "…");
    let room = room.saturating_sub(measure_text_width(&url) + 2);
    let detail = if room < 8 { "".into() } else { truncate_str(&detail, room, "…") };
    let line = format!("{colour}{end}{reset}{took:>before$}  {url}");
    if detail.is_empty() { line } else { format!("{line}  {faint}{detail}{reset}") }
}

/// How a record ended, in a word.
pub(crate) fn end(record: &Record) -> String {
    match (&record.error, record.outcome, record.status_code) {
        (Some(error), ..) => format!("{}/{}", error.phase, error.kind),
        (None, Outcome::Answered, Some(status)) => status.to_string(),
        (None, outcome, _) => outcome.as_str().to_owned(),
    }
}
