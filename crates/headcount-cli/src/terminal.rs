//! What may reach a terminal: messages of ours, and text from the network with its control characters made visible.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::ValueEnum;
use headcount::Request;
pub(crate) use headcount_outputs::visible::{shown, time};

/// What the exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Every record was accepted.
    Accepted = 0,
    /// The run could not go on.
    Broken = 1,
    /// Some record was not accepted.
    NotAccepted = 2,
    /// The command line, or a file that it names, cannot be used.
    Usage = 3,
    /// The run was interrupted.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Why the command ends, and what the user can do about it.
#[derive(Debug)]
pub(crate) struct Problem {
    exit: Exit,
    message: String,
    hint: Option<String>,
}

impl Problem {
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Problem {
        Problem { exit: Exit::Usage, message: message.into(), hint: Some(hint.into()) }
    }

    pub(crate) fn broken(error: &anyhow::Error) -> Problem {
        Problem { exit: Exit::Broken, message: whole(error), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Problem {
        self.hint = Some(hint.into());
        self
    }

    /// The same, and where it stands.
    pub(crate) fn with_prefix(mut self, place: &str) -> Problem {
        self.message.insert_str(0, place);
        self
    }

    /// The same, with the exit code of a command line that cannot be used.
    pub(crate) fn into_usage(mut self) -> Problem {
        self.exit = Exit::Usage;
        self
    }

    /// Says it on standard error.
    pub(crate) fn print(self) -> Exit {
        say("error", &self.message);
        if let Some(hint) = &self.hint {
            say("hint", hint);
        }
        self.exit
    }
}

/// An error with its causes, but for those that its own words hold already.
pub(crate) fn whole(error: &anyhow::Error) -> String {
    let mut message = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !message.ends_with(&cause) {
            message = format!("{message}: {cause}");
        }
    }
    message
}

/// A line on standard error: `error: …`, `hint: …`, `warning: …`, `note: …`.
pub(crate) fn say(label: &str, message: &str) {
    // Nobody is left to tell if standard error is gone.
    let _ = writeln!(io::stderr().lock(), "{label}: {}", shown(&without_passwords(message)));
}

/// A message that repeats what the user wrote, which may have been a URL in the wrong place.
fn without_passwords(message: &str) -> String {
    let word = |word: &str| match word.rsplit_once('@') {
        Some((before, _)) if before.contains(':') => {
            let bare = word.trim_start_matches(['"', '\'', '(']);
            let quote = &word[..word.len() - bare.len()];
            let blank = if bare.ends_with(' ') { " " } else { "" };
            format!("{quote}{}{blank}", Request::new(bare).input())
        }
        _ => word.to_owned(),
    };
    message.split_inclusive(' ').map(word).collect()
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// At a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl ColorChoice {
    pub(crate) fn is_on(self, stream: &impl IsTerminal) -> bool {
        match self {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                stream.is_terminal()
                    && !is_unwanted
                    && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
            }
        }
    }
}

/// Colours by meaning; empty strings where there is no colour.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Palette {
    pub(crate) good: &'static str,
    pub(crate) bad: &'static str,
    pub(crate) faint: &'static str,
    pub(crate) strong: &'static str,
    pub(crate) reset: &'static str,
}

impl Palette {
    pub(crate) fn new(is_on: bool) -> Palette {
        match is_on {
            true => Palette {
                good: "\x1b[32m",
                bad: "\x1b[31m",
                faint: "\x1b[2m",
                strong: "\x1b[1m",
                reset: "\x1b[0m",
            },
            false => Palette { good: "", bad: "", faint: "", strong: "", reset: "" },
        }
    }
}
