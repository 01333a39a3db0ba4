//! From the user's iterator or stream to the engine's loop. The loop takes whatever is there at once, so that nothing is
//! held back and a busy run is not woken for each.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use futures_core::Stream;
use futures_util::StreamExt;
use tokio::sync::Notify;

use crate::{Error, Request};

/// Requests in the order of the list; an error is the last.
pub(super) type Batch = Vec<Result<Request, Error>>;

/// Requests that may wait between the list's thread and the engine's.
const CAPACITY: usize = 256;

/// The list's end. Dropped before [`Sender::finish`], it tells the engine that the list broke off.
pub(super) struct Sender(Arc<Shared>);

/// The engine's end. Dropping it ends the reading of the list.
pub(super) struct Receiver(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// For a list that blocks.
    room: Condvar,
    /// For a list that is asynchronous.
    room_async: Notify,
    filled: Notify,
}

#[derive(Default)]
struct State {
    waiting: Batch,
    list_ended: bool,
    list_gone: bool,
    engine_gone: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn channel() -> (Sender, Receiver) {
    let shared = Arc::new(Shared::default());
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

/// Reads the iterator until its end, an error, or the engine's end. Blocks. A panic in the iterator is an error.
pub(super) fn from_iterator(requests: impl Iterator<Item = Result<Request, Error>>, sender: Sender) {
    let reading = catch_unwind(AssertUnwindSafe(|| {
        for request in requests {
            let is_last = request.is_err();
            if sender.send(request).is_err() || is_last {
                break;
            }
        }
    }));
    match reading {
        Ok(()) => sender.finish(),
        // Dropping the sender says so to the engine.
        Err(_panic) => drop(sender),
    }
}

/// Reads the stream until its end or the engine's.
pub(super) async fn from_stream<S>(requests: S, sender: Sender)
where
    S: Stream,
    S::Item: Into<Request>,
{
    let mut requests = pin!(requests);
    while let Some(request) = requests.next().await {
        if sender.send_async(Ok(request.into())).await.is_err() {
            break;
        }
    }
    sender.finish();
}

/// The engine has ended.
struct EngineGone;

impl Sender {
    fn send(&self, request: Result<Request, Error>) -> Result<(), EngineGone> {
        let mut state = self.0.lock();
        while state.waiting.len() >= CAPACITY && !state.engine_gone {
            state = self.0.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        self.put(state, request)
    }

    async fn send_async(&self, request: Result<Request, Error>) -> Result<(), EngineGone> {
        loop {
            let has_room = self.0.room_async.notified();
            {
                let state = self.0.lock();
                if state.waiting.len() < CAPACITY || state.engine_gone {
                    return self.put(state, request);
                }
            }
            has_room.await;
        }
    }

    fn put(
        &self,
        mut state: MutexGuard<'_, State>,
        request: Result<Request, Error>,
    ) -> Result<(), EngineGone> {
        if state.engine_gone {
            return Err(EngineGone);
        }
        state.waiting.push(request);
        let is_first = state.waiting.len() == 1;
        drop(state);
        if is_first {
            self.0.filled.notify_one();
        }
        Ok(())
    }

    fn finish(self) {
        self.0.lock().list_ended = true;
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.lock().list_gone = true;
        self.0.filled.notify_one();
    }
}

impl Receiver {
    /// All that waits, at least one; `None` at the end of the list. A list that broke off without a word ends with an
    /// error. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Option<Batch> {
        loop {
            {
                let mut state = self.0.lock();
                if !state.waiting.is_empty() {
                    let batch = std::mem::take(&mut state.waiting);
                    drop(state);
                    self.0.room.notify_one();
                    self.0.room_async.notify_one();
                    return Some(batch);
                }
                if state.list_ended {
                    return None;
                }
                if state.list_gone {
                    state.list_ended = true;
                    return Some(vec![Err(Error::input("the list broke off: whatever reads it panicked"))]);
                }
            }
            self.0.filled.notified().await;
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.0.lock().engine_gone = true;
        self.0.room.notify_one();
        self.0.room_async.notify_one();
    }
}
