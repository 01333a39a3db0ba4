//! What keeps a journal from being written or read.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::Path;

/// Why a journal cannot be used.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<io::Error>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ErrorKind {
    Io,
    Foreign,
    Locked,
    Damaged,
    Version,
}

impl Error {
    pub(crate) fn io(message: impl Into<String>, source: io::Error) -> Error {
        Error { kind: ErrorKind::Io, message: message.into(), source: Some(source) }
    }

    pub(crate) fn foreign(path: &Path) -> Error {
        let message = format!("{} is not a journal of headcount", path.display());
        Error { kind: ErrorKind::Foreign, message, source: None }
    }

    pub(crate) fn open_to_others(path: &Path) -> Error {
        let message = format!("{} belongs to another user, or others may write to it", path.display());
        Error { kind: ErrorKind::Foreign, message, source: None }
    }

    pub(crate) fn locked(path: &Path) -> Error {
        let message = format!("another run is writing to {}", path.display());
        Error { kind: ErrorKind::Locked, message, source: None }
    }

    pub(crate) fn damaged(message: impl Into<String>) -> Error {
        Error { kind: ErrorKind::Damaged, message: message.into(), source: None }
    }

    /// It is not what it was a moment ago.
    pub fn changed(path: &Path) -> Error {
        Error::damaged(format!("somebody else has changed {}", path.display()))
    }

    pub(crate) fn version(version: u32) -> Error {
        let message = format!("the journal has format {version}, which this headcount does not know");
        Error { kind: ErrorKind::Version, message, source: None }
    }

    /// What stands at its place is not a journal, or not this user's alone. Nothing was changed there.
    pub fn is_foreign(&self) -> bool {
        self.kind == ErrorKind::Foreign
    }

    /// Another process has it.
    pub fn is_locked(&self) -> bool {
        self.kind == ErrorKind::Locked
    }

    /// So much of it is damaged that nothing can be made of the rest.
    pub fn is_damaged(&self) -> bool {
        self.kind == ErrorKind::Damaged
    }

    /// A newer headcount wrote it.
    pub fn is_version(&self) -> bool {
        self.kind == ErrorKind::Version
    }

    /// The disk is full: the same can be tried again once there is room.
    pub fn is_full(&self) -> bool {
        self.source.as_ref().is_some_and(is_full)
    }
}

/// There is no room now, and may be some later.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}
