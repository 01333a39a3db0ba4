//! The crate's one error, and the two small ones that are part of the control flow.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::name::Name;
use crate::outcome::BoxError;

/// Why a task, a scope or a run gave no value. Cheap to clone: a task's handle and its scope
/// both tell of the same failure.
#[derive(Clone)]
pub struct Error(Arc<Kind>);

enum Kind {
    Failed { task: Name, source: BoxError },
    Panicked { task: Name, message: String },
    Cancelled { task: Name },
    Scope { failures: Vec<Error> },
    Interrupted { signal: &'static str },
    NoLoop { wanted: &'static str },
    Nested,
    Start(std::io::Error),
}

impl Error {
    /// The task returned an error; [`source`](StdError::source) gives it.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        matches!(*self.0, Kind::Failed { .. })
    }

    /// The task, or the body of a scope, panicked.
    #[must_use]
    pub fn is_panic(&self) -> bool {
        matches!(*self.0, Kind::Panicked { .. })
    }

    /// The task was cancelled, or was never started because its scope had closed.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(*self.0, Kind::Cancelled { .. })
    }

    /// The run was ended by Ctrl+C or SIGTERM.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        matches!(*self.0, Kind::Interrupted { .. })
    }

    /// There is no loop on this thread to do it on.
    #[must_use]
    pub fn is_no_loop(&self) -> bool {
        matches!(*self.0, Kind::NoLoop { .. })
    }

    /// A loop, or a runtime of tokio's, already runs on this thread.
    #[must_use]
    pub fn is_nested_run(&self) -> bool {
        matches!(*self.0, Kind::Nested)
    }

    /// Everything that failed together, in the order in which it failed: of a scope each task's
    /// failure, of anything else the error itself.
    #[must_use]
    pub fn failures(&self) -> &[Error] {
        match &*self.0 {
            Kind::Scope { failures } => failures,
            _ => std::slice::from_ref(self),
        }
    }

    /// The task that failed, panicked or was cancelled.
    #[must_use]
    pub fn task(&self) -> Option<&Name> {
        match &*self.0 {
            Kind::Failed { task, .. } | Kind::Panicked { task, .. } | Kind::Cancelled { task } => Some(task),
            Kind::Scope { failures } => failures.first().and_then(Error::task),
            _ => None,
        }
    }

    /// The first error of type `E` among the failures, their sources and those of nested scopes.
    #[must_use]
    pub fn find<E: StdError + 'static>(&self) -> Option<&E> {
        for failure in self.failures() {
            let mut next = StdError::source(failure);
            while let Some(error) = next {
                if let Some(found) = error.downcast_ref::<E>() {
                    return Some(found);
                }
                if let Some(nested) = error.downcast_ref::<Error>() {
                    if let Some(found) = nested.find() {
                        return Some(found);
                    }
                    break;
                }
                next = error.source();
            }
        }
        None
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn failed(task: Name, source: BoxError) -> Self {
        Self(Arc::new(Kind::Failed { task, source }))
    }

    pub(crate) fn panicked(task: Name, payload: &(dyn std::any::Any + Send)) -> Self {
        let message = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
            (Some(text), _) => (*text).to_owned(),
            (None, Some(text)) => text.clone(),
            (None, None) => "a value that is no text".to_owned(),
        };
        Self(Arc::new(Kind::Panicked { task, message }))
    }

    pub(crate) fn cancelled(task: Name) -> Self {
        Self(Arc::new(Kind::Cancelled { task }))
    }

    pub(crate) fn scope(failures: Vec<Error>) -> Self {
        Self(Arc::new(Kind::Scope { failures }))
    }

    pub(crate) fn interrupted(signal: &'static str) -> Self {
        Self(Arc::new(Kind::Interrupted { signal }))
    }

    pub(crate) fn no_loop(wanted: &'static str) -> Self {
        Self(Arc::new(Kind::NoLoop { wanted }))
    }

    pub(crate) fn nested() -> Self {
        Self(Arc::new(Kind::Nested))
    }

    pub(crate) fn start(source: std::io::Error) -> Self {
        Self(Arc::new(Kind::Start(source)))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Kind::Failed { task, source } => write!(f, "task `{task}` failed: {source}"),
            Kind::Panicked { task, message } => write!(f, "task `{task}` panicked: {message}"),
            Kind::Cancelled { task } => write!(f, "task `{task}` was cancelled"),
            Kind::Scope { failures } if failures.is_empty() => f.write_str("there was no task to succeed"),
            Kind::Scope { failures } if failures.len() == 1 => failures[0].fmt(f),
            Kind::Scope { failures } => {
                write!(f, "{} tasks failed", failures.len())?;
                for (index, failure) in failures.iter().enumerate() {
                    write!(f, "{} {failure}", if index == 0 { ":" } else { ";" })?;
                }
                Ok(())
            }
            Kind::Interrupted { signal } => write!(f, "interrupted by {signal}"),
            Kind::NoLoop { wanted } => {
                write!(f, "{wanted} needs an event loop, and none runs on this thread: call it inside `run`")
            }
            Kind::Nested => f.write_str(
                "`run` was called inside a running event loop, ours or tokio's: await the future instead, or use a thread of its own",
            ),
            Kind::Start(source) => write!(f, "the event loop could not start: {source}"),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({self})")
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &*self.0 {
            Kind::Failed { source, .. } => Some(&**source),
            Kind::Scope { failures } => failures.first().and_then(StdError::source),
            Kind::Start(source) => Some(source),
            _ => None,
        }
    }
}

/// The task has been asked to end. Return it with `?` once the cleaning up is done: a task that
/// ends with it counts as cancelled, not as failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancelled;

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cancelled")
    }
}

impl StdError for Cancelled {}

/// The queue is closed and takes nothing more; what was to be put comes back.
pub struct Closed<T>(pub T);

impl<T> fmt::Debug for Closed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Closed(..)")
    }
}

impl<T> fmt::Display for Closed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the queue is closed")
    }
}

impl<T> StdError for Closed<T> {}
