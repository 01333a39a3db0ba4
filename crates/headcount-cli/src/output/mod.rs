//! Where records go, and in which form.

mod destination;
mod json_array;
mod json_lines;
mod json_text;
mod table;

use std::io::{self, IsTerminal};
use std::path::Path;

use clap::ValueEnum;
use headcount::Record;

pub(crate) use destination::Destination;
use json_array::JsonArray;
use json_lines::JsonLines;
use table::Table;

use crate::arguments::OutputArguments;
use crate::inputs::Input;
use crate::terminal::{Palette, Problem};

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
}

impl Output {
    /// Opens what the flags ask for, so that what cannot be written is known before anything is sent.
    pub(crate) fn open(arguments: &OutputArguments, inputs: &[Input]) -> Result<Output, Problem> {
        let destination = Destination::new(arguments.output.as_deref());
        destination.refuse_inputs(inputs)?;
        let format = format(arguments, &destination)?;
        let cannot = |error: io::Error| {
            Problem::usage(
                format!("cannot write {destination}: {error}"),
                "choose another place with -o, or make room there",
            )
        };
        Ok(match format {
            Format::Json => Output::Array(JsonArray::open(&destination).map_err(cannot)?),
            Format::Jsonl => Output::Lines(JsonLines::new(destination.open().map_err(cannot)?)),
            Format::Table => {
                let palette = Palette::new(arguments.color.is_on(&io::stdout()));
                Output::Table(Table::new(destination.open().map_err(cannot)?, palette))
            }
        })
    }

    pub(crate) fn write(&mut self, record: &Record) -> io::Result<()> {
        match self {
            Output::Array(array) => array.write(record),
            Output::Lines(lines) => lines.write(record),
            Output::Table(table) => table.write(record),
        }
    }

    /// Makes visible what was written, as far as the form allows.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match self {
            Output::Array(_) => Ok(()),
            Output::Lines(lines) => lines.flush(),
            Output::Table(table) => table.flush(),
        }
    }

    /// Whether the output appears only at the end, in a file that is worth waiting for.
    pub(crate) fn is_completed_at_the_end(&self) -> bool {
        matches!(self, Output::Array(array) if array.is_file())
    }

    pub(crate) fn finish(self) -> io::Result<()> {
        match self {
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
