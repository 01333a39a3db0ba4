//! The wake-up path under loom, which tries every interleaving: this compiles the crate's own file
//! against loom's atomics.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

mod primitives {
    pub(super) use loom::sync::atomic::{AtomicBool, Ordering};
    pub(super) use loom::sync::{Mutex, MutexGuard};
}

#[path = "../../src/wake.rs"]
#[expect(dead_code, reason = "the tests use the part that threads share")]
mod wake;

use wake::{Inbox, Scheduled};

/// Wakers on two threads make a value ready, then wake. Whatever the order, the loop polls after
/// the last of them, and never sleeps while there is something to do.
#[test]
fn no_wake_up_is_lost_between_threads() {
    loom::model(|| {
        let inbox = Arc::new(Inbox::<Arc<AtomicUsize>>::new());
        let scheduled = Arc::new(Scheduled::new());
        // Relaxed throughout: only the wake-up path orders it.
        let values = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let driver_wakes = Arc::new(AtomicUsize::new(0));
        let wakers: Vec<_> = (0..2)
            .map(|which| {
                let (inbox, scheduled, values) = (inbox.clone(), scheduled.clone(), values.clone());
                thread::spawn(move || {
                    values[which].store(1, Ordering::Relaxed);
                    if scheduled.set()
                        && let Some(driver) = inbox.push(7)
                    {
                        driver.fetch_add(1, Ordering::Release);
                    }
                })
            })
            .collect();
        let mut seen = 0;
        let mut woken = Vec::new();
        let mut turn = || {
            inbox.drain(&mut woken);
            for index in woken.drain(..) {
                assert_eq!(index, 7);
                scheduled.clear();
                seen = values.iter().map(|value| value.load(Ordering::Relaxed)).sum();
            }
            inbox.sleep(driver_wakes.clone())
        };
        let slept = turn();
        wakers.into_iter().for_each(|waker| waker.join().unwrap());
        if slept && driver_wakes.load(Ordering::Acquire) == 0 {
            // Nobody woke the driver: then nothing came after it went to sleep.
            assert_eq!(seen, 2);
        } else {
            while !turn() {}
            assert_eq!(seen, 2);
        }
    });
}

#[test]
fn a_closed_inbox_takes_no_wakes_and_keeps_no_waker() {
    loom::model(|| {
        let inbox = Arc::new(Inbox::<Arc<()>>::new());
        let driver = Arc::new(());
        let late = inbox.clone();
        let waker = thread::spawn(move || drop(late.push(1)));
        let _slept = inbox.sleep(driver.clone());
        inbox.close();
        waker.join().unwrap();
        assert!(inbox.push(2).is_none());
        assert_eq!(Arc::strong_count(&driver), 1);
    });
}
