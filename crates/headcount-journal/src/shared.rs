//! A journal that several threads write to, with a thread of its own that commits it in time.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{io, thread};

use crate::{Error, Folder, Journal, Storage};

/// A journal in the hands of several threads. Clones are the same journal. What was written is committed in the
/// background; when that fails, the next [`Journal::write`] says so.
#[derive(Debug)]
pub struct SharedJournal<S: Storage = Folder> {
    shared: Arc<Shared<S>>,
    committer: Arc<Mutex<Option<JoinHandle<()>>>>,
}

struct Shared<S: Storage> {
    journal: Mutex<Option<Journal<S>>>,
    /// One commit at a time.
    turn: Mutex<()>,
    is_closing: Mutex<bool>,
    closing: Condvar,
}

impl<S: Storage> SharedJournal<S> {
    /// Commits what was written every so often.
    ///
    /// # Errors
    /// The operating system refuses a thread.
    pub fn start(journal: Journal<S>, every: Duration) -> Result<SharedJournal<S>, Error> {
        let shared = Arc::new(Shared {
            journal: Mutex::new(Some(journal)),
            turn: Mutex::default(),
            is_closing: Mutex::default(),
            closing: Condvar::new(),
        });
        let own = Arc::clone(&shared);
        let builder = thread::Builder::new().name("headcount-journal".to_owned());
        let committer = builder
            .spawn(move || own.commit_after_each(|| own.pause(every)))
            .map_err(|error| Error::io("cannot start the journal's thread", error))?;
        Ok(SharedJournal { shared, committer: Arc::new(Mutex::new(Some(committer))) })
    }

    /// Does something with the journal. Another thread's commit does not keep it waiting.
    ///
    /// # Errors
    /// It was closed, or whatever `work` says.
    pub fn with<T>(&self, work: impl FnOnce(&mut Journal<S>) -> Result<T, Error>) -> Result<T, Error> {
        self.shared.with(work)
    }

    /// Makes safe what was written. Blocks until it is.
    ///
    /// # Errors
    /// The disk refuses, or the journal was closed.
    pub fn commit(&self) -> Result<(), Error> {
        self.shared.commit()
    }

    /// Ends the thread and gives the journal back; `None` if another clone did before.
    pub fn close(&self) -> Option<Journal<S>> {
        *lock(&self.shared.is_closing) = true;
        self.shared.closing.notify_all();
        if let Some(committer) = lock(&self.committer).take() {
            // It has nothing to say but through the journal.
            let _ = committer.join();
        }
        let _turn = lock(&self.shared.turn);
        lock(&self.shared.journal).take()
    }
}

impl<S: Storage> Clone for SharedJournal<S> {
    fn clone(&self) -> SharedJournal<S> {
        SharedJournal { shared: Arc::clone(&self.shared), committer: Arc::clone(&self.committer) }
    }
}

impl<S: Storage> Shared<S> {
    fn with<T>(&self, work: impl FnOnce(&mut Journal<S>) -> Result<T, Error>) -> Result<T, Error> {
        match &mut *lock(&self.journal) {
            Some(journal) => work(journal),
            None => Err(Error::io("the journal was closed", io::ErrorKind::NotConnected.into())),
        }
    }

    fn commit(&self) -> Result<(), Error> {
        let _turn = lock(&self.turn);
        let mut commit = self.with(|journal| {
            journal.write()?;
            Ok(journal.begin_commit())
        })?;
        let result = commit.run();
        self.with(|journal| journal.end_commit(commit, result))
    }

    /// Commits after each pause what was written in it, until there is none.
    fn commit_after_each(&self, mut pause: impl FnMut() -> bool) {
        while pause() {
            if self.with(|journal| Ok(journal.is_dirty())).unwrap_or(false) {
                // The journal remembers a failure, and says it to whoever writes next.
                let _ = self.commit();
            }
        }
    }

    /// Waits for so long. Returns false, and at once, when the journal is being closed.
    fn pause(&self, time: Duration) -> bool {
        let is_closing = lock(&self.is_closing);
        let waited = self.closing.wait_timeout_while(is_closing, time, |is_closing| !*is_closing);
        let (is_closing, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !*is_closing
    }
}

impl<S: Storage> std::fmt::Debug for Shared<S> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Shared").finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, VecDeque};

    use super::*;
    use crate::{Manifest, StoredFile};

    const MILLISECOND: Duration = Duration::from_millis(1);

    /// A disk that takes its time to sync, on a clock of its own. Meanwhile, and in pauses, records come in.
    #[derive(Clone, Default)]
    struct SlowDisk(Arc<Mutex<World>>);

    #[derive(Default)]
    struct World {
        now: Duration,
        time_to_sync: Duration,
        journal: Option<Arc<Shared<SlowDisk>>>,
        /// When each record comes.
        coming: VecDeque<Duration>,
        /// When each record was written, and when what was written before a sync was safe.
        written: Vec<Duration>,
        safe: Vec<Duration>,
        bytes: usize,
    }

    impl SlowDisk {
        fn world(&self) -> MutexGuard<'_, World> {
            lock(&self.0)
        }

        /// Lets the time pass, and writes the records that come in it.
        fn pass(&self, time: Duration) {
            let end = self.world().now + time;
            loop {
                let (journal, index) = {
                    let mut world = self.world();
                    let Some(at) = world.coming.front().copied().filter(|at| *at <= end) else { break };
                    world.coming.pop_front();
                    world.now = at;
                    world.written.push(at);
                    (world.journal.clone(), world.written.len() as u64)
                };
                let Some(journal) = journal else { break };
                let added =
                    journal.with(|journal| journal.record(index, b"{}").and_then(|()| journal.write()));
                added.unwrap();
            }
            self.world().now = end;
        }
    }

    impl Storage for SlowDisk {
        type File = SlowDisk;

        fn names(&self) -> io::Result<Vec<String>> {
            Ok(Vec::new())
        }
        fn create(&self, _name: &str) -> io::Result<SlowDisk> {
            Ok(self.clone())
        }
        fn open(&self, _name: &str) -> io::Result<SlowDisk> {
            Ok(self.clone())
        }
        fn rename(&self, _from: &str, _to: &str) -> io::Result<()> {
            Ok(())
        }
        fn remove(&self, _name: &str) -> io::Result<()> {
            Ok(())
        }
        fn sync_folder(&self) -> io::Result<()> {
            let time = self.world().time_to_sync;
            self.pass(time);
            Ok(())
        }
    }

    impl StoredFile for SlowDisk {
        fn length(&self) -> io::Result<u64> {
            Ok(self.world().bytes as u64)
        }
        fn read_at(&self, _buffer: &mut [u8], _offset: u64) -> io::Result<usize> {
            Ok(0)
        }
        fn write_at(&self, bytes: &[u8], _offset: u64) -> io::Result<usize> {
            self.world().bytes += bytes.len();
            Ok(bytes.len())
        }
        fn set_length(&self, _length: u64) -> io::Result<()> {
            Ok(())
        }
        fn sync(&self) -> io::Result<()> {
            let covered = self.world().written.len();
            let time = self.world().time_to_sync;
            self.pass(time);
            let mut world = self.world();
            let world = &mut *world;
            world.safe.resize(covered.max(world.safe.len()), world.now);
            Ok(())
        }
    }

    #[test]
    fn what_was_written_is_safe_within_a_second_on_a_disk_that_takes_a_tenth() {
        let disk = SlowDisk::default();
        let manifest = Manifest::new(1, String::new(), BTreeMap::new(), Vec::new());
        let journal = Journal::create(disk.clone(), manifest).unwrap();
        let shared = Arc::new(Shared {
            journal: Mutex::new(Some(journal)),
            turn: Mutex::default(),
            is_closing: Mutex::default(),
            closing: Condvar::new(),
        });
        {
            let mut world = disk.world();
            world.now = Duration::ZERO;
            world.time_to_sync = MILLISECOND * 100;
            world.journal = Some(Arc::clone(&shared));
            // All the time, then now and then.
            world.coming =
                (0_u32..5_000).chain((5_000..60_000).step_by(777)).map(|at| MILLISECOND * at).collect();
        }
        let pause = || {
            disk.pass(MILLISECOND * 500);
            disk.world().now < MILLISECOND * 62_000
        };
        shared.commit_after_each(pause);
        let mut world = disk.world();
        assert_eq!((world.safe.len(), world.coming.len()), (world.written.len(), 0));
        for (written, safe) in world.written.iter().zip(&world.safe) {
            assert!(safe > written && *safe - *written < Duration::from_secs(1), "{written:?} {safe:?}");
        }
        world.journal = None;
    }
}
