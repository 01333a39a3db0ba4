//! How many requests a host gets at once: a window that grows with its answers, and shrinks when they slow down or it
//! says that there were too many.

use std::time::Duration;

/// A new host gets so many requests at once. Slow answers alone make it no less.
pub(super) const FIRST: f64 = 4.0;

/// Seconds below which one time is as good as another: what this machine itself takes to have its turn with every answer
/// that has come says nothing of the host.
const GRAIN: f64 = 0.005;
/// Past this multiple of its base, the fast average of response times ends the doubling.
const SLOWING: f64 = 1.5;
/// What was found to be worked on at once is a little less than what keeps a host busy.
const HEADROOM: f64 = 1.25;
/// Up to this multiple of its base, the slow average lets the window grow; past that one a smaller one is tried.
const AS_FAST: f64 = 1.2;
const SLOW: f64 = 1.4;
/// The smaller window, as a share; it is tried for so many answers, and stands if they are as much faster.
const SMALLER: f64 = 0.6;
const TRIED_FOR: u32 = 32;
const FASTER: f64 = 0.85;
/// Answers over which the averages go.
const FAST_OVER: u32 = 8;
const SLOW_OVER: u32 = 64;
/// The first answers, asked for while there were few, are the first base.
const BASE_OVER: u32 = 16;
/// Answers of a full window after which a ceiling that was found is tried again, at first. Each try that fails doubles
/// it.
const FIRST_PATIENCE: u32 = 100;
const LONGEST_PATIENCE: u32 = 3_200;

/// The number of requests that a host takes at once, as far as its answers show.
///
/// It doubles each round trip until a sign of trouble, then grows by one a round, and only while it is what limits.
/// Additive increase and multiplicative decrease are Chiu and Jain's (1989), slow start is Jacobson's (1988); the
/// ceiling that is remembered between tries is what keeps a host with two slots from being asked a third time in
/// every round.
#[derive(Clone, Debug)]
pub(super) struct Window {
    size: f64,
    cap: f64,
    is_doubling: bool,
    /// More than this at once was turned away.
    ceiling: Option<Ceiling>,
    times: ResponseTimes,
    overshoot: Option<Overshoot>,
    trial: Option<Trial>,
}

/// The doubling has gone too far: answers have slowed down, and more that were asked for meanwhile are still to come. By
/// Little's law each of them says how many requests the host works on at once: those under way when it was sent, times
/// the usual time, over the time that it took.
#[derive(Clone, Debug, Default)]
struct Overshoot {
    answers: u32,
    at_once: f64,
}

/// A smaller window, to see whether slow answers are its doing: a host whose queue is long answers faster then, and one
/// whose pages are slow does not.
#[derive(Clone, Debug)]
struct Trial {
    size_before: f64,
    time_before: f64,
    answers: u32,
    seconds: f64,
}

#[derive(Clone, Debug)]
struct Ceiling {
    size: f64,
    answers: u32,
    patience: u32,
}

/// Averages of how long the host takes, in seconds.
#[derive(Clone, Debug, Default)]
struct ResponseTimes {
    count: u32,
    fast: f64,
    slow: f64,
    /// How long it takes when it is not in haste: the least that the slow average was, or what a trial has shown.
    base: f64,
}

impl Window {
    pub(super) fn new(cap: usize) -> Window {
        let cap = cap.max(1) as f64;
        Window {
            size: FIRST.min(cap),
            cap,
            is_doubling: true,
            ceiling: None,
            times: ResponseTimes::default(),
            overshoot: None,
            trial: None,
        }
    }

    /// Requests that may be under way at once; at least one.
    pub(super) fn size(&self) -> usize {
        self.size as usize
    }

    /// What the host can do at once at most, as far as is known: the ceiling that was found, or the cap.
    pub(super) fn known_limit(&self) -> f64 {
        self.ceiling.as_ref().map_or(self.cap, |ceiling| ceiling.size)
    }

    /// The usual response time in seconds, when the host is not in haste; `None` before the first answer.
    pub(super) fn usual_time(&self) -> Option<f64> {
        (self.times.count > 0).then_some(self.times.base)
    }

    /// Whether answers take much longer than usual, or did until a smaller window was tried for that.
    pub(super) fn is_slow(&self) -> bool {
        self.trial.is_some() || self.times.ratio(self.times.fast) > SLOWING
    }

    /// An answer came. `was_full`: the window was what limited when it was asked for. `is_new_round`: it was asked
    /// for after the last cut.
    pub(super) fn answered(
        &mut self,
        took: Duration,
        beside: usize,
        was_full: bool,
        is_new_round: bool,
    ) -> Change {
        self.times.add(took.as_secs_f64());
        if let Some(overshoot) = &mut self.overshoot {
            if !is_new_round {
                overshoot.answers += 1;
                overshoot.at_once += beside as f64 / self.times.ratio(took.as_secs_f64()).max(1.0);
                return Change::None;
            }
            if overshoot.answers > 0 {
                let at_once = overshoot.at_once / f64::from(overshoot.answers);
                self.size = self.size.min((HEADROOM * at_once).max(FIRST));
            }
            self.overshoot = None;
            self.times.restart_fast();
        }
        let haste = self.times.ratio(self.times.fast);
        if self.is_doubling && haste > SLOWING {
            self.is_doubling = false;
            if self.size > FIRST {
                self.size = (self.size / haste).max(FIRST);
                self.overshoot = Some(Overshoot::default());
                return Change::Cut;
            }
        }
        let slowness = self.times.ratio(self.times.slow);
        if self.trial.is_some() {
            return if is_new_round { self.try_on(took.as_secs_f64()) } else { Change::None };
        }
        if is_new_round && slowness > SLOW && self.size > FIRST {
            let (size_before, time_before) = (self.size, self.times.slow);
            self.size = (self.size * SMALLER).max(FIRST);
            self.is_doubling = false;
            self.trial = Some(Trial { size_before, time_before, answers: 0, seconds: 0.0 });
            return Change::Cut;
        }
        if was_full && slowness < AS_FAST {
            self.grow();
        }
        Change::None
    }

    /// One more answer under the smaller window.
    fn try_on(&mut self, seconds: f64) -> Change {
        let Some(trial) = &mut self.trial else { return Change::None };
        trial.answers += 1;
        trial.seconds += seconds;
        if trial.answers < TRIED_FOR {
            return Change::None;
        }
        let time = trial.seconds / f64::from(trial.answers);
        if time > FASTER * trial.time_before {
            self.size = self.size.max(trial.size_before);
        }
        self.times.restart(time);
        self.trial = None;
        Change::Anew
    }

    fn grow(&mut self) {
        let mut limit = self.cap;
        if let Some(ceiling) = &mut self.ceiling {
            ceiling.answers += 1;
            limit = ceiling.size;
            if ceiling.answers > ceiling.patience {
                limit = (limit + 1.0).min(self.cap);
            }
        }
        self.size =
            (self.size + if self.is_doubling { 1.0 } else { 1.0 / self.size }).min(limit.max(self.size));
        let is_past = self.ceiling.as_ref().is_some_and(|ceiling| self.size >= ceiling.size + 1.0);
        if is_past && let Some(ceiling) = &mut self.ceiling {
            // The try holds for as long as nothing is turned away.
            *ceiling = Ceiling { size: self.size, answers: 0, patience: ceiling.patience };
        }
    }

    /// One request too many was turned away: `at_once` and fewer are taken.
    pub(super) fn found_ceiling(&mut self, at_once: usize) {
        let size = (at_once as f64).clamp(1.0, self.cap);
        let patience = match &self.ceiling {
            Some(before) if before.size >= size && before.size <= size + 1.0 => {
                (before.patience * 2).min(LONGEST_PATIENCE)
            }
            _ => FIRST_PATIENCE,
        };
        self.ceiling = Some(Ceiling { size, answers: 0, patience });
        self.size = size;
        self.is_doubling = false;
    }

    /// Starts small once more, after the host was left alone.
    pub(super) fn start_again(&mut self) {
        self.size = self.size.min(FIRST);
        self.is_doubling = true;
    }

    /// The host is in trouble, though not for the number of requests at once.
    pub(super) fn cut(&mut self, factor: f64, floor: f64) {
        self.size = (self.size * factor).max(floor.min(self.size));
        self.is_doubling = false;
    }

    /// What was turned away had another reason than too many at once.
    pub(super) fn forget_ceiling(&mut self) {
        self.ceiling = None;
    }
}

/// What an answer did to the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    None,
    /// It shrank: answers to what was asked before say nothing more.
    Cut,
    /// The host works at another pace than it did: what it took at once before says nothing more.
    Anew,
}

impl ResponseTimes {
    fn add(&mut self, seconds: f64) {
        self.count = self.count.saturating_add(1);
        let average = |value: &mut f64, over: f64| *value += (seconds - *value) / over;
        average(&mut self.fast, f64::from(self.count.min(FAST_OVER)));
        average(&mut self.slow, f64::from(self.count.min(SLOW_OVER)));
        if self.count <= BASE_OVER || self.slow < self.base {
            self.base = self.slow;
        }
    }

    /// What came before says nothing any more.
    fn restart_fast(&mut self) {
        (self.fast, self.slow) = (self.base, self.base);
    }

    /// This is how long it takes now.
    fn restart(&mut self, seconds: f64) {
        (self.fast, self.slow, self.base) = (seconds, seconds, seconds);
    }

    /// How many times as long as usual that is.
    fn ratio(&self, seconds: f64) -> f64 {
        seconds.max(GRAIN) / self.base.max(GRAIN)
    }
}
