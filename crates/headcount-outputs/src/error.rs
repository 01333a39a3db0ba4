//! What keeps records from becoming files, or files from becoming records.

use std::path::Path;
use std::{fmt, io};

/// Why an output could not be written or read.
#[derive(Debug)]
pub struct Error {
    message: String,
    is_input: bool,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    pub(crate) fn writing(path: &Path, source: io::Error) -> Error {
        let message = format!("cannot write {}", path.display());
        Error { message, is_input: false, source: Some(source.into()) }
    }

    /// A file that cannot be read; `place` says where in it.
    pub(crate) fn reading(
        path: &Path,
        place: &str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Error {
        let separator = if place.is_empty() { "" } else { ", " };
        let message = format!("cannot read {}{separator}{place}", path.display());
        Error { message, is_input: true, source: Some(source.into()) }
    }

    /// For callers whose records come from elsewhere and cannot come any more.
    pub fn of_records(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error {
            message: "the records cannot be read".to_owned(),
            is_input: true,
            source: Some(source.into()),
        }
    }

    /// There was no room to write it.
    pub fn is_full(&self) -> bool {
        matches!(
            self.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
        )
    }

    fn kind(&self) -> io::ErrorKind {
        self.source.as_ref().map_or(io::ErrorKind::Other, |source| kind_of(&**source))
    }

    /// What was read is at fault, not what was to be written.
    pub fn is_input(&self) -> bool {
        self.is_input
    }
}

impl From<Error> for io::Error {
    /// Keeps the kind, by which a full disk is known.
    fn from(error: Error) -> io::Error {
        let kind = error.kind();
        let reason = error.source.as_ref().map(|source| format!(": {source}")).unwrap_or_default();
        io::Error::new(kind, format!("{}{reason}", error.message))
    }
}

/// What the disk said, through whatever library it was said.
fn kind_of(error: &(dyn std::error::Error + 'static)) -> io::ErrorKind {
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return match (error.kind(), error.get_ref()) {
            (io::ErrorKind::Other, Some(inner)) => kind_of(inner),
            (kind, _) => kind,
        };
    }
    if let Some(csv::ErrorKind::Io(error)) = error.downcast_ref::<csv::Error>().map(csv::Error::kind) {
        return kind_of(error);
    }
    match error.downcast_ref::<rusqlite::Error>().map(rusqlite::Error::sqlite_error_code) {
        Some(Some(rusqlite::ErrorCode::DiskFull)) => io::ErrorKind::StorageFull,
        _ => error.source().map_or(io::ErrorKind::Other, kind_of),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
