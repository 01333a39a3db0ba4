//! A file made from a journal: JSON lines grow beside it, an array is made of it at the end.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use headcount::{Record, Summary};
use headcount_journal::{Folder, InOrder, Journal, Reader};
use headcount_outputs::{
    Format, OutputFile, json_text, publish, put_in_place, remove_leftovers, temporary_beside,
};

use super::destination::is_in_place;
use super::json_array::{RecordTexts, check, open_writers, write_to_all};
use super::patience::Patient;
use crate::journal::{Keeper, io_error};
use crate::terminal::Exit;

pub(crate) struct Journaled {
    keeper: Keeper,
    target: PathBuf,
    form: Form,
    /// Files that are made when all records are there.
    files: Vec<OutputFile>,
    text: Vec<u8>,
    done_before: u64,
}

/// What stands in the journal's own place.
#[derive(Clone, Copy)]
pub(crate) enum Wanted {
    Array,
    Lines,
    /// One of the files.
    Files,
}

enum Form {
    Files,
    Array,
    /// Lines that are there as the records come.
    Growing(Lines),
    /// Lines some of which take the place of others: as an array, they are written at the end.
    Rewritten,
}

impl Journaled {
    /// Opens the output beside its journal. Lines that an earlier run has left are brought to what the journal says.
    pub(crate) fn open(
        target: PathBuf,
        wanted: Wanted,
        mut files: Vec<OutputFile>,
        keeper: Keeper,
    ) -> io::Result<Journaled> {
        check(&target)?;
        let run_name = keeper.with(|journal| Ok(journal.manifest().name()))?;
        files.iter_mut().for_each(|file| file.options.run_name = Some(run_name.clone()));
        // The journal is ours alone, so nobody else makes these files now.
        for path in std::iter::once(&target).chain(files.iter().map(|file| &file.path)) {
            remove_leftovers(path)?;
        }
        let (done_before, has_reopened) =
            keeper.with(|journal| Ok((journal.state().done().len(), journal.state().has_reopened())))?;
        let form = match wanted {
            Wanted::Files => Form::Files,
            Wanted::Array => Form::Array,
            Wanted::Lines if has_reopened => Form::Rewritten,
            Wanted::Lines => {
                let file =
                    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&target)?;
                let file = Arc::new(file);
                keeper.with(|journal| {
                    journal.add_companion(Arc::<File>::clone(&file));
                    Ok(keeper.patience().wait_for_room(|| make_agree(&file, journal)))
                })??;
                Form::Growing(Lines { file: Patient::new(file, keeper.patience()), text: Vec::new() })
            }
        };
        keeper.with(|journal| {
            journal.save_reading();
            Ok(())
        })?;
        Ok(Journaled { keeper, target, form, files, text: Vec::new(), done_before })
    }

    pub(crate) fn done_before(&self) -> u64 {
        self.done_before
    }

    pub(crate) fn write(&mut self, record: &Record) -> io::Result<()> {
        self.text.clear();
        json_text::write(&mut self.text, record)?;
        self.keeper.add(record, &self.text)?;
        if let Form::Growing(lines) = &mut self.form {
            lines.text.extend_from_slice(&self.text);
            lines.text.push(b'\n');
        }
        Ok(())
    }

    /// First the journal, then what is made of it.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.keeper.write()?;
        match &mut self.form {
            Form::Growing(lines) => lines.write(),
            Form::Array | Form::Rewritten | Form::Files => Ok(()),
        }
    }

    pub(crate) fn finish(mut self, is_complete: bool, summary: &mut Summary) -> io::Result<()> {
        self.flush()?;
        let is_complete = is_complete && !self.keeper.has_interrupted();
        // A run that was interrupted shows what it has; lines that are rewritten stay as they were until all are there.
        let is_made =
            is_complete || !matches!(self.form, Form::Growing(_) | Form::Rewritten) || !self.files.is_empty();
        if is_made {
            let made = self.keeper.patience().wait_for_room(|| self.make(is_complete, summary));
            if let Err(error) = made {
                // The first error is the one to tell.
                let _ = self.keeper.leave();
                return Err(error);
            }
        }
        if !is_complete {
            return self.keeper.leave();
        }
        let is_accepted = summary.accepted() == summary.records();
        self.keeper.remove(if is_accepted { Exit::Accepted } else { Exit::NotAccepted })
    }

    /// Makes the output whole, and the summary that of all its records.
    fn make(&self, is_complete: bool, summary: &mut Summary) -> io::Result<()> {
        let mut all = Summary::default();
        let is_summary_of_all = self.done_before == 0;
        let count = |text: &[u8]| -> io::Result<()> {
            if !is_summary_of_all {
                all.add(&serde_json::from_slice(text)?);
            }
            Ok(())
        };
        if !is_complete {
            // What goes on later must be safe before what is made of it takes the place of anything. Of what is complete
            // the journal is not needed any more.
            self.keeper.commit()?;
        }
        let is_whole = self.keeper.with(|journal| {
            let expected = is_complete.then(|| journal.state().done().len());
            let made = match &self.form {
                Form::Growing(_) if self.files.is_empty() && is_summary_of_all => Ok(true),
                Form::Growing(_) if self.files.is_empty() => count_all(&journal.reader(), count),
                _ => self.write_all(&journal.reader(), expected, count),
            };
            if matches!(made, Ok(false)) {
                journal.distrust_checkpoint()?;
            }
            Ok(made)
        })??;
        if !is_whole {
            return Err(io::Error::other(
                "the disk has changed some records of the journal; to ask for them again, repeat with --resume",
            ));
        }
        if let Form::Growing(lines) = &self.form {
            let file = lines.file.get_ref();
            file.sync_all()?;
            if !is_in_place(file, &self.target) {
                let target = self.target.display();
                return Err(io::Error::other(format!("{target} was removed or replaced during the run")));
            }
            // The journal goes next. That the file's name outlives a power failure is more than some folders have to offer.
            if let Ok(folder) = File::open(folder_of(&self.target)) {
                let _ = folder.sync_all();
            }
        }
        if !is_summary_of_all {
            *summary = all;
        }
        Ok(())
    }

    /// Writes all records in the order of the inputs to what is made of them at the end. Returns false, and lets nothing
    /// take its place, if some could not be read or there are not as many as expected of a complete run.
    fn write_all(
        &self,
        reader: &Reader<'_, Folder>,
        expected: Option<u64>,
        mut count: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<bool> {
        let is_complete = expected.is_some();
        let target = &self.target;
        let table = tempfile::tempfile_in(folder_of(target))?;
        let is_made =
            matches!(self.form, Form::Array) || (matches!(self.form, Form::Rewritten) && is_complete);
        let main = if is_made { Some(temporary_beside(target)?) } else { None };
        let mut texts = main.as_ref().map(|main| {
            let file = Patient::new(main.as_file(), self.keeper.patience());
            RecordTexts::new(file, matches!(self.form, Form::Array))
        });
        // A database would get a second run of the same when this one goes on.
        let files = self.files.iter().filter(|file| is_complete || file.format != Format::Sqlite);
        let mut writers = open_writers(&files.cloned().collect::<Vec<OutputFile>>())?;
        let each = |_, text: &[u8]| {
            count(text)?;
            texts.as_mut().map_or(Ok(()), |texts| texts.add(text))?;
            if writers.is_empty() { Ok(()) } else { write_to_all(&mut writers, text) }
        };
        let read = reader.in_order(&table, each).map_err(io_error)?;
        if read.is_damaged || expected.is_some_and(|expected| read.records != expected) {
            return Ok(false);
        }
        texts.map_or(Ok(()), RecordTexts::finish)?;
        if let Some(main) = main {
            main.as_file().sync_all()?;
            put_in_place(main, target)?;
        }
        publish(writers)?;
        Ok(true)
    }
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Counts all records as they were written. Returns whether all could be read.
fn count_all(
    reader: &Reader<'_, Folder>,
    mut count: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<bool> {
    reader.as_written(|_, text| count(text)).map_err(io_error)
}

/// Writes all records of a journal in the order of the inputs.
pub(crate) fn write_records(
    target: impl Write,
    is_array: bool,
    reader: &Reader<'_, Folder>,
    table: &File,
) -> io::Result<InOrder> {
    let mut texts = RecordTexts::new(target, is_array);
    let read = reader.in_order(table, |_, text| texts.add(text)).map_err(io_error)?;
    texts.finish()?;
    Ok(read)
}

/// Lines in a file that grows, written when the journal has them.
struct Lines {
    file: Patient<Arc<File>>,
    text: Vec<u8>,
}

impl Lines {
    fn write(&mut self) -> io::Result<()> {
        self.file.write_all(&self.text)?;
        self.text.clear();
        Ok(())
    }
}

/// Whether a file has a line that ends at this place, or the place is its beginning.
fn ends_a_line(mut file: &File, position: u64) -> io::Result<bool> {
    let Some(last) = position.checked_sub(1) else { return Ok(true) };
    file.seek(SeekFrom::Start(last))?;
    let mut end = [0];
    Ok(file.read(&mut end)? == 1 && end == *b"\n")
}

/// Brings the lines of a file to those of a journal: what agrees stays, the rest is cut off and written again. What a
/// checkpoint covers was safe before it, and is believed. The file stands at its end then.
fn make_agree(mut file: &File, journal: &Journal) -> io::Result<()> {
    let (mut reader, mut position) = journal.found();
    if !ends_a_line(file, position)? {
        (reader, position) = (journal.reader(), 0);
    }
    file.seek(SeekFrom::Start(position))?;
    let mut there = BufReader::with_capacity(64 << 10, file);
    let mut found = Vec::new();
    let mut agreeing = position;
    let mut is_agreeing = true;
    // What follows the part that agrees is written in a second pass, for its place is read until then.
    let mut each = |text: &[u8]| -> io::Result<()> {
        if is_agreeing {
            found.resize(text.len() + 1, 0);
            is_agreeing = match there.read_exact(&mut found) {
                Ok(()) => found.ends_with(b"\n") && found[..text.len()] == *text,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
                Err(error) => return Err(error),
            };
            if is_agreeing {
                agreeing += found.len() as u64;
            }
        }
        Ok(())
    };
    reader.as_written(|_, text| each(text)).map_err(io_error)?;
    file.set_len(agreeing)?;
    file.seek(SeekFrom::Start(agreeing))?;
    let mut end = position;
    let mut lines = BufWriter::with_capacity(64 << 10, file);
    let written = reader.as_written(|_, text| {
        end += text.len() as u64 + 1;
        if end > agreeing {
            lines.write_all(text)?;
            lines.write_all(b"\n")?;
        }
        Ok(())
    });
    written.map_err(io_error)?;
    lines.flush()
}
