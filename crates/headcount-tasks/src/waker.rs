//! Wakers: a task's index and its loop. On the loop's own thread a wake pushes to the ready queue;
//! from anywhere else it goes through the inbox. A waker may outlive its loop, and then does nothing.

use std::sync::Arc;
use std::task::{Wake, Waker};

use crate::event_loop::Loop;
use crate::wake::{Inbox, Scheduled};

/// What a loop's wakers share.
pub(crate) type Shared = Inbox<Waker>;

/// The inside of a task's waker.
pub(crate) struct WakeCell {
    pub(crate) index: u32,
    pub(crate) scheduled: Scheduled,
    shared: Arc<Shared>,
}

impl WakeCell {
    pub(crate) fn new(index: u32, shared: &Arc<Shared>) -> Arc<Self> {
        Arc::new(Self { index, scheduled: Scheduled::new(), shared: Arc::clone(shared) })
    }
}

impl Wake for WakeCell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let on_loop = Loop::with(|event_loop| {
            let ours = Arc::ptr_eq(&event_loop.shared, &self.shared);
            if ours {
                event_loop.schedule(self);
            }
            ours
        });
        if on_loop != Some(true)
            && self.scheduled.set()
            && let Some(driver) = self.shared.push(self.index)
        {
            driver.wake();
        }
    }
}
