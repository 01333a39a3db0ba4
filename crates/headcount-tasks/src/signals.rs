//! Signals: Ctrl+C and SIGTERM ask the run to end, SIGUSR1 asks for the task tree.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::task::JoinHandle;

/// A listener beside the loop; it goes when this is dropped.
pub(crate) struct Watcher {
    listener: JoinHandle<()>,
    registered: Vec<signal_hook::SigId>,
}

impl Watcher {
    pub(crate) fn new(listener: JoinHandle<()>) -> Self {
        Self { listener, registered: Vec::new() }
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
        watchers.push(watcher);
    }
    watchers
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
