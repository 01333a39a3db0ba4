//! The record of one task, the slab that holds them, and the cell that holds a task's future and
//! later its value.

use std::any::Any;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;
use tokio::time::Sleep;

use crate::error::Error;
use crate::name::{Label, Name};
use crate::outcome::{BoxError, Outcome};
use crate::region::Region;
use crate::scope_state::ScopeState;
use crate::wait::{Wait, Wakeup};
use crate::waker::WakeCell;

/// A slot in the slab, and which of the slot's successive tasks is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TaskKey {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

pub(crate) const NO_TASK: u32 = u32::MAX;

/// How a task's future ended, as its poll tells the loop.
pub(crate) enum Ended {
    Value,
    Error(BoxError),
}

/// A task's future with its type erased.
pub(crate) trait AnyTask {
    fn poll_task(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended>;
    /// Moves the value into the `Option` behind `into`.
    fn take_value(self: Pin<&mut Self>, into: &mut dyn Any);
}

pin_project! {
    /// The future, then its value: one allocation for both.
    #[project = TaskCellProjection]
    pub(crate) enum TaskCell<F: Future> where F::Output: Outcome {
        Running { #[pin] future: F },
        Done { value: Option<<F::Output as Outcome>::Value> },
    }
}

impl<F: Future> AnyTask for TaskCell<F>
where
    F::Output: Outcome,
{
    fn poll_task(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended> {
        let output = match self.as_mut().project() {
            TaskCellProjection::Running { future } => match future.poll(cx) {
                Poll::Ready(output) => output,
                Poll::Pending => return Poll::Pending,
            },
            TaskCellProjection::Done { .. } => return Poll::Pending,
        };
        let (value, ended) = match output.into_result() {
            Ok(value) => (Some(value), Ended::Value),
            Err(error) => (None, Ended::Error(error)),
        };
        // Drops the finished future here, before anybody hears that the task has ended.
        self.set(Self::Done { value });
        Poll::Ready(ended)
    }

    fn take_value(self: Pin<&mut Self>, into: &mut dyn Any) {
        if let (TaskCellProjection::Done { value }, Some(into)) = (self.project(), into.downcast_mut()) {
            *into = value.take();
        }
    }
}

/// How a task ended, for those who wait for it.
#[derive(Clone)]
pub(crate) enum End {
    Value,
    Error(Error),
}

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskState {
    /// Spawned, not polled yet.
    New,
    /// Being polled at this moment.
    Running,
    /// In the ready queue.
    Ready,
    /// Waiting to be woken.
    Waiting,
    /// Asked to end, and cleaning up or waiting for its children.
    Cancelling,
    /// Ended; its value or error may still wait to be taken.
    Ended,
}

/// One task. About 150 bytes beside its future, so the rarely used parts live in a box.
pub(crate) struct Task {
    /// Absent while it is polled or dropped.
    pub(crate) future: Option<Pin<Box<dyn AnyTask>>>,
    pub(crate) name: Name,
    pub(crate) place: &'static Location<'static>,
    /// Milliseconds after the loop's start.
    pub(crate) born: u32,
    pub(crate) scope: Option<Rc<ScopeState>>,
    pub(crate) previous: u32,
    pub(crate) next: u32,
    pub(crate) joiner: Option<Wakeup>,
    pub(crate) wait: Wait,
    /// Its number in a crew.
    pub(crate) tag: u32,
    pub(crate) polled: bool,
    pub(crate) requested: bool,
    pub(crate) aborted: bool,
    /// No scope takes its error: a daemon, a shielded task or the main one.
    pub(crate) lone: bool,
    pub(crate) has_handle: bool,
    pub(crate) end: Option<End>,
    /// The future is gone; what it left behind (dropped scopes, shields) is waited for.
    pub(crate) closing: Option<End>,
    pub(crate) region: Option<Rc<Region>>,
    pub(crate) extra: Option<Box<Extra>>,
}

/// What few tasks need.
#[derive(Default)]
pub(crate) struct Extra {
    pub(crate) label: Option<Label>,
    pub(crate) open_scopes: Vec<Rc<ScopeState>>,
    pub(crate) sections: Vec<Rc<Region>>,
    pub(crate) grace: Option<Pin<Box<Sleep>>>,
}

impl Task {
    pub(crate) fn extra(&mut self) -> &mut Extra {
        self.extra.get_or_insert_with(Box::default)
    }

    pub(crate) fn open_scopes(&self) -> &[Rc<ScopeState>] {
        self.extra.as_ref().map_or(&[], |extra| &extra.open_scopes)
    }
}

/// A place for one task after another. The waker stays with the slot: one allocation for many tasks.
pub(crate) struct Slot {
    pub(crate) generation: u32,
    next_free: u32,
    pub(crate) cell: Arc<WakeCell>,
    /// Out, with a waker that does nothing in its place, while the task is polled.
    pub(crate) waker: Waker,
    pub(crate) task: Option<Task>,
}

/// All tasks of a loop, by index.
pub(crate) struct Slab {
    slots: Vec<Slot>,
    free: u32,
}

impl Slab {
    pub(crate) fn new() -> Self {
        Self { slots: Vec::new(), free: NO_TASK }
    }

    pub(crate) fn slot_mut(&mut self, index: u32) -> Option<&mut Slot> {
        self.slots.get_mut(index as usize)
    }

    /// Whatever task is at this place now.
    pub(crate) fn at(&self, index: u32) -> Option<&Task> {
        self.slots.get(index as usize)?.task.as_ref()
    }

    pub(crate) fn get(&self, key: TaskKey) -> Option<&Task> {
        let slot = self.slots.get(key.index as usize)?;
        if slot.generation == key.generation { slot.task.as_ref() } else { None }
    }

    pub(crate) fn get_mut(&mut self, key: TaskKey) -> Option<&mut Task> {
        let slot = self.slots.get_mut(key.index as usize)?;
        if slot.generation == key.generation { slot.task.as_mut() } else { None }
    }

    pub(crate) fn cell(&self, key: TaskKey) -> Option<&Arc<WakeCell>> {
        let slot = self.slots.get(key.index as usize)?;
        (slot.generation == key.generation && slot.task.is_some()).then_some(&slot.cell)
    }

    /// Every task, with the number of wakers that are held elsewhere.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (TaskKey, &Task, usize)> {
        self.slots.iter().zip(0..).filter_map(|(slot, index)| {
            let key = TaskKey { index, generation: slot.generation };
            slot.task.as_ref().map(|task| (key, task, Arc::strong_count(&slot.cell).saturating_sub(2)))
        })
    }

    /// Puts a task into a slot, whose waker is made anew unless nobody else holds the old one: so a
    /// stale waker never wakes a stranger.
    pub(crate) fn insert(&mut self, task: Task, new_cell: impl FnOnce(u32) -> Arc<WakeCell>) -> TaskKey {
        if self.free == NO_TASK {
            let index = u32::try_from(self.slots.len()).expect("fewer than four billion tasks");
            let cell = new_cell(index);
            let waker = Waker::from(Arc::clone(&cell));
            self.slots.push(Slot { generation: 0, next_free: NO_TASK, cell, waker, task: Some(task) });
            return TaskKey { index, generation: 0 };
        }
        let index = self.free;
        let slot = &mut self.slots[index as usize];
        self.free = slot.next_free;
        if Arc::strong_count(&slot.cell) != 2 {
            // Marked as queued for good, the old wakers have nothing left to do.
            slot.cell.scheduled.set();
            slot.cell = new_cell(index);
            slot.waker = Waker::from(Arc::clone(&slot.cell));
        }
        slot.task = Some(task);
        TaskKey { index, generation: slot.generation }
    }

    /// Takes a task out; its slot may be used again.
    pub(crate) fn remove(&mut self, key: TaskKey) -> Option<Task> {
        let slot = self.slots.get_mut(key.index as usize)?;
        if slot.generation != key.generation {
            return None;
        }
        let task = slot.task.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        slot.next_free = self.free;
        self.free = key.index;
        Some(task)
    }
}
