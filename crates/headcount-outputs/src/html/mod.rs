//! The HTML report: the verdict, charts, the hosts that did worst, and a table of the records.

mod charts;
pub(crate) mod page;
mod rows;

use std::fs::File;
use std::io::{self, BufWriter, Write};

use headcount::Record;
use headcount::record::Outcome;
use jiff::Timestamp;

use crate::aggregates::{Aggregates, HostRow, SOON};
use crate::visible::{cut, escaped, thousands, time};
use crate::write::{Options, RecordWriter, flush};
use rows::Rows;

const HOSTS_NAMED: usize = 10;

/// With no more kinds of ends than these, there is room below them.
const FEW_ENDS: usize = 5;

pub(crate) struct HtmlWriter {
    file: BufWriter<File>,
    title: String,
    aggregates: Aggregates,
    rows: Rows,
    times: Option<(Timestamp, Timestamp)>,
}

impl HtmlWriter {
    pub(crate) fn new(file: BufWriter<File>, options: &Options) -> HtmlWriter {
        HtmlWriter {
            file,
            title: options.title.clone(),
            aggregates: Aggregates::default(),
            rows: Rows::new(&options.fields, options.html_rows),
            times: None,
        }
    }

    fn write_verdict(&mut self) -> io::Result<()> {
        let summary = &self.aggregates.summary;
        let (records, accepted) = (summary.records(), summary.accepted());
        let verdict = match (records, records - accepted) {
            (0, _) => "No records".to_owned(),
            (1, 0) => "Accepted".to_owned(),
            (_, 0) => format!("All {} accepted", thousands(records)),
            _ => format!("{} of {} accepted", thousands(accepted), thousands(records)),
        };
        page::write_head(&mut self.file, &format!("{verdict} · {}", self.title))?;
        write!(self.file, "<header>\n<p class=\"name\">{}</p>\n<h1>{verdict}</h1>\n", escaped(&self.title))?;
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
        if let Some((first, _)) = self.times {
            parts.push(first.strftime("%Y-%m-%d %H:%M UTC").to_string());
        }
        writeln!(self.file, "<p class=\"sub\">{}</p>", parts.join(" · "))?;
        let asked_for_nothing = summary.outcome(Outcome::Skipped) + summary.outcome(Outcome::Interrupted);
        let shares = [
            ("good", "accepted", accepted),
            ("bad", "not accepted", (records - accepted).saturating_sub(asked_for_nothing)),
            ("quiet", "not asked to the end", asked_for_nothing),
        ];
        let bar = charts::shares(&shares, "Records by how they ended");
        writeln!(self.file, "{bar}\n</header>")
    }

    fn write_figures(&mut self) -> io::Result<()> {
        let Aggregates { summary, retries, queued, .. } = &self.aggregates;
        let quantile =
            |share| summary.response_time(share).map_or_else(none, |taken| time(taken.as_secs_f64()));
        let seconds = self.times.map_or(0.0, |(first, last)| last.duration_since(first).as_secs_f64());
        let mut figures = vec![
            ("Median time", quantile(0.5)),
            ("95 % within", quantile(0.95)),
            ("99 % within", quantile(0.99)),
            ("From first to last", charts::clock(seconds)),
        ];
        if seconds > 0.0 && summary.records() > 1 {
            let pace = summary.records() as f64 / seconds;
            let text = if pace < 10.0 { format!("{pace:.1}") } else { thousands(pace.round() as u64) };
            figures.push(("Records a second", text));
        }
        figures.push(("Retries", thousands(*retries)));
        figures.push(("Mean time queued", time(queued / summary.records().max(1) as f64)));
        write!(self.file, "<dl class=\"figures\">")?;
        for (name, figure) in figures {
            write!(self.file, "<div><dt>{name}</dt><dd>{figure}</dd></div>")?;
        }
        writeln!(self.file, "</dl>")
    }

    fn write_charts(&mut self) -> io::Result<()> {
        let Aggregates { summary, distribution, timeline, phases, .. } = &self.aggregates;
        let marks = [("median", 0.5), ("p95", 0.95)].into_iter();
        // One answer is its own median.
        let marks: Vec<(&str, f64)> = marks
            .take_while(|(name, _)| *name == "median" || distribution.total() > 1)
            .filter_map(|(name, share)| Some((name, summary.response_time(share)?.as_secs_f64())))
            .collect();
        let keys = |keys: [(&str, &str); 2]| {
            keys.map(|(class, word)| format!("<li><span class=\"key k-{class}\"></span>{word}</li>")).concat()
        };
        let ends = self.aggregates.ends();
        let (mut how, mut long) = (charts::ends(&ends), charts::distribution(distribution, &marks));
        // Where there is room.
        let beside = if ends.len() > FEW_ENDS { &mut long } else { &mut how };
        beside
            .push_str("<h2>What the time went into</h2><p class=\"note\">Of answers without redirects.</p>");
        beside.push_str(&charts::phases(phases));
        let panels = [
            ("How they ended", "Statuses of the answers, and why the others got none.".to_owned(), how),
            (
                "How long answers took",
                match distribution.total() {
                    0 => String::new(),
                    1 => "One answer.".to_owned(),
                    answers => format!("{} answers, on a logarithmic scale.", thousands(answers)),
                },
                long,
            ),
            (
                "Records over time",
                format!(
                    "<ul class=\"legend\">{}</ul>",
                    keys([("good", "accepted"), ("bad", "not accepted")])
                ),
                charts::records_over_time(timeline),
            ),
            (
                "Response times over time",
                format!(
                    "<ul class=\"legend\">{}</ul>",
                    keys([("accent", "median"), ("pale", "up to the 95th percentile")])
                ),
                charts::times_over_time(timeline),
            ),
        ];
        writeln!(self.file, "<div class=\"charts\">")?;
        for (heading, note, chart) in panels {
            writeln!(
                self.file,
                "<figure class=\"panel\"><h2>{heading}</h2><div class=\"note\">{note}</div>{chart}</figure>"
            )?;
        }
        writeln!(self.file, "</div>")
    }

    fn write_hosts(&mut self) -> io::Result<()> {
        let hosts = self.aggregates.hosts.worst_and_slowest(HOSTS_NAMED);
        let (heading, note) = match hosts.first() {
            None => return Ok(()),
            Some(host) if host.not_accepted > 0 => {
                ("Worst hosts", "Those with the most records not accepted, then the slowest.")
            }
            Some(_) => ("Slowest hosts", "All that they were asked for was accepted."),
        };
        let approximate = match self.aggregates.hosts.is_approximate() {
            true => {
                " There were too many hosts to count them all; a host that failed late may be counted in part."
            }
            false => "",
        };
        let heads =
            [("Host", ""), ("Not accepted", "num"), ("Of", "num"), ("Mostly", ""), ("Median", "num"), PACE];
        let rows = hosts.into_iter().map(|HostRow { name, records, not_accepted, reason, median, pace }| {
            let bad = if not_accepted > 0 { "num bad" } else { "num" };
            [
                ("text", escaped(&name)),
                (bad, thousands(not_accepted)),
                ("num", thousands(records)),
                ("", escaped(&reason)),
                ("num", median.map_or_else(none, time)),
                ("num", pace.map_or_else(none, |pace| format!("{pace:.1}"))),
            ]
        });
        let table = Table { heading, note: &format!("{note}{approximate}"), heads };
        table.write(&mut self.file, rows)
    }

    fn write_certificates(&mut self) -> io::Result<()> {
        let soonest = self.aggregates.certificates.soonest();
        if soonest.len() == 0 {
            return Ok(());
        }
        let rows = soonest.map(|(until, host, days, issuer)| {
            let tone = if days < SOON / 2 { "num bad" } else { "num" };
            let until = until.strftime("%Y-%m-%d").to_string();
            [
                ("text", escaped(host)),
                ("num", until),
                (tone, days.to_string()),
                ("text", escaped(&cut(issuer, 100))),
            ]
        });
        let note = format!("Those that run out first, and in less than {SOON} days.");
        let heads = [("Host", ""), ("Valid until", "num"), ("Days left", "num"), ("Signed by", "")];
        let table = Table { heading: "Certificates that run out soon", note: &note, heads };
        table.write(&mut self.file, rows)
    }
}

const PACE: (&str, &str) = ("Records a second", "num");

/// A small table of the page: its heads with their classes.
struct Table<'a, const WIDTH: usize> {
    heading: &'a str,
    note: &'a str,
    heads: [(&'a str, &'a str); WIDTH],
}

impl<const WIDTH: usize> Table<'_, WIDTH> {
    /// Writes it with its rows, whose cells have classes too, and are markup already.
    fn write(
        &self,
        mut page: impl Write,
        rows: impl Iterator<Item = [(&'static str, String); WIDTH]>,
    ) -> io::Result<()> {
        let Table { heading, note, heads } = self;
        write!(
            page,
            "<section class=\"panel\"><h2>{heading}</h2><p class=\"note\">{note}</p>\
             <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{heading}\"><table class=\"facts\"><thead><tr>"
        )?;
        for (head, class) in heads {
            write!(page, "<th scope=\"col\" class=\"{class}\">{head}</th>")?;
        }
        writeln!(page, "</tr></thead><tbody>")?;
        for row in rows {
            write!(page, "<tr>")?;
            for ((class, cell), (head, _)) in row.iter().zip(heads) {
                write!(page, "<td class=\"{class}\" data-label=\"{head}\">{cell}</td>")?;
            }
            writeln!(page, "</tr>")?;
        }
        writeln!(page, "</tbody></table></div></section>")
    }
}

/// What stands where there is nothing.
fn none() -> String {
    "–".to_owned()
}

impl RecordWriter for HtmlWriter {
    fn write(&mut self, record: &Record) -> io::Result<()> {
        self.aggregates.add(record);
        let (first, last) = self.times.get_or_insert((record.timestamp, record.timestamp));
        *first = record.timestamp.min(*first);
        *last = record.timestamp.max(*last);
        self.rows.add(record)
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
            self.write_hosts()?;
            self.write_certificates()?;
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
