//! `headcount report`: finished outputs as a report, or in other formats.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{ArgAction, Args};
use console::Term;
use headcount::{Progress, Record, Summary};
use headcount_outputs::{Error, Format, OutputFile, RecordReader, Source, write_all};
use tempfile::TempDir;

use crate::output::{Destination, SelectionArguments};
use crate::report::Report;
use crate::terminal::{ColorChoice, Exit, Palette, Problem};

pub(crate) const EXAMPLES: &str = "\
Examples:
  headcount report run.json                             the summary, on the terminal
  headcount report run.json -o report.html              a page to send around
  headcount report run.json -o run.parquet -o ci.xml    other formats, as many as you like
  headcount report run.json -o bad.csv --where 'status_code >= 400 or failed'
  headcount report run.json -f md -o - >> $GITHUB_STEP_SUMMARY

Conditions compare fields (==, !=, <, <=, >, >=, and ~ for text that contains
another) with numbers, true, false, null, and 'text', and are joined with not,
and, or and parentheses. `headcount schema` lists the fields; parts of them have
names such as extracted.price, and host is one too.

Exit codes:
  0 done, 1 it could not be written, 3 bad usage or a file that cannot be read";

#[derive(Args, Debug)]
pub(crate) struct ReportArguments {
    /// Finished outputs: .json, .jsonl, .csv, .parquet or .sqlite (its last run, or #N for the run N)
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// A file to make; its ending says the format. Repeatable. Without it, the summary goes to standard output
    ///
    /// With -, what --format says goes to standard output.
    /// .html (a page that needs no network), .md, .xml (JUnit), .json, .jsonl, .csv, .parquet, .sqlite or .db (to which
    /// the run is added).
    #[arg(short, long, value_name = "FILE", action = ArgAction::Append)]
    pub(crate) output: Vec<PathBuf>,
    /// The format of standard output, or of the only file whatever its ending: md, csv, jsonl …
    #[arg(short, long, value_name = "FORMAT", value_parser = format_called, requires = "output")]
    pub(crate) format: Option<Format>,
    #[command(flatten)]
    pub(crate) selection: SelectionArguments,
    /// When to use colour
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    pub(crate) color: ColorChoice,
}

pub(crate) fn run(arguments: &ReportArguments) -> Result<Exit, Problem> {
    let sources: Vec<_> = arguments.files.iter().map(|file| Source::named(file)).collect();
    let staged = Staged::for_one_of(&arguments.output)?;
    let outputs = outputs(arguments, &sources, staged.as_ref())?;
    let open = |source| match outputs.is_empty() {
        // The order changes nothing about the summary.
        true => RecordReader::open(source),
        false => RecordReader::open_in_order(source),
    };
    // All of them before the first is read.
    let readers = sources.iter().map(open).collect::<Result<Vec<_>, _>>().map_err(problem)?;
    let records = in_one_row(readers);
    match outputs.is_empty() {
        true => summarize(arguments, records)?,
        false => write_all(records, &outputs).map_err(problem)?,
    }
    staged.map_or(Ok(()), Staged::print)?;
    Ok(Exit::Accepted)
}

/// The records of all files, one after another. The indexes of each begin behind those of the one before, so that none is
/// there twice.
fn in_one_row(readers: Vec<RecordReader>) -> impl Iterator<Item = Result<Record, Error>> {
    let (mut file, mut first, mut next) = (0, 0u64, 0u64);
    let records =
        readers.into_iter().enumerate().flat_map(|(file, reader)| reader.map(move |record| (file, record)));
    records.map(move |(of_file, record)| {
        if of_file != file {
            (file, first) = (of_file, next);
        }
        let mut record = record?;
        record.index = first.saturating_add(record.index);
        next = next.max(record.index.saturating_add(1));
        Ok(record)
    })
}

fn outputs(
    arguments: &ReportArguments,
    sources: &[Source],
    staged: Option<&Staged>,
) -> Result<Vec<OutputFile>, Problem> {
    let names: Vec<_> = arguments.files.iter().map(|file| name(file)).collect();
    let options = arguments.selection.options(&names.join(", "));
    let files: Vec<&Path> = sources.iter().map(Source::path).collect();
    if arguments.format.is_some() && arguments.output.len() > 1 && staged.is_none() {
        let message = "--format is for one output, and there are several";
        return Err(Problem::usage(message, "leave it out; the endings of the files say their formats"));
    }
    let is_only = arguments.output.len() == 1;
    let said = |path: &Path| arguments.format.filter(|_| is_only || is_standard_output(path));
    let formats = formats_of(&arguments.output, &files, Format::ALL, said)?;
    let path_of = |path: &PathBuf| match staged {
        Some(staged) if is_standard_output(path) => staged.path(),
        _ => path.clone(),
    };
    let paths = arguments.output.iter().map(path_of);
    Ok(paths
        .zip(formats)
        .map(|(path, format)| OutputFile { path, format, options: options.clone() })
        .collect())
}

/// The formats of outputs, each of which is to be a file of its own, and none that is read. Some may be said
/// whatever the ending; that of standard output has to be.
pub(super) fn formats_of(
    outputs: &[PathBuf],
    files: &[&Path],
    formats: &[Format],
    said: impl Fn(&Path) -> Option<Format>,
) -> Result<Vec<Format>, Problem> {
    let is_same = |one: &Path, other: &Path| match Destination::new(Some(other)) {
        Destination::File { target, .. } => Destination::new(Some(one)).is_file(&target),
        Destination::StandardOutput => is_standard_output(one),
        Destination::Direct(_) => false,
    };
    for (number, path) in outputs.iter().enumerate() {
        if outputs[..number].iter().any(|other| is_same(path, other)) {
            let message = format!("{} is named twice", path.display());
            return Err(Problem::usage(message, "give each output a name of its own"));
        }
        if files.iter().any(|file| is_same(path, file)) {
            let message = format!("{} is to be read and to be written", path.display());
            return Err(Problem::usage(message, "write to another file"));
        }
    }
    let format_of = |path: &PathBuf| match said(path) {
        None if is_standard_output(path) => {
            let message = "the format of standard output is not said";
            Err(Problem::usage(message, "say it with --format, as in --format md"))
        }
        Some(Format::Sqlite) if is_standard_output(path) => {
            Err(Problem::usage("standard output cannot be a database", "name a file for it with -o"))
        }
        Some(format) => Ok(format),
        None => Format::of_path(path)
            .filter(|format| formats.contains(format))
            .ok_or_else(|| unknown_ending(path, formats)),
    };
    outputs.iter().map(format_of).collect()
}

pub(super) fn is_standard_output(path: &Path) -> bool {
    matches!(Destination::new(Some(path)), Destination::StandardOutput)
}

/// A format by its name, or by an ending that says it.
fn format_called(name: &str) -> Result<Format, String> {
    let name = name.to_ascii_lowercase();
    let found = Format::ALL.iter().find(|format| format.name() == name || format.endings().contains(&&*name));
    let names = || Format::ALL.iter().map(|format| format.endings()[0]).collect::<Vec<_>>().join(", ");
    found.copied().ok_or_else(|| format!("it is one of {}", names()))
}

/// Where what goes to standard output is made, whole like a file.
pub(super) struct Staged(TempDir);

impl Staged {
    /// One, if one of these is standard output.
    pub(super) fn for_one_of(outputs: &[PathBuf]) -> Result<Option<Staged>, Problem> {
        match outputs.iter().any(|path| is_standard_output(path)) {
            true => tempfile::tempdir().map(|folder| Some(Staged(folder))).map_err(|error| {
                let message = "no folder for temporary files";
                Problem::broken(&anyhow::Error::new(error).context(message))
                    .hint("choose another with TMPDIR")
            }),
            false => Ok(None),
        }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.0.path().join("output")
    }

    /// Gives it to standard output.
    pub(super) fn print(self) -> Result<(), Problem> {
        let copied = File::open(self.path())
            .and_then(|mut file| io::copy(&mut file, &mut io::stdout().lock()))
            .and_then(|_| io::stdout().flush());
        printed(copied)
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// The summary, on standard output.
fn summarize(
    arguments: &ReportArguments,
    records: impl Iterator<Item = Result<Record, Error>>,
) -> Result<(), Problem> {
    let mut summary = Summary::default();
    let condition = arguments.selection.condition.as_ref();
    let (mut times, mut all) = (None, 0);
    for record in records {
        let record = record.map_err(problem)?;
        all += 1;
        if condition.is_some_and(|condition| !condition.holds(&record)) {
            continue;
        }
        summary.add(&record);
        let (first, last) = times.get_or_insert((record.timestamp, record.timestamp));
        *first = record.timestamp.min(*first);
        *last = record.timestamp.max(*last);
    }
    let took = times.and_then(|(first, last)| Duration::try_from(last.duration_since(first)).ok());
    let report = Report {
        summary: &summary,
        progress: Progress::default(),
        took: took.unwrap_or_default(),
        verdict: None,
        was_interrupted: false,
        done_before: 0,
        has_journal: false,
        explain: None,
        columns: Term::stdout().size_checked().map(|(_, columns)| columns),
        outputs: Vec::new(),
        chosen: condition.map(|condition| (condition, all)),
    };
    print(&report.text(Palette::new(arguments.color.is_on(&io::stdout()))))
}

/// Writes to standard output. A reader that has seen enough is no failure.
fn print(text: &str) -> Result<(), Problem> {
    printed(io::stdout().lock().write_all(text.as_bytes()))
}

/// What writing to standard output came to.
pub(super) fn printed(result: io::Result<()>) -> Result<(), Problem> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Problem::broken(&error.into())),
        _ => Ok(()),
    }
}

pub(super) fn problem(error: Error) -> Problem {
    let hint = match error.is_input() {
        true => {
            "it takes what headcount has written: .json, .jsonl, .csv, .parquet or .sqlite, with all fields"
        }
        false => "choose another place with -o, or make room there",
    };
    let is_full = error.is_full();
    let problem = Problem::broken(&error.into()).hint(hint);
    if is_full { problem } else { problem.into_usage() }
}

fn unknown_ending(path: &Path, formats: &[Format]) -> Problem {
    let endings: Vec<String> = formats.iter().map(|format| format!(".{}", format.endings()[0])).collect();
    Problem::usage(
        format!("the ending of {} does not say a format", path.display()),
        format!("use one of {}", endings.join(", ")),
    )
}
