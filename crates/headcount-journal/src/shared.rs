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
            .spawn(move || own.commit_every(every))
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
        let commit = self.with(|journal| {
            journal.write()?;
            Ok(journal.begin_commit())
        })?;
        let result = commit.run();
        self.with(|journal| journal.end_commit(&commit, result))
    }

    fn commit_every(&self, every: Duration) {
        let mut is_closing = lock(&self.is_closing);
        while !*is_closing {
            let (woken, _) =
                self.closing.wait_timeout(is_closing, every).unwrap_or_else(PoisonError::into_inner);
            is_closing = woken;
            if *is_closing {
                return;
            }
            drop(is_closing);
            if self.with(|journal| Ok(journal.is_dirty())).unwrap_or(false) {
                // The journal remembers a failure, and says it to whoever writes next.
                let _ = self.commit();
            }
            is_closing = lock(&self.is_closing);
        }
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
