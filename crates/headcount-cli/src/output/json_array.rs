//! A JSON array in the order of the inputs. Records come in another order and may be too many for memory, so they are
//! kept in a nameless file, with a table of their places in another, and the array is written at the end: to a file
//! beside its place, which then takes it, so that a reader finds the whole array or none.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use headcount::Record;
use headcount_outputs::{
    Fields, OutputFile, OutputWriter, json_text, publish, put_in_place, temporary_beside,
};

use super::Destination;
use super::patience::{Patience, Patient};

/// Bytes of an entry in the table of places: where the record begins, then its length. A length of 0 is a record that
/// never came.
const ENTRY: u64 = 12;

pub(crate) struct JsonArray {
    target: Target,
    spool: BufWriter<Patient<File>>,
    spooled: u64,
    places: File,
    text: Vec<u8>,
    fields: Fields,
    patience: Patience,
}

enum Target {
    File(PathBuf),
    Stream(Box<dyn Write + Send>),
    /// Files of whatever format.
    Files(Vec<OutputFile>),
}

impl JsonArray {
    pub(crate) fn open(
        destination: &Destination,
        fields: Fields,
        patience: Patience,
    ) -> io::Result<JsonArray> {
        let target = match destination {
            Destination::File { target, .. } => {
                check(target)?;
                Target::File(target.clone())
            }
            _ => Target::Stream(destination.open(patience)?),
        };
        JsonArray::spooling(target, destination.folder(), fields, patience)
    }

    /// Records for files that are written at the end, in the same way.
    pub(crate) fn of_files(files: Vec<OutputFile>, patience: Patience) -> io::Result<JsonArray> {
        let folder = files.first().and_then(|file| file.path.parent()).map(Path::to_owned);
        let folder =
            folder.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| PathBuf::from("."));
        JsonArray::spooling(Target::Files(files), Some(&folder), Fields::default(), patience)
    }

    /// Made in the output's folder: a folder that cannot be written to shows now, and the space is where it will be
    /// needed.
    fn spooling(
        target: Target,
        folder: Option<&Path>,
        fields: Fields,
        patience: Patience,
    ) -> io::Result<JsonArray> {
        let spool = || match folder {
            Some(folder) => tempfile::tempfile_in(folder),
            None => tempfile::tempfile(),
        };
        Ok(JsonArray {
            target,
            spool: BufWriter::with_capacity(64 << 10, Patient::new(spool()?, patience)),
            spooled: 0,
            places: spool()?,
            text: Vec::new(),
            fields,
            patience,
        })
    }

    pub(crate) fn write(&mut self, record: &Record) -> io::Result<()> {
        self.text.clear();
        json_text::write(&mut self.text, &self.fields.of(record))?;
        self.spool.write_all(&self.text)?;
        let length = u32::try_from(self.text.len()).map_err(io::Error::other)?;
        let mut entry = [0; ENTRY as usize];
        entry[..8].copy_from_slice(&self.spooled.to_le_bytes());
        entry[8..].copy_from_slice(&length.to_le_bytes());
        let mut places = &self.places;
        self.patience.wait_for_room(|| {
            places.seek(SeekFrom::Start(record.index * ENTRY))?;
            places.write_all(&entry)
        })?;
        self.spooled += u64::from(length);
        Ok(())
    }

    pub(crate) fn is_file(&self) -> bool {
        matches!(self.target, Target::File(_) | Target::Files(_))
    }

    pub(crate) fn finish(self) -> io::Result<()> {
        let spool = self.spool.into_inner().map_err(io::IntoInnerError::into_error)?.into_inner();
        let places = self.places;
        match self.target {
            Target::File(path) => self.patience.wait_for_room(|| {
                replace(&path, |file| write_array(Patient::new(file, self.patience), &spool, &places))
            }),
            // It waits on its own, for what was written to it cannot be written again.
            Target::Stream(stream) => write_array(stream, &spool, &places),
            Target::Files(files) => self.patience.wait_for_room(|| {
                let mut writers = open_writers(&files)?;
                each_in_order(&spool, &places, |text| write_to_all(&mut writers, text))?;
                Ok(publish(writers)?)
            }),
        }
    }
}

/// What shows already that no file can be made at `path`.
pub(super) fn check(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if path.is_symlink() {
        return Err(io::Error::other("its links go in a circle"));
    }
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => fs::metadata(folder).map(drop),
        None => Ok(()),
    }
}

/// Writes a file beside `path` and lets it take its place once it is safe on the disk.
pub(crate) fn replace(path: &Path, write: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    let temporary = temporary_beside(path)?;
    write(temporary.as_file())?;
    temporary.as_file().sync_all()?;
    put_in_place(temporary, path)
}

/// The writers of files, whose folders and databases are there.
pub(super) fn open_writers(files: &[OutputFile]) -> io::Result<Vec<OutputWriter>> {
    Ok(files.iter().map(OutputWriter::open).collect::<Result<_, _>>()?)
}

/// Writes a record, whose text this is, to each.
pub(super) fn write_to_all(writers: &mut [OutputWriter], text: &[u8]) -> io::Result<()> {
    let record: Record = serde_json::from_slice(text)?;
    Ok(writers.iter_mut().try_for_each(|writer| writer.write(&record))?)
}

fn write_array(target: impl Write, spool: &File, places: &File) -> io::Result<()> {
    let mut array = RecordTexts::new(target, true);
    each_in_order(spool, places, |text| array.add(text))?;
    array.finish()
}

/// The texts of all records in the order of the inputs.
fn each_in_order(
    mut spool: &File,
    mut places: &File,
    mut each: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    places.rewind()?;
    let mut places = BufReader::with_capacity(64 << 10, places);
    let mut text = Vec::new();
    let mut entry = [0; ENTRY as usize];
    loop {
        match places.read_exact(&mut entry) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
        let (start, length) = entry.split_at(8);
        let start = u64::from_le_bytes(start.try_into().map_err(io::Error::other)?);
        let length = u32::from_le_bytes(length.try_into().map_err(io::Error::other)?);
        if length == 0 {
            continue;
        }
        text.resize(length as usize, 0);
        spool.seek(SeekFrom::Start(start))?;
        spool.read_exact(&mut text)?;
        each(&text)?;
    }
}

/// The texts of records, one on a line: of an array, or without one.
pub(super) struct RecordTexts<W: Write> {
    target: BufWriter<W>,
    is_array: bool,
    is_empty: bool,
}

impl<W: Write> RecordTexts<W> {
    pub(super) fn new(target: W, is_array: bool) -> RecordTexts<W> {
        RecordTexts { target: BufWriter::with_capacity(64 << 10, target), is_array, is_empty: true }
    }

    pub(super) fn add(&mut self, text: &[u8]) -> io::Result<()> {
        self.target.write_all(match (self.is_array, self.is_empty) {
            (true, true) => b"[\n",
            (true, false) => b",\n",
            (false, true) => b"",
            (false, false) => b"\n",
        })?;
        self.is_empty = false;
        self.target.write_all(text)
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.target.write_all(match (self.is_array, self.is_empty) {
            (true, true) => b"[]\n",
            (true, false) => b"\n]\n",
            (false, true) => b"",
            (false, false) => b"\n",
        })?;
        self.target.flush()
    }
}
