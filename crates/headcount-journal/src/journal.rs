//! The journal at work: lines are gathered, written at once, and committed together.

use std::io;
use std::sync::Arc;

use crate::commit::Checkpoint;
use crate::done::HIGHEST;
use crate::found::{Unfinished, head};
use crate::manifest::{Extent, Manifest};
use crate::reading::Reader;
use crate::segment::{CHECKPOINT, ENDING, Kind, Line, MANIFEST, Seal, segment_name, write_line};
use crate::state::{State, json, write_checkpoint};
use crate::storage::{Storage, StoredFile, begin_replacing, replace, temporary};
use crate::{Commit, Companion, Error, Folder};

/// Bytes after which a segment is closed and the next one begun.
const SEGMENT_LENGTH: u64 = 64 << 20;

/// A journal that is being written.
///
/// Lines are added in memory, [written](Journal::write) together, and [committed](Journal::begin_commit) together:
/// what was written outlives the process, what was committed outlives a power failure.
pub struct Journal<S: Storage = Folder> {
    storage: Arc<S>,
    manifest: Manifest,
    state: State,
    /// Earlier segments with their lengths.
    closed: Vec<(u32, u64)>,
    /// Those of them that no commit has covered yet.
    uncommitted: Vec<(u32, Arc<S::File>)>,
    current: Option<Segment<S>>,
    next_number: u32,
    segment_length: u64,
    /// Lines that are not written yet.
    text: Vec<u8>,
    is_dirty: bool,
    checkpoint: Option<Checkpoint>,
    /// There is much that no checkpoint covers.
    is_checkpoint_due: bool,
    /// Lines of companions do not stand in the order of the records any more.
    has_provisional: bool,
    companions: Vec<Arc<dyn Companion>>,
    copies: Vec<Arc<dyn Companion>>,
    /// A segment was made whose name is not safe yet.
    has_new_name: bool,
    /// The manifest takes its place with the first commit. Until then it stands beside it, and at the head of the first
    /// segment.
    is_manifest_due: bool,
    /// Some of it may be safe, and be found after a power failure.
    was_committed: bool,
    /// Segments that stood here when it was resumed and that no checkpoint covered, and the bytes of the records before.
    found: (Vec<u32>, u64),
    /// Why a commit failed.
    failed: Option<String>,
}

struct Segment<S: Storage> {
    number: u32,
    file: Arc<S::File>,
    seal: Seal,
    written: u64,
}

impl<S: Storage> Journal<S> {
    /// Begins a journal in an empty folder. Nothing of it is safe before it is committed.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn create(storage: S, manifest: Manifest) -> Result<Journal<S>, Error> {
        begin_replacing(&storage, MANIFEST, &head(&manifest, 0))
            .map_err(|error| Error::io("cannot begin the journal", error))?;
        Ok(Journal { is_manifest_due: true, was_committed: false, ..Journal::at_rest(storage, manifest) })
    }

    /// Goes on with a journal that was found. What of it is damaged is set aside.
    ///
    /// # Errors
    /// The disk refuses; it can be tried again.
    pub fn resume(storage: S, mut found: Unfinished) -> Result<Journal<S>, Error> {
        let cannot = |error| Error::io("cannot make the journal fit to go on", error);
        found.repair(&storage).map_err(cannot)?;
        let mut closed = found.covered.clone();
        let mut length_to_read = 0;
        let uncovered = found.open_segments();
        for number in &uncovered {
            let file = storage.open(&segment_name(*number)).map_err(cannot)?;
            // The run that was killed may not have come to it.
            file.sync().map_err(cannot)?;
            let length = file.length().map_err(cannot)?;
            closed.push((*number, length));
            length_to_read += length;
        }
        let mut journal = Journal::at_rest(storage, found.manifest);
        journal.state = found.state;
        journal.next_number = closed.iter().map(|(number, _)| number + 1).max().unwrap_or(0);
        journal.closed = closed;
        journal.found = (uncovered, found.covered_record_bytes);
        journal.is_checkpoint_due = length_to_read >= SEGMENT_LENGTH;
        Ok(journal)
    }

    fn at_rest(storage: S, manifest: Manifest) -> Journal<S> {
        Journal {
            storage: Arc::new(storage),
            manifest,
            state: State::default(),
            closed: Vec::new(),
            uncommitted: Vec::new(),
            current: None,
            next_number: 0,
            segment_length: SEGMENT_LENGTH,
            text: Vec::new(),
            is_dirty: false,
            checkpoint: None,
            is_checkpoint_due: false,
            has_provisional: false,
            companions: Vec::new(),
            copies: Vec::new(),
            has_new_name: false,
            is_manifest_due: false,
            was_committed: true,
            found: (Vec::new(), 0),
            failed: None,
        }
    }

    /// Closes segments at another length than usual, for tests.
    #[must_use]
    pub fn segment_length(mut self, bytes: u64) -> Journal<S> {
        self.segment_length = bytes;
        self
    }

    /// Makes this file safe with each checkpoint, which waits until the file has the records that it covers, with a line end
    /// each.
    pub fn add_companion(&mut self, companion: Arc<dyn Companion>) {
        self.companions.push(companion);
    }

    /// Has the next commit save the reading of what was found, if that was much. To be called when the companions are there
    /// and have all of it.
    pub fn save_reading(&mut self) {
        if std::mem::take(&mut self.is_checkpoint_due) {
            self.make_checkpoint();
        }
    }

    /// Makes this copy of a list safe with each commit, before what says how far the list was read.
    pub fn add_copy(&mut self, copy: Arc<dyn Companion>) {
        self.copies.push(copy);
    }

    /// What is done and what is not.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What it is the journal of.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The folder it is in.
    pub fn storage(&self) -> &S {
        &self.storage
    }

    /// Adds the record of an input, which is done with it. `payload` has no line end in it.
    ///
    /// # Errors
    /// The index is too high, or the payload more than a line.
    pub fn record(&mut self, index: u64, payload: &[u8]) -> Result<(), Error> {
        self.add(Kind::Record, index, payload)
    }

    /// Adds a record to show as long as there is none, of an input that is not done.
    ///
    /// # Errors
    /// As for [`Journal::record`].
    pub fn provisional(&mut self, index: u64, payload: &[u8]) -> Result<(), Error> {
        self.has_provisional = true;
        self.add(Kind::Provisional, index, payload)
    }

    /// Has an input done again; its record stays until then.
    ///
    /// # Errors
    /// As for [`Journal::record`].
    pub fn reopen(&mut self, index: u64) -> Result<(), Error> {
        self.add(Kind::Reopened, index, b"")
    }

    /// Says that work on an input is about to begin. It may begin once this was committed.
    ///
    /// # Errors
    /// As for [`Journal::record`].
    pub fn intend(&mut self, index: u64) -> Result<(), Error> {
        self.add(Kind::Intent, index, b"")
    }

    /// Notes how far a list has been read. To be added before the records of what was read there.
    ///
    /// # Errors
    /// As for [`Journal::record`].
    pub fn input(&mut self, number: usize, extent: Extent) -> Result<(), Error> {
        self.add(Kind::Input, number as u64, json(&extent).as_bytes())
    }

    fn add(&mut self, kind: Kind, index: u64, payload: &[u8]) -> Result<(), Error> {
        let refused = |reason: &str| {
            Error::io(format!("cannot keep the record of input {index}"), io::Error::other(reason.to_owned()))
        };
        if index >= HIGHEST {
            return Err(refused("there are too many before it"));
        }
        if memchr::memchr(b'\n', payload).is_some() {
            return Err(refused("it is more than a line"));
        }
        // A segment is closed when there is no text, so this is the one that the line will be written to.
        match &self.current {
            Some(segment) => write_line(&mut self.text, &segment.seal, kind, index, payload),
            None => {
                let seal = Seal::of(self.manifest.id, self.next_number);
                write_line(&mut self.text, &seal, kind, index, payload);
            }
        }
        self.state.apply(Line { kind, index, payload });
        Ok(())
    }

    /// Writes all lines that were added. After an error it can be called again: nothing is written twice or left out.
    ///
    /// # Errors
    /// The disk refuses, or a commit has failed before.
    pub fn write(&mut self) -> Result<(), Error> {
        let cannot = |error| Error::io("cannot write to the journal", error);
        if let Some(reason) = &self.failed {
            let message = format!("what was written before could not be made safe: {reason}");
            return Err(cannot(io::Error::other(message)));
        }
        if self.text.is_empty() {
            return Ok(());
        }
        self.write_text().map_err(cannot)
    }

    fn write_text(&mut self) -> io::Result<()> {
        let segment = match &mut self.current {
            Some(segment) => segment,
            None => {
                let number = self.next_number;
                let file = Arc::new(self.storage.create(&segment_name(number))?);
                self.next_number += 1;
                self.has_new_name = true;
                let length_before = self.closed.last().map_or(0, |(_, length)| *length);
                self.text.splice(0..0, head(&self.manifest, length_before));
                let seal = Seal::of(self.manifest.id, number);
                self.current.insert(Segment { number, file, seal, written: 0 })
            }
        };
        self.is_dirty = true;
        let mut written = 0;
        let result = loop {
            if written == self.text.len() {
                break Ok(());
            }
            match segment.file.write_at(&self.text[written..], segment.written) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    written += count;
                    segment.written += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.text.drain(..written);
        result?;
        if segment.written >= self.segment_length
            && let Some(segment) = self.current.take()
        {
            self.closed.push((segment.number, segment.written));
            self.uncommitted.push((segment.number, segment.file));
            self.make_checkpoint();
        }
        Ok(())
    }

    fn make_checkpoint(&mut self) {
        // Among provisional lines of a companion, nobody knows where those end that are covered.
        if self.has_provisional && !self.companions.is_empty() {
            return;
        }
        let seal = Seal::of_checkpoint(self.manifest.id);
        let text = write_checkpoint(&self.state, self.closed.clone(), &seal);
        self.checkpoint = Some(Checkpoint { text, record_bytes: self.state.record_bytes });
        self.is_dirty = true;
    }

    /// Whether anything was written since the last commit was begun.
    pub fn is_dirty(&self) -> bool {
        self.is_dirty
    }

    /// Begins to make safe what was written so far. To be followed by [`Commit::run`] and [`Journal::end_commit`].
    pub fn begin_commit(&mut self) -> Commit<S> {
        self.is_dirty = false;
        self.was_committed = true;
        let closed = self.uncommitted.iter().map(|(_, file)| file);
        let current = self.current.as_ref().map(|segment| &segment.file);
        Commit {
            storage: Arc::clone(&self.storage),
            files: closed.chain(current).map(Arc::clone).collect(),
            has_new_name: std::mem::take(&mut self.has_new_name),
            companions: self.companions.clone(),
            copies: self.copies.clone(),
            manifest: self.is_manifest_due.then(|| head(&self.manifest, 0)),
            checkpoint: self.checkpoint.take(),
            through: self.uncommitted.last().map_or(0, |(number, _)| number + 1),
        }
    }

    /// Takes in how a commit went. After a failed one nothing more is written: what the disk said it had may be gone.
    ///
    /// # Errors
    /// It failed.
    pub fn end_commit(&mut self, commit: Commit<S>, result: io::Result<()>) -> Result<(), Error> {
        match &result {
            Ok(()) => {
                self.uncommitted.retain(|(number, _)| *number >= commit.through);
                self.checkpoint = self.checkpoint.take().or(commit.checkpoint);
                self.is_manifest_due = commit.manifest.is_some();
            }
            Err(error) => self.failed = Some(error.to_string()),
        }
        result.map_err(|error| Error::io("cannot make the journal safe on the disk", error))
    }

    /// Writes and commits on this thread.
    ///
    /// # Errors
    /// As for [`Journal::write`] and [`Journal::end_commit`].
    pub fn commit(&mut self) -> Result<(), Error> {
        self.write()?;
        let mut commit = self.begin_commit();
        let result = commit.run();
        self.end_commit(commit, result)
    }

    /// Notes that the run has come to its end, and how. From now on the journal can be removed, and cannot be resumed. Of
    /// one that was never committed nothing is made safe any more.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn end(&mut self, how: &str) -> Result<(), Error> {
        let mut text = Vec::new();
        write_line(&mut text, &Seal::open(), Kind::End, 0, how.as_bytes());
        let ended = match self.was_committed {
            true => {
                self.commit()?;
                replace(&*self.storage, ENDING, &text)
            }
            false => begin_replacing(&*self.storage, ENDING, &text)
                .and_then(|_| self.storage.rename(&temporary(ENDING), ENDING)),
        };
        ended.map_err(|error| Error::io("cannot end the journal", error))
    }

    /// The folder, once nobody else commits to it any more.
    pub fn into_storage(self) -> Option<S> {
        let storage = Arc::clone(&self.storage);
        drop(self);
        Arc::into_inner(storage)
    }

    /// What was written so far, for reading.
    pub fn reader(&self) -> Reader<'_, S> {
        let closed = self.closed.iter().map(|(number, _)| *number);
        let segments = closed.chain(self.current.iter().map(|segment| segment.number)).collect();
        Reader::new(&self.storage, self.manifest.id, segments, self.state.end)
    }

    /// The records that stood here when the journal was resumed and that no checkpoint covered; and the length of those
    /// before them, with a line end each.
    pub fn found(&self) -> (Reader<'_, S>, u64) {
        let (segments, bytes_before) = &self.found;
        (Reader::new(&self.storage, self.manifest.id, segments.clone(), self.state.end), *bytes_before)
    }

    /// Has the next look read every line: what a checkpoint covers was found to be damaged.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn distrust_checkpoint(&mut self) -> Result<(), Error> {
        self.checkpoint = None;
        match self.storage.remove(CHECKPOINT) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::io("cannot remove the checkpoint", error))
            }
            _ => Ok(()),
        }
    }
}
