//! Where a queue keeps its items: what makes it first in first out, last in first out, or sorted.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// Where a queue keeps its items; it decides which comes next.
pub trait Shelf<T>: Default {
    /// Adds an item.
    fn insert(&mut self, item: T);
    /// Takes the next item.
    fn take(&mut self) -> Option<T>;
    /// Takes back the item that was taken last.
    fn put_back(&mut self, item: T);
    /// The number of items.
    fn count(&self) -> usize;
}

impl<T> Shelf<T> for VecDeque<T> {
    fn insert(&mut self, item: T) {
        self.push_back(item);
    }
    fn take(&mut self) -> Option<T> {
        self.pop_front()
    }
    fn put_back(&mut self, item: T) {
        self.push_front(item);
    }
    fn count(&self) -> usize {
        self.len()
    }
}

impl<T> Shelf<T> for Vec<T> {
    fn insert(&mut self, item: T) {
        self.push(item);
    }
    fn take(&mut self) -> Option<T> {
        self.pop()
    }
    fn put_back(&mut self, item: T) {
        self.push(item);
    }
    fn count(&self) -> usize {
        self.len()
    }
}

impl<T: Ord> Shelf<T> for BinaryHeap<Reverse<T>> {
    fn insert(&mut self, item: T) {
        self.push(Reverse(item));
    }
    fn take(&mut self) -> Option<T> {
        self.pop().map(|Reverse(item)| item)
    }
    fn put_back(&mut self, item: T) {
        self.push(Reverse(item));
    }
    fn count(&self) -> usize {
        self.len()
    }
}
