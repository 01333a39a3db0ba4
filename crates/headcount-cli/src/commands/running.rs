//! A run and what goes on beside it: a thread writes the records, this one shows progress and minds Ctrl+C.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use headcount::record::Kind;
use headcount::{Progress, Record, Records, RunHandle, Stop, Summary, Verdict};
use headcount_tasks::{BoxError, Runner, Value, to_thread};
use tokio::time::{Instant, sleep, sleep_until};

use crate::output::Output;
use crate::progress::{Neighbour, ProgressLine, TICK};
use crate::terminal::{Exit, Problem, shown, whole};

/// After the grace, time for the last records to be written. If whoever reads them does not, the command ends without.
const LAST_WRITES: Duration = Duration::from_millis(400);
/// Of this time the last part is for what has come, should the engine not end: the array, and the summary.
const LAST_WORDS: Duration = Duration::from_millis(100);
/// The same where nobody but the disk is waited for, which may be slow.
const LAST_WRITES_TO_FILES: Duration = Duration::from_secs(5);

/// A run that is ready to start.
pub(super) struct Run<S> {
    /// Starts the engine. Called when the signals are minded, so that none goes unheard.
    pub(super) start: S,
    pub(super) output: Output,
    pub(super) progress: ProgressLine,
    pub(super) grace: Duration,
    pub(super) is_verbose: bool,
}

/// A run that is over.
pub(super) struct Finished {
    pub(super) summary: Summary,
    pub(super) progress: Progress,
    pub(super) took: Duration,
    /// How it could have gone.
    pub(super) verdict: Option<Verdict>,
    pub(super) was_interrupted: bool,
    /// The reader of our output closed it.
    pub(super) reader_left: bool,
    /// What kept the run from going on.
    pub(super) problem: Option<String>,
    /// The records could be written.
    pub(super) is_written: bool,
    /// It is one of the lists.
    pub(super) is_of_lists: bool,
    /// Inputs that an earlier run had done.
    pub(super) done_before: u64,
    /// Another run can go on where this one has ended.
    pub(super) has_journal: bool,
}

/// What the writing thread has to say.
struct Written {
    summary: Summary,
    reader_left: bool,
    problem: Option<String>,
    is_written: bool,
    is_of_lists: bool,
}

impl<S> Run<S>
where
    S: FnOnce() -> Result<Records, headcount::Error> + 'static,
{
    /// Runs to the end, and says on standard error what `report` makes of it.
    pub(super) fn finish(
        self,
        report: impl FnOnce(&Finished) -> Option<String> + 'static,
    ) -> Result<Finished, Problem> {
        // The signals are ours: a run that is interrupted still has records to write.
        let runner = Runner::new().name("headcount").signals(false).tree_signal(true);
        runner.run(self.attend(report)).map_err(|error| Problem::broken(&error.into()))
    }

    async fn attend(self, report: impl FnOnce(&Finished) -> Option<String>) -> Result<Finished, BoxError> {
        let started = Instant::now();
        let Run { start, output, mut progress, grace, is_verbose } = self;
        let mut signals = Signals::new();
        let records = start()?;
        let handle = records.handle();
        let (done_before, has_journal) = (output.done_before(), output.has_journal());
        let is_finishing = Arc::new(AtomicBool::new(false));
        let writing = {
            let (is_finishing, neighbour) = (Arc::clone(&is_finishing), progress.neighbour());
            to_thread("output", move || {
                Value(write_all(records, output, &neighbour, is_verbose, &is_finishing))
            })
        };
        let last_writes = if has_journal { LAST_WRITES_TO_FILES } else { LAST_WRITES };
        let times = (grace, last_writes);
        let (written, was_interrupted) =
            mind_signals(writing, &mut signals, &handle, &mut progress, times, &is_finishing).await;
        progress.clear();
        let Written { summary, reader_left, problem, is_written, is_of_lists } = written?;
        let progress = handle.progress();
        let took = started.elapsed();
        let verdict = handle.verdict().cloned();
        let finished = Finished {
            summary,
            progress,
            took,
            verdict,
            was_interrupted,
            reader_left,
            problem,
            is_written,
            is_of_lists,
            done_before,
            has_journal,
        };
        if let Some(text) = report(&finished) {
            tell_all(text, &mut signals, was_interrupted).await;
        }
        Ok(finished)
    }
}

/// Waits for the writing thread; shows progress, and stops the run on the first signal, ends it on the second.
async fn mind_signals(
    writing: impl Future<Output = Result<Written, headcount_tasks::Error>>,
    signals: &mut Signals,
    handle: &RunHandle,
    progress: &mut ProgressLine,
    (grace, last_writes): (Duration, Duration),
    is_finishing: &AtomicBool,
) -> (Result<Written, headcount_tasks::Error>, bool) {
    let mut writing = pin!(writing);
    let mut ticks = tokio::time::interval(TICK);
    let mut last_call: Option<Instant> = None;
    let (mut lacks, mut has_given_up) = (None, false);
    loop {
        tokio::select! {
            result = &mut writing => return (result, last_call.is_some()),
            () = signals.next() => match last_call {
                None => {
                    handle.stop(Stop::After(grace));
                    last_call = Some(Instant::now() + grace + last_writes - LAST_WORDS);
                }
                // The file is being completed: a third signal would leave none, so it ends when it is.
                Some(_) => {
                    handle.stop(Stop::NOW);
                    last_call = Some(Instant::now() + LAST_WRITES - LAST_WORDS);
                }
            },
            () = sleep_until(last_call.unwrap_or_else(Instant::now)), if last_call.is_some() => {
                if is_finishing.load(Relaxed) {
                    last_call = Some(Instant::now() + LAST_WRITES);
                } else if !has_given_up {
                    has_given_up = true;
                    handle.give_up();
                    last_call = Some(Instant::now() + LAST_WORDS);
                } else {
                    progress.clear();
                    std::process::exit(Exit::Interrupted as i32);
                }
            }
            _ = ticks.tick() => {
                let now = handle.progress();
                if now.lacks != lacks && progress.try_tell(complaint(now.lacks)) {
                    lacks = now.lacks;
                }
                progress.show(&now, last_call.is_some());
            }
        }
    }
}

/// What to say when this machine lacks something, or does no longer.
fn complaint(lacks: Option<Kind>) -> &'static str {
    match lacks {
        None => "warning: it works again; going on",
        Some(Kind::Descriptors) => {
            "warning: no more files can be opened; asking fewer at once, no host is to blame"
        }
        Some(Kind::Resolver) => "warning: no name server answers; asking again, no host is to blame",
        Some(_) => "warning: this machine seems to have no network; asking again, no host is to blame",
    }
}

/// Writes to standard error. Whoever reads it may have stopped: a signal ends the command then, and a run that was
/// interrupted before does not wait for long.
async fn tell_all(text: String, signals: &mut Signals, was_interrupted: bool) {
    let told = to_thread("summary", move || {
        // Nobody is left to tell if standard error is gone.
        let _ = io::Write::write_all(&mut io::stderr().lock(), text.as_bytes());
    });
    tokio::select! {
        _ = told => {}
        () = signals.next() => std::process::exit(Exit::Interrupted as i32),
        () = sleep(LAST_WRITES), if was_interrupted => std::process::exit(Exit::Interrupted as i32),
    }
}

fn write_all(
    records: Records,
    mut output: Output,
    progress: &Neighbour,
    is_verbose: bool,
    is_finishing: &AtomicBool,
) -> Written {
    let mut summary = Summary::default();
    let (mut problem, mut is_of_lists) = (None, false);
    let mut result = Ok(());
    let handle = records.handle();
    for parcel in records.blocking_parcels() {
        match parcel {
            Ok(records) => {
                for record in &records {
                    summary.add(record);
                }
                result = progress.write(|| write(&records, &mut output, is_verbose));
            }
            // It is the last, though the channel be open.
            Err(error) => {
                is_of_lists = error.is_input();
                problem = Some(whole(&error.into()));
            }
        }
        if result.is_err() || problem.is_some() {
            break;
        }
    }
    is_finishing.store(output.is_completed_at_the_end(), Relaxed);
    let counts = handle.progress();
    let is_complete = problem.is_none() && counts.read_all && counts.done == counts.read;
    let result = result.and_then(|()| output.finish(is_complete, &mut summary));
    let reader_left = matches!(&result, Err(error) if error.kind() == io::ErrorKind::BrokenPipe);
    let is_written = result.is_ok();
    if let Err(error) = result
        && !reader_left
    {
        problem = Some(format!("cannot write the records: {error}"));
        is_of_lists = false;
    }
    Written { summary, reader_left, problem, is_written, is_of_lists }
}

fn write(records: &[Record], output: &mut Output, is_verbose: bool) -> io::Result<()> {
    for record in records {
        output.write(record)?;
    }
    output.flush()?;
    // Nobody hears of a record that a kill could still take away.
    if is_verbose {
        records.iter().filter(|record| !record.accepted).for_each(tell);
    }
    Ok(())
}

/// `not accepted: https://example.com/ (line 7 of urls.txt): connect/refused after 2 retries: …`
fn tell(record: &Record) {
    let place = match (&record.source, record.line) {
        (Some(source), Some(line)) => format!(" (line {line} of {source})"),
        _ => String::new(),
    };
    let reason = match (&record.error, record.status_code) {
        (Some(error), _) => format!("{}/{}: {}", error.phase, error.kind, error.message),
        (None, Some(status)) => format!("status {status}"),
        (None, None) => record.outcome.as_str().to_owned(),
    };
    let retries = match record.num_retries {
        0 => String::new(),
        1 => " after 1 retry".to_owned(),
        number => format!(" after {number} retries"),
    };
    let message = format!("{}{place}{retries}: {reason}", record.input);
    // Nobody is left to tell if standard error is gone.
    let _ = io::Write::write_all(
        &mut io::stderr().lock(),
        format!("not accepted: {}\n", shown(&message)).as_bytes(),
    );
}

/// Ctrl+C, and SIGTERM where there is one.
struct Signals {
    #[cfg(unix)]
    terminate: Option<tokio::signal::unix::Signal>,
    #[cfg(unix)]
    interrupt: Option<tokio::signal::unix::Signal>,
}

impl Signals {
    #[cfg(unix)]
    fn new() -> Signals {
        use tokio::signal::unix::{SignalKind, signal};
        Signals {
            terminate: signal(SignalKind::terminate()).ok(),
            interrupt: signal(SignalKind::interrupt()).ok(),
        }
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        async fn one(signal: &mut Option<tokio::signal::unix::Signal>) {
            match signal {
                Some(signal) => {
                    signal.recv().await;
                }
                None => std::future::pending().await,
            }
        }
        tokio::select! {
            () = one(&mut self.terminate) => {}
            () = one(&mut self.interrupt) => {}
        }
    }

    #[cfg(not(unix))]
    fn new() -> Signals {
        Signals {}
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
