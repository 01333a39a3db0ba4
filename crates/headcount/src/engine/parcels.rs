//! Parcels of records on their way to whoever takes them. A few may wait, however slow their taker is; more, as long as none
//! waits for more than a few milliseconds: what waits there is lost in a kill, and loops that wait for a taker who is only
//! late are idle.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use crate::{Error, Record};

/// What the engine hands over at once. An error is the last that comes.
pub(super) type Parcel = Result<Vec<Record>, Error>;

/// Parcels that may wait for a taker that is behind: no more than it needs to find the next one when it comes back.
const FEW: u64 = 2;
/// Parcels that may wait for one that keeps up.
const MANY: usize = 16;
/// It keeps up if none waits for longer.
const LONGEST_WAIT: Duration = Duration::from_millis(5);

/// A loop's end.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    parcels: mpsc::Sender<Parcel>,
    way: Arc<Way>,
}

/// The taker's end.
#[derive(Debug)]
pub(super) struct Receiver {
    parcels: mpsc::Receiver<Parcel>,
    breaker: Breaker,
    way: Arc<Way>,
}

/// Ends a taker's waiting, from outside of all loops.
#[derive(Clone, Debug)]
pub(super) struct Breaker(mpsc::WeakSender<Parcel>);

/// Room for one parcel.
pub(super) struct Room<'s> {
    permit: mpsc::Permit<'s, Parcel>,
    way: &'s Way,
}

/// What is on its way, and since when.
#[derive(Debug)]
struct Way {
    begun: Instant,
    sent: AtomicU64,
    taken: AtomicU64,
    /// When the last were sent, in microseconds since it began; each at its number's place, over and over again.
    sent_at: [AtomicU64; MANY],
    took_one: Notify,
}

pub(super) fn channel() -> (Sender, Receiver) {
    let (sender, receiver) = mpsc::channel(MANY);
    let way = Arc::new(Way {
        begun: Instant::now(),
        sent: AtomicU64::new(0),
        taken: AtomicU64::new(0),
        sent_at: Default::default(),
        took_one: Notify::new(),
    });
    let breaker = Breaker(sender.downgrade());
    (Sender { parcels: sender, way: Arc::clone(&way) }, Receiver { parcels: receiver, breaker, way })
}

impl Sender {
    /// Waits for room. `None`: nobody takes parcels any more. Dropping the future loses nothing.
    pub(super) async fn room(&self) -> Option<Room<'_>> {
        loop {
            let mut took_one = pin!(self.way.took_one.notified());
            took_one.as_mut().enable();
            if self.way.has_room(Instant::now()) || self.parcels.is_closed() {
                let permit = self.parcels.reserve().await.ok()?;
                return Some(Room { permit, way: &self.way });
            }
            took_one.await;
        }
    }

    /// Sends from outside of all loops what is the last.
    pub(super) fn blocking_send(&self, parcel: Parcel) {
        // Refused only by a taker that has gone.
        let _ = self.parcels.blocking_send(parcel);
    }

    /// Ends when nobody takes parcels any more.
    pub(super) async fn abandoned(&self) {
        self.parcels.closed().await;
    }
}

impl Breaker {
    /// Gives a taker that waits in vain this error as the last. One that is behind has enough to take.
    pub(super) fn break_off(&self, error: Error) {
        if let Some(parcels) = self.0.upgrade() {
            let _ = parcels.try_send(Err(error));
        }
    }
}

impl Room<'_> {
    pub(super) fn send(self, parcel: Parcel) {
        self.way.send();
        self.permit.send(parcel);
    }
}

impl Receiver {
    pub(super) fn breaker(&self) -> Breaker {
        self.breaker.clone()
    }

    pub(super) fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Option<Parcel>> {
        let parcel = std::task::ready!(self.parcels.poll_recv(context));
        Poll::Ready(parcel.inspect(|_| self.way.take()))
    }

    /// Blocks until a parcel comes; `None` after the last.
    pub(super) fn blocking_recv(&mut self) -> Option<Parcel> {
        self.parcels.blocking_recv().inspect(|_| self.way.take())
    }

    #[cfg(any(test, feature = "simulation"))]
    pub(super) async fn recv(&mut self) -> Option<Parcel> {
        std::future::poll_fn(|context| self.poll_recv(context)).await
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.parcels.len()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.parcels.close();
        self.way.took_one.notify_waiters();
    }
}

impl Way {
    fn send(&self) {
        let number = self.sent.fetch_add(1, Relaxed) as usize;
        self.sent_at[number % MANY].store(self.begun.elapsed().as_micros() as u64, Relaxed);
    }

    fn take(&self) {
        self.taken.fetch_add(1, Relaxed);
        self.took_one.notify_waiters();
    }

    /// Few are on their way, or none for long.
    fn has_room(&self, now: Instant) -> bool {
        let taken = self.taken.load(Relaxed);
        if self.sent.load(Relaxed).saturating_sub(taken) < FEW {
            return true;
        }
        let first = self.begun + Duration::from_micros(self.sent_at[taken as usize % MANY].load(Relaxed));
        now.saturating_duration_since(first) < LONGEST_WAIT
    }
}
