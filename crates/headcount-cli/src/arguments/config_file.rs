//! `--config FILE`: flags by their long names, in TOML. What stands there means what it would mean on the command line,
//! which has the last word.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::refusal::{Refusal, usage_problem};
use crate::terminal::Problem;

/// The flag's own name.
const CONFIG: &str = "config";

#[derive(Args, Debug)]
pub(crate) struct ConfigFlags {
    /// A file with flags by their long names, in TOML; those on the command line win
    ///
    /// `timeout = "5s"`, `robots = true`, `header = ["X-One: 1", "X-Two: 2"]`. A flag that stands on the command line too
    /// has only what stands there. Names of files are relative to the folder where headcount is run. No file is read that is
    /// not named.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigFlags {
    /// The file that was read.
    pub(super) fn file(&self) -> Option<&Path> {
        self.config.as_deref()
    }
}

/// The command line with the flags of its configuration file, if it names one.
pub(super) fn complete(
    command: &mut Command,
    line: Vec<OsString>,
    matches: ArgMatches,
) -> Result<ArgMatches, Refusal> {
    let Some((name, given)) = matches.subcommand() else { return Ok(matches) };
    let Ok(Some(file)) = given.try_get_one::<PathBuf>(CONFIG) else { return Ok(matches) };
    let flags = flags(command, name, file).map_err(Refusal::Problem)?;
    let subcommand = command.find_subcommand(name).expect("it was found before");
    let is_given = |arg: &Arg| given.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
    let given: Vec<&Arg> = subcommand.get_arguments().filter(|arg| is_given(arg)).collect();
    let wanted = flags.into_iter().filter(|flag| {
        let arg =
            subcommand.get_arguments().find(|arg| *arg.get_id() == flag.id).expect("it was found before");
        !given.iter().any(|given| excludes(subcommand, given, arg))
    });
    // Behind the names of the program and the command.
    let mut whole = line;
    let own = whole.split_off(2);
    whole.extend(wanted.flat_map(|flag| flag.words).map(OsString::from));
    whole.extend(own);
    let name = name.to_owned();
    command.try_get_matches_from_mut(whole).map_err(|error| {
        Refusal::Problem(usage_problem(&error, Some(&name)).with_prefix(&format!("{}: ", file.display())))
    })
}

/// Whether the flag of a file has no say because of one of the command line.
fn excludes(command: &Command, given: &Arg, flag: &Arg) -> bool {
    let conflicts = |one, other: &Arg| {
        command.get_arg_conflicts_with(one).iter().any(|conflict| conflict.get_id() == other.get_id())
    };
    given.get_id() == flag.get_id() || conflicts(given, flag) || conflicts(flag, given)
}

/// A flag as a file has it.
struct Flag {
    id: clap::Id,
    /// As they would stand on the command line.
    words: Vec<String>,
}

/// The flags of a file, each checked by itself.
fn flags(command: &mut Command, name: &str, file: &Path) -> Result<Vec<Flag>, Problem> {
    let text = fs::read_to_string(file).map_err(|error| {
        let message = format!("cannot read {}: {error}", file.display());
        Problem::usage(message, "--config takes a file in TOML, such as: timeout = \"5s\"")
    })?;
    let at = |start: usize| {
        let line = text[..start.min(text.len())].matches('\n').count() + 1;
        format!("{}, line {line}: ", file.display())
    };
    let table = DeTable::parse(&text).map_err(|error| {
        let place = at(error.span().map_or(0, |span| span.start));
        Problem::usage(format!("{place}{}", error.message()), "write it in TOML, such as: timeout = \"5s\"")
    })?;
    let mut entries: Vec<_> = table.into_inner().into_iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let mut flags = Vec::new();
    for (key, value) in entries {
        let flag = flag(command, name, key.get_ref(), &value);
        flags.push(flag.map_err(|problem| problem.with_prefix(&at(key.span().start)))?);
    }
    Ok(flags)
}

fn flag(
    command: &mut Command,
    name: &str,
    long: &str,
    value: &Spanned<DeValue<'_>>,
) -> Result<Flag, Problem> {
    let subcommand = command.find_subcommand(name).expect("it was found before");
    let known = subcommand.get_arguments().find(|arg| arg.get_long() == Some(long));
    if known.is_some_and(|arg| arg.get_id() == CONFIG || matches!(arg.get_action(), ArgAction::Help)) {
        return Err(Problem::usage(format!("{long} is for the command line"), "take it out of the file"));
    }
    let by_letter = subcommand.get_arguments().find(|arg| {
        arg.get_short().is_some_and(|letter| long.strip_prefix(letter).is_some_and(str::is_empty))
    });
    if let Some(meant) = by_letter.and_then(Arg::get_long) {
        let message = format!("{long:?} is no flag by its long name");
        return Err(Problem::usage(message, format!("did you mean {meant}?")));
    }
    let (id, words) = match known {
        Some(arg) => (Some(arg.get_id().clone()), words(arg, long, value.get_ref())?),
        // Refused by the command line's own rules, which know what may be meant.
        None => (None, vec![format!("--{long}")]),
    };
    let alone = ["headcount", name].into_iter().chain(words.iter().map(String::as_str));
    match (command.try_get_matches_from_mut(alone), id) {
        (Ok(_), Some(id)) => Ok(Flag { id, words }),
        // Whether what it needs is there shows with all flags together.
        (Err(error), Some(id)) if error.kind() == ErrorKind::MissingRequiredArgument => {
            Ok(Flag { id, words })
        }
        (Ok(_), None) => Err(Problem::usage(format!("{long:?} is no flag"), "take it out of the file")),
        (Err(error), _) => Err(usage_problem(&error, Some(name))),
    }
}

/// A flag and its value as words of a command line.
fn words(arg: &Arg, long: &str, value: &DeValue<'_>) -> Result<Vec<String>, Problem> {
    let wrong = |what: &str, example: &str| {
        Problem::usage(format!("{long} takes {what}"), format!("write {long} = {example}"))
    };
    let is_optional = arg.get_num_args().is_some_and(|range| range.min_values() == 0);
    let takes_values = arg.get_action().takes_values();
    let with = |value: &DeValue<'_>| scalar(value).map(|value| format!("--{long}={value}"));
    match value {
        DeValue::Boolean(true) if !takes_values || is_optional => Ok(vec![format!("--{long}")]),
        DeValue::Boolean(false) if !takes_values || is_optional => Ok(Vec::new()),
        _ if !takes_values => Err(wrong("true or false", "true")),
        DeValue::Array(values) if matches!(arg.get_action(), ArgAction::Append) => {
            let words: Option<_> = values.iter().map(|value| with(value.get_ref())).collect();
            words.ok_or_else(|| wrong("a list of texts", "[\"one\", \"another\"]"))
        }
        value => with(value).map(|word| vec![word]).ok_or_else(|| wrong("text or a number", "\"…\"")),
    }
}

fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.clone().into_owned()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).ok().map(|number| number.to_string())
        }
        DeValue::Float(number) => number.as_str().parse().ok().map(|number: f64| number.to_string()),
        DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, FromArgMatches};

    use super::super::{Command as Parsed, CommandLine};
    use super::*;

    /// One of these is a value of every flag that takes one, and not its default.
    const SAMPLES: &[&str] = &[
        "404",
        "1s",
        "x",
        "a.example:1",
        "X-One: 1",
        "url",
        "failed",
        "all",
        "127.0.0.1",
        "price=b",
        "sha256",
        "a.example:80:127.0.0.1",
    ];

    /// The flags that a command line leads to, but for the file itself.
    fn parsed(words: &[String]) -> Option<String> {
        let mut command = CommandLine::command();
        command.build();
        let line: Vec<_> =
            ["headcount", "check"].into_iter().chain(words.iter().map(String::as_str)).collect();
        let line: Vec<OsString> = line.into_iter().map(OsString::from).collect();
        let matches = command.try_get_matches_from_mut(&line).ok()?;
        let matches = complete(&mut command, line, matches).ok()?;
        let Parsed::Check(mut arguments) = CommandLine::from_arg_matches(&matches).ok()?.command else {
            return None;
        };
        arguments.config.config = None;
        Some(format!("{arguments:?}"))
    }

    #[test]
    fn every_flag_can_stand_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("headcount.toml");
        let mut command = CommandLine::command();
        command.build();
        let check = command.find_subcommand("check").unwrap();
        let flags: Vec<&Arg> = check.get_arguments().filter(|arg| arg.get_long().is_some()).collect();
        assert!(flags.len() > 40);
        let by_default = parsed(&[]).unwrap();
        for flag in flags {
            let long = flag.get_long().unwrap();
            if ["config", "help"].contains(&long) {
                continue;
            }
            let possible = flag.get_possible_values();
            // A flag may need another.
            let companion = if long == "key" { Some("cert") } else { None };
            let samples = possible.iter().map(|value| value.get_name()).chain(SAMPLES.iter().copied());
            let values: Vec<(String, String)> = match flag.get_action().takes_values() {
                false => vec![(format!("--{long}"), "true".to_owned())],
                true => samples.map(|value| (format!("--{long}={value}"), format!("{value:?}"))).collect(),
            };
            let other = values.iter().find_map(|(word, value)| {
                let companion = companion.map(|long| format!("--{long}=x"));
                let words: Vec<String> = companion.into_iter().chain([word.clone()]).collect();
                let parsed = parsed(&words).filter(|parsed| *parsed != by_default)?;
                Some((parsed, value))
            });
            let (expected, value) = other.unwrap_or_else(|| panic!("no sample changes --{long}; add one"));
            let companion = companion.map(|long| format!("{long} = \"x\"\n")).unwrap_or_default();
            fs::write(&file, format!("{companion}{long} = {value}\n")).unwrap();
            assert_eq!(
                parsed(&["--config".to_owned(), file.display().to_string()]),
                Some(expected),
                "{long}"
            );
        }
    }
}
