//! Reading the records of a journal: as they were written, and in the order of their indices, in little memory.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};

use crate::segment::{Kind, Place, Seal, parse_line, scan, segment_name};
use crate::storage::{Storage, StoredFile, write_all};
use crate::{Error, Unfinished};

/// Places gathered before they are sorted into the table.
const GATHERED: usize = 1 << 18;

/// Bytes of a place in the table: segment, length, offset. A length of 0 is no place.
const ENTRY: usize = 16;

/// Bytes read at once where records are fetched one by one. Most stand close to the one before.
const WINDOW: usize = 32 << 10;

/// The records of a journal.
#[derive(Debug)]
pub struct Reader<'a, S: Storage> {
    storage: &'a S,
    id: u64,
    segments: Vec<u32>,
    /// No record has an index from here on.
    end: u64,
}

/// What came of reading in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct InOrder {
    /// Inputs that had a record.
    pub records: u64,
    /// Of them, those that had only a provisional one.
    pub provisional: u64,
    /// Something could not be read; what it was is missing.
    pub is_damaged: bool,
}

/// Where a record stands.
#[derive(Clone, Copy)]
struct Record {
    index: u64,
    segment: u32,
    place: Place,
}

impl Unfinished {
    /// Its records, without going on with it.
    pub fn reader<'a, S: Storage>(&self, storage: &'a S) -> Reader<'a, S> {
        Reader::new(storage, self.manifest.id, self.segments.clone(), self.state.end)
    }
}

impl<'a, S: Storage> Reader<'a, S> {
    pub(crate) fn new(storage: &'a S, id: u64, segments: Vec<u32>, end: u64) -> Reader<'a, S> {
        Reader { storage, id, segments, end }
    }

    /// Calls `each` with the index and text of every record, provisional ones not, as they were written. Returns whether
    /// all could be read.
    ///
    /// # Errors
    /// The disk refuses, or `each` does.
    pub fn as_written(&self, mut each: impl FnMut(u64, &[u8]) -> io::Result<()>) -> Result<bool, Error> {
        let read = self.scan(true, |kind, record, payload| match kind {
            Kind::Record => each(record.index, payload),
            _ => Ok(()),
        });
        read.map_err(|error| Error::io("cannot read the journal", error))
    }

    /// The same with provisional ones.
    ///
    /// # Errors
    /// As for [`Reader::as_written`].
    pub fn all(&self, mut each: impl FnMut(u64, &[u8]) -> io::Result<()>) -> Result<bool, Error> {
        let read = self.scan(true, |kind, record, payload| match kind {
            Kind::Record | Kind::Provisional => each(record.index, payload),
            _ => Ok(()),
        });
        read.map_err(|error| Error::io("cannot read the journal", error))
    }

    /// Calls `each` with the text of one record of each input, in the order of the inputs: the last, or where there is
    /// none the last provisional one. `table` is an empty file that takes 16 bytes an input.
    ///
    /// # Errors
    /// The disk refuses, or `each` does.
    pub fn in_order(
        &self,
        table: &File,
        mut each: impl FnMut(u64, &[u8]) -> io::Result<()>,
    ) -> Result<InOrder, Error> {
        self.fetch_in_order(table, &mut each).map_err(|error| Error::io("cannot read the journal", error))
    }

    fn fetch_in_order(
        &self,
        table: &File,
        each: &mut impl FnMut(u64, &[u8]) -> io::Result<()>,
    ) -> io::Result<InOrder> {
        let mut result = InOrder::default();
        let provisional = self.fill(table, &mut result)?;
        let mut gathered = Vec::new();
        for record in provisional {
            let mut entry = [0; ENTRY];
            // Beyond the end of the table there is no place either.
            let _ = table.read_at(&mut entry, record.index * ENTRY as u64)?;
            if record_of(record.index, &entry).is_none() {
                gathered.push(record);
            }
        }
        gathered.sort_by_key(|record| record.index);
        gathered.dedup_by_key(|record| record.index);
        result.provisional = gathered.len() as u64;
        put(table, &mut gathered)?;

        let mut fetcher = Fetcher { reader: self, open: None, window: Vec::new(), start: 0 };
        let mut entries = table;
        entries.rewind()?;
        let mut entries = BufReader::with_capacity(64 << 10, entries);
        let mut entry = [0; ENTRY];
        for index in 0.. {
            match entries.read_exact(&mut entry) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                read => read?,
            }
            let Some(record) = record_of(index, &entry) else { continue };
            match fetcher.fetch(record)? {
                Some(payload) => {
                    result.records += 1;
                    each(index, payload)?;
                }
                None => result.is_damaged = true,
            }
        }
        Ok(result)
    }

    /// Notes in the table where each record stands. Returns the provisional ones, the last first.
    fn fill(&self, table: &File, result: &mut InOrder) -> io::Result<Vec<Record>> {
        let mut gathered = Vec::with_capacity(GATHERED);
        let mut provisional = Vec::new();
        // Each checksum is compared once, when its record is fetched.
        let mut is_out_of_bounds = false;
        let is_whole = self.scan(false, |kind, record, _| {
            match kind {
                // A damaged line may say anything: it must not make the table endless.
                _ if record.index >= self.end => is_out_of_bounds |= kind == Kind::Record,
                Kind::Record => gathered.push(record),
                Kind::Provisional => provisional.push(record),
                _ => {}
            }
            if gathered.len() == GATHERED { put(table, &mut gathered) } else { Ok(()) }
        })?;
        put(table, &mut gathered)?;
        result.is_damaged = !is_whole || is_out_of_bounds;
        provisional.reverse();
        Ok(provisional)
    }

    fn scan(
        &self,
        is_checked: bool,
        mut each: impl FnMut(Kind, Record, &[u8]) -> io::Result<()>,
    ) -> io::Result<bool> {
        let mut is_whole = true;
        for number in &self.segments {
            let file = self.storage.open(&segment_name(*number))?;
            let seal = is_checked.then(|| Seal::of(self.id, *number));
            let flaws = scan(&file, seal.as_ref(), |place, line| {
                each(line.kind, Record { index: line.index, segment: *number, place }, line.payload)
            })?;
            is_whole &= flaws.damaged.is_empty();
        }
        Ok(is_whole)
    }
}

/// Writes places into the table and forgets them. Of several for one index the last stays.
fn put(table: &File, gathered: &mut Vec<Record>) -> io::Result<()> {
    // Stable: records of one index keep their order.
    gathered.sort_by_key(|record| record.index);
    let mut run: Vec<u8> = Vec::new();
    let mut first = 0;
    for (position, record) in gathered.iter().enumerate() {
        let next = gathered.get(position + 1).map(|record| record.index);
        if next == Some(record.index) {
            continue;
        }
        if run.is_empty() {
            first = record.index;
        }
        run.extend_from_slice(&record.segment.to_le_bytes());
        // A line is no longer than what is written at once.
        run.extend_from_slice(&u32::try_from(record.place.length).map_err(io::Error::other)?.to_le_bytes());
        run.extend_from_slice(&record.place.offset.to_le_bytes());
        if next != Some(record.index + 1) {
            write_all(table, &run, first * ENTRY as u64)?;
            run.clear();
        }
    }
    gathered.clear();
    Ok(())
}

fn record_of(index: u64, entry: &[u8; ENTRY]) -> Option<Record> {
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let (segment, length, offset) = (number(&entry[..4]), number(&entry[4..8]), number(&entry[8..]));
    (length > 0).then_some(Record { index, segment: segment as u32, place: Place { offset, length } })
}

/// Reads records one by one.
struct Fetcher<'a, S: Storage> {
    reader: &'a Reader<'a, S>,
    open: Option<(u32, S::File, Seal)>,
    /// What was read last, of the open segment.
    window: Vec<u8>,
    start: u64,
}

impl<S: Storage> Fetcher<'_, S> {
    /// The record's text; `None` if it is not as it was written any more.
    fn fetch(&mut self, record: Record) -> io::Result<Option<&[u8]>> {
        if self.open.as_ref().is_none_or(|(number, ..)| *number != record.segment) {
            let file = self.reader.storage.open(&segment_name(record.segment))?;
            self.open = Some((record.segment, file, Seal::of(self.reader.id, record.segment)));
            self.window.clear();
        }
        let Some((_, file, seal)) = &self.open else { return Ok(None) };
        let Place { offset, length } = record.place;
        let end_of_window = self.start + self.window.len() as u64;
        if offset < self.start || offset + length > end_of_window {
            self.start = offset;
            self.window.resize(WINDOW.max(length as usize), 0);
            let mut filled = 0;
            while filled < length as usize {
                match file.read_at(&mut self.window[filled..], offset + filled as u64) {
                    Ok(0) => break,
                    Ok(count) => filled += count,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            self.window.truncate(filled);
        }
        let from = (offset - self.start) as usize;
        let Some(line) = self.window.get(from..from + length as usize) else { return Ok(None) };
        let Some(line) = line.strip_suffix(b"\n") else { return Ok(None) };
        Ok(parse_line(line, seal).filter(|line| line.index == record.index).map(|line| line.payload))
    }
}
