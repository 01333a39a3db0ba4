//! A folder that others have had a hand in: it is not trusted, what is theirs is left alone, and one run has it at a time.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use headcount_journal::{Folder, Found, Journal, Manifest, look};

fn journal(path: &Path) -> Journal {
    let manifest = Manifest::new(1 << 30, "salt".to_owned(), BTreeMap::new(), Vec::new());
    let mut journal = Journal::create(Folder::create(path).unwrap(), manifest).unwrap();
    journal.record(0, b"{}").unwrap();
    journal.commit().unwrap();
    journal
}

#[test]
fn what_others_may_write_to_is_not_trusted() {
    let desk = tempfile::tempdir().unwrap();
    for name in ["full", "empty"] {
        let path = desk.path().join(name);
        if name == "full" {
            drop(journal(&path));
        } else {
            fs::create_dir(&path).unwrap();
        }
        let set = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        for mode in [0o777, 0o720, 0o702] {
            set(mode);
            let error = Folder::create(&path).unwrap_err();
            assert!(error.is_foreign() && error.to_string().contains("others may write"), "{error}");
            assert!(Folder::exists(&path).unwrap_err().is_foreign());
        }
        set(0o755);
        Folder::create(&path).unwrap();
        // Only who may give files away can show the rest.
        if chown(&path, Some(12_345), None).is_ok() {
            assert!(Folder::create(&path).unwrap_err().is_foreign());
        }
    }
}

#[test]
fn links_are_not_followed() {
    let desk = tempfile::tempdir().unwrap();
    let (path, victim) = (desk.path().join("journal"), desk.path().join("victim"));
    fs::write(&victim, "precious").unwrap();
    let mut journal = journal(&path);
    symlink(&victim, path.join("ended.part")).unwrap();
    assert!(journal.end("0").is_err());
    symlink(&victim, path.join("spool-0")).unwrap();
    assert!(journal.storage().spool(0).is_err() && journal.storage().found_spool(0).is_err());
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    journal.into_storage().unwrap().remove().unwrap();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert!(!path.exists());
}

#[test]
fn files_of_others_stay_when_a_run_goes_on() {
    let desk = tempfile::tempdir().unwrap();
    let path = desk.path().join("journal");
    drop(journal(&path));
    fs::write(path.join("mine.part"), "mine").unwrap();
    fs::write(path.join("checkpoint.part"), "half").unwrap();
    fs::create_dir(path.join("sub.part")).unwrap();
    let folder = Folder::open(&path).unwrap();
    let Found::Unfinished(found) = look(&folder, false).unwrap() else { panic!() };
    drop(Journal::resume(folder, *found).unwrap());
    assert!(path.join("mine.part").exists() && path.join("sub.part").exists());
    assert!(!path.join("checkpoint.part").exists());
}

#[test]
fn what_is_left_of_one_that_was_being_removed_is_nothing() {
    let desk = tempfile::tempdir().unwrap();
    let path = desk.path().join("journal");
    for is_made_again in [true, false] {
        fs::create_dir(&path).unwrap();
        fs::write(path.join("lock"), "").unwrap();
        assert!(!Folder::exists(&path).unwrap());
        match is_made_again {
            true => Folder::create(&path).unwrap().remove().unwrap(),
            false => Folder::remove_remains(&path),
        }
        assert!(!path.exists());
    }
}

#[test]
fn one_run_has_it_at_a_time_though_it_comes_and_goes() {
    let desk = tempfile::tempdir().unwrap();
    let path = desk.path().join("journal");
    let (holders, times) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while times.load(SeqCst) < 1_000 {
                    match Folder::create(&path) {
                        Ok(folder) => {
                            assert_eq!(holders.fetch_add(1, SeqCst), 0, "two have it");
                            times.fetch_add(1, SeqCst);
                            holders.fetch_sub(1, SeqCst);
                            folder.remove().unwrap();
                        }
                        Err(error) => assert!(error.is_locked() || is_gone(&error), "{error:?}"),
                    }
                }
            });
        }
    });
    assert!(!path.exists());
}

/// It was there, and was removed before it was locked.
fn is_gone(error: &headcount_journal::Error) -> bool {
    let source = std::error::Error::source(error);
    source.is_some_and(|source| source.to_string().contains("not found")) || error.is_foreign()
}
