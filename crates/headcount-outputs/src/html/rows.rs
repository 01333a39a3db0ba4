//! What the table of a report holds: a row for each record, as long as there is room, with those not accepted first.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;

use headcount::Record;
use headcount::record::Outcome;

use super::page::{self, LONGEST_ADDRESS, LONGEST_TEXT, PageColumn};
use crate::aggregates::Tone;
use crate::columns::{Cell, Column, ColumnType};
use crate::fields::Fields;
use crate::verdict::end;
use crate::visible::cut;
use crate::write::csv::cell_text;

/// What people look for, unless they choose fields.
const USUAL: &[PageColumn] = &[
    PageColumn::new("Index", "number"),
    PageColumn::new("Result", "badge"),
    PageColumn::new("Time", "time"),
    PageColumn::new("Address", "link").with_below(5),
    PageColumn::new("Title or reason", "text"),
    PageColumn::new("Redirected to", "hidden"),
];

pub(super) struct Rows {
    /// The fields that were chosen, if any were.
    fields: Option<Vec<&'static Column>>,
    /// Rows as JSON.
    not_accepted: Vec<Box<[u8]>>,
    accepted: Vec<Box<[u8]>>,
    most: usize,
    tones: BTreeMap<String, &'static str>,
}

impl Rows {
    pub(super) fn new(fields: &Fields, most: usize) -> Rows {
        let fields = fields.are_chosen().then(|| fields.columns());
        Rows { fields, not_accepted: Vec::new(), accepted: Vec::new(), most, tones: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, record: &Record) -> io::Result<()> {
        let room = self.most - self.not_accepted.len();
        // Those not accepted take the room of the others.
        let is_kept = if record.accepted { self.accepted.len() < room } else { room > 0 };
        if !is_kept {
            return Ok(());
        }
        let end = end(record);
        let row = match &self.fields {
            None => usual_row(record, &end),
            Some(fields) => chosen_row(record, &end, fields),
        }?;
        self.tones.insert(end, tone(record).class());
        if record.accepted { &mut self.accepted } else { &mut self.not_accepted }
            .push(row.into_boxed_slice());
        self.accepted.truncate(self.most - self.not_accepted.len());
        Ok(())
    }

    pub(super) fn count(&self) -> u64 {
        (self.not_accepted.len() + self.accepted.len()) as u64
    }

    /// The page's end, with the rows in it.
    pub(super) fn write(&self, page: impl io::Write) -> io::Result<()> {
        let columns = match &self.fields {
            None => USUAL.to_vec(),
            Some(fields) => {
                let chosen = fields.iter().map(|column| PageColumn::new(column.name(), kind(column)));
                std::iter::once(PageColumn::new("Result", "badge")).chain(chosen).collect()
            }
        };
        let rows = self.not_accepted.iter().chain(&self.accepted).map(AsRef::as_ref);
        page::write_end(page, &columns, &self.tones, rows)
    }
}

fn usual_row(record: &Record, end: &str) -> io::Result<Vec<u8>> {
    let detail = match &record.error {
        Some(error) => error.message.as_str(),
        None => record.title.as_deref().unwrap_or_default(),
    };
    let address = record.url.as_deref().unwrap_or(&record.input);
    // A fragment is not sent, so it is no redirect.
    let without_fragment = address.split('#').next().unwrap_or_default();
    let redirected =
        record.final_url.as_deref().filter(|url| *url != without_fragment && record.num_redirects > 0);
    let (address, detail) = (cut(address, LONGEST_ADDRESS), cut(detail, LONGEST_TEXT));
    let redirected = redirected.map(|url| cut(url, LONGEST_TEXT));
    page::embedded(&(record.index, end, record.time_total.map(microseconds), address, detail, redirected))
}

fn chosen_row(record: &Record, end: &str, fields: &[&'static Column]) -> io::Result<Vec<u8>> {
    let cells = fields.iter().map(|column| match column.cell(record) {
        cell @ (Cell::Null | Cell::Count(_)) => cell,
        Cell::Seconds(seconds) => Cell::Seconds(microseconds(seconds)),
        cell => {
            let longest = if kind(column) == "link" { LONGEST_ADDRESS } else { LONGEST_TEXT };
            Cell::Text(Cow::Owned(cut(&cell_text(cell), longest).into_owned()))
        }
    });
    let row: Vec<Cell> = std::iter::once(Cell::Text(Cow::Borrowed(end))).chain(cells).collect();
    page::embedded(&row)
}

/// How the page shows a column.
fn kind(column: &Column) -> &'static str {
    match column.column_type() {
        ColumnType::Count => "number",
        ColumnType::Seconds => "time",
        _ if matches!(column.name(), "input" | "url" | "final_url") => "link",
        _ => "text",
    }
}

fn tone(record: &Record) -> Tone {
    match record.outcome {
        _ if record.accepted => Tone::Good,
        Outcome::Answered if record.status_code.is_some_and(|status| status < 400) => Tone::Moved,
        Outcome::Answered | Outcome::Failed => Tone::Bad,
        Outcome::Skipped | Outcome::Interrupted => Tone::Quiet,
    }
}

/// As exact as times are sorted by.
fn microseconds(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e6
}
