//! The commands, one file each.

mod check;
mod compare;
pub(crate) mod demo;
pub(crate) mod diff;
pub(crate) mod journal;
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
            let text = schema.map_err(|error| Problem::broken(&error.into()))?;
            match writeln!(std::io::stdout(), "{text}") {
                Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                    Err(Problem::broken(&error.into()))
                }
                _ => Ok(Exit::Accepted),
            }
        }
    }
}
