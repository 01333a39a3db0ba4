//! The line on standard error that says what a run is doing.

use std::io::{self, IsTerminal};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use headcount::Progress;
pub(crate) use headcount_outputs::visible::thousands;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

use crate::narrower_terminal::NarrowerTerminal;

/// How often the line changes.
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// The rate is that of the last seconds: each tick counts this much less than the one after it.
const RATE_MEMORY: f64 = 0.95;

/// Columns from which on there is room to say more than that the run is stopping.
const LONG_WORD_FROM: usize = 64;

pub(crate) struct ProgressLine {
    bar: ProgressBar,
    turn: Arc<Mutex<()>>,
    rate: f64,
    last: (Instant, u64),
    ticks: i32,
    is_quiet: bool,
}

impl ProgressLine {
    /// A line that shows only where somebody can see it.
    pub(crate) fn new(is_wanted: bool, is_quiet: bool) -> ProgressLine {
        let terminal = Box::new(NarrowerTerminal::stderr());
        let bar = if is_wanted && io::stderr().is_terminal() {
            ProgressBar::with_draw_target(None, ProgressDrawTarget::term_like_with_hz(terminal, 10))
        } else {
            ProgressBar::hidden()
        };
        bar.set_style(ProgressStyle::with_template("{wide_msg}").expect("the template is valid"));
        ProgressLine { bar, turn: Arc::default(), rate: 0.0, last: (Instant::now(), 0), ticks: 0, is_quiet }
    }

    /// For whoever writes to the same terminal from another thread.
    pub(crate) fn neighbour(&self) -> Neighbour {
        Neighbour { bar: self.bar.clone(), turn: Arc::clone(&self.turn) }
    }

    pub(crate) fn show(&mut self, progress: &Progress, is_stopping: bool) {
        let now = Instant::now();
        let (then, done) = self.last;
        let seconds = now.saturating_duration_since(then).as_secs_f64();
        if seconds > 0.0 {
            let current = progress.done.saturating_sub(done) as f64 / seconds;
            // A plain moving average would begin at 0 and take seconds to find the rate.
            self.ticks += 1;
            let weight = (1.0 - RATE_MEMORY) / (1.0 - RATE_MEMORY.powi(self.ticks));
            self.rate += (current - self.rate) * weight;
            self.last = (now, progress.done);
        }
        // Never waits: a neighbour's write may take for ever, and signals must still be minded.
        if let Ok(_turn) = self.turn.try_lock() {
            let width = NarrowerTerminal::columns().unwrap_or(usize::MAX);
            self.bar.set_message(line(progress, self.rate, is_stopping, width));
        }
    }

    /// A line of its own on standard error, unless the run is quiet. `false`: a neighbour is writing, and it is to be told
    /// later.
    pub(crate) fn try_tell(&self, line: &str) -> bool {
        if self.is_quiet {
            return true;
        }
        let Ok(_turn) = self.turn.try_lock() else { return false };
        // Nobody is left to tell if standard error is gone.
        self.bar.suspend(|| _ = io::Write::write_all(&mut io::stderr(), format!("{line}\n").as_bytes()));
        true
    }

    pub(crate) fn clear(&self) {
        if let Ok(_turn) = self.turn.try_lock() {
            self.bar.finish_and_clear();
        }
    }
}

/// Writes to the terminal of a progress line, which makes way meanwhile.
pub(crate) struct Neighbour {
    bar: ProgressBar,
    turn: Arc<Mutex<()>>,
}

impl Neighbour {
    pub(crate) fn write<T>(&self, write: impl FnOnce() -> T) -> T {
        let _turn = self.turn.lock();
        self.bar.suspend(write)
    }
}

/// As much as there is room for: what matters least goes first.
fn line(progress: &Progress, rate: f64, is_stopping: bool, width: usize) -> String {
    let (mut done, mut left) = (format!("{} done", thousands(progress.done)), String::new());
    if progress.read_all {
        done = format!("{} of {} done", thousands(progress.done), thousands(progress.read));
        if rate > 0.0 && !is_stopping {
            let seconds = progress.read.saturating_sub(progress.done) as f64 / rate;
            left = format!(", {} left", clock(seconds));
        }
    }
    let begin = match is_stopping {
        true if width >= LONG_WORD_FROM => "stopping (Ctrl+C again ends at once): ",
        true => "stopping: ",
        false => "",
    };
    let mut parts = [
        begin.to_owned(),
        done,
        format!(", {}/s", thousands(rate.round() as u64)),
        format!(", {} failed", thousands(progress.failed)),
        format!(", {} in flight", thousands(progress.in_flight)),
        left,
    ];
    for least in [4, 2, 5, 3] {
        if parts.iter().map(String::len).sum::<usize>() > width {
            parts[least].clear();
        }
    }
    parts.concat()
}

/// `0:07`, `12:30`, `3:05:00`
fn clock(seconds: f64) -> String {
    let seconds = seconds.ceil() as u64;
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_told_while_a_neighbour_writes_is_to_be_told_later() {
        for is_quiet in [false, true] {
            let line = ProgressLine::new(false, is_quiet);
            let told = line.neighbour().write(|| line.try_tell("warning: told in the middle of a record"));
            assert_eq!(told, is_quiet, "who is quiet has nothing to tell later");
            assert!(line.try_tell("warning: a test tells this"));
        }
    }

    #[test]
    fn the_line_tells_what_is_known() {
        let mut progress = Progress::default();
        (progress.read, progress.done, progress.failed, progress.in_flight) = (12_345, 1_000, 7, 100);
        assert_eq!(line(&progress, 250.4, false, 80), "1,000 done, 250/s, 7 failed, 100 in flight");
        progress.read_all = true;
        assert_eq!(
            line(&progress, 250.0, false, 80),
            "1,000 of 12,345 done, 250/s, 7 failed, 100 in flight, 0:46 left"
        );
        assert!(line(&progress, 250.0, true, 80).starts_with("stopping (Ctrl+C again"));
        assert_eq!(line(&progress, 250.0, true, 37), "stopping: 1,000 of 12,345 done");
        assert_eq!(line(&progress, 250.0, false, 50), "1,000 of 12,345 done, 250/s, 7 failed, 0:46 left");
        assert_eq!(line(&progress, 250.0, false, 40), "1,000 of 12,345 done, 7 failed");
        assert_eq!(clock(11_100.0), "3:05:00");
        assert_eq!(thousands(1_000_000), "1,000,000");
    }
}
