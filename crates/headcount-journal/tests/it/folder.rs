//! A journal's folder on a real disk.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use std::{fs, io};

use headcount_journal::{Companion, Extent, Folder, Found, Journal, Manifest, SharedJournal, look};

fn manifest(inputs: &[&str], options: &[(&str, &str)]) -> Manifest {
    let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Manifest::new(1 << 30, "salt".to_owned(), options, inputs.iter().map(|name| (*name).to_owned()).collect())
}

fn names(path: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn two_runs_cannot_have_one_journal() {
    let desk = tempfile::tempdir().unwrap();
    let path = desk.path().join("journal");
    let folder = Folder::create(&path).unwrap();
    assert!(Folder::open(&path).unwrap_err().is_locked());
    assert!(Folder::create(&path).unwrap_err().is_locked());
    drop(folder);
    Folder::open(&path).unwrap();
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let desk = tempfile::tempdir().unwrap();
    let path = desk.path().join("journal");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("segment-000000"), "somebody's work").unwrap();
    assert!(Folder::create(&path).unwrap_err().is_foreign());
    assert!(Folder::open(&path).unwrap_err().is_foreign());
    assert_eq!(names(&path), ["segment-000000"]);
    let file = desk.path().join("file");
    fs::write(&file, "x").unwrap();
    assert!(Folder::create(&file).unwrap_err().is_foreign());
}

#[test]
fn removing_takes_our_files_only() {
    let desk = tempfile::tempdir().unwrap();
    let path = desk.path().join("journal");
    let mut journal = Journal::create(Folder::create(&path).unwrap(), manifest(&[], &[])).unwrap();
    journal.record(0, b"{}").unwrap();
    journal.commit().unwrap();
    journal.end("0").unwrap();
    fs::write(path.join("notes.txt"), "mine").unwrap();
    fs::write(path.join("segment-notes"), "mine").unwrap();
    journal.into_storage().unwrap().remove().unwrap();
    assert_eq!(names(&path), ["notes.txt", "segment-notes"]);

    let path = desk.path().join("other");
    Journal::create(Folder::create(&path).unwrap(), manifest(&[], &[]))
        .unwrap()
        .into_storage()
        .unwrap()
        .remove()
        .unwrap();
    assert!(!path.exists());
}

#[test]
fn an_ended_journal_says_how_until_it_is_removed() {
    let desk = tempfile::tempdir().unwrap();
    let path = desk.path().join("journal");
    let mut journal = Journal::create(Folder::create(&path).unwrap(), manifest(&[], &[])).unwrap();
    journal.record(0, b"{}").unwrap();
    journal.commit().unwrap();
    journal.end("2").unwrap();
    let folder = journal.into_storage().unwrap();
    assert!(matches!(look(&folder, false).unwrap(), Found::Ended(how) if how == "2"));
    // As removing does, which may be killed at any file.
    drop(folder);
    for name in ["segment-000000", "manifest", "lock", "headcount-journal"] {
        fs::remove_file(path.join(name)).unwrap();
        let folder = Folder::open(&path).unwrap();
        assert!(matches!(look(&folder, false).unwrap(), Found::Ended(how) if how == "2"), "{name}");
    }
    let folder = Folder::open(&path).unwrap();
    folder.remove().unwrap();
    assert!(!path.exists());
}

#[cfg(unix)]
#[test]
fn files_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let desk = tempfile::tempdir().unwrap();
    let path = desk.path().join("journal");
    let mut journal = Journal::create(Folder::create(&path).unwrap(), manifest(&[], &[])).unwrap();
    journal.record(0, b"{}").unwrap();
    journal.commit().unwrap();
    journal.storage().spool(0).unwrap();
    for name in names(&path) {
        let mode = fs::metadata(path.join(&name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}");
    }
}

#[test]
fn differences_are_named() {
    let was = manifest(&["a.txt", "b.txt"], &[("--method", "GET"), ("--insecure", "true")]);
    let longer = manifest(&["a.txt", "b.txt", "c.txt"], &[("--method", "GET"), ("--insecure", "true")]);
    assert_eq!(was.differences(&longer), []);
    let other = manifest(&["b.txt"], &[("--method", "HEAD")]);
    let names: Vec<String> = was.differences(&other).into_iter().map(|difference| difference.name).collect();
    assert_eq!(names, ["--insecure", "--method", "input 1", "input 2"]);
}

#[test]
fn a_provisional_record_stands_until_there_is_a_better_one() {
    let desk = tempfile::tempdir().unwrap();
    let mut journal =
        Journal::create(Folder::create(&desk.path().join("journal")).unwrap(), manifest(&[], &[])).unwrap();
    for (index, text) in [(0, "interrupted 0"), (1, "interrupted 1"), (3, "interrupted 3")] {
        journal.provisional(index, text.as_bytes()).unwrap();
    }
    journal.record(1, b"done 1").unwrap();
    journal.record(2, b"failed 2").unwrap();
    journal.reopen(2).unwrap();
    journal.provisional(2, b"interrupted 2").unwrap();
    journal.record(4, b"failed 4").unwrap();
    journal.reopen(4).unwrap();
    journal.record(4, b"done 4").unwrap();
    journal.commit().unwrap();
    let done: Vec<_> = journal.state().done().ranges().collect();
    assert_eq!(done, [(1, 1), (4, 4)]);
    let mut texts = Vec::new();
    let table = tempfile::tempfile().unwrap();
    let read = journal.reader().in_order(&table, |_, text| {
        texts.push(String::from_utf8(text.to_vec()).unwrap());
        Ok(())
    });
    assert_eq!(texts, ["interrupted 0", "done 1", "failed 2", "interrupted 3", "done 4"]);
    let read = read.unwrap();
    assert_eq!((read.records, read.provisional, read.is_damaged), (5, 2, false));
}

#[test]
fn the_thread_commits_in_time_and_gives_the_journal_back() {
    let desk = tempfile::tempdir().unwrap();
    let path = desk.path().join("journal");
    let journal = Journal::create(Folder::create(&path).unwrap(), manifest(&[], &[])).unwrap();
    let shared = SharedJournal::start(journal, Duration::from_millis(1)).unwrap();
    shared.with(|journal| journal.record(7, b"{}").and_then(|()| journal.write())).unwrap();
    while shared.with(|journal| Ok(journal.is_dirty())).unwrap() {
        std::thread::park_timeout(Duration::from_millis(1));
    }
    let journal = shared.close().unwrap();
    assert!(shared.close().is_none() && shared.commit().is_err());
    drop(journal);
    let Found::Unfinished(found) = look(&Folder::open(&path).unwrap(), false).unwrap() else { panic!() };
    assert!(found.state.done().contains(7));
}

#[test]
fn of_how_far_a_list_was_read_the_furthest_counts() {
    let desk = tempfile::tempdir().unwrap();
    let mut journal =
        Journal::create(Folder::create(&desk.path().join("journal")).unwrap(), manifest(&[], &[])).unwrap();
    let extents = [(5, false), (9, true), (9, false), (7, false)];
    for (bytes, is_whole) in extents {
        journal.input(0, Extent { bytes, checksum: 0, is_whole }).unwrap();
    }
    assert_eq!(journal.state().inputs()[&0].reach(), (9, true));
}

/// A file beside the journal that has so many bytes.
struct Grown(AtomicU64);

impl Companion for Grown {
    fn sync(&self) -> io::Result<u64> {
        Ok(self.0.load(Relaxed))
    }
}

#[test]
fn a_checkpoint_waits_for_a_companion_that_has_its_records() {
    let desk = tempfile::tempdir().unwrap();
    let path = desk.path().join("journal");
    let journal = Journal::create(Folder::create(&path).unwrap(), manifest(&[], &[])).unwrap();
    let mut journal = journal.segment_length(100);
    let companion = Arc::new(Grown(AtomicU64::new(0)));
    journal.add_companion(Arc::<Grown>::clone(&companion));
    journal.record(0, b"{\"index\":0}").unwrap();
    journal.commit().unwrap();
    let has_checkpoint = || path.join("checkpoint").exists();
    for bytes in [0, 11] {
        companion.0.store(bytes, Relaxed);
        journal.commit().unwrap();
        assert!(!has_checkpoint(), "the line is not there as a whole");
    }
    companion.0.store(12, Relaxed);
    journal.commit().unwrap();
    assert!(has_checkpoint());

    // Lines that stand beside the records are no measure.
    fs::remove_file(path.join("checkpoint")).unwrap();
    journal.provisional(1, b"{\"index\":1}").unwrap();
    journal.record(2, b"{\"index\":2}").unwrap();
    companion.0.store(1_000, Relaxed);
    journal.commit().unwrap();
    assert!(!has_checkpoint());
}

#[test]
fn what_was_found_is_covered_by_a_checkpoint_only_when_it_is_asked_for() {
    let desk = tempfile::tempdir().unwrap();
    let path = desk.path().join("journal");
    let mut journal = Journal::create(Folder::create(&path).unwrap(), manifest(&[], &[])).unwrap();
    let long = vec![b'x'; 1 << 20];
    (0..64).for_each(|index| journal.record(index, &long).and_then(|()| journal.write()).unwrap());
    drop(journal);
    let _ = fs::remove_file(path.join("checkpoint"));
    let folder = Folder::open(&path).unwrap();
    let Found::Unfinished(found) = look(&folder, false).unwrap() else { panic!() };
    let mut journal = Journal::resume(folder, *found).unwrap();
    journal.commit().unwrap();
    assert!(!path.join("checkpoint").exists(), "its companions may lack what it covers");
    journal.save_reading();
    journal.commit().unwrap();
    assert!(path.join("checkpoint").exists());
}
