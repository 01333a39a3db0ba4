//! What nobody asked for but somebody must hear: lost errors, blocked loops, deadlocks, the tree.
//! The only file that writes to standard error.

use std::fmt;
use std::sync::Arc;

use crate::error::Error;
use crate::name::Name;

/// A message that belongs to no caller. [`Runner::on_report`](crate::Runner::on_report) receives
/// them; otherwise they go to standard error.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Report {
    /// An error that no handle, scope or stream was left to take.
    LostError(Error),
    /// A future was handed over and dropped without ever being polled (debug mode).
    NeverPolled {
        /// The task, or what the future was handed to.
        name: Name,
        /// Where that happened.
        place: &'static std::panic::Location<'static>,
    },
    /// A task did not end within its grace after it was asked to, and was dropped at an await.
    GraceExpired(Name),
    /// What the run still waits for, or leaves behind, after the grace at its end.
    StillRunning(Vec<String>),
    /// A task has been keeping the loop from running others (debug mode).
    Blocked(crate::watchdog::Blocked),
    /// Every task waits for another and nothing can wake any of them (debug mode).
    Deadlock(crate::tree::TaskTree),
    /// The tree that SIGUSR1 asked for.
    Tree(crate::tree::TaskTree),
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LostError(error) => write!(f, "an error nobody took: {error}"),
            Self::NeverPolled { name, place } => {
                write!(f, "`{name}`, made at {place}, was dropped without ever being polled")
            }
            Self::GraceExpired(name) => {
                write!(f, "task `{name}` did not end within its grace and was dropped")
            }
            Self::StillRunning(names) => write!(f, "still running at the end: {}", names.join(", ")),
            Self::Blocked(blocked) => blocked.fmt(f),
            Self::Deadlock(tree) => {
                write!(f, "deadlock: every task waits and nothing can wake one of them\n{tree}")
            }
            Self::Tree(tree) => tree.fmt(f),
        }
    }
}

/// Where reports go; shared with the watchdog's thread.
#[derive(Clone)]
pub(crate) struct Reporter(Arc<dyn Fn(&Report) + Send + Sync>);

impl Reporter {
    pub(crate) fn new(sink: impl Fn(&Report) + Send + Sync + 'static) -> Self {
        Self(Arc::new(sink))
    }

    pub(crate) fn send(&self, report: &Report) {
        (self.0)(report);
    }
}

impl Default for Reporter {
    fn default() -> Self {
        Self::new(|report| to_standard_error(&format!("headcount-tasks: {report}")))
    }
}

#[expect(clippy::disallowed_macros, reason = "reports have no other way out; this is the file that owns it")]
pub(crate) fn to_standard_error(message: &str) {
    eprintln!("{message}");
}
