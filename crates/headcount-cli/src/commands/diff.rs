//! `headcount diff`: what became of every input from one run to the next.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::{ArgAction, Args};
use console::pad_str;
use headcount_outputs::{
    Change, ChangeKind, Comparison, Counts, Format, Ignored, Options, RecordReader, Source, TimeNoise,
};

use super::report::{Staged, formats_of, is_standard_output, printed, problem};
use crate::progress::thousands;
use crate::terminal::{ColorChoice, Exit, Palette, Problem, shown};

const FORMATS: &[Format] = &[Format::Json, Format::Html];

/// Columns of what became of an input: `not comparable` is 14 wide.
const KIND_WIDTH: usize = 14;

/// Columns of what it was and what it is: `headers/malformed` is 17 wide.
const END_WIDTH: usize = 17;

pub(crate) const EXAMPLES: &str = "\
Examples:
  headcount diff yesterday.json today.json                 a line for each change
  headcount diff yesterday.json today.json -o diff.html    a page to send around
  headcount diff history.db                                its last run and the one before
  headcount diff history.db#1 history.db#4                 any two of its runs

Inputs are the same if their method and URL are. A time has changed if it differs
by 100 ms and twofold, and by more than chance explains: four standard deviations
of how all times differ between the two runs. Certificates are compared where both
runs had --tls-info; one that was renewed is as before.

Exit codes:
  0 nothing broke, 1 it could not be written, 2 something broke or nothing could be
  compared, 3 bad usage or a file that cannot be read";

#[derive(Args, Debug)]
pub(crate) struct DiffArguments {
    /// The run before: .json, .jsonl, .csv, .parquet or .sqlite (its last run, or #N for the run N)
    pub(crate) old: PathBuf,
    /// The run after. Without it, the last two runs of a database are compared
    pub(crate) new: Option<PathBuf>,
    /// A file to make instead, .json or .html, or - for JSON on standard output; repeatable
    #[arg(short, long, value_name = "FILE", action = ArgAction::Append)]
    pub(crate) output: Vec<PathBuf>,
    /// What may be another every time: title, final_url, certificate, time_total
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    pub(crate) ignore: Vec<Ignored>,
    /// When to use colour
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    pub(crate) color: ColorChoice,
}

pub(crate) fn run(arguments: &DiffArguments) -> Result<Exit, Problem> {
    let [old, new] = sources(arguments)?;
    let said = |path: &Path| is_standard_output(path).then_some(Format::Json);
    let formats = formats_of(&arguments.output, &[old.path(), new.path()], FORMATS, said)?;
    let staged = Staged::for_one_of(&arguments.output)?;
    if old.is_same_as(&new).map_err(problem)? {
        let message = format!("{new} would be compared with itself");
        return Err(Problem::usage(
            message,
            "name two runs; a database may hold both: history.db#1 history.db#2",
        ));
    }
    let readers = [&old, &new].map(|source| RecordReader::open_in_order(source).map_err(problem));
    let [old_records, new_records] = readers;
    let comparison = Comparison::without(&arguments.ignore, old_records?, new_records?).map_err(problem)?;
    let title = format!("{old} → {new}");
    for (path, format) in arguments.output.iter().zip(formats) {
        let path = staged.as_ref().filter(|_| is_standard_output(path)).map_or(path.clone(), Staged::path);
        match format {
            Format::Html => comparison.write_html(&path, &title, Options::default().html_rows),
            _ => comparison.write_json(&path),
        }
        .map_err(problem)?;
    }
    staged.map_or(Ok(()), Staged::print)?;
    if arguments.output.is_empty() {
        let palette = Palette::new(arguments.color.is_on(&io::stdout()));
        printed(write_lines(BufWriter::new(io::stdout().lock()), &comparison, palette))?;
    }
    let counts = &comparison.counts;
    // What nobody looked at must not pass for sound.
    let is_bad = counts.broke > 0 || counts.is_no_comparison();
    Ok(if is_bad { Exit::NotAccepted } else { Exit::Accepted })
}

/// The two runs, of which a database may hold both.
fn sources(arguments: &DiffArguments) -> Result<[Source; 2], Problem> {
    let old = Source::named(&arguments.old);
    if let Some(new) = &arguments.new {
        return Ok([old, Source::named(new)]);
    }
    let missing =
        |message| Problem::usage(message, "name the run before and the run after, or a database with both");
    let runs = old.runs().map_err(problem)?;
    match runs.as_deref() {
        Some([.., before, last]) => Ok([before.clone(), last.clone()]),
        Some(_) => Err(missing(format!("{old} has fewer than two runs"))),
        None => Err(missing(format!("the run to compare {old} with is missing"))),
    }
}

fn write_lines(mut writer: impl Write, comparison: &Comparison, palette: Palette) -> io::Result<()> {
    for change in comparison.changes.iter() {
        writer.write_all(line(&change?, palette).as_bytes())?;
    }
    writer.write_all(time_lines(&comparison.time_noise, palette).as_bytes())?;
    writer.write_all(last_line(&comparison.counts, palette).as_bytes())?;
    writer.flush()
}

/// What was taken for chance, and what there is to say of the run as a whole.
fn time_lines(noise: &TimeNoise, palette: Palette) -> String {
    let Palette { faint, strong, reset, .. } = palette;
    if noise.inputs == 0 {
        return String::new();
    }
    let inputs = thousands(noise.inputs);
    let noun = if noise.inputs == 1 { "input" } else { "inputs" };
    let mut lines = format!(
        "{faint}times: {:.2} of before at the median of {inputs} {noun}; chance reaches {:.1}-fold{reset}\n",
        noise.overall, noise.factor
    );
    if let Some(verdict) = noise.verdict() {
        let far = thousands(noise.far);
        lines.push_str(&format!(
            "{strong}{verdict}{reset} ({far} of {inputs} {noun} by 100 ms and twofold)\n"
        ));
    }
    lines
}

/// `1 broke, 2 healed, 997 as before (of 1,000 in both)`
fn last_line(counts: &Counts, palette: Palette) -> String {
    let Palette { strong, reset, .. } = palette;
    let mut parts = Vec::new();
    for (count, word) in [
        (counts.healed, "healed"),
        (counts.changed, "changed"),
        (counts.slower, "slower"),
        (counts.faster, "faster"),
        (counts.unchanged, "as before"),
        (counts.not_comparable, "not comparable"),
        (counts.added, "added"),
        (counts.removed, "removed"),
    ] {
        if count > 0 {
            parts.push(format!(", {} {word}", thousands(count)));
        }
    }
    let verdict = match counts.is_no_comparison() {
        true => "nothing could be compared".to_owned(),
        false => format!("{} broke", thousands(counts.broke)),
    };
    let in_both = thousands(counts.in_both());
    let of = match counts.not_comparable {
        0 => format!("of {in_both} in both"),
        _ => format!("{} compared of {in_both} in both", thousands(counts.compared())),
    };
    format!("{strong}{verdict}{reset}{} ({of})\n", parts.concat())
}

/// `broke           200               → dns/timeout        https://example.com/`
fn line(change: &Change, palette: Palette) -> String {
    let Palette { good, bad, faint, reset, .. } = palette;
    let colour = match change.kind {
        ChangeKind::Broke => bad,
        ChangeKind::Healed => good,
        _ => "",
    };
    let (before, after) = change.before_and_after();
    let cell = |text| pad_str(text, END_WIDTH, console::Alignment::Left, None).into_owned();
    let arrow = if before.is_empty() || after.is_empty() { ' ' } else { '→' };
    let address = shown(change.url.as_deref().unwrap_or(&change.input)).into_owned();
    let details = change.details();
    let details = if details.is_empty() { details } else { format!("  {faint}{}{reset}", shown(&details)) };
    format!(
        "{colour}{:<KIND_WIDTH$}{reset}  {} {arrow} {}  {address}{details}\n",
        change.kind.as_str(),
        cell(before),
        cell(after),
    )
}
