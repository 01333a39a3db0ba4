//! Bytes that change behind the journal's back: noticed, set aside, done again; never a wrong record, never a panic.

use std::collections::BTreeSet;

use headcount_journal::{Extent, Found, Journal, Storage, StoredFile, look};
use proptest::prelude::*;

use crate::faulty_disk::FaultyDisk;
use crate::script::{found, open, payload, run};

const COUNT: u64 = 40;

/// A journal with several segments and a checkpoint over the first of them.
fn journal() -> FaultyDisk {
    let disk = FaultyDisk::new(1);
    for until in [COUNT / 2, COUNT] {
        let mut journal = open(disk.clone()).unwrap().segment_length(512);
        journal.input(0, Extent { bytes: until, checksum: 7, is_whole: false }).unwrap();
        for index in 0..until {
            if !journal.state().done().contains(index) {
                journal.record(index, payload(index).as_bytes()).unwrap();
                journal.commit().unwrap();
            }
        }
    }
    let names = disk.names().unwrap();
    assert!(names.len() > 5 && names.contains(&"checkpoint".to_owned()), "{names:?}");
    disk
}

#[test]
fn every_changed_byte_is_noticed_and_mended() {
    let whole = journal();
    let before = found(&whole);
    assert_eq!(before.len() as u64, COUNT);
    for name in whole.names().unwrap() {
        let content = whole.content(&name);
        for (position, byte) in content.iter().enumerate() {
            // One bit, all bits, and a line end where none was.
            let mut changes = vec![1 << (position % 8), 0xff, byte ^ b'\n'];
            changes.retain(|change| *change != 0);
            for change in changes {
                let disk = whole.copy(1);
                disk.change(&name, position, change);
                mend(&disk, &format!("{name}, byte {position}, {change:#04x}"));
            }
        }
    }
}

fn mend(disk: &FaultyDisk, what: &str) {
    let Found::Unfinished(unfinished) = look(disk, true).unwrap() else { panic!("{what}: it is gone") };
    let thorough = unfinished.damage;
    let Found::Unfinished(unfinished) = look(disk, false).unwrap() else { panic!("{what}: it is gone") };
    // What a checkpoint covers is noticed when it is read.
    let mut is_damaged = !unfinished.damage.is_empty();
    let mut journal = Journal::resume(disk.clone(), *unfinished).unwrap();
    let mut texts = BTreeSet::new();
    let table = tempfile::tempfile().unwrap();
    let read = journal.reader().in_order(&table, |index, text| {
        assert_eq!(text, payload(index).as_bytes(), "{what}");
        texts.insert(index);
        Ok(())
    });
    is_damaged |= read.unwrap().is_damaged;
    assert!(is_damaged || !thorough.is_empty(), "{what}: nobody noticed");
    journal.distrust_checkpoint().unwrap();
    drop(journal);
    run(disk.clone(), COUNT, &mut BTreeSet::new()).unwrap();
    assert_eq!(found(disk), (0..COUNT).collect(), "{what}");
    let Found::Unfinished(mended) = look(disk, true).unwrap() else { panic!("{what}: it is gone") };
    assert_eq!(mended.damage, [], "{what}");
}

#[test]
fn what_is_cut_off_at_any_byte_is_mended() {
    let whole = journal();
    for name in whole.names().unwrap() {
        for length in 0..whole.content(&name).len() {
            let disk = whole.copy(1);
            let file = disk.open(&name).unwrap();
            StoredFile::set_length(&file, length as u64).unwrap();
            assert!(found_leniently(&disk).is_subset(&(0..COUNT).collect()));
            run(disk.clone(), COUNT, &mut BTreeSet::new()).unwrap();
            assert_eq!(found(&disk), (0..COUNT).collect(), "{name} cut to {length}");
        }
    }
}

fn found_leniently(disk: &FaultyDisk) -> BTreeSet<u64> {
    match look(disk, false).unwrap() {
        Found::Unfinished(found) => {
            found.state.done().ranges().flat_map(|(first, last)| first..=last).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_has_no_manifest_is_set_aside_and_not_lost() {
    let disk = journal();
    for name in ["manifest", "checkpoint"] {
        disk.remove(name).unwrap();
    }
    let segments: Vec<String> = disk.names().unwrap();
    for name in &segments {
        disk.change(name, 0, 1);
    }
    let contents: BTreeSet<Vec<u8>> = segments.iter().map(|name| disk.content(name)).collect();
    let Found::Unreadable(found) = look(&disk, false).unwrap() else { panic!("who reads that?") };
    assert_eq!(found.damage.len(), segments.len());
    assert!(found.damage.iter().all(|damage| segments.contains(&damage.file) && damage.length > 0));
    run(disk.clone(), COUNT, &mut BTreeSet::new()).unwrap();
    assert_eq!(found_leniently(&disk), (0..COUNT).collect());
    let aside = disk.names().unwrap().into_iter().filter(|name| name.starts_with("set-aside-"));
    assert!(aside.map(|name| disk.content(&name)).collect::<BTreeSet<_>>() == contents);
}

#[test]
fn a_committed_journal_of_which_nothing_is_left_to_read_is_neither_taken_nor_changed() {
    let disk = journal();
    for name in disk.names().unwrap() {
        disk.change(&name, 0, 1);
    }
    assert!(look(&disk, false).unwrap_err().is_damaged());
}

#[test]
fn segments_of_another_journal_are_not_believed() {
    let disk = FaultyDisk::new(1);
    run(disk.clone(), COUNT, &mut BTreeSet::new()).unwrap();
    let other = FaultyDisk::new(2);
    let manifest = headcount_journal::Manifest::new(99 << 20, String::new(), Default::default(), Vec::new());
    let mut journal = Journal::create(other.clone(), manifest).unwrap();
    journal.record(COUNT + 1, b"{\"index\":41}").unwrap();
    journal.commit().unwrap();
    let foreign = other.content("segment-000000");
    let file = disk.create("segment-000007").unwrap();
    StoredFile::write_at(&file, &foreign, 0).unwrap();
    let Found::Unfinished(unfinished) = look(&disk, false).unwrap() else { panic!() };
    assert_eq!((unfinished.state.done().len(), unfinished.damage.len()), (COUNT, 1));
}

#[test]
fn a_file_whose_name_is_nearly_that_of_a_segment_is_none() {
    let disk = FaultyDisk::new(1);
    run(disk.clone(), COUNT, &mut BTreeSet::new()).unwrap();
    disk.change("segment-000000", 200, 1);
    for name in ["segment-0", "segment-+00000", "segment-0000000"] {
        let copy = disk.create(name).unwrap();
        StoredFile::write_at(&copy, &disk.content("segment-000000"), 0).unwrap();
    }
    let Found::Unfinished(unfinished) = look(&disk, false).unwrap() else { panic!() };
    assert_eq!(unfinished.damage.len(), 1, "{:?}", unfinished.damage);
    let journal = Journal::resume(disk.clone(), *unfinished).unwrap();
    assert_eq!(journal.state().done().len(), COUNT - 1);
}

#[test]
fn a_damaged_index_does_not_make_reading_endless() {
    let disk = journal();
    let Found::Unfinished(unfinished) = look(&disk, false).unwrap() else { panic!() };
    let journal = Journal::resume(disk.clone(), *unfinished).unwrap();
    let text = disk.content("segment-000000");
    let start = text.windows(4).position(|bytes| bytes == b" r 1").unwrap();
    // Two digits more for the price of the payload's first bytes.
    for (position, byte) in b"68719476735 x".iter().enumerate() {
        disk.change("segment-000000", start + 3 + position, text[start + 3 + position] ^ byte);
    }
    let table = tempfile::tempfile().unwrap();
    let read = journal.reader().in_order(&table, |_, _| Ok(())).unwrap();
    assert!(read.is_damaged && table.metadata().unwrap().len() < 10_000, "{read:?}");
}

/// What can befall a file.
#[derive(Clone, Debug)]
enum Mishap {
    Changed(usize, u8),
    Cut(usize),
    Overwritten(usize, Vec<u8>),
    Removed,
}

fn mishap() -> impl Strategy<Value = Mishap> {
    prop_oneof![
        4 => (any::<usize>(), 1_u8..).prop_map(|(position, change)| Mishap::Changed(position, change)),
        1 => any::<usize>().prop_map(Mishap::Cut),
        1 => (any::<usize>(), prop::collection::vec(any::<u8>(), 1..100))
            .prop_map(|(position, bytes)| Mishap::Overwritten(position, bytes)),
        1 => Just(Mishap::Removed),
    ]
}

proptest! {
    #[test]
    fn whatever_befalls_its_files_no_record_is_wrong(
        mishaps in prop::collection::vec((any::<prop::sample::Index>(), mishap()), 1..20)
    ) {
        let disk = journal();
        for (file, mishap) in mishaps {
            let names = disk.names().unwrap();
            if names.is_empty() {
                break;
            }
            let name = file.get(&names);
            let length = disk.content(name).len().max(1);
            let file = disk.open(name).unwrap();
            match mishap {
                Mishap::Changed(..) if disk.content(name).is_empty() => {}
                Mishap::Changed(position, change) => disk.change(name, position % length, change),
                Mishap::Cut(position) => file.set_length((position % length) as u64).unwrap(),
                Mishap::Overwritten(position, bytes) => {
                    file.write_at(&bytes, (position % length) as u64).unwrap();
                }
                Mishap::Removed => disk.remove(name).unwrap(),
            }
        }
        match look(&disk, false) {
            Err(error) => prop_assert!(error.is_damaged(), "{error}"),
            Ok(_) => {
                let mut journal = open(disk.clone()).unwrap();
                journal.distrust_checkpoint().unwrap();
                drop(journal);
                run(disk.clone(), COUNT, &mut BTreeSet::new()).unwrap();
                prop_assert_eq!(found(&disk), (0..COUNT).collect::<BTreeSet<_>>());
            }
        }
    }
}
