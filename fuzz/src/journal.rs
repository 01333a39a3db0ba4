//! Journals: whatever befalls the files, a look at them ends, no record is wrong, and what is left can be gone on with.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use headcount_journal::{Extent, Found, Journal, Manifest, Storage, look};

use crate::memory_disk::MemoryDisk;

/// The journal's identity, and the number that it is made from.
const ID: u64 = 0x1234_5678;
const ID_MADE_FROM: u64 = ID << 11;

/// Records of the journal that things befall.
const COUNT: u64 = 30;

/// The end of the indices that lines made up here may have: reading in order takes time in proportion to the highest.
const HIGHEST: u64 = 100_000;

/// A journal with several segments and a checkpoint.
static WHOLE: LazyLock<MemoryDisk> = LazyLock::new(|| {
    let disk = MemoryDisk::default();
    let mut journal = Journal::create(disk.clone(), manifest()).expect("it is empty").segment_length(512);
    let extent = Extent { bytes: 100, checksum: 7, is_whole: false };
    journal.input(0, extent).expect("an extent is kept");
    for index in 0..COUNT {
        let text = payload(index);
        journal.record(index, text.as_bytes()).and_then(|()| journal.commit()).expect("memory has room");
    }
    disk
});

fn manifest() -> Manifest {
    Manifest::new(ID_MADE_FROM, "salt".to_owned(), BTreeMap::new(), vec!["urls.txt".to_owned()])
}

fn payload(index: u64) -> String {
    format!("{{\"index\":{index},\"title\":\"Page {index}\"}}")
}

/// The first byte says what befalls: `m` and triples of file, place and change upon a good journal; `l` and lines that
/// are given the right checksums; anything else and files as they are, each headed by a line `= NAME`.
pub fn journal(data: &[u8]) {
    match data.split_first() {
        Some((b'm', mishaps)) => change(mishaps),
        Some((b'l', lines)) => {
            let disk = begun();
            write_files(&disk, lines, true);
            read(&disk, |_, _| {});
        }
        Some((_, files)) => {
            let disk = begun();
            write_files(&disk, files, false);
            read(&disk, |_, _| {});
        }
        None => {}
    }
}

/// A folder with a manifest and nothing else.
fn begun() -> MemoryDisk {
    let disk = MemoryDisk::default();
    drop(Journal::create(disk.clone(), manifest()).expect("it is empty"));
    disk
}

fn change(mishaps: &[u8]) {
    let disk = WHOLE.copy();
    let names = disk.names().expect("memory can be read");
    for mishap in mishaps.chunks_exact(4).take(20) {
        let name = &names[usize::from(mishap[0]) % names.len()];
        disk.change(name, |content| {
            let place = usize::from(u16::from_be_bytes([mishap[1], mishap[2]])) % content.len().max(1);
            match (mishap[3], content.get_mut(place)) {
                (0, _) => content.truncate(place),
                (change, Some(byte)) => *byte ^= change,
                (_, None) => {}
            }
        });
    }
    read(&disk, |index, text| assert_eq!(text, payload(index).as_bytes()));
}

/// Files headed by `= NAME`, each written as it is or, `sealed`, each line with its checksum before it.
fn write_files(disk: &MemoryDisk, data: &[u8], sealed: bool) {
    let mut name = "segment-000000".to_owned();
    for line in data.split_inclusive(|byte| *byte == b'\n') {
        if let Some(new) = line.strip_prefix(b"= ").and_then(|name| std::str::from_utf8(name).ok()) {
            name = new.trim_end().to_owned();
            disk.change(&name, Vec::clear);
        } else if !sealed {
            disk.change(&name, |content| content.extend_from_slice(line));
        } else if index_of(line).is_none_or(|index| index < HIGHEST) {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            disk.change(&name, |content| {
                let is_first = content.is_empty();
                content.extend_from_slice(format!("{:08x} ", checksum(&name, is_first, line)).as_bytes());
                content.extend_from_slice(line);
                content.push(b'\n');
            });
        }
    }
}

/// The index of `KIND INDEX PAYLOAD`.
fn index_of(line: &[u8]) -> Option<u64> {
    std::str::from_utf8(line.get(2..)?.split(|byte| b" \n".contains(byte)).next()?).ok()?.parse().ok()
}

/// As docs/journal.md has it.
fn checksum(file: &str, is_first: bool, line: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    let number = match file.strip_prefix("segment-") {
        Some(number) => number.parse().ok().filter(|_| !is_first),
        None => (file == "checkpoint").then_some(u32::MAX),
    };
    if let Some(number) = number {
        hasher.update(&ID.to_le_bytes());
        hasher.update(&number.to_le_bytes());
    }
    hasher.update(line);
    hasher.finalize()
}

/// Looks, reads, goes on, and looks again. What was found before is found after it.
fn read(disk: &MemoryDisk, each: impl Fn(u64, &[u8])) {
    let look = |is_thorough| match look(disk, is_thorough) {
        Ok(Found::Unfinished(found)) => Some(found),
        // An end cannot be told from one that was always there, nor nothing from what was removed.
        Ok(Found::Ended(_) | Found::Nothing | Found::Unreadable(_)) => None,
        Err(error) => {
            assert!(error.is_damaged() || error.is_version(), "{error}");
            None
        }
    };
    let (Some(thorough), Some(found)) = (look(true), look(false)) else { return };
    let mut records = 0;
    let read = thorough.reader(disk).as_written(|index, text| {
        records += 1;
        each(index, text);
        Ok(())
    });
    read.expect("memory can be read");
    let mut journal = Journal::resume(disk.clone(), *found).expect("memory has room");
    let table = tempfile::tempfile().expect("there is a place for temporary files");
    let in_order = journal.reader().in_order(&table, |index, text| {
        each(index, text);
        Ok(())
    });
    let in_order = in_order.expect("memory can be read");
    assert!(in_order.records - in_order.provisional <= records);
    journal.record(HIGHEST, b"{}").and_then(|()| journal.commit()).expect("memory has room");
    // What a checkpoint hid is mended by the run after the one that has found it.
    journal.distrust_checkpoint().expect("memory can be changed");
    drop(journal);
    let found = look(false).expect("it was mended");
    drop(Journal::resume(disk.clone(), *found).expect("memory has room"));
    let mended = look(true).expect("it was mended");
    assert!(mended.damage.is_empty(), "what was mended stays so: {:?}", mended.damage);
    assert!(mended.state.done().contains(HIGHEST));
}
