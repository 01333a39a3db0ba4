//! The summary at the end of a run, for people.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use console::measure_text_width;
use headcount::record::Outcome;
use headcount::scheduler::{Bound, HostStatistics};
use headcount::{Progress, Summary, Verdict};
use headcount_outputs::{Format, Where};

use crate::progress::thousands;
use crate::terminal::{Palette, shown, time};

/// How many of the worst hosts are named.
const HOSTS_NAMED: usize = 5;

/// Columns that a line may take, unless the terminal has less.
const WIDTH: usize = 80;

/// Of a run that took less nothing can be said: its beginning and its end weigh more than all it had to wait for.
const JUDGED: Duration = Duration::from_millis(100);

/// In fewer columns it is no use to break lines between words.
const NARROWEST: usize = 24;

/// The column behind a label.
const LABELLED: usize = 17;

/// The column at which the rest of a line goes on that a narrow terminal has broken off.
const BROKEN_OFF: usize = 4;

/// The column at which the details of an outcome begin.
const DETAILS: usize = 28;

/// What a run came to.
pub(crate) struct Report<'a> {
    pub(crate) summary: &'a Summary,
    pub(crate) progress: Progress,
    pub(crate) took: Duration,
    pub(crate) verdict: Option<&'a Verdict>,
    pub(crate) was_interrupted: bool,
    /// Inputs that an earlier run had done.
    pub(crate) done_before: u64,
    pub(crate) has_journal: bool,
    /// The host whose pace is to be explained.
    pub(crate) explain: Option<&'a str>,
    /// The columns of where it is shown, if that is a terminal.
    pub(crate) columns: Option<u16>,
    /// The files that the records are in.
    pub(crate) outputs: Vec<&'a Path>,
    /// The condition by which the records were chosen, if they were, and how many there were to choose from.
    pub(crate) chosen: Option<(&'a Where, u64)>,
}

impl Report<'_> {
    /// Lines to be printed, the last with its end.
    pub(crate) fn text(&self, palette: Palette) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text, palette);
        match self.columns.map(usize::from) {
            Some(columns) if columns < WIDTH => narrowed(&text, columns.max(NARROWEST)),
            _ => text,
        }
    }

    fn write(&self, text: &mut String, palette: Palette) -> std::fmt::Result {
        let Palette { good, bad, faint, strong, reset } = palette;
        let summary = self.summary;
        let (records, accepted) = (summary.records(), summary.accepted());
        let rest = records - accepted;
        let noun = if records == 1 { "record" } else { "records" };
        let took = time(self.took.as_secs_f64());
        write!(text, "{strong}{} {noun}{reset} in {took}: ", thousands(records))?;
        write!(text, "{good}{} accepted{reset}", thousands(accepted))?;
        match rest {
            0 => writeln!(text)?,
            _ => writeln!(text, ", {bad}{} not{reset}", thousands(rest))?,
        }
        if let Some((condition, all)) = self.chosen {
            let condition = condition.to_string();
            let counts = format!("({} of {})", thousands(records), thousands(all));
            let line = format!("  only records where `{}` ", shown(&condition));
            beside_or_below(text, &line, &counts, LABELLED)?;
        }
        let classes: Vec<(String, u64)> =
            summary.status_classes().map(|(class, count)| (format!("{class}xx"), count)).collect();
        self.outcome(text, Outcome::Answered, &classes)?;
        let errors = summary.errors();
        for outcome in [Outcome::Failed, Outcome::Skipped] {
            let details: Vec<(String, u64)> = errors
                .iter()
                .filter(|(phase, ..)| {
                    (*phase == headcount::record::Phase::Input) == (outcome == Outcome::Skipped)
                })
                .map(|(phase, kind, count)| (format!("{phase}/{kind}"), *count))
                .collect();
            self.outcome(text, outcome, &details)?;
        }
        self.outcome(text, Outcome::Interrupted, &[])?;
        if self.done_before > 0 {
            writeln!(text, "  {:<14} {:>9}", "done before", thousands(self.done_before))?;
        }
        let never_begun = self.progress.read.saturating_sub(self.progress.done);
        if self.was_interrupted {
            let list = if self.progress.read_all { "" } else { "; the list was not read to its end" };
            writeln!(text, "  {:<14} {:>9}{faint}{list}{reset}", "never begun", thousands(never_begun))?;
        }
        if let [Some(median), Some(p95), Some(p99)] =
            [0.5, 0.95, 0.99].map(|share| summary.response_time(share))
        {
            writeln!(
                text,
                "  {:<14} p50 {}, p95 {}, p99 {}",
                "response time",
                time(median.as_secs_f64()),
                time(p95.as_secs_f64()),
                time(p99.as_secs_f64())
            )?;
        }
        let mut label = "worst hosts";
        for (host, host_summary) in summary.worst_hosts(HOSTS_NAMED) {
            let host = format!("  {label:<14} {:>9} {}  ", thousands(host_summary.not_accepted), shown(host));
            let reason = format!("{faint}last: {}{reset}", host_summary.last_reason);
            beside_or_below(text, &host, &reason, DETAILS)?;
            label = "";
        }
        if let Some(verdict) = self.verdict.filter(|_| records > 0) {
            self.verdict(text, verdict, palette)?;
        }
        let is_left = never_begun > 0 || !self.progress.read_all || summary.outcome(Outcome::Interrupted) > 0;
        let goes_on = self.was_interrupted && self.has_journal && is_left;
        if goes_on {
            writeln!(text, "  {:<14} the same command with --resume", "to go on")?;
        }
        self.outputs(text, goes_on)
    }

    /// Where the records are. A database gets a run when it is complete.
    fn outputs(&self, text: &mut String, goes_on: bool) -> std::fmt::Result {
        let is_database = |path: &Path| Format::of_path(path) == Some(Format::Sqlite);
        let (later, now): (Vec<&Path>, Vec<&Path>) =
            self.outputs.iter().partition(|path| goes_on && is_database(path));
        let named = |paths: &[&Path]| {
            let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
            shown(&names.join(", ")).into_owned()
        };
        let mut parts = Vec::new();
        if !now.is_empty() {
            parts.push(named(&now));
        }
        if !later.is_empty() {
            parts.push(format!("{} when the run is complete", named(&later)));
        }
        match parts.is_empty() {
            true => Ok(()),
            false => writeln!(text, "  {:<14} {}", "records in", parts.join("; ")),
        }
    }

    /// How the run went beside how it could have gone, and the hosts that set the pace.
    fn verdict(&self, text: &mut String, verdict: &Verdict, palette: Palette) -> std::fmt::Result {
        let Palette { faint, reset, .. } = palette;
        let ideal = &verdict.ideal;
        if ideal.seconds > 0.0 && verdict.took >= JUDGED {
            let ratio = verdict.took.as_secs_f64() / ideal.seconds;
            let line = format!("  {:<14} {} at best (T*), T/T* {ratio:.2}, ", "verdict", time(ideal.seconds));
            let bound = format!("bound by {}", bound(&ideal.bound, ideal.bytes_per_second));
            beside_or_below(text, &line, &bound, LABELLED)?;
        }
        let mut label = "paced hosts";
        for host in ideal.hosts.iter().filter(|host| host.rejected > 0).take(HOSTS_NAMED) {
            let name = format!("  {label:<14} {}  ", shown(&host.name));
            beside_or_below(text, &name, &format!("{faint}{}{reset}", pace(host)), LABELLED)?;
            label = "";
        }
        match self.explain {
            Some(host) if verdict.explanation.is_empty() => {
                let host = shown(host);
                writeln!(text, "  {:<14} none: {host} was not asked, or too little", "explanation")?;
            }
            Some(host) => writeln!(text, "  {:<14} {}", "explanation", shown(host))?,
            None => {}
        }
        for (when, what) in &verdict.explanation {
            writeln!(text, "  {:>12.3} s  {what}", when.as_secs_f64())?;
        }
        Ok(())
    }

    fn outcome(&self, text: &mut String, outcome: Outcome, details: &[(String, u64)]) -> std::fmt::Result {
        match self.summary.outcome(outcome) {
            0 => Ok(()),
            count => Self::details(text, outcome.as_str(), count, details),
        }
    }

    /// A label, its count and what it is made of, over as many lines as that takes.
    fn details(text: &mut String, label: &str, count: u64, details: &[(String, u64)]) -> std::fmt::Result {
        let mut line = format!("  {label:<14} {:>9}", thousands(count));
        let mut separator = "  ";
        for (name, count) in details {
            let detail = format!("{name} {}", thousands(*count));
            if line.len() + separator.len() + detail.len() < WIDTH {
                line.push_str(separator);
                line.push_str(&detail);
            } else {
                // The comma that would have stood between the two ends the line.
                writeln!(text, "{line}{}", separator.trim_end())?;
                line = format!("{:DETAILS$}{detail}", "");
            }
            separator = ", ";
        }
        writeln!(text, "{line}")
    }
}

/// A line with more beside it or, where that would be too long, below it at this column.
fn beside_or_below(text: &mut String, line: &str, more: &str, column: usize) -> std::fmt::Result {
    match measure_text_width(line) + measure_text_width(more) <= WIDTH {
        true => writeln!(text, "{line}{more}"),
        false => writeln!(text, "{}\n{:column$}{more}", line.trim_end(), ""),
    }
}

/// The same lines, broken between words where they are wider than so many columns.
fn narrowed(text: &str, columns: usize) -> String {
    let mut narrow = String::with_capacity(text.len());
    for line in text.lines() {
        let mut taken = 0;
        for word in line.split_inclusive(' ') {
            let needed = measure_text_width(word.trim_end());
            if taken > BROKEN_OFF && taken + needed > columns && needed > 0 {
                narrow.truncate(narrow.trim_end().len());
                narrow.push_str(&format!("\n{:BROKEN_OFF$}", ""));
                taken = BROKEN_OFF;
            }
            narrow.push_str(word);
            taken += measure_text_width(word);
        }
        narrow.push('\n');
    }
    narrow
}

/// What kept the run from being shorter.
fn bound(bound: &Bound, bytes_per_second: Option<f64>) -> String {
    match bound {
        Bound::Host(name) => format!("the host {}", shown(name)),
        Bound::Concurrency => "--concurrency".to_owned(),
        Bound::Rate => "--rate".to_owned(),
        Bound::Bytes => {
            let most = rate_of_bytes(bytes_per_second.unwrap_or_default());
            format!("bytes: {most} at the most, by the line or the hosts")
        }
        Bound::Cpu => "this machine's CPU".to_owned(),
        Bound::Retries => "the pauses before retries".to_owned(),
        _ => "a single input".to_owned(),
    }
}

/// `1.2 MB/s`, in powers of 1,000, as lines are sold.
fn rate_of_bytes(rate: f64) -> String {
    let (unit, name) = [(1e9, "GB"), (1e6, "MB"), (1e3, "kB")]
        .into_iter()
        .find(|(unit, _)| rate >= *unit)
        .unwrap_or((1.0, "B"));
    format!("{:.1} {name}/s", rate / unit)
}

/// `1,000 answered, 10.0/s, 12 turned away, held 3.2 s`
fn pace(host: &HostStatistics) -> String {
    let found = match host.rate {
        Some(rate) if rate >= 100.0 => format!("{rate:.0}/s"),
        Some(rate) if rate >= 1.0 => format!("{rate:.1}/s"),
        Some(rate) => format!("{:.1}/min", rate * 60.0),
        None => format!("{} at once", host.window),
    };
    let mut text =
        format!("{} answered, {found}, {} turned away", thousands(host.answered), thousands(host.rejected));
    if !host.held.is_zero() {
        text.push_str(&format!(", held {}", time(host.held.as_secs_f64())));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_binds_is_told_in_words() {
        let told = [Bound::Rate, Bound::Bytes, Bound::Cpu].map(|term| bound(&term, Some(2e6)));
        let expected =
            ["--rate", "bytes: 2.0 MB/s at the most, by the line or the hosts", "this machine's CPU"];
        assert_eq!(told, expected);
    }

    #[test]
    fn bytes_are_told_in_a_unit_that_fits() {
        let told = [999.0, 1_234.0, 12_345_678.0, 1.25e9].map(rate_of_bytes);
        assert_eq!(told, ["999.0 B/s", "1.2 kB/s", "12.3 MB/s", "1.2 GB/s"]);
    }

    #[test]
    fn what_is_too_long_beside_stands_below() {
        let told = |host: &str| {
            let mut text = String::new();
            let faint = Palette::new(true).faint;
            beside_or_below(&mut text, &format!("  {host}  "), &format!("{faint}last: 404"), 4).unwrap();
            text
        };
        assert_eq!(told(&"h".repeat(67)), format!("  {}  \x1b[2mlast: 404\n", "h".repeat(67)));
        assert_eq!(told(&"h".repeat(68)), format!("  {}\n    \x1b[2mlast: 404\n", "h".repeat(68)));
    }

    #[test]
    fn many_kinds_of_error_take_several_lines() {
        let details: Vec<(String, u64)> =
            (1..=9).map(|number| (format!("redirect/number_{number}"), 1_000)).collect();
        let mut text = String::new();
        Report::details(&mut text, "failed", 9_000, &details).unwrap();
        assert!(text.lines().count() > 2 && text.lines().all(|line| line.len() <= WIDTH), "{text}");
        assert!(text.lines().skip(1).all(|line| line.find('r') == Some(DETAILS)), "{text}");
        let words: Vec<&str> = text.split_whitespace().skip(2).collect();
        let expected: Vec<String> = details.iter().map(|(name, _)| format!("{name} 1,000")).collect();
        assert_eq!(words.join(" "), expected.join(", "));
    }
}
