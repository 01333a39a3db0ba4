//! Notes what is about to be sent and is not safe to repeat. Requests that wait together are committed together.

use std::io;
use std::sync::Arc;

use headcount::Intent;
use headcount_journal::{Journal, SharedJournal};
use tokio::sync::mpsc::Receiver;

use super::io_error;
use super::reading::Extents;
use crate::output::Patience;

/// Begins to note, on a thread of its own, which ends with the run.
pub(super) fn start(
    intents: Receiver<Intent>,
    journal: SharedJournal,
    extents: Arc<Extents>,
    patience: Patience,
) -> io::Result<()> {
    let thread = std::thread::Builder::new().name("intents".to_owned());
    // Detached, but not lost: it ends when the engine has gone.
    thread.spawn(move || note(intents, &journal, &extents, patience)).map(drop)
}

fn note(mut intents: Receiver<Intent>, journal: &SharedJournal, extents: &Extents, patience: Patience) {
    while let Some(first) = intents.blocking_recv() {
        let mut waiting = vec![first];
        while let Ok(more) = intents.try_recv() {
            waiting.push(more);
        }
        // Without consent the requests are not sent, and their records say so.
        if commit(&waiting, journal, extents, patience).is_ok() {
            waiting.into_iter().for_each(Intent::allow);
        }
    }
}

/// With how far the lists were read for it, so that it is known where to look for what may be lost. A full disk is waited
/// for.
fn commit(
    intents: &[Intent],
    journal: &SharedJournal,
    extents: &Extents,
    patience: Patience,
) -> io::Result<()> {
    let intend = |journal: &mut Journal| {
        extents.note(journal)?;
        intents.iter().try_for_each(|intent| journal.intend(intent.index()))
    };
    journal.with(intend).map_err(io_error)?;
    patience.wait_for_room(|| journal.commit().map_err(io_error))
}
