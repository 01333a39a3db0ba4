//! The journal beside an output, so that a run that is killed can be gone on with: FILE.headcount/ for -o FILE.

mod copies;
mod expected;
mod finished;
mod flags;
mod intents;
mod manifest;
mod opening;
mod reading;

use std::io;
use std::path::{Path, PathBuf, absolute};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use headcount::record::Outcome;
use headcount::{Engine, Record};
use headcount_journal::{Folder, Journal, SharedJournal};

pub(crate) use flags::JournalFlags;
pub(crate) use opening::{Opened, open};
pub(crate) use reading::requests;

use self::reading::Extents;
use crate::output::Patience;
use crate::terminal::{Exit, Problem};

/// How long what was written may stay unsafe; making it safe takes its time as well.
const COMMIT_EVERY: Duration = Duration::from_millis(500);

/// The journal's folder of an output.
pub(crate) fn folder_of(output: &Path) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(".headcount");
    PathBuf::from(name)
}

/// What bodies are kept as that belong to a run with these outputs. Runs with the same ones have the same journal, of which only
/// one can be under way.
pub(crate) fn body_owner(outputs: &[PathBuf]) -> String {
    let mut context = Context::new(&SHA256);
    for output in outputs {
        let place = absolute(output).unwrap_or_else(|_| output.clone());
        context.update(place.as_os_str().as_encoded_bytes());
        context.update(b"\0");
    }
    context.finish().as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A journal in use: takes the records on their way to the output.
pub(crate) struct Keeper {
    journal: SharedJournal,
    extents: Arc<Extents>,
    is_durable: bool,
    patience: Patience,
    has_interrupted: bool,
}

impl Keeper {
    pub(crate) fn new(
        journal: Journal,
        extents: Arc<Extents>,
        flags: &JournalFlags,
    ) -> Result<Keeper, Problem> {
        let journal =
            SharedJournal::start(journal, COMMIT_EVERY).map_err(|error| Problem::broken(&error.into()))?;
        let patience = Patience::new(flags.local_wait);
        let is_durable = flags.durable;
        Ok(Keeper { journal, extents, is_durable, patience, has_interrupted: false })
    }

    /// Has the engine wait until it is noted what it is about to send that is not safe to repeat.
    pub(crate) fn note_intents(&self, engine: Engine) -> Result<Engine, Problem> {
        let (engine, intents) = engine.ask_before_sending();
        intents::start(intents, self.journal.clone(), Arc::clone(&self.extents), self.patience)
            .map_err(|error| Problem::broken(&error.into()))?;
        Ok(engine)
    }

    /// Adds a record, whose text is this. What was interrupted is asked again by the next run.
    pub(crate) fn add(&mut self, record: &Record, text: &[u8]) -> io::Result<()> {
        let is_done = record.outcome != Outcome::Interrupted;
        self.has_interrupted |= !is_done;
        self.with(|journal| {
            self.extents.note(journal)?;
            match is_done {
                true => journal.record(record.index, text),
                false => journal.provisional(record.index, text),
            }
        })
    }

    /// Writes what was added. A full disk is waited for.
    pub(crate) fn write(&mut self) -> io::Result<()> {
        let (journal, is_durable) = (&self.journal, self.is_durable);
        self.patience.wait_for_room(|| {
            journal.with(Journal::write).map_err(io_error)?;
            if is_durable { journal.commit().map_err(io_error) } else { Ok(()) }
        })
    }

    /// Whether some input that was begun did not come to its end.
    pub(crate) fn has_interrupted(&self) -> bool {
        self.has_interrupted
    }

    pub(crate) fn patience(&self) -> Patience {
        self.patience
    }

    /// Makes safe what was written.
    pub(crate) fn commit(&self) -> io::Result<()> {
        self.journal.commit().map_err(io_error)
    }

    pub(crate) fn with<T>(
        &self,
        work: impl FnOnce(&mut Journal<Folder>) -> Result<T, headcount_journal::Error>,
    ) -> io::Result<T> {
        self.journal.with(work).map_err(io_error)
    }

    /// Makes all of it safe, and leaves it for the next run.
    pub(crate) fn leave(self) -> io::Result<()> {
        let result = self.commit();
        drop(self.journal.close());
        result
    }

    /// The run is complete, its output in its place: removes the journal.
    pub(crate) fn remove(self, exit: Exit) -> io::Result<()> {
        let Some(mut journal) = self.journal.close() else { return Ok(()) };
        let how = (exit as u8).to_string();
        self.patience.wait_for_room(|| journal.end(&how).map_err(io_error))?;
        match journal.into_storage() {
            Some(folder) => folder.remove().map_err(io_error),
            None => Ok(()),
        }
    }
}

/// Keeps the kind, by which a full disk is known.
pub(crate) fn io_error(error: headcount_journal::Error) -> io::Error {
    let kind = std::error::Error::source(&error)
        .and_then(|source| source.downcast_ref::<io::Error>())
        .map_or(io::ErrorKind::Other, io::Error::kind);
    io::Error::new(kind, format!("{:#}", anyhow::Error::from(error)))
}
