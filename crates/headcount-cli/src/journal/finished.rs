//! An output that an earlier run has left complete: how that run ended, and its records as the beginning of another.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use headcount::record::{Failure, Outcome};
use headcount_journal::{Folder, Journal};
use headcount_outputs::{Format, RecordReader, headline_says_accepted, json_text};
use serde::Deserialize;

use super::flags::FailureKinds;
use super::io_error;
use crate::output::{Patience, SelectionArguments};
use crate::terminal::{Exit, Problem};

/// Records that are written to the journal at once.
const WRITTEN_TOGETHER: u64 = 1_000;

/// What matters of a record here.
#[derive(Deserialize)]
pub(super) struct Light {
    index: u64,
    accepted: bool,
    pub(super) outcome: Outcome,
    pub(super) error: Option<Failure>,
}

impl Light {
    /// Whether it is to be asked again.
    pub(super) fn is_meant(&self, kinds: &FailureKinds) -> bool {
        self.outcome == Outcome::Interrupted
            || (self.outcome == Outcome::Failed && kinds.contain(self.error.as_ref()))
    }
}

/// The exit code of the run that wrote the output, in this format.
pub(super) fn exit(
    path: &Path,
    format: Option<Format>,
    selection: &SelectionArguments,
) -> Result<Exit, Problem> {
    let is_report = matches!(format, Some(Format::Html | Format::Junit | Format::Markdown));
    // A report of some fields still counts all records.
    if selection.condition.is_some() || (selection.fields.is_some() && !is_report) {
        return Err(Problem::usage(
            format!(
                "{} is complete, and does not tell how its run ended: it has a part of the records only",
                path.display()
            ),
            "leave out --resume to write it again; without --fields and --where it tells",
        ));
    }
    if is_report {
        return exit_of_report(path);
    }
    let mut exit = Exit::Accepted;
    let mut is_interrupted = false;
    each(path, format, |record, _| {
        is_interrupted |= record.outcome == Outcome::Interrupted;
        if !record.accepted {
            exit = Exit::NotAccepted;
        }
        Ok(())
    })?;
    if is_interrupted {
        return Err(Problem::usage(
            format!("{} is of a run that was interrupted, and its journal is gone", path.display()),
            "--retry-failed=interrupted asks for what is missing in it",
        ));
    }
    Ok(exit)
}

fn exit_of_report(path: &Path) -> Result<Exit, Problem> {
    let cannot = |error: io::Error| {
        Problem::broken(&anyhow::Error::new(error).context(format!("cannot read {}", path.display())))
    };
    match headline_says_accepted(path).map_err(cannot)? {
        Some(true) => Ok(Exit::Accepted),
        Some(false) => Ok(Exit::NotAccepted),
        None => Err(Problem::usage(
            format!("{} is there, and is no report of headcount", path.display()),
            "write to another file, or leave out --resume to replace it",
        )),
    }
}

/// Puts all records of an output into a journal, those that are meant as ones to be done again.
pub(super) fn import(
    path: &Path,
    format: Option<Format>,
    journal: &mut Journal<Folder>,
    kinds: &FailureKinds,
    patience: Patience,
) -> Result<(), Problem> {
    let mut imported = 0_u64;
    each(path, format, |record, text| {
        imported += 1;
        let kept = match record.outcome {
            Outcome::Interrupted => journal.provisional(record.index, text),
            _ => journal.record(record.index, text),
        };
        kept.and_then(|()| if record.is_meant(kinds) { journal.reopen(record.index) } else { Ok(()) })
            .map_err(io_error)?;
        if imported.is_multiple_of(WRITTEN_TOGETHER) {
            patience.wait_for_room(|| journal.write().map_err(io_error))?;
        }
        Ok(())
    })?;
    let committed = patience.wait_for_room(|| journal.commit().map_err(io_error));
    committed.map_err(|error| Problem::broken(&error.into()))
}

fn each_of_table(path: &Path, mut each: impl FnMut(Light, &[u8]) -> io::Result<()>) -> Result<(), Problem> {
    let problem = |error: anyhow::Error| {
        Problem::broken(&error).hint("it takes an output with all fields, as headcount wrote it").into_usage()
    };
    for record in RecordReader::open(path).map_err(|error| problem(error.into()))? {
        let record = record.map_err(|error| problem(error.into()))?;
        let mut text = Vec::new();
        json_text::write(&mut text, &record)
            .and_then(|()| each(serde_json::from_slice(&text)?, &text))
            .map_err(|error| problem(error.into()))?;
    }
    Ok(())
}

/// Every record with its text. An array has one a line too.
fn each(
    path: &Path,
    format: Option<Format>,
    mut each: impl FnMut(Light, &[u8]) -> io::Result<()>,
) -> Result<(), Problem> {
    let cannot = |error: io::Error| {
        Problem::broken(&anyhow::Error::new(error).context(format!("cannot read {}", path.display())))
    };
    match format {
        Some(Format::Csv | Format::Parquet | Format::Sqlite) => return each_of_table(path, each),
        Some(Format::Junit | Format::Markdown | Format::Html) => {
            return Err(Problem::usage(
                format!("{} is a report, from which no records can be read", path.display()),
                "let the first -o be .json, .jsonl, .csv, .parquet or .sqlite",
            ));
        }
        _ => {}
    }
    let foreign = |line: usize| {
        Problem::usage(
            format!("line {line} of {} is no record of headcount", path.display()),
            "it takes a .json or .jsonl file as headcount wrote it",
        )
    };
    let mut reader = BufReader::with_capacity(256 << 10, File::open(path).map_err(cannot)?);
    let (mut text, mut is_array) = (Vec::new(), false);
    for number in 1.. {
        text.clear();
        if reader.read_until(b'\n', &mut text).map_err(cannot)? == 0 {
            break;
        }
        let line = text.trim_ascii();
        match line {
            b"[" if number == 1 => {
                is_array = true;
                continue;
            }
            b"[]" if number == 1 => continue,
            b"]" if is_array => continue,
            _ => {}
        }
        let line = if is_array { line.strip_suffix(b",").unwrap_or(line) } else { line };
        let record = serde_json::from_slice(line).map_err(|_| foreign(number))?;
        each(record, line).map_err(cannot)?;
    }
    Ok(())
}
