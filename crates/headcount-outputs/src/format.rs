//! The formats of outputs, and the endings that say them.

use std::path::Path;

/// A format in which records are written to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// `.json`: an array of records.
    Json,
    /// `.jsonl`, `.ndjson`: a record a line.
    JsonLines,
    /// `.csv`: as RFC 4180 has it, with a header.
    Csv,
    /// `.parquet`: typed columns, compressed.
    Parquet,
    /// `.sqlite`, `.db`: a database to which every run is added.
    Sqlite,
    /// `.xml`: JUnit's, for CI systems.
    Junit,
    /// `.md`: a summary with the records that were not accepted.
    Markdown,
    /// `.html`: a page with charts and a table, which needs no network.
    Html,
}

impl Format {
    /// Every format.
    pub const ALL: &[Format] = &[
        Format::Json,
        Format::JsonLines,
        Format::Csv,
        Format::Parquet,
        Format::Sqlite,
        Format::Junit,
        Format::Markdown,
        Format::Html,
    ];

    /// The format that the ending of a file's name says, in whatever case.
    pub fn of_path(path: &Path) -> Option<Format> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        Format::ALL.iter().copied().find(|format| format.endings().contains(&ending.as_str()))
    }

    /// What it is called in one word.
    pub fn name(self) -> &'static str {
        match self {
            Format::Json => "json",
            Format::JsonLines => "jsonl",
            Format::Csv => "csv",
            Format::Parquet => "parquet",
            Format::Sqlite => "sqlite",
            Format::Junit => "junit",
            Format::Markdown => "markdown",
            Format::Html => "html",
        }
    }

    /// What it is, in a few words for people.
    pub fn description(self) -> &'static str {
        match self {
            Format::Json => "An array in the order of the inputs, whole or not at all",
            Format::JsonLines => "A JSON object a line, as the records come",
            Format::Csv => "RFC 4180, to a file",
            Format::Parquet => "Typed columns, to a file",
            Format::Sqlite => "A run in a database, which may be there already",
            Format::Junit => "XML for CI systems, to a file",
            Format::Markdown => "A summary, to a file",
            Format::Html => "A page with charts, to a file",
        }
    }

    /// The endings that say it, the usual one first.
    pub fn endings(self) -> &'static [&'static str] {
        match self {
            Format::Json => &["json"],
            Format::JsonLines => &["jsonl", "ndjson"],
            Format::Csv => &["csv"],
            Format::Parquet => &["parquet"],
            Format::Sqlite => &["sqlite", "db", "sqlite3"],
            Format::Junit => &["xml"],
            Format::Markdown => &["md"],
            Format::Html => &["html", "htm"],
        }
    }
}
