//! Every single operation on the disk fails in turn, in every way: nothing that was committed is missing afterwards,
//! nothing is invented, and the run can be finished.

use std::collections::BTreeSet;

use headcount_journal::{Found, look};

use crate::faulty_disk::{FAULTS, Fault, FaultyDisk};
use crate::script::{found, open, run};

const COUNT: u64 = 1_000;

fn all() -> BTreeSet<u64> {
    (0..COUNT).collect()
}

/// After whatever happened: what was promised is there, and the rest can be done.
fn finish(disk: &FaultyDisk, promised: &BTreeSet<u64>) {
    let found_before = found(disk);
    assert!(found_before.is_superset(promised), "lost: {:?}", promised.difference(&found_before));
    run(disk.clone(), COUNT, &mut BTreeSet::new()).unwrap();
    assert_eq!(found(disk), all());
}

#[test]
fn every_operation_of_a_run_fails_in_turn() {
    for fault in FAULTS {
        for after in 0.. {
            let disk = FaultyDisk::new(after);
            disk.fail(after, fault);
            let mut promised = BTreeSet::new();
            // Short writes and a disk that is full for a while are no reason to stop.
            let result = run(disk.clone(), COUNT, &mut promised);
            let is_over = disk.is_still_to_fail();
            match fault {
                Fault::Short => assert!(result.is_ok(), "{after}: {result:?}"),
                // A journal that cannot be begun is refused.
                Fault::Full => assert!(result.is_ok() || after < 10, "{after}: {result:?}"),
                Fault::Crash => assert!(result.is_err() || is_over, "{after}"),
                _ => {}
            }
            match after % 2 {
                0 => disk.restart(),
                _ => disk.kill(),
            }
            finish(&disk, &promised);
            if is_over {
                assert!(after > 200, "only {after} operations");
                break;
            }
        }
    }
}

#[test]
fn every_operation_of_opening_fails_in_turn() {
    // A disk that lost power in the middle, with torn writes and lost ones.
    for seed in 0..10 {
        let disk = FaultyDisk::new(seed);
        disk.fail(30 + 15 * seed, Fault::Crash);
        let mut promised = BTreeSet::new();
        run(disk.clone(), COUNT, &mut promised).unwrap_err();
        disk.restart();
        for fault in FAULTS {
            for after in 0.. {
                let disk = disk.copy(after);
                disk.fail(after, fault);
                let opened = open(disk.clone());
                let is_over = disk.is_still_to_fail();
                drop(opened);
                disk.restart();
                finish(&disk, &promised);
                if is_over {
                    break;
                }
            }
        }
    }
}

#[test]
fn a_run_that_has_ended_before_its_first_commit_waits_for_no_disk() {
    for seed in 0..100 {
        let disk = FaultyDisk::new(seed);
        let mut journal = open(disk.clone()).unwrap();
        for index in 0..COUNT {
            journal.record(index, b"{}").unwrap();
        }
        journal.write().unwrap();
        if seed % 2 == 0 {
            journal.end("0").unwrap();
            assert!(matches!(look(&disk, false).unwrap(), Found::Ended(how) if how == "0"));
        }
        assert_eq!(disk.syncs(), 0);
        // Whatever is left of it after a power failure, it is no obstacle.
        disk.restart();
        look(&disk, false).unwrap();
    }
}

#[test]
fn crash_after_crash_loses_nothing() {
    let seeds: u64 = std::env::var("HEADCOUNT_CRASHES").map_or(40, |number| number.parse().unwrap());
    for seed in 0..seeds {
        let mut random = fastrand::Rng::with_seed(seed);
        let disk = FaultyDisk::new(seed);
        let mut promised = BTreeSet::new();
        loop {
            disk.fail(random.u64(..200), random.choice(FAULTS).unwrap());
            let result = run(disk.clone(), COUNT, &mut promised);
            if random.bool() {
                disk.restart();
            } else {
                disk.kill();
            }
            let found = found(&disk);
            assert!(found.is_superset(&promised), "seed {seed} lost {:?}", promised.difference(&found));
            if result.is_ok() {
                assert_eq!(found, all());
                break;
            }
        }
    }
}

#[test]
fn nothing_is_written_after_a_sync_that_failed() {
    let disk = FaultyDisk::new(1);
    let mut journal = open(disk.clone()).unwrap();
    journal.record(0, b"{}").unwrap();
    journal.write().unwrap();
    disk.fail(0, Fault::Sync);
    assert!(journal.commit().is_err());
    journal.record(1, b"{}").unwrap();
    let error = journal.write().unwrap_err();
    let reason = std::error::Error::source(&error).unwrap().to_string();
    assert!(reason.contains("could not be made safe: the disk is broken"), "{reason}");
}
