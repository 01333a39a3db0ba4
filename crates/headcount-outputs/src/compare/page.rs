//! A comparison as an HTML page and as JSON.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::{Change, ChangeKind, Comparison, Field};
use crate::error::Error;
use crate::html::page::{self, LONGEST_ADDRESS, LONGEST_TEXT, PageColumn};
use crate::json_text;
use crate::replacement::Replacement;
use crate::visible::{cut, escaped, thousands};

const COLUMNS: &[PageColumn] = &[
    PageColumn::new("Index", "number"),
    PageColumn::new("Change", "badge"),
    PageColumn::new("Before", "short"),
    PageColumn::new("After", "short"),
    PageColumn::new("Address", "link"),
    PageColumn::new("What else", "text"),
];

impl Comparison {
    /// Writes it as JSON, whole or not at all.
    pub fn write_json(&self, path: &Path) -> Result<(), Error> {
        write(path, |file| {
            file.write_all(b"{\"counts\":")?;
            json_text::write(&mut *file, &self.counts)?;
            let (in_both, compared) = (self.counts.in_both(), self.counts.compared());
            write!(file, ",\"in_both\":{in_both},\"compared\":{compared},\"time_noise\":")?;
            json_text::write(&mut *file, &self.time_noise)?;
            file.write_all(b",\"changes\":[")?;
            for (place, change) in self.changes.iter().enumerate() {
                file.write_all(if place > 0 { b",\n" } else { b"\n" })?;
                json_text::write(&mut *file, &change?)?;
            }
            file.write_all(b"]}\n")
        })
    }

    /// Writes it as a page that needs no network, whole or not at all. Its table holds so many rows at most, the worst.
    pub fn write_html(&self, path: &Path, title: &str, most_rows: usize) -> Result<(), Error> {
        write(path, |file| self.write_page(file, title, most_rows))
    }

    fn write_page(&self, mut file: &mut dyn Write, title: &str, most_rows: usize) -> io::Result<()> {
        let counts = &self.counts;
        let verdict = match (counts.broke, counts.healed) {
            (0, 0) => "Nothing broke".to_owned(),
            (0, healed) => format!("Nothing broke, {} healed", thousands(healed)),
            (broke, 0) => format!("{} broke", thousands(broke)),
            (broke, healed) => format!("{} broke, {} healed", thousands(broke), thousands(healed)),
        };
        page::write_head(&mut file, &format!("{verdict} · {title}"))?;
        write!(
            file,
            "<header>\n<p class=\"name\">{}</p>\n<h1>{verdict}</h1>\n<p class=\"sub\"><b>{}</b> inputs in both runs</p>\n</header>\n",
            escaped(title),
            thousands(counts.in_both())
        )?;
        let figures = [
            ("Broke", counts.broke),
            ("Healed", counts.healed),
            ("Changed", counts.changed),
            ("Slower", counts.slower),
            ("Faster", counts.faster),
            ("As before", counts.unchanged),
            ("Not comparable", counts.not_comparable),
            ("Added", counts.added),
            ("Removed", counts.removed),
        ];
        write!(file, "<dl class=\"figures\">")?;
        // What did not happen need not be said, but for what was asked.
        for (place, (name, figure)) in figures.into_iter().enumerate() {
            if place > 2 && figure == 0 {
                continue;
            }
            write!(file, "<div><dt>{name}</dt><dd>{}</dd></div>", thousands(figure))?;
        }
        writeln!(file, "</dl>")?;
        if self.time_noise.inputs > 0 {
            writeln!(
                file,
                "<p class=\"sub\">Response times were {:.2} times what they had been, at the median. Slower and faster is \
                 what lies beyond {:.1} times that, and at least 100 ms from before.</p>",
                self.time_noise.overall, self.time_noise.factor
            )?;
        }
        let rows = self.changes.iter().take(most_rows).map(|change| row(&change?));
        let rows = rows.collect::<io::Result<Vec<_>>>()?;
        let note = match self.changes.count() - rows.len() as u64 {
            0 => "The worst first.".to_owned(),
            rest => format!(
                "The worst {}; {} more are counted above only.",
                thousands(rows.len() as u64),
                thousands(rest)
            ),
        };
        page::write_table_frame(&mut file, "What is not as it was", "Change", &note)?;
        let tones: BTreeMap<&str, &str> = [
            (ChangeKind::Broke, "bad"),
            (ChangeKind::Healed, "good"),
            (ChangeKind::Changed, "moved"),
            (ChangeKind::Slower, "quiet"),
            (ChangeKind::Faster, "quiet"),
            (ChangeKind::NotComparable, "quiet"),
            (ChangeKind::Removed, "quiet"),
            (ChangeKind::Added, "quiet"),
        ]
        .map(|(kind, tone)| (kind.as_str(), tone))
        .into();
        page::write_end(&mut file, COLUMNS, &tones, rows.iter().map(AsRef::as_ref))
    }
}

impl Change {
    /// What it was and what it is, in a word each: the end or the time if these differ.
    pub fn before_and_after(&self) -> (&str, &str) {
        let main = self.differences.iter().find(|difference| difference.field.has_columns());
        main.map_or(("", ""), |main| {
            (main.before.as_deref().unwrap_or_default(), main.after.as_deref().unwrap_or_default())
        })
    }

    /// The other differences, for people: `title "Old" → "New"`.
    pub fn details(&self) -> String {
        let others = self.differences.iter().filter(|difference| !difference.field.has_columns());
        let text =
            |value: &Option<String>| value.as_ref().map_or("none".to_owned(), |value| format!("“{value}”"));
        let details: Vec<String> = others
            .map(|difference| {
                if let Some(words) = difference.failure_words() {
                    return words;
                }
                let name = match difference.field {
                    Field::FinalUrl => "leads to",
                    Field::Certificate => "certificate",
                    Field::CertificateExpiry => "certificate runs out",
                    Field::Title => "title",
                    Field::Reason | Field::Message | Field::End | Field::TimeTotal => "",
                };
                format!("{name} {} → {}", text(&difference.before), text(&difference.after))
            })
            .collect();
        details.join("; ")
    }
}

impl Field {
    /// Whether what it was and what it is have columns of their own.
    fn has_columns(self) -> bool {
        matches!(self, Field::End | Field::TimeTotal)
    }
}

fn row(change: &Change) -> io::Result<Vec<u8>> {
    let (before, after) = change.before_and_after();
    let address = change.url.as_deref().unwrap_or(&change.input);
    let kind = change.kind.as_str();
    let (address, details) = (cut(address, LONGEST_ADDRESS), change.details());
    page::embedded(&(
        change.new_index.or(change.old_index),
        kind,
        before,
        after,
        address,
        cut(&details, LONGEST_TEXT),
    ))
}

fn write(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<std::fs::File>) -> io::Result<()>,
) -> Result<(), Error> {
    let written = || {
        let replacement = Replacement::beside(path)?;
        let mut file = BufWriter::with_capacity(64 << 10, replacement.file()?);
        content(&mut file)?;
        file.flush()?;
        replacement.sync()?;
        replacement.publish()
    };
    written().map_err(|error| Error::writing(path, error))
}
