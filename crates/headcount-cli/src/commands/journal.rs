//! `headcount journal`: what the journal of an unfinished run holds.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use headcount_journal::{Damage, Folder, Found, InOrder, Unfinished, look};

use crate::output::{replace, write_records};
use crate::progress::thousands;
use crate::terminal::{Exit, Problem, say, shown};

/// `headcount journal`.
#[derive(Args, Debug)]
pub(crate) struct JournalArguments {
    /// The folder of the journal: that of report.json is report.json.headcount
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
    /// Read every line, whatever a checkpoint says; exit 1 if any is damaged
    #[arg(long)]
    pub(crate) verify: bool,
    /// Write the records so far to a file, .json or .jsonl, or to - as JSON lines; exit 1 if any is damaged
    #[arg(long, value_name = "FILE")]
    pub(crate) export: Option<PathBuf>,
}

pub(crate) fn run(arguments: &JournalArguments) -> Result<Exit, Problem> {
    let broken = |error: headcount_journal::Error| Problem::broken(&error.into());
    let folder = Folder::open(&arguments.folder).map_err(|error| {
        let hint = match error.is_locked() {
            true => "wait for it to end",
            false => "the journal of report.json is the folder report.json.headcount beside it",
        };
        broken(error).hint(hint).into_usage()
    })?;
    match look(&folder, arguments.verify).map_err(broken)? {
        Found::Nothing => tell("nothing was written yet\n").map(|()| Exit::Accepted),
        Found::Unreadable(found) => {
            tell(&("nothing of it can be read\n".to_owned() + &damage_lines(&found.damage)))?;
            Ok(Exit::Broken)
        }
        Found::Ended(_) => {
            tell("the run has come to its end; --resume removes what is left of its journal\n")
                .map(|()| Exit::Accepted)
        }
        Found::Unfinished(found) => {
            if let Some(file) = &arguments.export {
                let read = export(&folder, &found, file)?;
                let is_damaged = read.is_damaged || found.damage.iter().any(|damage| !damage.is_torn);
                if is_damaged {
                    let message =
                        "some records are damaged, and missing in what was exported; --verify shows where";
                    say("error", message);
                    return Ok(Exit::Broken);
                }
            } else {
                tell(&description(&found))?;
            }
            Ok(if arguments.verify && !found.damage.is_empty() { Exit::Broken } else { Exit::Accepted })
        }
    }
}

fn description(found: &Unfinished) -> String {
    let (mut text, state) = (String::new(), &found.state);
    let mut line = |name: &str, value: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<12} {}", shown(&value));
    };
    for (number, input) in found.manifest.inputs.iter().enumerate() {
        let read = match state.inputs().get(&(number as u64)) {
            Some(extent) if extent.is_whole => {
                format!(", read to its end ({} bytes)", thousands(extent.bytes))
            }
            Some(extent) => format!(", {} bytes read", thousands(extent.bytes)),
            None => String::new(),
        };
        line("input", format!("{input}{read}"));
    }
    for (name, value) in &found.manifest.options {
        line("option", format!("{name} {value}"));
    }
    line("done", thousands(state.done().len()));
    line("in doubt", thousands(state.in_doubt().len() as u64));
    match found.damage.is_empty() {
        true => line("damage", "none".to_owned()),
        false => text += &damage_lines(&found.damage),
    }
    text
}

fn damage_lines(damage: &[Damage]) -> String {
    let line = |damage: &Damage| {
        let what = if damage.is_torn { "torn" } else { "damaged" };
        format!("{what:<12} {} bytes from {} of {}\n", damage.length, damage.offset, damage.file)
    };
    damage.iter().map(line).collect()
}

fn export(folder: &Folder, found: &Unfinished, file: &Path) -> Result<InOrder, Problem> {
    let cannot = |error: io::Error| {
        Problem::broken(&anyhow::Error::new(error).context(format!("cannot write {}", file.display())))
    };
    let table = tempfile::tempfile().map_err(cannot)?;
    let reader = found.reader(folder);
    if file == Path::new("-") {
        return write_records(io::stdout(), false, &reader, &table).map_err(cannot);
    }
    let is_array = match file.extension().and_then(|extension| extension.to_str()) {
        Some("json") => true,
        Some("jsonl" | "ndjson") => false,
        _ => {
            let message = format!("the ending of {} does not say a format", file.display());
            return Err(Problem::usage(message, "use .json or .jsonl"));
        }
    };
    let mut read = InOrder::default();
    let written = replace(file, |target| {
        read = write_records(target, is_array, &reader, &table)?;
        Ok(())
    });
    written.map(|()| read).map_err(cannot)
}

fn tell(text: &str) -> Result<(), Problem> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Problem::broken(&error.into())),
        _ => Ok(()),
    }
}
