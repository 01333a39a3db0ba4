//! What the table of a report holds: a row for each record, as long as there is room, with those not accepted first.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;

use headcount::Record;
use headcount::record::Outcome;

use super::ends::tone;
use super::page::{LONGEST_ADDRESS, LONGEST_TEXT, PageColumn, Row, TableData};
use crate::aggregates::{PHASES, phases};
use crate::columns::{Cell, Column, ColumnType};
use crate::fields::Fields;
use crate::visible::{cut, thousands};
use crate::write::csv::cell_text;

/// What people look for, unless they choose fields.
const USUAL: &[PageColumn] = &[
    PageColumn::new("Index", "number"),
    PageColumn::new("Result", "badge"),
    PageColumn::new("Time", "time"),
    PageColumn::new("Address", "link").with_below(5, "→ "),
    PageColumn::new("Title or reason", "text"),
    PageColumn::new("Redirected to", "hidden"),
];

/// What they see besides of a record that they open.
const MORE: &[PageColumn] = &[
    PageColumn::new("Answer", "text"),
    PageColumn::new("Queued", "time"),
    PageColumn::new("Time went into", "parts").with_parts(&PHASES),
    PageColumn::new("On the way", "text"),
    PageColumn::new("As given", "text"),
    PageColumn::new("Retries", "number"),
];

pub(super) struct Rows {
    /// The fields that were chosen, if any were.
    fields: Option<Vec<&'static Column>>,
    not_accepted: Vec<Row>,
    accepted: Vec<Row>,
    most: usize,
    /// Of the ends that were not accepted.
    tones: BTreeMap<String, &'static str>,
}

impl Rows {
    pub(super) fn new(fields: &Fields, most: usize) -> Rows {
        let fields = fields.are_chosen().then(|| fields.columns());
        Rows { fields, not_accepted: Vec::new(), accepted: Vec::new(), most, tones: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, record: &Record, end: &str) -> io::Result<()> {
        let room = self.most - self.not_accepted.len();
        // Those not accepted take the room of the others.
        let is_kept = if record.accepted { self.accepted.len() < room } else { room > 0 };
        if !is_kept {
            return Ok(());
        }
        let row = match &self.fields {
            None => usual_row(record, end),
            Some(fields) => chosen_row(record, end, fields),
        }?;
        if record.accepted {
            self.accepted.push(row);
        } else {
            self.tones.insert(end.to_owned(), tone(record).class());
            self.not_accepted.push(row);
        }
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
        let table = TableData {
            columns: &columns,
            more_columns: if self.fields.is_some() { &[] } else { MORE },
            are_chosen: self.fields.is_some(),
            tones: &self.tones,
            accepted_from: Some(self.not_accepted.len()),
        };
        table.write_end(page, self.not_accepted.iter().chain(&self.accepted))
    }
}

fn usual_row(record: &Record, end: &str) -> io::Result<Row> {
    let detail = match &record.error {
        Some(error) => error.message.as_str(),
        None => record.title.as_deref().unwrap_or_default(),
    };
    let address = record.url.as_deref().unwrap_or(&record.input);
    // A fragment is not sent, so it is no redirect.
    let without_fragment = address.split('#').next().unwrap_or_default();
    let redirected =
        record.final_url.as_deref().filter(|url| *url != without_fragment && record.num_redirects > 0);
    let given = (record.input != address).then(|| cut(&record.input, LONGEST_TEXT));
    let cells = (
        record.index,
        end,
        record.time_total.map(microseconds),
        cut(address, LONGEST_ADDRESS),
        cut(detail, LONGEST_TEXT),
        redirected.map(|url| cut(url, LONGEST_TEXT)),
    );
    let more = (
        answer(record),
        (record.time_queued >= 1e-3).then(|| microseconds(record.time_queued)),
        // Of a record with redirects, only the last request's are known.
        (record.outcome == Outcome::Answered && record.num_redirects == 0)
            .then(|| phases(record).map(|seconds| (seconds * 1e6).round() as u64)),
        way(record).map(|way| cut(&way, LONGEST_ADDRESS).into_owned()),
        given,
        (record.num_retries > 0).then_some(record.num_retries),
    );
    Row::new(&cells, &more)
}

/// `301 https://example.com/ → 200 https://www.example.com/`, where there is more than one answer.
fn way(record: &Record) -> Option<String> {
    let statuses = record.chain_status_codes.iter().map(u16::to_string);
    let urls = record.chain_urls.as_deref().unwrap_or_default();
    let steps: Vec<_> = match urls.len() {
        0 => statuses.collect(),
        // The last request may have no answer.
        _ => {
            let statuses =
                statuses.map(|status| format!("{status} ")).chain(std::iter::repeat(String::new()));
            statuses.zip(urls).map(|(status, url)| format!("{status}{url}")).collect()
        }
    };
    (steps.len() > 1).then(|| steps.join(" → "))
}

/// `HTTP/1.1 from 192.0.2.7, nginx, text/html, 1,256 bytes`: what is known of the answer.
fn answer(record: &Record) -> Option<String> {
    let protocol = record.http_version.clone();
    let from = record.host_ip.map(|address| format!("from {address}"));
    let first: Vec<_> = protocol.into_iter().chain(from).collect();
    let content_type = record.content_type.as_deref().and_then(|content_type| content_type.split(';').next());
    let facts = [record.webserver.as_deref(), content_type];
    let facts = facts.into_iter().flatten().map(|fact| cut(fact, LONGEST_TEXT / 3).into_owned());
    let bytes = record.body_bytes.map(|bytes| format!("{} bytes", thousands(bytes)));
    let first = (!first.is_empty()).then(|| first.join(" "));
    let all: Vec<_> = first.into_iter().chain(facts).chain(bytes).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

fn chosen_row(record: &Record, end: &str, fields: &[&'static Column]) -> io::Result<Row> {
    let cells = fields.iter().map(|column| match column.cell(record) {
        cell @ (Cell::Null | Cell::Count(_)) => cell,
        Cell::Seconds(seconds) => Cell::Seconds(microseconds(seconds)),
        cell => {
            let longest = if kind(column) == "link" { LONGEST_ADDRESS } else { LONGEST_TEXT };
            Cell::Text(Cow::Owned(cut(&cell_text(cell), longest).into_owned()))
        }
    });
    let row: Vec<Cell> = std::iter::once(Cell::Text(Cow::Borrowed(end))).chain(cells).collect();
    Row::new(&row, &[(); 0])
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

/// As exact as times are sorted by.
fn microseconds(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e6
}
