//! Notes what is about to be sent and is not safe to repeat. Requests that wait together are committed together.

use std::io;

use headcount::Intent;
use headcount_journal::{Journal, SharedJournal};
use tokio::sync::mpsc::Receiver;

use super::io_error;
use crate::output::Patience;

/// Begins to note, on a thread of its own, which ends with the run.
pub(super) fn start(intents: Receiver<Intent>, journal: SharedJournal, patience: Patience) -> io::Result<()> {
    let thread = std::thread::Builder::new().name("intents".to_owned());
    // Detached, but not lost: it ends when the engine has gone.
    thread.spawn(move || note(intents, &journal, patience)).map(drop)
}

fn note(mut intents: Receiver<Intent>, journal: &SharedJournal, patience: Patience) {
    while let Some(first) = intents.blocking_recv() {
        let mut waiting = vec![first];
        while let Ok(more) = intents.try_recv() {
            waiting.push(more);
        }
        // Without consent the requests are not sent, and their records say so.
        if commit(&waiting, journal, patience).is_ok() {
            waiting.into_iter().for_each(Intent::allow);
        }
    }
}

/// A full disk is waited for.
fn commit(intents: &[Intent], journal: &SharedJournal, patience: Patience) -> io::Result<()> {
    let intend = |journal: &mut Journal| intents.iter().try_for_each(|intent| journal.intend(intent.index()));
    journal.with(intend).map_err(io_error)?;
    patience.wait_for_room(|| journal.commit().map_err(io_error))
}
