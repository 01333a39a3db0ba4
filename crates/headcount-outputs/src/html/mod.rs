//! The HTML report: the verdict, charts, the hosts that did worst, and a table of the records.

mod charts;
pub(crate) mod page;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};

use headcount::Record;
use headcount::record::Outcome;
use jiff::Timestamp;

use crate::aggregates::{Aggregates, HostRow, Tone};
use crate::verdict::end;
use crate::visible::{cut, escaped, thousands, time};
use crate::write::{RecordWriter, flush};
use page::PageColumn;

/// Characters of an address, and of a title or reason, that the table has. More would be no reading matter, and a page
/// of nothing but long ones has to open too.
const LONGEST_ADDRESS: usize = 2_000;
const LONGEST_DETAIL: usize = 300;

const HOSTS_NAMED: usize = 10;

const COLUMNS: &[PageColumn] = &[
    PageColumn::new("Index", "number"),
    PageColumn::new("Result", "badge"),
    PageColumn::new("Time", "time"),
    PageColumn::new("Address", "link").with_below(5),
    PageColumn::new("Title or reason", "text"),
    PageColumn::new("Redirected to", "hidden"),
];

pub(crate) struct HtmlWriter {
    file: BufWriter<File>,
    title: String,
    aggregates: Aggregates,
    tones: BTreeMap<String, &'static str>,
    /// Rows of the table as JSON: those not accepted, and the others as long as there is room.
    not_accepted: Vec<Box<[u8]>>,
    accepted: Vec<Box<[u8]>>,
    most_rows: usize,
    times: Option<(Timestamp, Timestamp)>,
}

impl HtmlWriter {
    pub(crate) fn new(file: BufWriter<File>, title: &str, most_rows: usize) -> HtmlWriter {
        HtmlWriter {
            file,
            title: title.to_owned(),
            aggregates: Aggregates::default(),
            tones: BTreeMap::new(),
            not_accepted: Vec::new(),
            accepted: Vec::new(),
            most_rows,
            times: None,
        }
    }

    fn keep_row(&mut self, record: &Record) -> io::Result<()> {
        let end = end(record);
        let room = self.most_rows - self.not_accepted.len();
        let rows = if record.accepted { &mut self.accepted } else { &mut self.not_accepted };
        // Those not accepted take the room of the others.
        let is_kept = if record.accepted { rows.len() < room } else { room > 0 };
        if !is_kept {
            return Ok(());
        }
        let tone = match record.outcome {
            _ if record.accepted => Tone::Good,
            Outcome::Answered if record.status_code.is_some_and(|status| status < 400) => Tone::Moved,
            Outcome::Answered | Outcome::Failed => Tone::Bad,
            Outcome::Skipped | Outcome::Interrupted => Tone::Quiet,
        };
        let detail = match &record.error {
            Some(error) => error.message.as_str(),
            None => record.title.as_deref().unwrap_or_default(),
        };
        let address = record.url.as_deref().unwrap_or(&record.input);
        // A fragment is not sent, so it is no redirect.
        let without_fragment = address.split('#').next().unwrap_or_default();
        let redirected =
            record.final_url.as_deref().filter(|url| *url != without_fragment && record.num_redirects > 0);
        // Microseconds are enough to sort by.
        let seconds = record.time_total.map(|seconds| (seconds * 1e6).round() / 1e6);
        let (address, detail) = (cut(address, LONGEST_ADDRESS), cut(detail, LONGEST_DETAIL));
        let redirected = redirected.map(|url| cut(url, LONGEST_DETAIL));
        let row = (record.index, &end, seconds, address, detail, redirected);
        rows.push(page::embedded(&row)?.into_boxed_slice());
        self.tones.insert(end, tone.class());
        self.accepted.truncate(self.most_rows - self.not_accepted.len());
        Ok(())
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
        let mut by_tone = BTreeMap::new();
        for (_, tone, count) in self.aggregates.ends() {
            *by_tone.entry(tone).or_default() += count;
        }
        let shares: Vec<(&str, u64)> =
            by_tone.iter().map(|(tone, count): (&Tone, &u64)| (tone.class(), *count)).collect();
        writeln!(self.file, "{}\n</header>", charts::shares(&shares, "Records by how they ended"))
    }

    fn write_figures(&mut self) -> io::Result<()> {
        let Aggregates { summary, retries, queued, .. } = &self.aggregates;
        let quantile = |share| {
            summary.response_time(share).map_or_else(|| "–".to_owned(), |taken| time(taken.as_secs_f64()))
        };
        let seconds = self.times.map_or(0.0, |(first, last)| last.duration_since(first).as_secs_f64());
        let mut figures = vec![
            ("Median", quantile(0.5)),
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
        let marks: Vec<(&str, f64)> = [("median", 0.5), ("p95", 0.95)]
            .into_iter()
            .filter_map(|(name, share)| Some((name, summary.response_time(share)?.as_secs_f64())))
            .collect();
        let keys = |keys: [(&str, &str); 2]| {
            keys.map(|(class, word)| format!("<li><span class=\"key k-{class}\"></span>{word}</li>")).concat()
        };
        let panels = [
            (
                "How they ended",
                "Statuses of the answers, and why the others got none.".to_owned(),
                charts::ends(&self.aggregates.ends()),
            ),
            (
                "How long answers took",
                format!("{} answers, on a logarithmic scale.", thousands(distribution.total())),
                charts::distribution(distribution, &marks)
                    + "<h2>What the time went into</h2><p class=\"note\">Of answers without redirects.</p>"
                    + &charts::phases(phases),
            ),
            (
                "Records over time",
                format!("<ul class=\"legend\">{}</ul>", keys([("good", "accepted"), ("bad", "not")])),
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
        let hosts = self.aggregates.hosts.worst(HOSTS_NAMED);
        if hosts.is_empty() {
            return Ok(());
        }
        let note = match self.aggregates.hosts.is_approximate() {
            true => {
                "<p class=\"note\">There were too many hosts to count them all; a host that failed late may be counted in part.</p>"
            }
            false => "",
        };
        write!(
            self.file,
            "<section class=\"panel\"><h2>Worst hosts</h2>{note}<div class=\"scroll\" tabindex=\"0\" role=\"region\" \
             aria-label=\"Worst hosts\"><table><thead><tr><th scope=\"col\">Host</th>\
             <th scope=\"col\" class=\"num\">Not accepted</th><th scope=\"col\" class=\"num\">Of</th>\
             <th scope=\"col\">Mostly</th><th scope=\"col\" class=\"num\">Median</th>\
             <th scope=\"col\" class=\"num\">Records a second</th></tr></thead><tbody>"
        )?;
        for HostRow { name, records, not_accepted, reason, median, pace } in hosts {
            writeln!(
                self.file,
                "<tr><td class=\"text\">{}</td><td class=\"num bad\">{}</td><td class=\"num\">{}</td><td>{}</td>\
                 <td class=\"num\">{}</td><td class=\"num\">{}</td></tr>",
                escaped(&name),
                thousands(not_accepted),
                thousands(records),
                escaped(&reason),
                median.map_or_else(|| "–".to_owned(), time),
                pace.map_or_else(|| "–".to_owned(), |pace| format!("{pace:.1}")),
            )?;
        }
        writeln!(self.file, "</tbody></table></div></section>")
    }
}

impl RecordWriter for HtmlWriter {
    fn write(&mut self, record: &Record) -> io::Result<()> {
        self.aggregates.add(record);
        let (first, last) = self.times.get_or_insert((record.timestamp, record.timestamp));
        *first = record.timestamp.min(*first);
        *last = record.timestamp.max(*last);
        self.keep_row(record)
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.write_verdict()?;
        self.write_figures()?;
        self.write_charts()?;
        self.write_hosts()?;
        let rows = (self.not_accepted.len() + self.accepted.len()) as u64;
        let note = match self.aggregates.summary.records() - rows {
            0 => "Those not accepted first.".to_owned(),
            rest => format!(
                "The first {}, those not accepted before the others; {} more are counted above only.",
                thousands(rows),
                thousands(rest)
            ),
        };
        page::write_table_frame(&mut self.file, "Records", &note)?;
        let rows = self.not_accepted.iter().chain(&self.accepted).map(AsRef::as_ref);
        page::write_end(&mut self.file, COLUMNS, &self.tones, rows)?;
        flush(self.file)
    }
}
