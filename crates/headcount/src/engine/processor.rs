//! The processor time that a thread has used, where the system tells.

use std::time::Duration;

/// Of the thread that asks, since it began.
pub(super) fn time_of_this_thread() -> Duration {
    #[cfg(unix)]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::try_from(time).unwrap_or_default()
    }
    #[cfg(not(unix))]
    Duration::ZERO
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn it_grows_with_what_the_thread_does() {
        let before = time_of_this_thread();
        while time_of_this_thread() < before + Duration::from_millis(2) {
            std::hint::black_box(vec![0; 1_000]);
        }
        let other = std::thread::spawn(time_of_this_thread).join().unwrap();
        assert!(other < time_of_this_thread(), "it is one thread's alone");
    }
}
