//! Flags about what of the records is written, and how.

use clap::Args;
use headcount_outputs::{Fields, Options, Where};

use crate::arguments::at_least_one;

/// What of the records is written, and how.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct SelectionArguments {
    /// Fields to write, in this order: url,status_code,error.phase. JUnit's XML has none
    #[arg(long, value_name = "FIELDS")]
    pub(crate) fields: Option<Fields>,
    /// Write only records that meet a condition, such as 'status_code >= 400 or failed'
    #[arg(long = "where", value_name = "CONDITION")]
    pub(crate) condition: Option<Where>,
    /// In CSV, leave cells as they are that a spreadsheet would take for formulas
    #[arg(long)]
    pub(crate) raw_csv: bool,
    /// Rows that the table of an HTML page holds at most; those not accepted go first
    #[arg(long, value_name = "N", default_value = "100000", value_parser = at_least_one)]
    pub(crate) html_rows: Option<usize>,
    /// What reports are called [default: the names of the lists or files]
    #[arg(long, value_name = "TEXT")]
    pub(crate) title: Option<String>,
}

impl SelectionArguments {
    /// Whether what is written is more or less than whole records.
    pub(crate) fn is_partial(&self) -> bool {
        self.fields.is_some() || self.condition.is_some()
    }

    pub(crate) fn options(&self, default_title: &str) -> Options {
        let options = Options::default();
        Options {
            fields: self.fields.clone().unwrap_or_default(),
            condition: self.condition.clone(),
            raw_csv: self.raw_csv,
            html_rows: self.html_rows.unwrap_or(options.html_rows),
            title: self.title.clone().unwrap_or_else(|| default_title.to_owned()),
            run_name: None,
        }
    }
}
