//! `headcount completions` and `headcount man`: what shells and manuals want to know, made from the command line itself.

use std::io;

use clap::Args;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::print;
use crate::arguments;
use crate::terminal::{Exit, Problem};

#[derive(Args, Debug)]
pub(crate) struct CompletionsArguments {
    /// The shell that is to complete flags and commands
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

#[derive(Args, Debug)]
pub(crate) struct ManArguments {
    /// The command that the page is about [default: headcount as a whole]
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
}

pub(crate) const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  source <(headcount completions bash)      in ~/.bashrc
  source <(headcount completions zsh)       in ~/.zshrc, behind compinit
  headcount completions fish | source       in ~/.config/fish/config.fish";

pub(crate) const MAN_EXAMPLES: &str = "\
Examples:
  headcount man check | man -l -
  headcount man > /usr/local/share/man/man1/headcount.1";

pub(crate) fn completions(arguments: &CompletionsArguments) -> Result<Exit, Problem> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut arguments::command(), "headcount", &mut script);
    print(script)
}

pub(crate) fn page(arguments: &ManArguments) -> Result<Exit, Problem> {
    let mut whole = arguments::command();
    // Only then do the commands know what they are called in full.
    whole.build();
    let command = match &arguments.command {
        None => &whole,
        Some(name) => whole.find_subcommand(name).ok_or_else(|| {
            let names: Vec<&str> = whole.get_subcommands().map(clap::Command::get_name).collect();
            Problem::usage(format!("unknown command {name}"), format!("it takes {}", names.join(", ")))
        })?,
    };
    let mut page = Vec::new();
    write_page(command, &mut page).map_err(|error| Problem::broken(&error.into()))?;
    print(page)
}

fn write_page(command: &clap::Command, page: &mut Vec<u8>) -> io::Result<()> {
    let man = Man::new(command.clone()).source(concat!("headcount ", env!("CARGO_PKG_VERSION")));
    man.render_title(page)?;
    man.render_name_section(page)?;
    let mut synopsis = Roff::new();
    synopsis.control("SH", ["SYNOPSIS"]);
    let usage = command.clone().render_usage().to_string();
    synopsis.text([roman(usage.trim_start_matches("Usage: "))]);
    synopsis.to_writer(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(page)?;
    }
    let rest = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    as_it_stands(&rest).to_writer(page)
}

/// Text whose lines are kept: a section for each `Heading:` and what is indented below it.
fn as_it_stands(text: &str) -> Roff {
    let mut roff = Roff::new();
    for line in text.lines() {
        match line.strip_suffix(':') {
            Some(heading) if !line.starts_with(' ') => {
                roff.control("fi", []).control("SH", [heading.to_uppercase().as_str()]).control("nf", []);
            }
            _ => {
                roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
            }
        }
    }
    roff
}
