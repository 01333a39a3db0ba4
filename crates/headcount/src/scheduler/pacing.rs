//! How often a host that turned requests away is asked: a rate, found between one rejection and the next.

use std::time::Duration;

use tokio::time::Instant;

/// However right a plateau proves, it is left after so many seconds: later where each try costs a hold.
const LONGEST: f64 = 2.5;
const LONGEST_WHERE_HELD: f64 = 30.0;
/// Answers from a rejection until the rate is back at its plateau, at first, and at most: every plateau that proves
/// right doubles it.
const FIRST_LENGTH: f64 = 25.0;
const LONGEST_LENGTH: f64 = 1_600.0;
/// While nothing is known but a guess, the rate doubles with so many answers.
const DOUBLING: f64 = 4.0;
/// The limiter is known once its bounds are so near to each other.
const KNOWN: f64 = 1.5;
/// So many answers, or four bursts, are what was let through lately.
const RECENT: u32 = 20;
/// A cut never goes below this share of what the plateau was (CUBIC's beta).
const LEAST_AFTER_CUT: f64 = 0.7;
/// A plateau has proved right if the next measure moves it by less than this share.
const AGREES: f64 = 0.15;
/// The share of a burst, and of what gathered in a hold, that is used.
const CAUTION: f64 = 0.8;
/// Requests may come so much closer than the rate says, to make up for late timers.
pub(super) const SLACK: Duration = Duration::from_millis(5);
/// No host is asked less often than once in this time for its rejections alone.
const SLOWEST: f64 = 1.0 / 60.0;

/// A rate in requests per second.
///
/// A limiter that has just turned a request away is empty. What it lets through between two rejections, divided by
/// the time between them, is therefore its rate, whatever its burst; that is the plateau. From a little below it the
/// rate rises along a cubic, flat near the plateau and steep beyond, as in CUBIC (Ha, Rhee, Xu 2008; RFC 9438), but
/// counted in answers, so that fast and slow hosts are probed equally seldom.
///
/// A limiter that was asked for less than it lets through may have overflowed meanwhile: then the measure is a lower
/// bound only. The rate that was turned away is an upper one.
#[derive(Clone, Debug)]
pub(super) struct Pacing {
    plateau: f64,
    search: Search,
    /// When the limiter was last seen empty.
    empty_at: Instant,
    /// Let through since then.
    accepted: u32,
    /// Of these, what had gathered in a hold: it shows nothing of the rate.
    gathered: f64,
    /// What the limiter let through at once when it was full, as far as is known.
    burst: f64,
    next: Instant,
    /// Started since then because the rate allowed it, rather than for want of work before.
    paced: u32,
    /// The host asks to be left alone when it turns a request away.
    was_held: bool,
    /// Two moments since then, and what had been let through by then.
    marks: [(Instant, u32); 2],
}

#[derive(Clone, Copy, Debug)]
enum Search {
    /// The rate is a guess between these bounds, and doubles.
    Guess { low: f64, high: f64 },
    /// The rate is known; answers until it is back at the plateau.
    Known { length: f64 },
}

impl Pacing {
    /// Starts from what the first rejection showed: a rate, whether it was measured or is a guess, and how many
    /// requests were let through at once before.
    pub(super) fn new(rate: f64, is_measured: bool, burst: f64, now: Instant) -> Pacing {
        let plateau = rate.max(SLOWEST);
        let search = if is_measured {
            Search::Known { length: FIRST_LENGTH }
        } else {
            Search::Guess { low: 0.0, high: f64::INFINITY }
        };
        Pacing {
            plateau,
            search,
            empty_at: now,
            accepted: 0,
            gathered: 0.0,
            burst,
            next: now,
            paced: 0,
            was_held: false,
            marks: [(now, 0); 2],
        }
    }

    /// Requests per second now.
    pub(super) fn rate(&self) -> f64 {
        let accepted = (f64::from(self.accepted) - self.gathered).max(0.0);
        match self.search {
            Search::Guess { high, .. } => {
                (self.plateau * 2_f64.powf((accepted / DOUBLING).min(20.0))).min(high)
            }
            Search::Known { length } => {
                self.plateau * (1.0 + 0.1 * ((accepted / self.stretched(length)).min(4.0) - 1.0).powi(3))
            }
        }
    }

    /// The rate that the host was last seen to keep.
    pub(super) fn plateau(&self) -> f64 {
        self.plateau
    }

    /// When the next request may start.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    pub(super) fn started(&mut self, now: Instant) {
        let earliest = now.checked_sub(SLACK).unwrap_or(now);
        self.paced += u32::from(self.next >= earliest);
        self.next = self.next.max(earliest) + Duration::from_secs_f64(1.0 / self.rate());
    }

    /// The host is held until `end`: its limiter fills up meanwhile, and what gathers there may be used at once.
    pub(super) fn held(&mut self, hold: Duration, end: Instant) {
        self.was_held = true;
        let rate = self.plateau;
        let gathered = CAUTION * (rate * hold.as_secs_f64()).min(self.burst);
        let credit = Duration::from_secs_f64((gathered / rate).max(0.0));
        self.gathered = gathered;
        // Never sooner than it was: who waits for that time would not know.
        self.next = self.next.max(end.checked_sub(credit).unwrap_or(end));
    }

    pub(super) fn accepted(&mut self, now: Instant) {
        self.accepted = self.accepted.saturating_add(1);
        self.mark(now);
        if let Search::Known { length } = self.search
            && f64::from(self.accepted) - self.gathered >= 4.0 * self.stretched(length)
        {
            // Far beyond the old plateau, and nothing was turned away: the host can do more than it could.
            self.plateau = self.rate();
            self.search = Search::Known { length: FIRST_LENGTH };
            self.accepted = self.stretched(FIRST_LENGTH) as u32;
            self.empty_at = now;
            self.marks = [(now, self.accepted); 2];
            self.gathered = 0.0;
        }
    }

    /// A request of this round was turned away.
    pub(super) fn rejected(&mut self, now: Instant) {
        if self.accepted == 0 && matches!(self.search, Search::Known { .. }) {
            // It lets nothing through at all, which is no rate.
            self.empty_at = now;
            self.marks = [(now, 0); 2];
            return;
        }
        let rate = self.rate();
        let seconds = now.saturating_duration_since(self.empty_at).as_secs_f64().max(1e-3);
        let accepted = f64::from(self.accepted);
        // What overflowed in between was lost, so this is the least that the limiter lets through.
        let least = (accepted / seconds).min(rate);
        if accepted < self.gathered {
            // It was turned away while it used what had gathered: that was less than believed.
            self.burst /= 2.0;
        }
        let before = self.plateau;
        match self.search {
            Search::Guess { low, high } => {
                let is_narrow = high.is_finite() && low > 0.0;
                let low = low.max(least);
                let high = high.min(rate).max(low);
                self.plateau = if low > 0.0 { (low * high).sqrt() } else { high / 4.0 };
                self.search = if is_narrow || high < KNOWN * low {
                    Search::Known { length: FIRST_LENGTH }
                } else {
                    Search::Guess { low, high }
                };
            }
            Search::Known { length } => {
                // What was turned away is near to what is let through, unless there was a store to draw on first.
                let least = least.max(self.recent(now)).min(rate);
                let estimate = least + (rate - least) / (1.0 + self.burst.max(1.0));
                let floor = if self.is_measure() { 0.0 } else { LEAST_AFTER_CUT * before.min(rate) };
                self.plateau = estimate.clamp(floor, rate);
                let agrees = (self.plateau / before - 1.0).abs() < AGREES;
                let length = if agrees { (2.0 * length).min(LONGEST_LENGTH) } else { FIRST_LENGTH };
                self.search = Search::Known { length };
            }
        }
        self.plateau = self.plateau.max(SLOWEST);
        self.empty_at = now;
        self.gathered = 0.0;
        self.accepted = 0;
        self.paced = 0;
        self.marks = [(now, 0); 2];
    }

    /// Whether the host was asked as often as it may be, so that what it let through is a measure.
    fn is_measure(&self) -> bool {
        2 * self.paced >= self.accepted
    }

    /// A length in answers that is no shorter than a second, nor than it takes to draw down what a limiter has in
    /// store; and no longer than that the host's recovery is seen in time.
    fn stretched(&self, length: f64) -> f64 {
        let longest = if self.was_held { LONGEST_WHERE_HELD } else { LONGEST };
        length.min(self.plateau * longest).max(FIRST_LENGTH).max(self.plateau).max(2.0 * self.burst)
    }

    /// What the limiter let through lately, without what it may have had in store: no more than a burst.
    fn recent(&self, now: Instant) -> f64 {
        let (since, accepted) = self.marks[0];
        let seconds = now.saturating_duration_since(since).as_secs_f64().max(1e-3);
        (f64::from(self.accepted - accepted) - self.burst.max(1.0)).max(0.0) / seconds
    }

    fn mark(&mut self, now: Instant) {
        let wanted = RECENT.max((4.0 * self.burst) as u32);
        if self.accepted.saturating_sub(self.marks[1].1) >= wanted {
            self.marks = [self.marks[1], (now, self.accepted)];
        }
    }
}
