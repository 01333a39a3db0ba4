//! What must stand where in the lists of a run that began with the records of an output: what these records say.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use headcount::Request;
use headcount_journal::Journal;
use serde::Deserialize;

use super::io_error;

/// Entries gathered before they are sorted into the table.
const GATHERED: usize = 1 << 18;

/// Bytes of an entry in the table: the checksum of an input. 0 is of an index that has no record.
const ENTRY: usize = 4;

/// The checksums of inputs by their indices, in a file without a name: there may be too many for memory.
pub(crate) struct Expected {
    entries: BufReader<File>,
    /// How many there are.
    count: u64,
}

/// All that is read of a record.
#[derive(Deserialize)]
struct Named {
    input: String,
}

impl Expected {
    /// Of all records of a journal, in a folder that has room for 4 bytes each.
    pub(super) fn of(journal: &Journal, folder: &Path) -> io::Result<Expected> {
        let mut table = tempfile::tempfile_in(folder)?;
        let mut gathered = Vec::new();
        let read = journal.reader().all(|index, text| {
            let record: Named = serde_json::from_slice(text)?;
            gathered.push((index, checksum(&record.input)));
            if gathered.len() == GATHERED { put(&mut table, &mut gathered) } else { Ok(()) }
        });
        read.map_err(io_error)?;
        put(&mut table, &mut gathered)?;
        let count = table.seek(SeekFrom::End(0))? / ENTRY as u64;
        table.rewind()?;
        Ok(Expected { entries: BufReader::with_capacity(64 << 10, table), count })
    }

    /// Whether a request, of which each comes in turn, is what the next record is of, if there is one.
    pub(super) fn is_next(&mut self, request: &Request) -> io::Result<bool> {
        let mut entry = [0; ENTRY];
        match self.entries.read_exact(&mut entry) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(true),
            read => read?,
        }
        let expected = u32::from_le_bytes(entry);
        Ok(expected == 0 || expected == checksum(request.input()))
    }

    /// How many inputs there must be.
    pub(super) fn count(&self) -> u64 {
        self.count
    }
}

fn checksum(input: &str) -> u32 {
    crc32fast::hash(input.as_bytes()).max(1)
}

/// Writes entries into the table and forgets them.
fn put(table: &mut File, gathered: &mut Vec<(u64, u32)>) -> io::Result<()> {
    gathered.sort_unstable();
    gathered.dedup_by_key(|(index, _)| *index);
    for run in gathered.chunk_by(|(one, _), (next, _)| one + 1 == *next) {
        let bytes: Vec<u8> = run.iter().flat_map(|(_, checksum)| checksum.to_le_bytes()).collect();
        table.seek(SeekFrom::Start(run[0].0 * ENTRY as u64))?;
        table.write_all(&bytes)?;
    }
    gathered.clear();
    Ok(())
}
