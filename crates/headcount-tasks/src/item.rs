//! Items out of a queue: guards that say when they are done.

use std::collections::VecDeque;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

use crate::queue::State;
use crate::shelf::Shelf;

/// An item out of a queue. Dropping it, however that comes about, says that it is done: nobody
/// forgets `task_done`.
pub struct Item<T, S: Shelf<T> = VecDeque<T>> {
    queue: Rc<State<T, S>>,
    item: Option<T>,
}

impl<T, S: Shelf<T>> Item<T, S> {
    pub(crate) fn new(queue: &Rc<State<T, S>>, item: T) -> Self {
        Self { queue: Rc::clone(queue), item: Some(item) }
    }

    /// The item itself, done as of now.
    #[must_use]
    pub fn into_inner(mut self) -> T {
        self.item.take().expect("an item is there until it is taken out or dropped")
    }
}

impl<T, S: Shelf<T>> Deref for Item<T, S> {
    type Target = T;

    fn deref(&self) -> &T {
        self.item.as_ref().expect("an item is there until it is taken out or dropped")
    }
}

impl<T, S: Shelf<T>> DerefMut for Item<T, S> {
    fn deref_mut(&mut self) -> &mut T {
        self.item.as_mut().expect("an item is there until it is taken out or dropped")
    }
}

impl<T, S: Shelf<T>> Drop for Item<T, S> {
    fn drop(&mut self) {
        self.queue.finish(1);
    }
}

impl<T: fmt::Debug, S: Shelf<T>> fmt::Debug for Item<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.item.fmt(f)
    }
}
