//! Flags about what is learnt of an answer and written into its record.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};
use headcount::Config;
use headcount::probe::Extraction;
use http::HeaderName;

use crate::terminal::Problem;

#[derive(Args, Debug)]
#[command(next_help_heading = "What to learn")]
pub(crate) struct LearningFlags {
    /// Copy this header field of the answer into the record's `header_fields`; repeatable
    #[arg(long, value_name = "NAME", action = ArgAction::Append, value_parser = header_name)]
    header_field: Vec<HeaderName>,
    /// Extract a value from the body into the record's `extracted`; repeatable
    ///
    /// `price=.price` is a CSS selector and finds the text of its first match; `next=a.next@href` finds an attribute;
    /// `id=/items/0/id` is a JSON pointer; `version=re:v([0-9.]+)` is a regular expression and finds its first group.
    /// What is not there is null.
    #[arg(long, value_name = "NAME=WAY", action = ArgAction::Append)]
    extract: Vec<Extraction>,
    /// Put the body's hash into the record, as `body_sha256`
    #[arg(long, value_name = "NAME")]
    hash: Option<Hash>,
    /// Save bodies in this folder; each record names its file in `body_file`
    ///
    /// The folder is made if it is not there. Bodies are saved as far as they were read (--max-body), without content
    /// codings, under names made of index, host and path. Each file is whole or absent. Files that begin with
    /// .headcount- belong to a run that was killed; the next run with the same outputs removes them.
    #[arg(long, value_name = "DIR")]
    body_dir: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Hash {
    Sha256,
}

impl LearningFlags {
    pub(super) fn set(&self, config: &mut Config) -> Result<(), Problem> {
        config.header_fields = self.header_field.clone();
        config.extract = self.extract.clone();
        config.hash_body = matches!(self.hash, Some(Hash::Sha256));
        if let Some(folder) = &self.body_dir {
            std::fs::create_dir_all(folder).map_err(|error| {
                let message = format!("cannot make the folder {}: {error}", folder.display());
                Problem::usage(message, "--body-dir takes a folder to keep bodies in")
            })?;
            config.body_dir = Some(folder.as_path().into());
        }
        Ok(())
    }
}

fn header_name(text: &str) -> Result<HeaderName, String> {
    text.parse().map_err(|_| "it is no name of a header field".to_owned())
}
