//! Finished records on their way to whoever takes them, gathered so that a busy run does not wake its taker for
//! each.

use std::cell::RefCell;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until};

use super::records::Parcel;
use crate::{Error, Record};

/// A record is held back for this long at the most.
const LONGEST_HOLD: Duration = Duration::from_millis(5);

/// So many go at once, however young they are.
const RECORDS_IN_A_PARCEL: usize = 64;

pub(super) struct Outbox {
    taker: mpsc::Sender<Parcel>,
    gathered: RefCell<Gathered>,
    has_some: Notify,
}

struct Gathered {
    records: Vec<Record>,
    sent_at: Option<Instant>,
}

impl Outbox {
    pub(super) fn new(taker: mpsc::Sender<Parcel>) -> Outbox {
        let gathered = Gathered { records: Vec::new(), sent_at: None };
        Outbox { taker, gathered: RefCell::new(gathered), has_some: Notify::new() }
    }

    /// Hands over a record. The future waits while the taker is behind; the record is not lost when it is dropped, nor
    /// does it carry the record about. One that waited alone for long enough goes at once.
    pub(super) fn put(&self, record: Record, now: Instant) -> impl Future<Output = ()> {
        let is_due = {
            let mut gathered = self.gathered.borrow_mut();
            gathered.records.push(record);
            let is_first = gathered.records.len() == 1;
            let is_due = gathered.records.len() >= RECORDS_IN_A_PARCEL
                || gathered.sent_at.is_none_or(|at| now.saturating_duration_since(at) >= LONGEST_HOLD);
            if is_first && !is_due {
                self.has_some.notify_one();
            }
            is_due
        };
        async move {
            if is_due {
                self.flush().await;
            }
        }
    }

    /// Sends what was gathered. Dropping the future keeps it for the next time.
    pub(super) async fn flush(&self) {
        // Room first: what is taken out of the gathered ones can then be sent without another wait.
        let Ok(room) = self.taker.reserve().await else { return };
        let mut gathered = self.gathered.borrow_mut();
        if !gathered.records.is_empty() {
            gathered.sent_at = Some(Instant::now());
            // The next parcel is about as large.
            let next = Vec::with_capacity(gathered.records.len());
            room.send(Ok(std::mem::replace(&mut gathered.records, next)));
        }
    }

    /// Flushes for ever, no later than it must.
    pub(super) async fn flush_in_time(&self) {
        loop {
            self.has_some.notified().await;
            sleep_until(Instant::now() + LONGEST_HOLD).await;
            self.flush().await;
        }
    }

    /// Tells the taker why there will be no more.
    pub(super) async fn fail(&self, error: Error) {
        self.flush().await;
        // Refused only by a taker that has gone.
        let _ = self.taker.send(Err(error)).await;
    }

    /// Ends when nobody takes records any more.
    pub(super) async fn abandoned(&self) {
        self.taker.closed().await;
    }
}
