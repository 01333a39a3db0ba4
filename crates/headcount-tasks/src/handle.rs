//! The handle of a spawned task.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::error::Error;
use crate::event_loop::Loop;
use crate::name::Name;
use crate::task::{TaskKey, TaskState};
use crate::wait::{Wait, What};

/// A task that has been spawned. Awaiting it gives its value, or the error that it ended with.
///
/// Dropping the handle changes nothing: the task belongs to its scope, which waits for it and hears
/// of its failure.
///
/// Cancel safety: awaiting `&mut handle` can be given up and resumed; the task runs on either way.
pub struct TaskHandle<T> {
    task: Result<(Rc<Loop>, TaskKey), Name>,
    value: PhantomData<fn() -> T>,
}

impl<T> TaskHandle<T> {
    pub(crate) fn new(event_loop: Rc<Loop>, key: TaskKey) -> Self {
        Self { task: Ok((event_loop, key)), value: PhantomData }
    }

    /// The handle of a task that was never started.
    pub(crate) fn dead(name: Name) -> Self {
        Self { task: Err(name), value: PhantomData }
    }

    /// Asks the task to end: at its await, at once, unless it cleans up within its grace or waits
    /// for children. Await the handle to wait for its end. Source: `Task.cancel` in CPython.
    pub fn cancel(&self) {
        if let Ok((event_loop, key)) = &self.task {
            event_loop.request_cancel(*key);
        }
    }

    /// Drops the task at its await without a grace, its children first. When this returns, their
    /// destructors have run; only what is shielded, or calls this on itself, still has to end.
    pub fn abort(&self) {
        if let Ok((event_loop, key)) = &self.task {
            event_loop.abort(*key);
        }
    }

    /// Whether the task and all it left behind have ended.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.state() == TaskState::Ended
    }

    /// Where the task stands.
    #[must_use]
    pub fn state(&self) -> TaskState {
        match &self.task {
            Ok((event_loop, key)) => event_loop.state_of(*key),
            Err(_) => TaskState::Ended,
        }
    }

    /// The task's name.
    #[must_use]
    pub fn name(&self) -> Name {
        match &self.task {
            Ok((event_loop, key)) => event_loop.name_of(*key),
            Err(name) => name.clone(),
        }
    }
}

impl<T: 'static> Future for TaskHandle<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (event_loop, key) = match &self.task {
            Ok(task) => task,
            Err(name) => return Poll::Ready(Err(Error::cancelled(name.clone()))),
        };
        let name = event_loop.name_of(*key);
        let mut value: Option<T> = None;
        match event_loop.poll_join(*key, &mut value, cx) {
            Poll::Pending => {
                Wait::note(What::Task, key.index);
                Poll::Pending
            }
            Poll::Ready(error) => {
                self.task = Err(name.clone());
                Poll::Ready(match (value, error) {
                    (Some(value), _) => Ok(value),
                    (None, Some(error)) => Err(error),
                    (None, None) => Err(Error::cancelled(name)),
                })
            }
        }
    }
}

impl<T> Drop for TaskHandle<T> {
    fn drop(&mut self) {
        if let Ok((event_loop, key)) = &self.task {
            event_loop.handle_dropped(*key);
        }
    }
}

impl<T> fmt::Debug for TaskHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskHandle").field("name", &self.name()).field("state", &self.state()).finish()
    }
}
