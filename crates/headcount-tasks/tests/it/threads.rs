//! Work on threads: bounded, counted, its panics and errors handed back, the loop free meanwhile.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};

use headcount_tasks::{BoxError, Runner, compute, gather, scope, sleep, to_thread};

use crate::support::{MS, run};

#[test]
#[expect(clippy::disallowed_methods, reason = "a blocking call is the subject")]
fn a_blocking_call_leaves_the_loop_free() {
    let ticks = Runner::new().signals(false).run(async {
        let ticks = Rc::new(Cell::new(0));
        let ticking = ticks.clone();
        scope(async |s| {
            let ticker = s.spawn("ticker", async move {
                loop {
                    sleep(5 * MS).await;
                    ticking.set(ticking.get() + 1);
                }
            });
            to_thread("blocking", || std::thread::sleep(100 * MS)).await?;
            ticker.cancel();
            Ok::<_, BoxError>(())
        })
        .await?;
        Ok::<_, BoxError>(ticks.get())
    });
    assert!(ticks.unwrap() >= 3);
}

#[test]
fn errors_and_panics_come_back() {
    run(async {
        let error = to_thread("call", || Err::<(), _>(std::io::Error::other("no"))).await.unwrap_err();
        assert_eq!(error.to_string(), "task `call` failed: no");
        let error = compute("sum", || assert_eq!(1 + 1, 3)).await.unwrap_err();
        assert!(error.is_panic());
    });
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a blocking call is the subject")]
fn the_pool_is_bounded() {
    static NOW: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    let call = || {
        MOST.fetch_max(NOW.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        // Nobody leaves before three are in, and then there is a moment for a fourth.
        for _ in 0..10_000 {
            std::thread::sleep(MS);
            if MOST.load(Ordering::SeqCst) >= 3 {
                break;
            }
        }
        std::thread::sleep(2 * MS);
        NOW.fetch_sub(1, Ordering::SeqCst);
    };
    let calls = async move { gather((0..12).map(|_| to_thread("call", call))).await };
    Runner::new().signals(false).blocking_threads(3).run(calls).unwrap();
    assert_eq!(MOST.load(Ordering::SeqCst), 3);
}

#[test]
fn the_sum_of_squares_is_computed_off_the_loop() {
    let sum = run(async {
        let parts = (0..4_u128).map(|part| {
            compute("squares", move || (part..10_000_000).step_by(4).map(|i| i * i).sum::<u128>())
        });
        let parts = gather(parts).await?;
        Ok::<_, BoxError>(parts.into_iter().sum::<u128>())
    });
    assert_eq!(sum, 333_333_283_333_335_000_000);
}
