//! The watchdog: a thread that sees, while it happens, that a task keeps the loop from turning.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::blocked_line::ThreadSample;
use crate::debug::Pulse;
use crate::name::Name;
use crate::report::{Report, Reporter};

/// A task that blocks its loop, seen while it does.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Blocked {
    /// The task.
    pub task: Name,
    /// Where it was spawned.
    pub place: &'static Location<'static>,
    /// For how long it has been blocking, at the least.
    pub blocked_for: Duration,
    /// The source line it stands at, as `path/file.rs:12 (function)`; on Linux, where the program
    /// has line tables.
    pub line: Option<String>,
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { task, place, blocked_for, line } = self;
        write!(f, "task `{task}`, spawned at {place}, has been blocking the loop for {blocked_for:.0?}")?;
        match line {
            Some(line) => write!(f, "; it stands at {line}"),
            None => Ok(()),
        }
    }
}

/// The watchdog of one loop; its thread ends when this is dropped.
pub(crate) struct Watchdog {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Starts watching the calling thread.
    pub(crate) fn start(pulse: &Arc<Pulse>, reporter: &Reporter, slow: Duration) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let watched = ThreadSample::of_this_thread();
        let (pulse, reporter, stopped) = (Arc::clone(pulse), reporter.clone(), Arc::clone(&stop));
        let watch = move || watch(&pulse, &reporter, slow, &watched, &stopped);
        // Without its watchdog a loop runs as well.
        let thread = std::thread::Builder::new().name("headcount-watchdog".to_owned()).spawn(watch).ok();
        Self { stop, thread }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _panic = thread.join();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a block lasts real time, whatever clock the loop is on")]
fn watch(pulse: &Pulse, reporter: &Reporter, slow: Duration, watched: &ThreadSample, stop: &AtomicBool) {
    crate::blocked_line::prepare();
    let mut seen = (pulse.beat(), std::time::Instant::now());
    let mut told = 0;
    while !stop.load(Ordering::Acquire) {
        let nap = std::time::Instant::now();
        std::thread::park_timeout(slow / 4);
        let (beat, now) = (pulse.beat(), std::time::Instant::now());
        // A nap that lasted so long means that nothing ran here, the task as little as this thread:
        // the process was stopped, or its machine was.
        let stood_still = now - nap > slow;
        if beat != seen.0 || stood_still {
            seen = (beat, now);
            continue;
        }
        let blocked_for = now - seen.1;
        if blocked_for < slow || beat == told {
            continue;
        }
        if let Some((task, place)) = pulse.task(beat) {
            let line = watched.line();
            // The sample may have come too late; then it shows some other poll's line.
            let line = if pulse.beat() == beat { line } else { None };
            told = beat;
            reporter.send(&Report::Blocked(Blocked { task, place, blocked_for, line }));
        }
    }
}
