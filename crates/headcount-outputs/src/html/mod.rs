//! The HTML report: the verdict, charts, the hosts that did worst, and a table of the records.

mod charts;
mod ends;
pub(crate) mod page;
mod rows;
mod tables;

use std::fs::File;
use std::io::{self, BufWriter, Write};

use headcount::Record;
use headcount::record::Outcome;
use jiff::{SignedDuration, Timestamp};

use crate::aggregates::Aggregates;
use crate::verdict::end;
use crate::visible::{escaped, thousands, time};
use crate::write::{Options, RecordWriter, flush};
use ends::Ends;
use rows::Rows;

/// Of fewer records, a pace says nothing.
const RECORDS_FOR_A_PACE: u64 = 20;

pub(crate) struct HtmlWriter {
    file: BufWriter<File>,
    title: String,
    /// What records had to meet.
    condition: Option<String>,
    aggregates: Aggregates,
    ends: Ends,
    rows: Rows,
    span: Option<Span>,
}

impl HtmlWriter {
    pub(crate) fn new(file: BufWriter<File>, options: &Options) -> HtmlWriter {
        HtmlWriter {
            file,
            title: options.title.clone(),
            condition: options.condition.as_ref().map(ToString::to_string),
            aggregates: Aggregates::default(),
            ends: Ends::default(),
            rows: Rows::new(&options.fields, options.html_rows),
            span: None,
        }
    }

    fn write_verdict(&mut self) -> io::Result<()> {
        let summary = &self.aggregates.summary;
        let (records, accepted) = (summary.records(), summary.accepted());
        let verdict = match (records, records - accepted) {
            (0, _) => "No records".to_owned(),
            (1, 0) => "Accepted".to_owned(),
            (1, _) => "Not accepted".to_owned(),
            (_, 0) => format!("All {} accepted", thousands(records)),
            (_, rest) => format!("{} of {} not accepted", thousands(rest), thousands(records)),
        };
        page::write_head(&mut self.file, &format!("{verdict} · {}", self.title))?;
        write!(self.file, "<header>\n<p class=\"name\">{}</p>\n<h1>{verdict}</h1>\n", escaped(&self.title))?;
        let reasons = self.ends.reasons();
        if !reasons.is_empty() {
            writeln!(self.file, "<p class=\"reasons\">{reasons}</p>")?;
        }
        if let Some(condition) = &self.condition {
            writeln!(
                self.file,
                "<p class=\"sub\">Only records where <code>{}</code> ({} of {})</p>",
                escaped(condition),
                thousands(records),
                thousands(records + self.aggregates.passed_over)
            )?;
        }
        let noun = if records == 1 { "record" } else { "records" };
        let mut parts = vec![format!("<b>{}</b> {noun}", thousands(records))];
        for (outcome, word) in [
            (Outcome::Answered, "answered"),
            (Outcome::Failed, "failed"),
            (Outcome::Skipped, "skipped"),
            (Outcome::Interrupted, "interrupted"),
        ] {
            match summary.outcome(outcome) {
                0 => {}
                count => parts.push(format!("<b>{}</b> {word}", thousands(count))),
            }
        }
        if let Some(span) = &self.span {
            parts.push(span.first.strftime("%Y-%m-%d %H:%M UTC").to_string());
            parts.push(format!("in <b>{}</b>", charts::clock(span.seconds())));
        }
        if records > 0 {
            writeln!(self.file, "<p class=\"sub\">{}</p>", parts.join(" · "))?;
        }
        let asked_for_nothing = summary.outcome(Outcome::Skipped) + summary.outcome(Outcome::Interrupted);
        let shares = [
            ("good", "accepted", accepted),
            ("bad", "not accepted", (records - accepted).saturating_sub(asked_for_nothing)),
            ("quiet", "not asked to the end", asked_for_nothing),
        ];
        writeln!(self.file, "{}\n</header>", charts::shares(&shares))
    }

    fn write_figures(&mut self) -> io::Result<()> {
        let Aggregates { summary, retries, queued, .. } = &self.aggregates;
        let quantile =
            |share| summary.response_time(share).map_or_else(none, |taken| time(taken.as_secs_f64()));
        let records = summary.records();
        let seconds = self.span.as_ref().map_or(0.0, Span::seconds);
        let figures = [
            ("Median time", Some(quantile(0.5))),
            ("95 % within", Some(quantile(0.95))),
            ("99 % within", Some(quantile(0.99))),
            ("Records a second", pace(records, seconds)),
            ("Retries", Some(thousands(*retries))),
            ("Queued, mean", Some(time(queued / records.max(1) as f64))),
        ];
        write!(self.file, "<dl class=\"figures\">")?;
        for (name, figure) in figures.into_iter().filter_map(|(name, figure)| Some((name, figure?))) {
            write!(self.file, "<div><dt>{name}</dt><dd>{figure}</dd></div>")?;
        }
        writeln!(self.file, "</dl>")
    }

    /// A panel for each chart that has something to show.
    fn write_charts(&mut self) -> io::Result<()> {
        let Aggregates { summary, distribution, timeline, phases, .. } = &self.aggregates;
        let marks = [("median", 0.5), ("p95", 0.95)].into_iter();
        let marks: Vec<(&str, f64)> = marks
            .filter_map(|(name, share)| Some((name, summary.response_time(share)?.as_secs_f64())))
            .collect();
        let keys = |keys: &[(&str, &str)]| {
            let key = |(class, word)| format!("<li><span class=\"key k-{class}\"></span>{word}</li>");
            format!("<ul class=\"legend\">{}</ul>", keys.iter().copied().map(key).collect::<String>())
        };
        let all_accepted = summary.accepted() == summary.records();
        let verdicts = [("good", "accepted"), ("bad", "not accepted")];
        let panels = [
            ("How they ended", self.ends.accepted_line(), Some(self.ends.list())),
            ("What the time went into", "Of answers without redirects.".to_owned(), charts::phases(phases)),
            (
                "How long answers took",
                format!("{} answers, on a logarithmic scale.", thousands(distribution.total())),
                charts::distribution(distribution, &marks),
            ),
            (
                "Records over time",
                keys(if all_accepted { &verdicts[..1] } else { &verdicts }),
                charts::records_over_time(timeline),
            ),
            (
                "Response times over time",
                keys(&[("accent", "median"), ("pale", "up to the 95th percentile")]),
                charts::times_over_time(timeline),
            ),
        ];
        writeln!(self.file, "<div class=\"charts\">")?;
        for (heading, note, chart) in panels {
            let Some(chart) = chart else { continue };
            writeln!(
                self.file,
                "<section class=\"panel\"><h2>{heading}</h2><div class=\"note\">{note}</div>{chart}</section>"
            )?;
        }
        writeln!(self.file, "</div>")
    }
}

/// Records a second, of so many that it says something.
fn pace(records: u64, seconds: f64) -> Option<String> {
    let pace = records as f64 / seconds;
    match pace {
        _ if records < RECORDS_FOR_A_PACE || seconds <= 0.0 => None,
        ..10.0 => Some(format!("{pace:.1}")),
        _ => Some(thousands(pace.round() as u64)),
    }
}

/// What stands where there is nothing.
fn none() -> String {
    "–".to_owned()
}

/// From when on there was something to do, and until when.
struct Span {
    first: Timestamp,
    last: Timestamp,
}

impl Span {
    /// A record's moment is its end.
    fn of(record: &Record) -> Span {
        let taken = record.time_total.and_then(|seconds| SignedDuration::try_from_secs_f64(seconds).ok());
        let first = record.timestamp.saturating_sub(taken.unwrap_or_default()).unwrap_or(record.timestamp);
        Span { first, last: record.timestamp }
    }

    fn seconds(&self) -> f64 {
        self.last.duration_since(self.first).as_secs_f64()
    }
}

impl RecordWriter for HtmlWriter {
    fn write(&mut self, record: &Record) -> io::Result<()> {
        self.aggregates.add(record);
        let end = end(record);
        self.ends.add(record, &end);
        let Span { first, last } = Span::of(record);
        let span = self.span.get_or_insert(Span { first, last });
        span.first = first.min(span.first);
        span.last = last.max(span.last);
        self.rows.add(record, &end)
    }

    fn pass_over(&mut self) {
        self.aggregates.passed_over += 1;
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.write_verdict()?;
        let records = self.aggregates.summary.records();
        if records > 0 {
            self.write_figures()?;
            self.write_charts()?;
            tables::write_hosts(&mut self.file, &self.aggregates.hosts)?;
            tables::write_certificates(&mut self.file, &self.aggregates.certificates)?;
        } else {
            writeln!(
                self.file,
                "<p class=\"sub\">The lists were empty, or no record met the condition.</p>"
            )?;
        }
        let rows = self.rows.count();
        let note = match records - rows {
            0 if self.aggregates.summary.accepted() == records => String::new(),
            0 => "Those not accepted first.".to_owned(),
            rest => format!(
                "The first {}, those not accepted before the others; {} more are counted above only.",
                thousands(rows),
                thousands(rest)
            ),
        };
        page::write_table_frame(&mut self.file, "Records", "Result", &note)?;
        self.rows.write(&mut self.file)?;
        flush(self.file)
    }
}
