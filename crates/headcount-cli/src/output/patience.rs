//! How long a full disk is waited for, by whatever writes to it.

use std::io::{self, Write};
use std::time::Duration;

use tokio::time::Instant;

use crate::terminal::say;

/// How often a full disk is tried again.
const TRY_AGAIN: Duration = Duration::from_millis(250);

/// How long a full disk is waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    longest: Duration,
}

impl Patience {
    pub(crate) fn new(longest: Duration) -> Patience {
        Patience { longest }
    }

    /// Tries until it works, fails for another reason than a full disk, or has taken too long.
    pub(crate) fn wait_for_room<T>(self, mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        let mut since = None;
        loop {
            let error = match attempt() {
                Err(error) if is_full(&error) => error,
                result => return result,
            };
            let started = *since.get_or_insert_with(|| {
                let seconds = self.longest.as_secs_f64();
                say("warning", &format!("{error}; the run waits up to {seconds} s for room"));
                Instant::now()
            });
            if started.elapsed() >= self.longest {
                return Err(error);
            }
            std::thread::park_timeout(TRY_AGAIN.min(self.longest));
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

/// A file on a disk that is waited for.
pub(crate) struct Patient<W> {
    writer: W,
    patience: Patience,
}

impl<W> Patient<W> {
    pub(crate) fn new(writer: W, patience: Patience) -> Patient<W> {
        Patient { writer, patience }
    }

    pub(crate) fn get_ref(&self) -> &W {
        &self.writer
    }

    pub(crate) fn into_inner(self) -> W {
        self.writer
    }
}

impl<W: Write> Write for Patient<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.patience.wait_for_room(|| self.writer.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.patience.wait_for_room(|| self.writer.flush())
    }
}
