//! The command line: the commands, and flags as the user writes them, checked. A file for each group of flags.

mod answer;
mod check;
mod connection;
mod limits;
mod names;
mod output;
mod politeness;
mod proxy;
mod refusal;
mod request;
mod retries;
mod tls;
mod values;

use std::ffi::OsString;

use clap::{Parser, Subcommand};

pub(crate) use self::check::CheckArguments;
pub(crate) use self::output::OutputFlags;
use self::refusal::Refusal;
pub(crate) use self::values::{at_least_one, duration, some_time};
use crate::commands::{demo, diff, journal, report};

/// One honest record for every URL.
#[derive(Debug, Parser)]
#[command(
    name = "headcount",
    version,
    args_override_self = true,
    arg_required_else_help = true,
    subcommand_required = true
)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ask every URL of a list, and write a record for each
    #[command(after_help = check::EXAMPLES)]
    Check(Box<CheckArguments>),
    /// Start a small web of good and bad hosts on this machine, and check it. Needs no network
    Demo(demo::DemoArguments),
    /// Make a report, or other formats, of finished outputs
    #[command(after_help = report::EXAMPLES)]
    Report(report::ReportArguments),
    /// Compare two runs: what broke, what healed, what changed
    #[command(after_help = diff::EXAMPLES)]
    Diff(diff::DiffArguments),
    /// Show what the journal of an unfinished run holds; verify or export it
    Journal(journal::JournalArguments),
    /// Print the JSON Schema of a record
    Schema,
}

pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Command, Refusal> {
    Ok(CommandLine::try_parse_from(arguments)?.command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        CommandLine::command().debug_assert();
    }
}
