//! The command line: the commands, and flags as the user writes them, checked. A file for each group of flags.

mod answer;
mod check;
mod config_file;
mod connection;
mod learning;
mod limits;
mod lists;
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

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

pub(crate) use self::check::CheckArguments;
pub(crate) use self::lists::ListFlags;
pub(crate) use self::output::OutputFlags;
use self::refusal::Refusal;
pub(crate) use self::values::{at_least_one, duration, some_time};
use crate::commands::{demo, diff, journal, manual, report};

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
    /// Print a shell's completions
    #[command(after_help = manual::COMPLETIONS_EXAMPLES)]
    Completions(manual::CompletionsArguments),
    /// Print a page of the manual
    #[command(after_help = manual::MAN_EXAMPLES)]
    Man(manual::ManArguments),
}

/// All commands and flags.
pub(crate) fn command() -> clap::Command {
    CommandLine::command().mut_subcommands(|command| {
        command.mut_args(|arg| {
            // `--timeout -5` is a wrong value, and not an unknown flag.
            let takes_value = arg.get_long().is_some() && arg.get_action().takes_values();
            if takes_value { arg.allow_negative_numbers(true) } else { arg }
        })
    })
}

/// The same, with so many flags less in what `-h` shows that it is taken in at a glance.
fn command_at_a_glance() -> clap::Command {
    command().mut_subcommand("check", |check| {
        check.mut_args(|arg| {
            let is_essential = arg.get_long().is_none_or(|long| check::ESSENTIAL.contains(&long));
            arg.hide_short_help(!is_essential)
        })
    })
}

pub(crate) fn parse(line: impl Iterator<Item = OsString>) -> Result<Command, Refusal> {
    let mut command = command_at_a_glance();
    let line: Vec<OsString> = line.collect();
    let name = line.get(1).and_then(|word| word.to_str());
    let name = name.filter(|name| command.find_subcommand(name).is_some()).map(str::to_owned);
    let refusal = |error| Refusal::new(error, name.as_deref());
    let matches = command.try_get_matches_from_mut(&line).map_err(refusal)?;
    let matches = config_file::complete(&mut command, line, matches)?;
    Ok(CommandLine::from_arg_matches(&matches).map_err(refusal)?.command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }
}
