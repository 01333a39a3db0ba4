//! Copies of lists that can be read once only, as standard input: what an earlier run had read of one comes from its copy,
//! the rest is copied as it comes.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::sync::Arc;

use crc32fast::Hasher;
use headcount_journal::{Extent, Folder};

use crate::output::{Patience, Patient};
use crate::terminal::{Problem, say};

/// Those of one journal.
pub(super) struct Copies<'a> {
    folder: &'a Folder,
    patience: Patience,
    /// To be made safe with the journal.
    files: Vec<Arc<File>>,
}

impl<'a> Copies<'a> {
    pub(super) fn new(folder: &'a Folder, patience: Patience) -> Copies<'a> {
        Copies { folder, patience, files: Vec::new() }
    }

    /// Those that are in use.
    pub(super) fn into_files(self) -> Vec<Arc<File>> {
        self.files
    }

    /// Reads input `number`, of which an earlier run had read `before`. Where the list is refused, the copy stays as it was.
    pub(super) fn reading(
        &mut self,
        number: usize,
        mut rest: Box<dyn Read + Send>,
        name: &str,
        before: Extent,
    ) -> Result<Copied, Problem> {
        let cannot = |error: io::Error| {
            Problem::usage(format!("cannot keep a copy of {name}: {error}"), "make room, or use --no-journal")
        };
        let found = self.folder.found_spool(number).map_err(cannot)?;
        let is_good = match &found {
            Some(copy) => holds(copy, before).map_err(cannot)?,
            None => before.bytes == 0,
        };
        let mut copy = match found {
            Some(copy) if is_good => {
                if !before.is_whole {
                    let mut beginning = (&mut rest).take(before.bytes);
                    let (checksum, _) = checksum(&mut beginning).map_err(cannot)?;
                    if checksum != before.checksum {
                        let why = "the journal's run had not come to its end";
                        return Err(unlike(name, why, before, beginning.limit()));
                    }
                    // What was copied and never noted comes again.
                    copy.set_len(before.bytes).map_err(cannot)?;
                }
                copy
            }
            None if is_good => self.patience.wait_for_room(|| self.folder.spool(number)).map_err(cannot)?,
            found => {
                let what = if found.is_some() { "damaged" } else { "gone" };
                let new = self.patience.wait_for_room(|| self.folder.begin_spool(number)).map_err(cannot)?;
                let mut copying =
                    Copying { copy: Patient::new(&new, self.patience), from: (&mut rest).take(before.bytes) };
                let copied = checksum(&mut copying).map_err(cannot);
                let missing = copying.from.limit();
                if !matches!(copied, Ok((checksum, _)) if checksum == before.checksum) {
                    // The problem matters more than what is left behind.
                    let _ = self.folder.discard_spool(number);
                    copied?;
                    let why = format!("the journal's copy of it is {what}");
                    return Err(unlike(name, &why, before, missing));
                }
                self.patience.wait_for_room(|| self.folder.replace_spool(number, &new)).map_err(cannot)?;
                say("warning", &format!("the journal's copy of {name} was {what}; {name} was copied again"));
                new
            }
        };
        copy.rewind().map_err(cannot)?;
        self.files.push(Arc::new(copy.try_clone().map_err(cannot)?));
        let rest = (!before.is_whole).then_some(rest);
        Ok(Copied { copy, patience: self.patience, left_in_copy: before.bytes, rest })
    }
}

/// Whether a copy has what an earlier run had read.
fn holds(copy: &File, before: Extent) -> io::Result<bool> {
    let (found, _) = checksum(&mut copy.take(before.bytes))?;
    Ok(found == before.checksum && copy.metadata()?.len() >= before.bytes)
}

/// What comes does not begin with what had been read, of which so many bytes did not come at all.
fn unlike(name: &str, why: &str, before: Extent, missing: u64) -> Problem {
    let bytes = before.bytes;
    match missing {
        0 => Problem::usage(
            format!("{name} is not the list of which the journal's run had read {bytes} bytes; {why}"),
            "pipe the same list in, or start afresh with --restart",
        ),
        _ => Problem::usage(
            format!("{name} is needed again: the journal's run had read {bytes} bytes of it, and {why}"),
            "pipe the same list in once more, or start afresh with --restart",
        ),
    }
}

/// The CRC-32 of all bytes, and the last of them.
pub(super) fn checksum(bytes: &mut impl Read) -> io::Result<(u32, Option<u8>)> {
    let (mut hasher, mut last) = (Hasher::new(), None);
    let mut buffer = vec![0; 256 << 10];
    loop {
        match bytes.read(&mut buffer) {
            Ok(0) => return Ok((hasher.finalize(), last)),
            Ok(count) => {
                hasher.update(&buffer[..count]);
                last = Some(buffer[count - 1]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A list that can be read once only.
pub(super) struct Copied {
    copy: File,
    patience: Patience,
    left_in_copy: u64,
    /// `None`: the copy has all.
    rest: Option<Box<dyn Read + Send>>,
}

impl Read for Copied {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left_in_copy > 0 {
            let count = (&self.copy).take(self.left_in_copy).read(buffer)?;
            self.left_in_copy -= count as u64;
            return Ok(count);
        }
        match &mut self.rest {
            Some(rest) => Copying { copy: Patient::new(&self.copy, self.patience), from: rest }.read(buffer),
            None => Ok(0),
        }
    }
}

/// Copies what is read. A full disk is waited for.
struct Copying<'a, R> {
    copy: Patient<&'a File>,
    from: R,
}

impl<R: Read> Read for Copying<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.copy.write_all(&buffer[..count])?;
        Ok(count)
    }
}
