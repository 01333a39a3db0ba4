//! The records of a run, as they come, and the means to stop it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use tokio::sync::watch;

use super::parcels::{Breaker, Receiver};
use super::progress::{Board, Progress, Verdict};
use crate::{Error, Record};

/// How a run is asked to end before its list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// It goes on.
    #[default]
    No,
    /// No new request starts; those under way may still end within this time. What had begun and did not end gets
    /// an `interrupted` record.
    After(Duration),
}

impl Stop {
    /// Nothing may go on.
    pub const NOW: Stop = Stop::After(Duration::ZERO);
}

/// The records of one run, in the order in which they end: a [`Stream`] for asynchronous code, and an iterator
/// through [`Records::blocking`]. The engine works on its own thread whether it is polled or not, and waits when
/// records are not taken. An error says why the run could not go on, and is the last item. Dropping it stops the
/// work.
#[must_use = "a run is stopped when its records are dropped"]
#[derive(Debug)]
pub struct Records {
    taker: Receiver,
    parcel: std::vec::IntoIter<Record>,
    handle: RunHandle,
}

/// Watches a run, and can end it early, from anywhere.
#[derive(Clone, Debug)]
pub struct RunHandle {
    stop: Arc<watch::Sender<Stop>>,
    board: Arc<Board>,
    breaker: Breaker,
}

impl RunHandle {
    /// What was done so far.
    pub fn progress(&self) -> Progress {
        self.board.snapshot()
    }

    /// How the run went; `None` until it has ended.
    pub fn verdict(&self) -> Option<&Verdict> {
        self.board.verdict.get()
    }

    /// No longer waits for an engine that should have ended: whoever takes the records gets an error as the last, and can
    /// go on with what has come.
    pub fn give_up(&self) {
        self.breaker
            .break_off(Error::runtime("the engine has not ended in time; what it had begun has no record"));
    }

    /// Asks the run to end early; the records of what had begun still come. A later call can only bring the end
    /// nearer.
    pub fn stop(&self, stop: Stop) {
        self.stop.send_if_modified(|current| {
            let is_sooner = match (*current, stop) {
                (_, Stop::No) => false,
                (Stop::No, Stop::After(_)) => true,
                (Stop::After(current), Stop::After(new)) => new < current,
            };
            if is_sooner {
                *current = stop;
            }
            is_sooner
        });
    }
}

impl Records {
    pub(super) fn new(taker: Receiver, stop: watch::Sender<Stop>, board: Arc<Board>) -> Records {
        let handle = RunHandle { stop: Arc::new(stop), board, breaker: taker.breaker() };
        Records { taker, parcel: Vec::new().into_iter(), handle }
    }

    /// For watching and stopping the run from elsewhere.
    pub fn handle(&self) -> RunHandle {
        self.handle.clone()
    }

    /// The records for code that is not asynchronous. Each `next` blocks until a record is there.
    pub fn blocking(self) -> impl Iterator<Item = Result<Record, Error>> {
        self.blocking_parcels().flat_map(|parcel| match parcel {
            Ok(records) => records.into_iter().map(Ok).collect::<Vec<_>>(),
            Err(error) => vec![Err(error)],
        })
    }

    /// The same, several at a time: those that are there, at least one. For whoever writes them on and wants to
    /// flush when nothing more is waiting.
    pub fn blocking_parcels(mut self) -> impl Iterator<Item = Result<Vec<Record>, Error>> {
        let begun: Vec<Record> = std::mem::take(&mut self.parcel).collect();
        let begun = (!begun.is_empty()).then_some(Ok(begun));
        begun.into_iter().chain(std::iter::from_fn(move || self.taker.blocking_recv()))
    }
}

impl Stream for Records {
    type Item = Result<Record, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(record) = self.parcel.next() {
                return Poll::Ready(Some(Ok(record)));
            }
            match std::task::ready!(self.taker.poll_recv(context)) {
                Some(Ok(parcel)) => self.parcel = parcel.into_iter(),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}
