//! `headcount check`: a record for every URL.

use std::io;
use std::path::{Path, PathBuf};

use console::Term;
use headcount::{Config, Engine, Error, Request};

use super::running::{Finished, Run};
use crate::arguments::CheckArguments;
use crate::inputs::{self, Input};
use crate::journal::{self, Opened};
use crate::output::{Output, Patience, Place};
use crate::progress::ProgressLine;
use crate::report::Report;
use crate::terminal::{ColorChoice, Exit, Palette, Problem, say};

/// With fewer descriptors there is no event loop, or none that can ask.
const FEWEST_DESCRIPTORS: u64 = 24;

/// Descriptors that are not connections: standard streams, lists, outputs, the event loop, name servers.
const DESCRIPTORS_KEPT_BACK: usize = 40;

/// An event loop's own descriptors.
const DESCRIPTORS_PER_LOOP: usize = 5;

/// Sockets that resolving a name may need: one for each kind of address, and again when it asks again.
const DESCRIPTORS_PER_LOOKUP: usize = 4;

pub(crate) fn run(arguments: &CheckArguments) -> Result<Exit, Problem> {
    let mut config = arguments.config()?;
    config.body_owner = journal::body_owner(&arguments.output.output).into();
    let inputs = inputs::open(&arguments.lists, &arguments.list_options())?;
    fit_to_descriptors(&mut config, 1, arguments.output.quiet)?;
    let engine = Engine::new(config)
        .map_err(|error| Problem::broken(&error.into()).hint("see `headcount check --help`").into_usage())?;
    let Prepared { engine, output, requests } = match prepare(arguments, engine, inputs)? {
        Ok(prepared) => prepared,
        Err(exit) => return Ok(exit),
    };
    let options = &arguments.output;
    let (is_quiet, color, place) = (options.quiet, options.color, options.output.clone());
    let explain = engine.config().explain.clone();
    let finished = Run {
        start: move || engine.try_run(requests),
        output,
        progress: ProgressLine::new(!options.quiet && !options.no_progress, options.quiet),
        grace: arguments.limits.grace,
        is_verbose: options.verbose,
    }
    .finish(move |finished| {
        let is_wanted = !is_quiet && !finished.reader_left;
        is_wanted.then(|| report(finished, explain.as_deref(), color, &place))
    })?;
    exit(&finished, is_quiet)
}

/// All that a run needs.
struct Prepared {
    engine: Engine,
    output: Output,
    requests: Box<dyn Iterator<Item = Result<Request, Error>> + Send>,
}

/// Opens the output, with its journal if it has one. `Err` is the exit code of an earlier run that has left nothing to do.
fn prepare(
    arguments: &CheckArguments,
    engine: Engine,
    inputs: Vec<Input>,
) -> Result<Result<Prepared, Exit>, Problem> {
    let place = Place::new(&arguments.output, &inputs, &arguments.files())?;
    let list_options = arguments.list_options();
    let Some((file, form)) = place.file_with_journal().filter(|_| !arguments.journal.no_journal) else {
        arguments.journal.refuse_without_journal()?;
        // What a pipe may still show to be no list leaves the output as it was.
        let sources = inputs::sources(inputs, &list_options)?;
        let patience = Patience::new(arguments.journal.local_wait);
        let output = Output::open(&place, arguments.output.color, patience)?;
        return Ok(Ok(Prepared { engine, output, requests: Box::new(inputs::requests(sources)) }));
    };
    Output::check(&place)?;
    let written = (form, &arguments.output.selection);
    let opening =
        match journal::open(&arguments.journal, engine.config(), &list_options, written, file, inputs)? {
            Opened::Run(opening) => *opening,
            Opened::Ended(exit) => {
                if let Some(missing) = place.missing_file() {
                    let message =
                        format!("{} is complete, and {} is not there", file.display(), missing.display());
                    return Err(Problem::usage(
                        message,
                        "headcount report makes it of the other, if that has all records",
                    ));
                }
                if !arguments.output.quiet {
                    say("note", &format!("{} is complete; nothing was asked", file.display()));
                }
                return Ok(Err(exit));
            }
        };
    // A row of a list may name a method that is not safe.
    let engine = opening.keeper.note_intents(engine)?;
    let requests = Box::new(journal::requests(opening.sources, opening.rest));
    let output = Output::with_journal(&place, arguments.output.color, file, opening.keeper)?;
    Ok(Ok(Prepared { engine, output, requests }))
}

/// The exit code, or the problem that ended the run.
fn exit(finished: &Finished, is_quiet: bool) -> Result<Exit, Problem> {
    if let Some(problem) = &finished.problem {
        say("error", problem);
        if finished.has_journal {
            let hint = match finished.is_of_lists {
                true => {
                    "what is done is kept; the same command with --resume goes on, once the lists are as they were"
                }
                false => "what is done is kept; the same command with --resume goes on",
            };
            say("hint", hint);
        } else if !finished.is_written {
            say("hint", "make room there, or choose another place with -o");
        }
        return Ok(if finished.was_interrupted && finished.is_written {
            Exit::Interrupted
        } else {
            Exit::Broken
        });
    }
    let is_short = finished.summary.records() < finished.progress.read + finished.done_before
        || !finished.progress.read_all;
    if is_short && !finished.was_interrupted && !finished.reader_left {
        say("error", "some inputs have no record; this is a fault of headcount, please report it");
        return Ok(Exit::Broken);
    }
    if finished.progress.read == 0 && finished.done_before == 0 && !finished.was_interrupted && !is_quiet {
        say("note", "the list holds no URL");
    }
    Ok(match () {
        () if finished.was_interrupted => Exit::Interrupted,
        // Whoever read our output has seen enough; that is no failure.
        () if finished.reader_left => Exit::Accepted,
        () if finished.summary.accepted() == finished.summary.records() => Exit::Accepted,
        () => Exit::NotAccepted,
    })
}

/// The summary, for standard error.
pub(super) fn report(
    finished: &Finished,
    explain: Option<&str>,
    color: ColorChoice,
    outputs: &[PathBuf],
) -> String {
    let files = outputs.iter().map(PathBuf::as_path).filter(|path| *path != Path::new("-"));
    let report = Report {
        summary: &finished.summary,
        progress: finished.progress,
        took: finished.took,
        verdict: finished.verdict.as_ref(),
        was_interrupted: finished.was_interrupted,
        done_before: finished.done_before,
        has_journal: finished.has_journal,
        explain,
        columns: Term::stderr().size_checked().map(|(_, columns)| columns),
        outputs: if finished.is_written { files.collect() } else { Vec::new() },
        // The summary is of all of them, whatever is written.
        chosen: None,
    };
    report.text(Palette::new(color.is_on(&io::stderr())))
}

/// Raises the limit of open files as far as it goes, and asks for no more connections than a `share`-th of it allows.
pub(super) fn fit_to_descriptors(config: &mut Config, share: usize, is_quiet: bool) -> Result<(), Problem> {
    let Ok(raised) = rlimit::increase_nofile_limit(u64::MAX) else { return Ok(()) };
    if raised < FEWEST_DESCRIPTORS {
        let message = format!("a run needs {FEWEST_DESCRIPTORS} open files, and the limit is {raised}");
        return Err(Problem::usage(message, "raise it: ulimit -n 1024"));
    }
    let room = usize::try_from(raised).unwrap_or(usize::MAX) / share;
    let loops =
        config.loops.or_else(|| std::thread::available_parallelism().ok().map(usize::from)).unwrap_or(1);
    // Many loops come with many requests at once only.
    let of_loops = DESCRIPTORS_PER_LOOP.saturating_mul(loops).min(room / 4);
    let room = room.saturating_sub(DESCRIPTORS_KEPT_BACK + of_loops).max(1);
    if let Some(most) = &mut config.concurrency_limit {
        *most = (*most).min(room / 2).max(1);
        config.concurrency = config.concurrency.min(*most);
    }
    if config.concurrency > room {
        if !is_quiet {
            let message = format!(
                "{} requests at once need more open files than the limit of {raised}; going on with {room}",
                config.concurrency
            );
            say("warning", &message);
        }
        config.concurrency = room;
    }
    let left = room - config.concurrency_limit.unwrap_or(config.concurrency);
    config.max_lookups = config.max_lookups.min(left / (2 * DESCRIPTORS_PER_LOOKUP)).max(1);
    let left = left.saturating_sub(config.max_lookups * DESCRIPTORS_PER_LOOKUP);
    config.max_idle_connections = Some(config.idle_connections().min(left));
    Ok(())
}
