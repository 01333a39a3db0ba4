//! How this crate's own primitives wait: whom to wake, and what the task tree says about it.

use std::task::{Context, Waker};

use crate::event_loop::Loop;
use crate::task::TaskKey;

/// Whom to wake. A task's own waker is kept as its key: cheaper, and a task that only such
/// wake-ups can reach is known to be in a deadlock when nothing else runs.
#[derive(Clone)]
pub(crate) enum Wakeup {
    Task(TaskKey),
    Waker(Waker),
}

impl Wakeup {
    pub(crate) fn of(cx: &Context<'_>) -> Self {
        let task = Loop::with(|event_loop| event_loop.task_of(cx.waker()));
        task.flatten().map_or_else(|| Self::Waker(cx.waker().clone()), Self::Task)
    }

    pub(crate) fn wake(self) {
        match self {
            Self::Task(key) => {
                Loop::with(|event_loop| event_loop.wake_key(key));
            }
            Self::Waker(waker) => waker.wake(),
        }
    }
}

/// What a task waits for, set by whatever pended last in its poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) what: What,
    /// The task or the named object that is waited for.
    pub(crate) on: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// An await that is none of ours: a socket, a library's channel.
    Unknown,
    Yield,
    Sleep,
    Task,
    Children,
    QueueGet,
    QueuePut,
    QueueJoin,
    Permit,
    Thread,
    Cpu,
    Next,
}

impl Wait {
    pub(crate) const UNKNOWN: Self = Self { what: What::Unknown, on: 0 };

    /// Notes what the current task waits for.
    pub(crate) fn note(what: What, on: u32) {
        Loop::with(|event_loop| event_loop.note_wait(Self { what, on }));
    }
}
