//! Intents: what is about to be sent and is not safe to repeat, for whoever has to note it first.

use tokio::sync::{mpsc, oneshot};

use crate::record::{Failure, Kind, Phase};

/// A request that waits to be sent. Dropped without consent, it is not sent: its record says `local/disk`.
#[derive(Debug)]
#[must_use = "the request waits for consent"]
pub struct Intent {
    index: u64,
    consent: oneshot::Sender<()>,
}

impl Intent {
    /// The index of its input.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// It may be sent.
    pub fn allow(self) {
        // Refused only by a request that was given up meanwhile.
        let _ = self.consent.send(());
    }
}

/// Waits for consent. Dropped, it leaves an intent whose request is not sent.
pub(super) async fn ask(intents: &mpsc::Sender<Intent>, index: u64) -> Result<(), Failure> {
    let (consent, allowed) = oneshot::channel();
    // Refused by a receiver that is gone, which is no consent either.
    let _ = intents.send(Intent { index, consent }).await;
    allowed.await.map_err(|_| {
        let message = "it could not be noted that it is about to be sent, so it was not";
        Failure::new(Phase::Local, Kind::Disk, message)
    })
}
