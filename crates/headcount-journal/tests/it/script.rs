//! A run in small: what it writes into a journal, and what must be found there.

use std::collections::{BTreeMap, BTreeSet};

use headcount_journal::{Error, Found, Journal, Manifest, Storage, look};

/// Segments are closed so early that a run has many.
pub(crate) const SEGMENT: u64 = 4 << 10;

const WRITTEN_TOGETHER: usize = 10;
const COMMITTED_TOGETHER: usize = 50;

pub(crate) fn payload(index: u64) -> String {
    format!("{{\"index\":{index},\"text\":\"{}\"}}", "x".repeat((index % 37) as usize))
}

fn manifest() -> Manifest {
    Manifest::new(0x1234_5678_9abc_def0, "salt".to_owned(), BTreeMap::new(), vec!["urls.txt".to_owned()])
}

/// Opens the journal, whatever state it is in.
pub(crate) fn open<S: Storage>(storage: S) -> Result<Journal<S>, Error> {
    let journal = match look(&storage, false)? {
        Found::Nothing => {
            // As the command does: an unreadable beginning is none.
            let names = storage.names().unwrap_or_default();
            names.iter().for_each(|name| drop(storage.remove(name)));
            Journal::create(storage, manifest())?
        }
        Found::Unreadable(found) => {
            found.set_aside(&storage)?;
            Journal::create(storage, manifest())?
        }
        Found::Unfinished(found) => Journal::resume(storage, *found)?,
        Found::Ended(how) => panic!("nobody ended it: {how}"),
    };
    Ok(journal.segment_length(SEGMENT))
}

/// Does what is not done of `count` inputs. `promised` gets what was committed.
pub(crate) fn run<S: Storage>(storage: S, count: u64, promised: &mut BTreeSet<u64>) -> Result<(), Error> {
    let mut journal = open(storage)?;
    let mut written = BTreeSet::new();
    let todo: Vec<u64> = (0..count).filter(|index| !journal.state().done().contains(*index)).collect();
    for (number, index) in todo.into_iter().enumerate() {
        journal.record(index, payload(index).as_bytes())?;
        written.insert(index);
        if number % WRITTEN_TOGETHER == WRITTEN_TOGETHER - 1 {
            wait_for_room(|| journal.write())?;
        }
        if number % COMMITTED_TOGETHER == COMMITTED_TOGETHER - 1 {
            wait_for_room(|| journal.commit())?;
            promised.append(&mut written);
        }
    }
    wait_for_room(|| journal.commit())?;
    promised.append(&mut written);
    Ok(())
}

/// As the command does: a full disk is waited for.
fn wait_for_room(mut attempt: impl FnMut() -> Result<(), Error>) -> Result<(), Error> {
    let mut attempts = 0;
    loop {
        match attempt() {
            Err(error) if error.is_full() && attempts < 5 => attempts += 1,
            result => return result,
        }
    }
}

/// What a look finds to be done. All records found are as they were written, in every way of reading, and agree with
/// what is said to be done.
pub(crate) fn found<S: Storage>(storage: &S) -> BTreeSet<u64> {
    let found = match look(storage, false).unwrap() {
        Found::Nothing | Found::Unreadable(_) => return BTreeSet::new(),
        Found::Unfinished(found) => found,
        Found::Ended(how) => panic!("nobody ended it: {how}"),
    };
    let done: BTreeSet<u64> = found.state.done().ranges().flat_map(|(first, last)| first..=last).collect();
    let mut read = BTreeSet::new();
    let reader = found.reader(storage);
    reader
        .as_written(|index, text| {
            assert_eq!(text, payload(index).as_bytes());
            assert!(read.insert(index), "input {index} has two records");
            Ok(())
        })
        .unwrap();
    assert_eq!(read, done);
    let mut in_order = Vec::new();
    let table = tempfile::tempfile().unwrap();
    reader
        .in_order(&table, |index, text| {
            assert_eq!(text, payload(index).as_bytes());
            in_order.push(index);
            Ok(())
        })
        .unwrap();
    assert!(in_order.iter().copied().eq(done.iter().copied()));
    done
}
