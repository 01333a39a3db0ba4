//! Signals: Ctrl+C and SIGTERM ask the run to end, SIGUSR1 asks for the task tree.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::task::JoinHandle;

/// A listener beside the loop; it goes when this is dropped.
pub(crate) struct Watcher {
    listener: JoinHandle<()>,
    registered: Vec<signal_hook::SigId>,
    #[cfg(unix)]
    minded: Option<usual_effect::Suspended>,
}

impl Watcher {
    pub(crate) fn new(listener: JoinHandle<()>) -> Self {
        Self {
            listener,
            registered: Vec::new(),
            #[cfg(unix)]
            minded: None,
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.listener.abort();
        for id in self.registered.drain(..) {
            signal_hook::low_level::unregister(id);
        }
    }
}

/// Calls `first` on the first Ctrl+C or SIGTERM. The second ends the process there and then, in the
/// signal handler, so that it works while a task blocks the loop.
#[cfg(unix)]
pub(crate) fn on_interrupt(first: impl Fn(&'static str) + Clone + 'static) -> Vec<Watcher> {
    use tokio::signal::unix::SignalKind;

    let pressed = Arc::new(AtomicBool::new(false));
    let kinds = [(SignalKind::interrupt(), "Ctrl+C"), (SignalKind::terminate(), "SIGTERM")];
    let mut watchers = Vec::new();
    for (kind, name) in kinds {
        let number = kind.as_raw_value();
        let first = first.clone();
        let Some(mut watcher) = listen(kind, move || first(name)) else { continue };
        // In this order: the first signal sets the flag after the check, the second finds it set.
        let shutdown =
            signal_hook::flag::register_conditional_shutdown(number, 128 + number, Arc::clone(&pressed));
        let press = signal_hook::flag::register(number, Arc::clone(&pressed));
        watcher.registered.extend([shutdown, press].into_iter().flatten());
        watcher.minded = Some(usual_effect::Suspended::new());
        watchers.push(watcher);
    }
    watchers
}

/// What Ctrl+C and SIGTERM do to a process that does not mind them. tokio's handlers stay once they
/// are installed, so that without this a program could not be interrupted any more after its run.
#[cfg(unix)]
mod usual_effect {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex, PoisonError};

    use signal_hook::consts::{SIGINT, SIGTERM};

    /// How many runs mind the signals; and whether none does, for the signal handler.
    static MINDED: Mutex<(usize, Option<Arc<AtomicBool>>)> = Mutex::new((0, None));

    fn count(change: impl Fn(usize) -> usize) {
        let (runs, none) = &mut *MINDED.lock().unwrap_or_else(PoisonError::into_inner);
        let none = none.get_or_insert_with(|| {
            let none = Arc::new(AtomicBool::new(false));
            for signal in [SIGINT, SIGTERM] {
                // Where it cannot be had, the signal is lost, as it would be without.
                let _registered = signal_hook::flag::register_conditional_default(signal, Arc::clone(&none));
            }
            none
        });
        *runs = change(*runs);
        none.store(*runs == 0, Ordering::SeqCst);
    }

    /// For as long as this lives, the signals do not have it.
    pub(super) struct Suspended(());

    impl Suspended {
        pub(super) fn new() -> Self {
            count(|runs| runs + 1);
            Self(())
        }
    }

    impl Drop for Suspended {
        fn drop(&mut self) {
            count(|runs| runs - 1);
        }
    }
}

#[cfg(unix)]
pub(crate) fn on_tree_request(show: impl Fn() + 'static) -> Option<Watcher> {
    listen(tokio::signal::unix::SignalKind::user_defined1(), show)
}

#[cfg(unix)]
#[expect(
    clippy::disallowed_methods,
    reason = "listeners are no tasks of the user's; they stand beside the loop"
)]
fn listen(kind: tokio::signal::unix::SignalKind, receive: impl Fn() + 'static) -> Option<Watcher> {
    let mut signals = tokio::signal::unix::signal(kind).ok()?;
    let listener = tokio::task::spawn_local(async move {
        while signals.recv().await.is_some() {
            receive();
        }
    });
    Some(Watcher::new(listener))
}

#[cfg(not(unix))]
#[expect(
    clippy::disallowed_methods,
    reason = "listeners are no tasks of the user's; they stand beside the loop"
)]
pub(crate) fn on_interrupt(first: impl Fn(&'static str) + Clone + 'static) -> Vec<Watcher> {
    let listener = tokio::task::spawn_local(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            first("Ctrl+C");
        }
        if tokio::signal::ctrl_c().await.is_ok() {
            std::process::exit(130);
        }
    });
    vec![Watcher::new(listener)]
}

#[cfg(not(unix))]
pub(crate) fn on_tree_request(_show: impl Fn() + 'static) -> Option<Watcher> {
    None
}
