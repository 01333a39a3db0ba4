//! Flags about the lists: where they are, and how they are read.

use std::ffi::OsString;

use clap::builder::NonEmptyStringValueParser;
use clap::{ArgAction, Args, ValueEnum, ValueHint};
use headcount::list::ListFormat;

#[derive(Args, Debug)]
#[command(next_help_heading = "Lists")]
pub(crate) struct ListFlags {
    /// Lists to read, URLs to ask, or - for standard input
    ///
    /// An INPUT that names an existing file is read as a list: one URL per line, without blank lines and lines that begin
    /// with #. Otherwise it is a URL; `example.com` means `https://example.com/`. With no INPUT, the list is read from
    /// standard input, unless that is a terminal.
    #[arg(value_name = "INPUT", value_hint = ValueHint::FilePath, help_heading = None::<&str>)]
    pub(crate) inputs: Vec<OsString>,
    /// A list to read, or - for standard input; repeatable
    ///
    /// These lists are read after the INPUTs, and the URLs of -u after these lists.
    #[arg(short, long = "list", value_name = "FILE", action = ArgAction::Append, value_hint = ValueHint::FilePath)]
    pub(crate) lists: Vec<OsString>,
    /// A URL to ask, whatever files there are; repeatable
    #[arg(short, long = "url", value_name = "URL", action = ArgAction::Append, value_hint = ValueHint::Url)]
    pub(crate) urls: Vec<OsString>,
    /// Format of the lists; gzip and zstd are recognised by themselves
    ///
    /// auto goes by a list's name (.csv, .tsv, .tab, .jsonl, .ndjson or .json, also with .gz or .zst behind it). If that
    /// says nothing, it goes by the first line: a JSON object, or the header of a CSV or TSV that has the column of the
    /// URLs; else there is a URL a line. CSV and TSV have a header. JSON lines are objects with a `url`, and optionally
    /// `method`, `headers` (an object) and `body` (text, or any JSON, which is sent as such). What else a list holds is
    /// carried into the records as `input_fields`.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) list_format: FormatChoice,
    /// The column, or the field of JSON lines, that holds the URL
    #[arg(long, value_name = "NAME", default_value = "url", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) column: String,
}

/// `--list-format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatChoice {
    /// By name or first line.
    #[default]
    Auto,
    /// A URL a line.
    Lines,
    /// Comma-separated values with a header.
    Csv,
    /// Tab-separated values with a header.
    Tsv,
    /// A JSON object a line.
    Jsonl,
}

impl FormatChoice {
    pub(crate) fn format(self) -> Option<ListFormat> {
        match self {
            FormatChoice::Auto => None,
            FormatChoice::Lines => Some(ListFormat::Lines),
            FormatChoice::Csv => Some(ListFormat::Csv),
            FormatChoice::Tsv => Some(ListFormat::Tsv),
            FormatChoice::Jsonl => Some(ListFormat::JsonLines),
        }
    }
}
