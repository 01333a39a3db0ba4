//! Daemons: tasks of the run rather than of a scope, for what serves everybody and has no end.

use std::future::Future;
use std::panic::Location;

use crate::error::Error;
use crate::event_loop::Loop;
use crate::handle::TaskHandle;
use crate::name::Name;
use crate::outcome::Outcome;

/// Starts a task that belongs to the run: it is asked to end when the main task has ended, and
/// waited for. Its failure cancels nobody; it goes to the handle, or is reported if nobody holds it.
///
/// # Errors
/// No loop runs on this thread.
#[track_caller]
pub fn daemon<F>(name: impl Into<Name>, future: F) -> Result<TaskHandle<<F::Output as Outcome>::Value>, Error>
where
    F: Future + 'static,
    F::Output: Outcome,
{
    let (name, place) = (name.into(), Location::caller());
    let event_loop = Loop::with(std::rc::Rc::clone).ok_or_else(|| Error::no_loop("`daemon`"))?;
    Ok(event_loop.spawn(&event_loop.root, name, place, future))
}

/// Puts the tasks of libraries that spawn for themselves on the loop, as named daemons: implement
/// the library's executor trait for a type that holds one of these.
#[derive(Clone, Debug)]
pub struct LoopExecutor {
    name: Name,
}

impl LoopExecutor {
    /// An executor whose tasks bear this name.
    pub fn new(name: impl Into<Name>) -> Self {
        Self { name: name.into() }
    }

    /// Starts the future as a daemon and drops its value. Where no loop runs, or none any longer,
    /// the future is dropped: libraries have no way to hear of it.
    #[track_caller]
    pub fn spawn<F>(&self, future: F)
    where
        F: Future + 'static,
    {
        let ignoring_its_value = async move {
            let _value = future.await;
        };
        drop(daemon(self.name.clone(), ignoring_its_value));
    }
}
