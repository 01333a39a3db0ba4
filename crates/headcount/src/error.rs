//! What stops a run. A URL that fails is no error: it is a [`Record`](crate::Record).

use std::error::Error as StdError;
use std::fmt;

/// Why an engine could not be built or a run could not go on.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ErrorKind {
    Configuration,
    Input,
    Runtime,
}

impl Error {
    pub(crate) fn configuration(message: impl Into<String>) -> Error {
        Error { kind: ErrorKind::Configuration, message: message.into(), source: None }
    }

    /// A list cannot be read on: for an iterator that is given to [`Engine::try_run`](crate::Engine::try_run).
    pub fn input(message: impl Into<String>) -> Error {
        Error { kind: ErrorKind::Input, message: message.into(), source: None }
    }

    pub(crate) fn runtime(message: impl Into<String>) -> Error {
        Error { kind: ErrorKind::Runtime, message: message.into(), source: None }
    }

    pub(crate) fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        self.source = Some(source.into());
        self
    }

    /// A value of the configuration cannot be used.
    pub fn is_configuration(&self) -> bool {
        self.kind == ErrorKind::Configuration
    }

    /// A list could not be opened or read.
    pub fn is_input(&self) -> bool {
        self.kind == ErrorKind::Input
    }

    /// The operating system refused what the engine needs to run, such as a thread.
    pub fn is_runtime(&self) -> bool {
        self.kind == ErrorKind::Runtime
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
