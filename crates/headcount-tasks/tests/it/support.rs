//! Running a test's loop under the paused clock, collecting what it reports, and noting events.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use headcount_tasks::{Outcome, Report, Runner};

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// What a run reported, as text.
#[derive(Clone, Default)]
pub(crate) struct Reports(Arc<Mutex<Vec<String>>>);

impl Reports {
    pub(crate) fn texts(&self) -> Vec<String> {
        self.0.lock().expect("nobody panics with it").clone()
    }

    pub(crate) fn contain(&self, part: &str) -> bool {
        self.texts().iter().any(|text| text.contains(part))
    }

    pub(crate) fn sink(&self) -> impl Fn(&Report) + Send + Sync + 'static {
        let reports = self.clone();
        move |report| reports.0.lock().expect("nobody panics with it").push(report.to_string())
    }
}

/// A runner for tests: no signals, and its reports kept.
pub(crate) fn runner() -> (Runner, Reports) {
    let reports = Reports::default();
    (Runner::new().signals(false).tree_signal(false).on_report(reports.sink()), reports)
}

/// Runs under the paused clock, without debug mode; nothing may be reported.
pub(crate) fn run<F>(main: F) -> <F::Output as Outcome>::Value
where
    F: Future + 'static,
    F::Output: Outcome,
{
    let (runner, reports) = runner();
    let value = runner.paused_clock().debug(false).run(main).expect("the main task ends well");
    assert_eq!(reports.texts(), Vec::<String>::new());
    value
}

/// Events in their order.
#[derive(Clone, Default)]
pub(crate) struct Events(Rc<RefCell<Vec<String>>>);

impl Events {
    pub(crate) fn note(&self, event: impl Into<String>) {
        self.0.borrow_mut().push(event.into());
    }

    pub(crate) fn joined(&self) -> String {
        self.0.borrow().join(" ")
    }

    /// Notes `event` when it is dropped.
    pub(crate) fn on_drop(&self, event: impl Into<String>) -> OnDrop {
        OnDrop(self.clone(), event.into())
    }
}

pub(crate) struct OnDrop(Events, String);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.note(self.1.clone());
    }
}
