//! What was about to be sent is never forgotten: where lines were lost, it is known how far into the lists they go.

use std::collections::BTreeSet;

use headcount_journal::{Extent, Found, Journal, Reach, Storage, StoredFile, Unfinished, look};

use crate::faulty_disk::FaultyDisk;
use crate::script::open;

/// A journal with several segments: twelve requests, noted before they are sent, of a list that is read as they are.
fn journal() -> FaultyDisk {
    let disk = FaultyDisk::new(1);
    let mut journal = open(disk.clone()).unwrap().segment_length(220);
    for index in 0..12 {
        if index % 2 == 0 {
            journal.input(0, Extent { bytes: 100 * (index + 1), checksum: 7, is_whole: false }).unwrap();
        }
        journal.intend(index).unwrap();
        journal.commit().unwrap();
    }
    journal.record(5, b"{}").unwrap();
    journal.commit().unwrap();
    disk.remove("checkpoint").unwrap();
    disk
}

fn found(disk: &FaultyDisk) -> Box<Unfinished> {
    match look(disk, false).unwrap() {
        Found::Unfinished(found) => found,
        other => panic!("{other:?}"),
    }
}

/// Whether a request may be taken for one that was never sent.
fn is_forgotten(found: &Unfinished, index: u64) -> bool {
    let may_be_lost = match found.state.lost() {
        Some(Reach::Everything) => true,
        Some(Reach::Lists(lists)) => lists[&0] > 100 * (index - index % 2),
        None => false,
    };
    !may_be_lost && !found.state.in_doubt().contains(&index) && !found.state.done().contains(index)
}

fn assert_nothing_is_forgotten(disk: &FaultyDisk, what: &str) {
    // Before it is mended, after that, and after the run that has mended it has noted how far it came.
    for further in [0, 0, 5_000, 9_000] {
        let found = found(disk);
        let forgotten: Vec<u64> = (0..12).filter(|index| is_forgotten(&found, *index)).collect();
        assert_eq!(forgotten, [] as [u64; 0], "{what}");
        let mut journal = Journal::resume(disk.clone(), *found).unwrap();
        if further > 0 {
            journal.input(0, Extent { bytes: further, checksum: 7, is_whole: false }).unwrap();
        }
        journal.commit().unwrap();
    }
    let mended = found(disk);
    assert_eq!(mended.damage, [], "{what}");
}

fn segments(disk: &FaultyDisk) -> Vec<String> {
    disk.names().unwrap().into_iter().filter(|name| name.starts_with("segment-")).collect()
}

#[test]
fn no_changed_byte_makes_a_request_forgotten() {
    let whole = journal();
    assert!(segments(&whole).len() > 2 && found(&whole).state.lost().is_none());
    for name in segments(&whole) {
        for position in 0..whole.content(&name).len() {
            let disk = whole.copy(1);
            disk.change(&name, position, 1 << (position % 8));
            assert_nothing_is_forgotten(&disk, &format!("{name}, byte {position}"));
        }
    }
}

#[test]
fn no_cut_before_the_last_segment_makes_a_request_forgotten() {
    let whole = journal();
    let names = segments(&whole);
    for name in &names[..names.len() - 1] {
        for length in 0..whole.content(name).len() {
            let disk = whole.copy(1);
            disk.open(name).unwrap().set_length(length as u64).unwrap();
            assert_nothing_is_forgotten(&disk, &format!("{name} cut to {length}"));
        }
        let disk = whole.copy(1);
        disk.remove(name).unwrap();
        assert_nothing_is_forgotten(&disk, &format!("{name} removed"));
    }
}

#[test]
fn what_was_lost_goes_no_further_than_the_lists_were_read_then() {
    let disk = journal();
    disk.change("segment-000000", disk.content("segment-000000").len() - 3, 1);
    let lost = |disk: &FaultyDisk| found(disk).state.lost().cloned();
    let Some(Reach::Lists(lists)) = lost(&disk) else { panic!("{:?}", lost(&disk)) };
    assert!(lists[&0] < 1_000, "{lists:?}");
    let mut journal = Journal::resume(disk.clone(), *found(&disk)).unwrap();
    journal.input(0, Extent { bytes: 5_000, checksum: 7, is_whole: false }).unwrap();
    journal.commit().unwrap();
    drop(journal);
    assert_eq!(lost(&disk), Some(Reach::Lists(lists)));
    let indices: BTreeSet<u64> = (0..12).filter(|index| *index != 5).collect();
    assert!(found(&disk).state.in_doubt().is_subset(&indices));
}
