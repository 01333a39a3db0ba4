//! Notes what is about to be sent and is not safe to repeat. Requests that wait together are committed together.

use headcount::Intent;
use headcount_journal::{Error, SharedJournal};
use tokio::sync::mpsc::Receiver;

/// Begins to note, on a thread of its own, which ends with the run.
pub(super) fn start(intents: Receiver<Intent>, journal: SharedJournal) -> std::io::Result<()> {
    let thread = std::thread::Builder::new().name("intents".to_owned());
    // Detached, but not lost: it ends when the engine has gone.
    thread.spawn(move || note(intents, &journal)).map(drop)
}

fn note(mut intents: Receiver<Intent>, journal: &SharedJournal) {
    while let Some(first) = intents.blocking_recv() {
        let mut waiting = vec![first];
        while let Ok(more) = intents.try_recv() {
            waiting.push(more);
        }
        // Without consent the requests are not sent, and their records say so.
        if commit(&waiting, journal).is_ok() {
            waiting.into_iter().for_each(Intent::allow);
        }
    }
}

fn commit(intents: &[Intent], journal: &SharedJournal) -> Result<(), Error> {
    journal.with(|journal| {
        for intent in intents {
            journal.intend(intent.index())?;
        }
        journal.write()
    })?;
    journal.commit()
}
