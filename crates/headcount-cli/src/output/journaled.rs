//! A file made from a journal: JSON lines grow beside it, an array is made of it at the end.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use headcount::{Record, Summary};
use headcount_journal::{Folder, InOrder, Journal, Reader};
use headcount_outputs::{Format, OutputFile, json_text, publish, remove_leftovers};

use super::json_array::{ArrayWriter, check, open_writers, replace, write_to_all};
use crate::journal::Keeper;
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
        files: Vec<OutputFile>,
        keeper: Keeper,
    ) -> io::Result<Journaled> {
        check(&target)?;
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
                let written = keeper.with(|journal| {
                    journal.add_companion(Arc::<File>::clone(&file));
                    Ok(make_agree(&file, journal))
                })??;
                Form::Growing(Lines { file, written, text: Vec::new() })
            }
        };
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
            Form::Growing(lines) => self.keeper.patience().wait_for_room(|| lines.write()),
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
        let mut count = |text: &[u8]| -> io::Result<()> {
            if !is_summary_of_all {
                all.add(&serde_json::from_slice(text)?);
            }
            Ok(())
        };
        let target = &self.target;
        // The records must be safe before what is made of them takes the place of anything.
        self.keeper.commit()?;
        let is_whole = self.keeper.with(|journal| {
            let expected = journal.state().done().len();
            let reader = journal.reader();
            let is_made_of_files =
                matches!(self.form, Form::Files) || (matches!(self.form, Form::Rewritten) && !is_complete);
            let made = match &self.form {
                _ if is_made_of_files => Ok(true),
                Form::Growing(_) if is_summary_of_all => Ok(true),
                Form::Growing(_) => reader.as_written(|_, text| count(text)).map_err(io::Error::other),
                form => {
                    let is_array = matches!(form, Form::Array);
                    write_whole(target, is_array, &reader, is_complete.then_some(expected), &mut count)
                }
            };
            // A database would get a second run of the same when this one goes on.
            let files = self.files.iter().filter(|file| is_complete || file.format != Format::Sqlite);
            let files: Vec<OutputFile> = files.cloned().collect();
            let made = match made {
                Ok(true) if !files.is_empty() || is_made_of_files => {
                    let each = |text: &[u8]| if is_made_of_files { count(text) } else { Ok(()) };
                    write_files(target, &files, &reader, is_complete.then_some(expected), each)
                }
                made => made,
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
            lines.file.sync_all()?;
        }
        if !is_summary_of_all {
            *summary = all;
        }
        Ok(())
    }
}

/// Writes all records in the order of the inputs to files. Returns false, and lets none of them appear, if some could
/// not be read or there are not as many as expected.
fn write_files(
    target: &Path,
    files: &[OutputFile],
    reader: &Reader<'_, Folder>,
    expected: Option<u64>,
    mut count: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<bool> {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let table = tempfile::tempfile_in(folder)?;
    let mut writers = open_writers(files)?;
    let read = reader
        .in_order(&table, |_, text| {
            count(text)?;
            write_to_all(&mut writers, text)
        })
        .map_err(io::Error::other)?;
    let is_whole = !read.is_damaged && expected.is_none_or(|expected| read.records == expected);
    if is_whole {
        publish(writers)?;
    }
    Ok(is_whole)
}

/// Writes all records in the order of the inputs to a file that takes the place of `target`. Returns false, and leaves
/// `target` as it was, if some could not be read or there are not as many as expected.
fn write_whole(
    target: &Path,
    is_array: bool,
    reader: &Reader<'_, Folder>,
    expected: Option<u64>,
    mut count: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<bool> {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let table = tempfile::tempfile_in(folder)?;
    let mut is_whole = true;
    let replaced = replace(target, |file| {
        let read = write_records(file, is_array, reader, &table, &mut count)?;
        is_whole = !read.is_damaged && expected.is_none_or(|expected| read.records == expected);
        // What is not whole does not take the place of what may be.
        if is_whole { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
    });
    if is_whole { replaced.map(|()| true) } else { Ok(false) }
}

/// Writes all records of a journal in the order of the inputs.
pub(crate) fn write_records(
    target: impl Write,
    is_array: bool,
    reader: &Reader<'_, Folder>,
    table: &File,
    mut count: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<InOrder> {
    if is_array {
        let mut array = ArrayWriter::new(target);
        let read = reader.in_order(table, |_, text| {
            count(text)?;
            array.add(text)
        });
        array.finish()?;
        return read.map_err(io::Error::other);
    }
    let mut lines = BufWriter::with_capacity(64 << 10, target);
    let read = reader.in_order(table, |_, text| {
        count(text)?;
        lines.write_all(text)?;
        lines.write_all(b"\n")
    });
    lines.flush()?;
    read.map_err(io::Error::other)
}

/// Lines in a file that grows. What could not be written stays for the next time.
struct Lines {
    file: Arc<File>,
    written: u64,
    text: Vec<u8>,
}

impl Lines {
    fn write(&mut self) -> io::Result<()> {
        let mut file = &*self.file;
        // What an attempt that failed has left is written over.
        file.seek(SeekFrom::Start(self.written))?;
        let mut done = 0;
        let result = loop {
            match file.write(&self.text[done..]) {
                _ if done == self.text.len() => break Ok(()),
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.text.drain(..done);
        self.written += done as u64;
        result
    }
}

/// Brings the lines of a file to those of a journal: what agrees stays, the rest is cut off and written again. What a
/// checkpoint covers was safe before it, and is believed. Returns the length.
fn make_agree(mut file: &File, journal: &Journal) -> io::Result<u64> {
    let (mut reader, mut position) = journal.found();
    if file.metadata()?.len() < position {
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
    reader.as_written(|_, text| each(text)).map_err(io::Error::other)?;
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
    written.map_err(io::Error::other)?;
    lines.flush()?;
    Ok(end)
}
