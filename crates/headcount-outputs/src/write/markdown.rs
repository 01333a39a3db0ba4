//! Markdown: a summary that fits a comment, with the hosts that did worst and the first records not accepted.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use headcount::Record;

use super::csv::cell_text;
use super::{Options, RecordWriter, flush};
use crate::aggregates::Aggregates;
use crate::columns::Column;
use crate::selection::Where;
use crate::verdict::end;
use crate::visible::{cut, thousands, time};

/// Records that are named; a comment of a code host holds about this many.
const RECORDS_NAMED: usize = 100;

/// Characters of a text that a cell has.
const LONGEST_TEXT: usize = 200;

const HOSTS_NAMED: usize = 10;

pub(super) struct MarkdownWriter {
    file: BufWriter<File>,
    title: String,
    condition: Option<Where>,
    aggregates: Aggregates,
    /// The fields that were chosen, if any were.
    fields: Option<Vec<&'static Column>>,
    rows: Vec<String>,
}

impl MarkdownWriter {
    pub(super) fn new(file: BufWriter<File>, options: &Options) -> MarkdownWriter {
        MarkdownWriter {
            file,
            title: options.title.clone(),
            condition: options.condition.clone(),
            aggregates: Aggregates::default(),
            fields: options.fields.are_chosen().then(|| options.fields.columns()),
            rows: Vec::new(),
        }
    }

    /// A line of the table of records: the cells behind the first.
    fn cells(&self, record: &Record) -> String {
        let detail = match &record.error {
            Some(error) => error.message.as_str(),
            None => record.title.as_deref().unwrap_or_default(),
        };
        match &self.fields {
            None => format!("{} | {}", code_in_cell(&record.input), plain(detail)),
            Some(fields) => {
                let cells = fields.iter().map(|column| {
                    let text = cell_text(column.cell(record));
                    // As code an address can be copied, and is no link either.
                    if is_address(column) { code_in_cell(&text) } else { plain(&text) }
                });
                cells.collect::<Vec<_>>().join(" | ")
            }
        }
    }

    fn write_records(&mut self) -> io::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let heads = match &self.fields {
            None => vec!["input", "detail"],
            Some(fields) => fields.iter().map(|column| column.name()).collect(),
        };
        let (rule, heads) = ("|-".repeat(heads.len() + 1), heads.join(" | "));
        writeln!(self.file, "\n## Not accepted\n\n| end | {heads} |\n{rule}|")?;
        self.rows.iter().try_for_each(|row| writeln!(self.file, "{row}"))
    }

    fn write_hosts(&mut self) -> io::Result<()> {
        let hosts = self.aggregates.hosts.worst(HOSTS_NAMED);
        if hosts.is_empty() {
            return Ok(());
        }
        writeln!(self.file, "\n## Worst hosts\n\n| host | not accepted | of | mostly |\n|-|-:|-:|-|")?;
        for host in hosts {
            let (bad, all) = (thousands(host.not_accepted), thousands(host.records));
            writeln!(self.file, "| {} | {bad} | {all} | {} |", code_in_cell(&host.name), host.reason)?;
        }
        Ok(())
    }
}

impl RecordWriter for MarkdownWriter {
    fn write(&mut self, record: &Record) -> io::Result<()> {
        self.aggregates.add(record);
        if !record.accepted && self.rows.len() < RECORDS_NAMED {
            let row = format!("| {} | {} |", end(record), self.cells(record));
            self.rows.push(row);
        }
        Ok(())
    }

    fn pass_over(&mut self) {
        self.aggregates.passed_over += 1;
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        let summary = &self.aggregates.summary;
        let (records, accepted) = (summary.records(), summary.accepted());
        let rest = records - accepted;
        writeln!(self.file, "# {}\n", plain(&self.title))?;
        let verdict = match rest {
            0 if records == 0 => "nothing to be accepted".to_owned(),
            0 => "all of them accepted".to_owned(),
            _ => format!("{} accepted, **{} not**", thousands(accepted), thousands(rest)),
        };
        let noun = if records == 1 { "record" } else { "records" };
        writeln!(self.file, "**{} {noun}**: {verdict}.", thousands(records))?;
        if let Some(condition) = &self.condition {
            let (condition, all) = (code(&condition.to_string()), records + self.aggregates.passed_over);
            writeln!(
                self.file,
                "Only records where {condition} ({} of {}).",
                thousands(records),
                thousands(all)
            )?;
        }
        let times = [(0.5, "p50"), (0.95, "p95"), (0.99, "p99")].map(|(share, name)| {
            summary.response_time(share).map(|taken| format!("{name} {}", time(taken.as_secs_f64())))
        });
        if let [Some(median), Some(p95), Some(p99)] = times {
            writeln!(self.file, "Response times: {median}, {p95}, {p99}.")?;
        }
        if records > 0 {
            writeln!(self.file, "\n| ended in | records |\n|-|-:|")?;
        }
        for (end, _, count) in self.aggregates.ends() {
            writeln!(self.file, "| {end} | {} |", thousands(count))?;
        }
        self.write_hosts()?;
        self.write_records()?;
        if rest > self.rows.len() as u64 {
            writeln!(self.file, "\nAnd {} more.", thousands(rest - self.rows.len() as u64))?;
        }
        flush(self.file)
    }
}

fn is_address(column: &Column) -> bool {
    matches!(column.name(), "input" | "url" | "final_url")
}

/// Text from the network as code, in a cell of a table.
fn code_in_cell(text: &str) -> String {
    code(text).replace('|', "\\|")
}

/// Text as code.
fn code(text: &str) -> String {
    let text = cut(text, LONGEST_TEXT).replace('`', "'");
    if text.is_empty() { text } else { format!("`{text}`") }
}

/// Text from the network as nothing but text: what Markdown or HTML would take for markup is escaped, and what code hosts
/// would make a link of is broken by a character that cannot be seen.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in cut(text, LONGEST_TEXT).chars() {
        match character {
            '&' => plain.push_str("&amp;"),
            '<' => plain.push_str("&lt;"),
            // A name would be told that it was named.
            '@' => plain.push_str("@\u{2060}"),
            '/' if plain.ends_with(':') => plain.push_str("\u{2060}/"),
            '.' if ends_with_www(&plain) => plain.push_str("\u{2060}."),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '!' | '|' | '~' | '>' => {
                plain.push('\\');
                plain.push(character);
            }
            _ => plain.push(character),
        }
    }
    plain
}

fn ends_with_www(text: &str) -> bool {
    text.len() >= 3 && text.as_bytes()[text.len() - 3..].eq_ignore_ascii_case(b"www")
}
