//! Where records go, and in which form.

mod destination;
mod journaled;
mod json_array;
mod json_lines;
mod json_text;
mod table;

use std::io::{self, IsTerminal};
use std::path::Path;

use clap::ValueEnum;
use headcount::{Record, Summary};

pub(crate) use destination::Destination;
use journaled::Journaled;
pub(crate) use journaled::write_records;
use json_array::JsonArray;
pub(crate) use json_array::replace;
use json_lines::JsonLines;
use table::Table;

use crate::arguments::OutputArguments;
use crate::inputs::Input;
use crate::journal::Keeper;
use crate::terminal::{ColorChoice, Palette, Problem};

/// A form in which records can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// An array in the order of the inputs, whole or not at all
    Json,
    /// A JSON object a line, as the records come
    Jsonl,
    /// A line for people, as the records come
    Table,
}

/// An output that is being written.
pub(crate) enum Output {
    Array(JsonArray),
    Lines(JsonLines),
    Table(Table),
    Journaled(Journaled),
}

/// Where an output is to be, and in which form.
pub(crate) struct Place {
    destination: Destination,
    pub(crate) format: Format,
}

impl Place {
    /// What the flags ask for.
    pub(crate) fn new(arguments: &OutputArguments, inputs: &[Input]) -> Result<Place, Problem> {
        let destination = Destination::new(arguments.output.as_deref());
        destination.refuse_inputs(inputs)?;
        let format = format(arguments, &destination)?;
        Ok(Place { destination, format })
    }

    /// The file of a form that can be made from a journal.
    pub(crate) fn file_with_journal(&self) -> Option<&Path> {
        match &self.destination {
            Destination::File { target, .. } if self.format != Format::Table => Some(target),
            _ => None,
        }
    }

    fn cannot(&self, error: &io::Error) -> Problem {
        Problem::usage(
            format!("cannot write {}: {error}", self.destination),
            "choose another place with -o, or make room there",
        )
    }
}

impl Output {
    /// Opens it, so that what cannot be written is known before anything is sent.
    pub(crate) fn open(place: &Place, color: ColorChoice) -> Result<Output, Problem> {
        let Place { destination, format } = place;
        let cannot = |error: io::Error| place.cannot(&error);
        Ok(match format {
            Format::Json => Output::Array(JsonArray::open(destination).map_err(cannot)?),
            Format::Jsonl => Output::Lines(JsonLines::new(destination.open().map_err(cannot)?)),
            Format::Table => {
                let palette = Palette::new(color.is_on(&io::stdout()));
                Output::Table(Table::new(destination.open().map_err(cannot)?, palette))
            }
        })
    }

    /// Whether it could be opened, as far as that can be known without touching it.
    pub(crate) fn check(place: &Place) -> Result<(), Problem> {
        match &place.destination {
            Destination::File { target, .. } => {
                json_array::check(target).map_err(|error| place.cannot(&error))
            }
            _ => Ok(()),
        }
    }

    /// The same with a journal, from which it is made.
    pub(crate) fn with_journal(place: &Place, keeper: Keeper) -> Result<Output, Problem> {
        let Destination::File { target, .. } = &place.destination else {
            return Output::open(place, ColorChoice::Never);
        };
        let journaled = Journaled::open(target.clone(), place.format == Format::Json, keeper);
        journaled.map(Output::Journaled).map_err(|error| place.cannot(&error))
    }

    pub(crate) fn write(&mut self, record: &Record) -> io::Result<()> {
        match self {
            Output::Array(array) => array.write(record),
            Output::Lines(lines) => lines.write(record),
            Output::Table(table) => table.write(record),
            Output::Journaled(journaled) => journaled.write(record),
        }
    }

    /// Makes visible what was written, as far as the form allows.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match self {
            Output::Array(_) => Ok(()),
            Output::Lines(lines) => lines.flush(),
            Output::Table(table) => table.flush(),
            Output::Journaled(journaled) => journaled.flush(),
        }
    }

    /// Inputs that an earlier run had done.
    pub(crate) fn done_before(&self) -> u64 {
        match self {
            Output::Journaled(journaled) => journaled.done_before(),
            _ => 0,
        }
    }

    pub(crate) fn has_journal(&self) -> bool {
        matches!(self, Output::Journaled(_))
    }

    /// Whether the output appears only at the end, in a file that is worth waiting for.
    pub(crate) fn is_completed_at_the_end(&self) -> bool {
        match self {
            Output::Array(array) => array.is_file(),
            Output::Journaled(_) => true,
            Output::Lines(_) | Output::Table(_) => false,
        }
    }

    /// The last that is done with it. `is_complete` says that every input has its record. The summary is made to be that
    /// of all records, those of earlier runs too.
    pub(crate) fn finish(self, is_complete: bool, summary: &mut Summary) -> io::Result<()> {
        match self {
            Output::Journaled(journaled) => journaled.finish(is_complete, summary),
            Output::Array(array) => array.finish(),
            Output::Lines(mut lines) => lines.flush(),
            Output::Table(mut table) => table.flush(),
        }
    }
}

fn format(arguments: &OutputArguments, destination: &Destination) -> Result<Format, Problem> {
    if arguments.jsonl {
        return Ok(Format::Jsonl);
    }
    if let Some(format) = arguments.format {
        return Ok(format);
    }
    let Some(path) = destination.name() else {
        return Ok(if io::stdout().is_terminal() { Format::Table } else { Format::Jsonl });
    };
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => Ok(Format::Json),
        Some("jsonl" | "ndjson") => Ok(Format::Jsonl),
        _ if destination.is_direct() => Ok(Format::Jsonl),
        _ => Err(unknown_ending(path)),
    }
}

fn unknown_ending(path: &Path) -> Problem {
    Problem::usage(
        format!("the ending of {} does not say a format", path.display()),
        "use .json or .jsonl, or say it with --format json, jsonl or table",
    )
}
