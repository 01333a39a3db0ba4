//! The commands, one file each.

mod check;
mod compare;
pub(crate) mod demo;
pub(crate) mod diff;
pub(crate) mod journal;
pub(crate) mod manual;
pub(crate) mod report;
mod running;

use std::io::Write;

use crate::arguments::Command;
use crate::terminal::{Exit, Problem};

pub(crate) fn run(command: Command) -> Result<Exit, Problem> {
    match command {
        Command::Check(arguments) => check::run(&arguments),
        Command::Demo(arguments) => match arguments.compare {
            Some(call_takes) => compare::run(&arguments, call_takes),
            None => demo::run(&arguments),
        },
        Command::Report(arguments) => report::run(&arguments),
        Command::Diff(arguments) => diff::run(&arguments),
        Command::Journal(arguments) => journal::run(&arguments),
        Command::Schema => {
            let schema = serde_json::to_string_pretty(&headcount::record::json_schema());
            print(&(schema.map_err(|error| Problem::broken(&error.into()))? + "\n"))
        }
        Command::Completions(arguments) => manual::completions(&arguments),
        Command::Man(arguments) => manual::page(&arguments),
    }
}

/// Writes data to standard output. A reader that has seen enough is no trouble.
fn print(data: impl AsRef<[u8]>) -> Result<Exit, Problem> {
    match std::io::stdout().write_all(data.as_ref()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Problem::broken(&error.into())),
        _ => Ok(Exit::Accepted),
    }
}
