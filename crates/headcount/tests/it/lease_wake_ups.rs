//! Leases under loom, which tries every interleaving: no loop sleeps while a slot is free that it wants. This compiles the
//! crate's own file against loom's atomics.

use std::mem::ManuallyDrop;
use std::sync::Arc;

use futures_util::FutureExt;
use loom::thread;

/// Condition variables stand in for tokio's `Notify`, which loom does not know: a permit is kept until it is taken, and
/// whoever takes it sees what was written before it was given.
mod primitives {
    pub(super) use loom::sync::atomic::{AtomicIsize, AtomicUsize, Ordering::Relaxed};
    pub(super) use loom::sync::{Mutex, MutexGuard};

    use loom::sync::Condvar;

    #[derive(Debug)]
    pub(super) struct Notify {
        permit: Mutex<bool>,
        given: Condvar,
    }

    impl Notify {
        pub(super) fn new() -> Notify {
            Notify { permit: Mutex::new(false), given: Condvar::new() }
        }

        pub(super) fn notify_one(&self) {
            *self.permit.lock().unwrap() = true;
            self.given.notify_one();
        }

        pub(super) fn notified(&self) -> impl Future<Output = ()> {
            let mut permit = self.permit.lock().unwrap();
            while !*permit {
                permit = self.given.wait(permit).unwrap();
            }
            *permit = false;
            std::future::ready(())
        }
    }
}

mod pacing {
    use std::time::Duration;

    pub(super) const SLACK: Duration = Duration::ZERO;
}

#[path = "../../src/scheduler/lease.rs"]
#[expect(dead_code, unreachable_pub, reason = "the tests use the part that threads share, and are no crate")]
mod lease;

use lease::{Allowance, Lease};

/// A lease that is not given back: what would take loom's locks while it unwinds would hide what it has found.
fn lease(allowance: &Arc<Allowance>, seat: usize) -> ManuallyDrop<Lease> {
    ManuallyDrop::new(allowance.lease(seat))
}

fn wait_for_change(allowance: &Allowance, seat: usize) {
    allowance.changed(seat).now_or_never().expect("it blocks until there is a permit");
}

/// As a loop does that has a job to start: it asks for a slot, and sleeps until it is told to ask again.
fn wait_for_slot(allowance: &Allowance, lease: &mut Lease, seat: usize) {
    while !lease.admits(0) {
        wait_for_change(allowance, seat);
    }
}

#[test]
fn a_slot_that_is_given_back_is_not_overlooked() {
    loom::model(|| {
        let allowance = Allowance::new(1, None, 2);
        let mut idle = lease(&allowance, 0);
        assert!(idle.admits(0));
        let mut wanting = lease(&allowance, 1);
        let wants = {
            let allowance = Arc::clone(&allowance);
            thread::spawn(move || wait_for_slot(&allowance, &mut wanting, 1))
        };
        // Its job has ended. Whether or not the other wanted a slot by then, it says so once.
        idle.rest(0);
        wait_for_change(&allowance, 0);
        idle.rest(0);
        wants.join().unwrap();
    });
}

#[test]
fn a_slot_that_is_added_is_not_overlooked() {
    loom::model(|| {
        let allowance = Allowance::new(1, None, 2);
        let mut busy = lease(&allowance, 0);
        assert!(busy.admits(0));
        let mut wanting = lease(&allowance, 1);
        let wants = {
            let allowance = Arc::clone(&allowance);
            thread::spawn(move || wait_for_slot(&allowance, &mut wanting, 1))
        };
        allowance.set_concurrency(2);
        wants.join().unwrap();
    });
}
