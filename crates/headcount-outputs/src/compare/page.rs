//! A comparison as an HTML page and as JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::{Change, ChangeKind, Comparison, Counts, Difference, Field, TimeNoise};
use crate::error::Error;
use crate::html::page::{self, LONGEST_ADDRESS, LONGEST_TEXT, PageColumn, Row, TableData};
use crate::json_text;
use crate::replacement::Replacement;
use crate::visible::{cut, escaped, thousands};

const COLUMNS: &[PageColumn] = &[
    PageColumn::new("Change", "badge"),
    PageColumn::new("Of", "word"),
    PageColumn::new("Before", "short"),
    PageColumn::new("After", "short"),
    PageColumn::new("Address", "link").with_below(5, ""),
    PageColumn::new("What else", "hidden"),
];

const MORE: &[PageColumn] =
    &[PageColumn::new("Place in the new run", "number"), PageColumn::new("Place in the old run", "number")];

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
        let verdict = verdict(counts);
        page::write_head(&mut file, &format!("{verdict} · {title}"))?;
        write!(file, "<header>\n<p class=\"name\">{}</p>\n<h1>{verdict}</h1>\n", escaped(title))?;
        let mut parts = vec![format!("<b>{}</b> inputs in both runs", thousands(counts.in_both()))];
        if counts.not_comparable > 0 {
            parts.push(format!("<b>{}</b> of them not comparable", thousands(counts.not_comparable)));
        }
        let [old, new] = self.first_ended.map(|time| time.map(|time| time.strftime("%Y-%m-%d %H:%M UTC")));
        if let (Some(old), Some(new)) = (old, new) {
            parts.push(format!("{old} → {new}"));
        }
        writeln!(file, "<p class=\"sub\">{}</p>\n</header>", parts.join(" · "))?;
        let figures = [
            ("Broke", "bad", counts.broke),
            ("Healed", "good", counts.healed),
            ("Changed", "moved", counts.changed),
            ("Slower", "", counts.slower),
            ("Faster", "", counts.faster),
            ("As before", "", counts.unchanged),
            ("Not comparable", "", counts.not_comparable),
            ("Added", "", counts.added),
            ("Removed", "", counts.removed),
        ];
        write!(file, "<dl class=\"figures\">")?;
        // What did not happen need not be said, but for what was asked.
        for (place, (name, class, figure)) in figures.into_iter().enumerate() {
            if place > 2 && figure == 0 {
                continue;
            }
            let class = if figure > 0 { class } else { "" };
            write!(file, "<div><dt>{name}</dt><dd class=\"{class}\">{}</dd></div>", thousands(figure))?;
        }
        writeln!(file, "</dl>")?;
        if self.time_noise.inputs > 0 {
            writeln!(file, "<p class=\"sub\">{}</p>", noise_text(&self.time_noise))?;
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
        let tones: BTreeMap<String, &str> = [
            (ChangeKind::Broke, "bad"),
            (ChangeKind::Healed, "good"),
            (ChangeKind::Changed, "moved"),
            (ChangeKind::Slower, "quiet"),
            (ChangeKind::Faster, "quiet"),
            (ChangeKind::NotComparable, "quiet"),
            (ChangeKind::Removed, "quiet"),
            (ChangeKind::Added, "quiet"),
        ]
        .map(|(kind, tone)| (kind.as_str().to_owned(), tone))
        .into();
        let table = TableData {
            columns: COLUMNS,
            more_columns: MORE,
            are_chosen: false,
            tones: &tones,
            accepted_from: None,
        };
        table.write_end(&mut file, rows.iter())
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
        others.map(|other| other.told(usize::MAX)).collect::<Vec<_>>().join("; ")
    }
}

impl Difference {
    /// Its values are cut after so many characters each.
    fn told(&self, longest: usize) -> String {
        if let Some(words) = self.failure_words() {
            return cut(&words, longest).into_owned();
        }
        let name = match self.field {
            Field::FinalUrl => "leads to",
            Field::Certificate => "certificate",
            Field::CertificateExpiry => "certificate runs out",
            Field::Title => "title",
            Field::Reason | Field::Message | Field::End | Field::TimeTotal => "",
        };
        let text = |value: &Option<String>| {
            value.as_ref().map_or("none".to_owned(), |value| format!("“{}”", cut(value, longest)))
        };
        format!("{name} {} → {}", text(&self.before), text(&self.after))
    }
}

impl Field {
    /// Whether what it was and what it is have columns of their own.
    fn has_columns(self) -> bool {
        matches!(self, Field::End | Field::TimeTotal)
    }

    /// What a page calls it.
    fn name(self) -> &'static str {
        match self {
            Field::End => "result",
            Field::Reason => "reason",
            Field::Message => "message",
            Field::Title => "title",
            Field::FinalUrl => "target",
            Field::Certificate | Field::CertificateExpiry => "certificate",
            Field::TimeTotal => "time",
        }
    }
}

fn verdict(counts: &Counts) -> String {
    match (counts.broke, counts.healed) {
        (0, 0) if counts.compared() == 0 => "Nothing could be compared".to_owned(),
        (0, 0) => "Nothing broke".to_owned(),
        (0, healed) => format!("Nothing broke, {} healed", thousands(healed)),
        (broke, 0) => format!("{} broke", thousands(broke)),
        (broke, healed) => format!("{} broke, {} healed", thousands(broke), thousands(healed)),
    }
}

fn noise_text(noise: &TimeNoise) -> String {
    let TimeNoise { overall, factor, .. } = noise;
    let today = match overall {
        0.95..1.05 => "All in all, answers took as long as before.".to_owned(),
        _ => format!("All in all, answers took {overall:.2} times as long as before."),
    };
    format!(
        "{today} An input counts as slower or faster only if its own time departs from that by a factor of more than \
         {factor:.1}, and from its time before by at least 100 ms. Less may be chance."
    )
}

/// The first difference has columns of its own; the others stand below the address.
fn row(change: &Change) -> io::Result<Row> {
    let (main, others) =
        change.differences.split_first().ok_or_else(|| io::Error::other("nothing changed"))?;
    let others: Vec<_> = others.iter().map(|other| other.told(LONGEST_TEXT)).collect();
    let [before, after] = before_and_after(change, main).map(|text| cut(&text, LONGEST_TEXT).into_owned());
    let address = change.url.as_deref().unwrap_or(&change.input);
    let cells = (
        change.kind.as_str(),
        main.field.name(),
        before,
        after,
        cut(address, LONGEST_ADDRESS),
        (!others.is_empty()).then(|| others.join("; ")),
    );
    Row::new(&cells, &(change.new_index, change.old_index))
}

fn before_and_after<'a>(change: &Change, main: &'a Difference) -> [Cow<'a, str>; 2] {
    let [before, after] =
        [&main.before, &main.after].map(|value| Cow::Borrowed(value.as_deref().unwrap_or("none")));
    // The same end, of which the two runs think otherwise.
    let differ = match change.kind {
        ChangeKind::Broke => Some(("accepted", "not accepted")),
        ChangeKind::Healed => Some(("not accepted", "accepted")),
        _ => None,
    };
    if let Some((was, is)) = differ.filter(|_| main.field == Field::End && before == after) {
        return [format!("{before}, {was}").into(), format!("{after}, {is}").into()];
    }
    [before, after]
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
