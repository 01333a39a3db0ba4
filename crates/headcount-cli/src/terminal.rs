//! What may reach a terminal: messages of ours, and text from the network with its control characters made visible.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::ValueEnum;

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
        Problem { exit: Exit::Broken, message: format!("{error:#}"), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Problem {
        self.hint = Some(hint.into());
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

/// A line on standard error: `error: …`, `hint: …`, `warning: …`, `note: …`.
pub(crate) fn say(label: &str, message: &str) {
    // Nobody is left to tell if standard error is gone.
    let _ = writeln!(io::stderr().lock(), "{label}: {}", shown(message));
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

/// The text with everything escaped that a terminal would obey or that would show it in another order: C0 and C1
/// controls, bidirectional and other invisible format characters.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_dangerous) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            _ if !is_dangerous(character) => escaped.push(character),
            '\0'..='\u{ff}' => {
                let _ = write!(escaped, "\\x{:02x}", u32::from(character));
            }
            _ => {
                let _ = write!(escaped, "\\u{{{:x}}}", u32::from(character));
            }
        }
    }
    Cow::Owned(escaped)
}

pub(crate) fn is_dangerous(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A time with the digits that matter: `0.4 ms`, `31 ms`, `1.24 s`.
pub(crate) fn time(seconds: f64) -> String {
    match seconds {
        ..0.01 => format!("{:.1} ms", seconds * 1e3),
        ..0.9995 => format!("{:.0} ms", seconds * 1e3),
        _ => format!("{seconds:.2} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_digits_that_matter() {
        let cases =
            [(0.0004, "0.4 ms"), (0.0312, "31 ms"), (0.9994, "999 ms"), (1.0, "1.00 s"), (61.234, "61.23 s")];
        for (seconds, expected) in cases {
            assert_eq!(time(seconds), expected);
        }
    }

    #[test]
    fn what_a_terminal_would_obey_is_made_visible() {
        assert_eq!(shown("Bücher, 書 & עברית"), "Bücher, 書 & עברית");
        assert_eq!(shown("a\x1b[2Jb\r\n\x07\x7f"), "a\\x1b[2Jb\\x0d\\x0a\\x07\\x7f");
        assert_eq!(shown("\u{9b}31m\u{202e}x\u{2066}\u{200b}"), "\\x9b31m\\u{202e}x\\u{2066}\\u{200b}");
        for code in (0..0x20).chain(0x7f..0xa0) {
            let character = char::from_u32(code).unwrap().to_string();
            assert!(!shown(&character).contains(char::is_control), "U+{code:04X}");
        }
    }
}
