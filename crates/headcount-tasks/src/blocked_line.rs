//! Where a blocked thread stands, on Linux: a signal makes it write down the return addresses on
//! its stack, and the watchdog's thread looks them up. The one module with unsafe code: `/proc`
//! tells where a thread sleeps in the kernel, but of a busy loop it tells nothing.

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::ThreadSample;
#[cfg(target_os = "linux")]
pub(crate) use linux::ThreadSample;

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    pub(crate) struct ThreadSample;

    impl ThreadSample {
        pub(crate) fn of_this_thread() -> Self {
            Self
        }

        pub(crate) fn line(&self) -> Option<String> {
            None
        }
    }
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "no safe interface installs a handler that may look at the stack")]
mod linux {
    use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
    use std::sync::{Mutex, Once, PoisonError};
    use std::time::Duration;

    /// Ignored unless handled, so that one which comes late harms nobody.
    const SIGNAL: libc::c_int = libc::SIGURG;
    const DEPTH: usize = 96;

    static ADDRESSES: [AtomicUsize; DEPTH] = [const { AtomicUsize::new(0) }; DEPTH];
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    /// The thread that is to write; any other leaves the signal alone.
    static WANTED: AtomicI32 = AtomicI32::new(0);
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    /// A thread whose stack can be asked for.
    pub(crate) struct ThreadSample {
        thread: libc::pid_t,
    }

    impl ThreadSample {
        pub(crate) fn of_this_thread() -> Self {
            static INSTALLED: Once = Once::new();
            INSTALLED.call_once(install);
            // SAFETY: takes nothing and cannot fail.
            Self { thread: unsafe { libc::gettid() } }
        }

        /// The innermost line of the thread that is in the user's own code.
        pub(crate) fn line(&self) -> Option<String> {
            let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
            COUNT.store(0, Ordering::Release);
            WANTED.store(self.thread, Ordering::Release);
            // SAFETY: plain numbers; a thread that has ended makes it fail, nothing more.
            let sent = unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), self.thread, SIGNAL) };
            let mut patience = 50;
            while sent == 0 && COUNT.load(Ordering::Acquire) == 0 && patience > 0 {
                std::thread::park_timeout(Duration::from_millis(1));
                patience -= 1;
            }
            WANTED.store(0, Ordering::Release);
            let count = COUNT.load(Ordering::Acquire);
            let addresses = ADDRESSES.iter().take(count);
            super::first_line_of_the_user(addresses.map(|address| address.load(Ordering::Relaxed)))
        }
    }

    fn install() {
        // SAFETY: all zeroes is a valid `sigaction`, and the handler has the type that goes with
        // flags without SA_SIGINFO.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = write_down as extern "C" fn(libc::c_int) as usize;
            action.sa_flags = libc::SA_RESTART;
            libc::sigemptyset(&mut action.sa_mask);
            libc::sigaction(SIGNAL, &action, std::ptr::null_mut());
        }
    }

    /// Runs on the blocked thread, in the midst of anything: it takes no lock and allocates nothing.
    extern "C" fn write_down(_signal: libc::c_int) {
        // SAFETY: `errno` is the thread's own; unwinding reads the stack, and only through frames
        // that have unwind tables; one thread at a time is wanted, so the table has one writer.
        unsafe {
            if libc::gettid() != WANTED.load(Ordering::Acquire) {
                return;
            }
            let errno = *libc::__errno_location();
            let mut count = 0;
            backtrace::trace_unsynchronized(|frame| {
                ADDRESSES[count].store(frame.ip() as usize, Ordering::Relaxed);
                count += 1;
                count < DEPTH
            });
            COUNT.store(count, Ordering::Release);
            *libc::__errno_location() = errno;
        }
    }
}

/// Reads the program's line tables, which takes as long as a short block, before they are needed.
pub(crate) fn prepare() {
    #[cfg(target_os = "linux")]
    {
        static PREPARED: std::sync::Once = std::sync::Once::new();
        PREPARED.call_once(|| {
            let here: fn() = prepare;
            backtrace::resolve(here as *mut std::ffi::c_void, |_| {});
        });
    }
}

/// Looks addresses up, the innermost first, until one lies in neither the standard library, nor a
/// library from a registry, nor this crate.
#[cfg(target_os = "linux")]
fn first_line_of_the_user(addresses: impl Iterator<Item = usize>) -> Option<String> {
    let mut found = None;
    for address in addresses {
        backtrace::resolve(address as *mut std::ffi::c_void, |symbol| {
            if found.is_some() {
                return;
            }
            let (Some(file), Some(line)) = (symbol.filename(), symbol.lineno()) else { return };
            let file = file.display().to_string();
            let name = symbol.name().map(|name| format!("{name:#}")).unwrap_or_default();
            let foreign = ["/rustc/", "/.cargo/registry/", "/library/std/", "/library/core/"];
            let ours = ["headcount_tasks::", "<headcount_tasks::", "backtrace::"];
            // A name without a path is the C library's, which may have line tables of its own.
            if !name.contains("::")
                || foreign.iter().any(|part| file.contains(part))
                || ours.iter().any(|part| name.starts_with(part))
            {
                return;
            }
            found = Some(format!("{file}:{line} ({name})"));
        });
        if found.is_some() {
            break;
        }
    }
    found
}
