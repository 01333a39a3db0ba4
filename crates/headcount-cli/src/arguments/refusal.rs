//! A command line that leads to no run: what clap found, in our words.

use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::terminal::{Exit, Problem};

/// A command line that leads to no run: something to fix, or help that was asked for.
pub(crate) enum Refusal {
    Problem(Problem),
    Shown(Box<clap::Error>),
}

impl Refusal {
    pub(crate) fn print(self) -> std::process::ExitCode {
        match self {
            Refusal::Problem(problem) => problem.print().into(),
            Refusal::Shown(text) => {
                let is_help_wanted = !text.use_stderr();
                // Nobody is left to tell if standard output is gone.
                let _ = text.print();
                if is_help_wanted { Exit::Accepted } else { Exit::Usage }.into()
            }
        }
    }
}

impl Refusal {
    /// What clap found in the flags of a command or, without one, in the line as a whole.
    pub(super) fn new(error: clap::Error, command: Option<&str>) -> Refusal {
        match error.kind() {
            ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Refusal::Shown(Box::new(error)),
            _ => Refusal::Problem(usage_problem(&error, command)),
        }
    }
}

/// clap's finding in our words: what is wrong, then what to do.
pub(super) fn usage_problem(error: &clap::Error, command: Option<&str>) -> Problem {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    };
    // Of several, clap puts the likeliest last.
    let last = |kind| match error.get(kind) {
        Some(ContextValue::Strings(texts)) => texts.last().cloned().unwrap_or_default(),
        _ => text(kind),
    };
    let bare = |flag: String| flag.split([' ', '[']).next().unwrap_or_default().to_owned();
    let flag = bare(text(ContextKind::InvalidArg));
    let message = match error.kind() {
        ErrorKind::UnknownArgument if flag.starts_with('-') => format!("unknown flag {flag}"),
        ErrorKind::UnknownArgument => format!("{flag} is one word too many"),
        ErrorKind::TooManyValues => format!("{flag} takes no value"),
        ErrorKind::InvalidSubcommand => format!("unknown command {}", text(ContextKind::InvalidSubcommand)),
        ErrorKind::InvalidValue if text(ContextKind::InvalidValue).is_empty() => {
            format!("{flag} needs a value")
        }
        ErrorKind::InvalidValue => {
            let value = text(ContextKind::InvalidValue);
            format!("{value:?} is no value for {flag}; it takes {}", text(ContextKind::ValidValue))
        }
        ErrorKind::ValueValidation => {
            let reason = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            format!("{:?} is no value for {flag}: {reason}", text(ContextKind::InvalidValue))
        }
        ErrorKind::MissingRequiredArgument => format!("{} is missing", text(ContextKind::InvalidArg)),
        ErrorKind::ArgumentConflict => {
            format!("{flag} cannot be used with {}", bare(text(ContextKind::PriorArg)))
        }
        _ => error.to_string().trim_start_matches("error: ").lines().next().unwrap_or_default().to_owned(),
    };
    let suggestion = last(ContextKind::SuggestedArg) + &last(ContextKind::SuggestedSubcommand);
    let unknown = text(ContextKind::InvalidSubcommand);
    let hint = match command {
        _ if !suggestion.is_empty() => format!("did you mean {suggestion}?"),
        None if is_input(&unknown) => format!("did you mean: headcount check {unknown}?"),
        None => "`headcount --help` shows every command".to_owned(),
        Some(command) => format!("`headcount {command} --help` shows every flag and what it takes"),
    };
    Problem::usage(message, hint)
}

/// Whether what stands in the place of a command is a list or a URL: no command has a dot, a colon or a slash in its name.
fn is_input(word: &str) -> bool {
    word.contains(['.', ':', '/']) || Path::new(word).is_file()
}
