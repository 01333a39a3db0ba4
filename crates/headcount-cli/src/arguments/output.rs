//! Flags about where the records go, and what is said meanwhile.

use std::path::PathBuf;

use clap::{ArgAction, Args};

use crate::output::{Form, SelectionArguments};
use crate::terminal::ColorChoice;

#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputFlags {
    /// Where to write the records: a file, or - for standard output; repeatable
    ///
    /// Its ending says the format: .json (an array in the order of the inputs; appears whole or not at all), .jsonl
    /// (a line as each record comes), .csv, .parquet, .sqlite or .db (to which the run is added), .xml (JUnit), .md,
    /// .html (a page that needs no network). Without -o, standard output gets a table on a terminal and JSON lines in
    /// a pipe. The journal is kept beside the first file.
    #[arg(short, long, value_name = "FILE", action = ArgAction::Append)]
    pub(crate) output: Vec<PathBuf>,
    /// The format, whatever the ending
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) format: Option<Form>,
    /// JSON lines, as --format jsonl
    #[arg(short = 'j', long, conflicts_with = "format")]
    pub(crate) jsonl: bool,
    #[command(flatten)]
    pub(crate) selection: SelectionArguments,
    /// Errors only: no progress, no summary
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// A line on standard error for every record that is not accepted
    #[arg(short, long, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
    /// No progress line
    #[arg(long)]
    pub(crate) no_progress: bool,
    /// When to use colour
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    pub(crate) color: ColorChoice,
}
