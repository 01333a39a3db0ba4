//! Records as files that people can use at once, and files as records again.
//!
//! [`write_all`] takes records in the order of the inputs and writes any number of files, each in the [`Format`] that
//! its ending says. [`RecordReader`] reads a finished output back, and [`Comparison`] two of them. Memory does not grow with the number of records,
//! whichever the format.
//!
//! ```
//! use headcount_outputs::{Format, Options, OutputFile, RecordReader, write_all};
//! # let folder = tempfile::tempdir()?;
//! # let (old, new) = (folder.path().join("run.jsonl"), folder.path().join("failures.csv"));
//! # std::fs::write(&old, "")?;
//!
//! let options = Options { condition: Some("failed or status_code >= 400".parse()?), ..Options::default() };
//! write_all(RecordReader::open(&old)?, &[OutputFile { path: new, format: Format::Csv, options }])?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod aggregates;
mod columns;
mod compare;
mod condition_tokens;
mod error;
mod fields;
mod format;
mod html;
pub mod json_text;
mod parts;
mod read;
mod replacement;
mod selection;
mod sorting;
mod verdict;
pub mod visible;
mod write;

pub use columns::{COLUMNS, Cell, Column, ColumnType};
pub use compare::{Change, ChangeKind, Changes, Comparison, Counts, Difference, Field, Ignored, TimeNoise};
pub use error::Error;
pub use fields::Fields;
pub use format::Format;
pub use read::{RecordReader, Source, headline_says_accepted};
pub use replacement::{put_in_place, remove_leftovers, temporary_beside};
pub use selection::{Where, WhereError};
pub use verdict::end;
pub use write::{Options, OutputFile, OutputWriter, publish, write_all};
