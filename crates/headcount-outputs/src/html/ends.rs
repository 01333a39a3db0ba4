//! How records ended: what was accepted in a line, and what was not as a list with bars. Each is a link that filters the
//! table.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use headcount::Record;
use headcount::record::Outcome;

use super::page::link_to_rows;
use crate::aggregates::Tone;
use crate::visible::thousands;

/// Ends that the headline names.
const NAMED: usize = 3;

/// Records counted by their ends. There are no more ends than statuses and kinds of failures.
#[derive(Default)]
pub(super) struct Ends {
    accepted: BTreeMap<String, u64>,
    not_accepted: BTreeMap<String, (Tone, u64)>,
}

impl Ends {
    pub(super) fn add(&mut self, record: &Record, end: &str) {
        if record.accepted {
            *self.accepted.entry(end.to_owned()).or_default() += 1;
        } else {
            self.not_accepted.entry(end.to_owned()).or_insert((tone(record), 0)).1 += 1;
        }
    }

    /// `Most often headers/malformed (9), 404 (4) and dns/not_found (3); 47 ended in 20 other ways.`
    pub(super) fn reasons(&self) -> String {
        let ends = self.not_accepted();
        let (named, others) = ends.split_at(ends.len().min(NAMED));
        let links: Vec<_> = named.iter().map(|(end, _, count)| linked(end, *count)).collect();
        let rest: u64 = others.iter().map(|(.., count)| count).sum();
        let rest = match others.len() {
            0 => String::new(),
            1 => format!("; {} ended in another way", thousands(rest)),
            ways => format!("; {} ended in {ways} other ways", thousands(rest)),
        };
        match links.split_last() {
            None => String::new(),
            Some((only, [])) => format!("All of them {only}."),
            Some((last, before)) => format!("Most often {} and {last}{rest}.", before.join(", ")),
        }
    }

    /// `938 accepted: 200 (935), 204 (3)`, where there is something else too.
    pub(super) fn accepted_line(&self) -> String {
        let accepted = self.accepted();
        if accepted.is_empty() || self.not_accepted.is_empty() {
            return String::new();
        }
        let total: u64 = accepted.iter().map(|(.., count)| count).sum();
        let ends: Vec<_> = accepted.iter().map(|(end, _, count)| linked(end, *count)).collect();
        let href = link_to_rows("accepted", "");
        format!("<a href=\"{href}\">{} accepted</a>: {}", thousands(total), ends.join(", "))
    }

    /// A line with a bar for each end that was not accepted, the most frequent first; if all was accepted, for those.
    pub(super) fn list(&self) -> String {
        let ends = if self.not_accepted.is_empty() { self.accepted() } else { self.not_accepted() };
        let most = ends.first().map_or(1, |(.., count)| *count);
        let mut list = "<ul class=\"ends\">".to_owned();
        for (end, tone, count) in ends {
            let _ = write!(
                list,
                "<li><a href=\"{}\"><span>{}</span><svg aria-hidden=\"true\" height=\"10\">\
                 <rect class=\"f-{}\" width=\"{:.3}%\" height=\"10\" rx=\"2\"/></svg> <b>{}</b></a></li>",
                link_to_rows(end, ""),
                breakable(end),
                tone.class(),
                (100.0 * count as f64 / most as f64).max(0.5),
                thousands(count),
            );
        }
        list + "</ul>"
    }

    fn accepted(&self) -> Vec<(&str, Tone, u64)> {
        most_frequent_first(self.accepted.iter().map(|(end, count)| (end.as_str(), Tone::Good, *count)))
    }

    fn not_accepted(&self) -> Vec<(&str, Tone, u64)> {
        let ends = self.not_accepted.iter();
        most_frequent_first(ends.map(|(end, (tone, count))| (end.as_str(), *tone, *count)))
    }
}

/// What colour a record's end has.
pub(super) fn tone(record: &Record) -> Tone {
    match record.outcome {
        _ if record.accepted => Tone::Good,
        Outcome::Answered if record.status_code.is_some_and(|status| status < 400) => Tone::Moved,
        Outcome::Answered | Outcome::Failed => Tone::Bad,
        Outcome::Skipped | Outcome::Interrupted => Tone::Quiet,
    }
}

/// An end, which is a word of ours, with places where a line may break.
pub(super) fn breakable(end: &str) -> String {
    end.replace('/', "/<wbr>").replace('_', "_<wbr>")
}

fn linked(end: &str, count: u64) -> String {
    format!("<a href=\"{}\">{}</a> ({})", link_to_rows(end, ""), breakable(end), thousands(count))
}

fn most_frequent_first<'a>(ends: impl Iterator<Item = (&'a str, Tone, u64)>) -> Vec<(&'a str, Tone, u64)> {
    let mut ends: Vec<_> = ends.collect();
    ends.sort_by_key(|(.., count)| Reverse(*count));
    ends
}
