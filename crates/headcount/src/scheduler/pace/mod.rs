//! One host's pace: how many requests at once, how often, and from when on, found by its answers.

mod rejections;

use std::fmt::Display;
use std::time::Duration;

use tokio::time::Instant;

use rejections::{Epoch, EpochKind};

use super::pacing::{Pacing, SLACK};
use super::window::{Change, FIRST, Window};
use super::{Answer, HostLimits};

/// A wait that a host asks for is made longer by a random part of it, up to this, so that not everybody comes back at
/// once.
const LONGEST_JITTER: Duration = Duration::from_secs(1);
/// Nothing is held for longer: the clock must not overflow.
const LONGEST_HOLD: Duration = Duration::from_secs(366 * 24 * 3_600);
/// Between two requests to a host that has fallen silent: a quarter of the time for which it is waited for, within these.
const SHORTEST_PROBE: Duration = Duration::from_millis(100);
const LONGEST_PROBE: Duration = Duration::from_secs(2);
/// Lines that an explanation may have.
const LONGEST_STORY: usize = 500;

/// One host's pace. Hosts behind one address may share one.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    limits: HostLimits,
    window: Window,
    pacing: Option<Pacing>,
    held_until: Option<Instant>,
    /// The next start that `--delay` and `--host-rate` allow.
    next_by_rule: Option<Instant>,
    in_flight: usize,
    /// The number of the last request that was started.
    last: u64,
    /// A random part that each wait is longer by; drawn anew for every rejection that says something new.
    jitter: f64,
    /// Rejections of requests up to this one say nothing new.
    epoch: Epoch,
    /// Answers to requests up to this one are from before the window was cut.
    cut_at: u64,
    first_start: Option<Instant>,
    last_start: Option<Instant>,
    /// Requests in a row that got no answer.
    silence: u32,
    /// Rounds in a row in which all was turned away.
    fruitless: u32,
    /// A host that let requests through and does no longer: one in so long, to see whether it is back.
    probing: Option<Duration>,
    /// Requests up to this one were swallowed by the silence; so many of them are still waited for. They take no place.
    swallowed: (u64, usize),
    pub(super) counts: Counts,
    /// How the pace was found, if somebody asked.
    story: Option<Vec<(Instant, String)>>,
}

/// What a host's answers came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    pub(super) accepted: u64,
    pub(super) rejected: u64,
    pub(super) unanswered: u64,
    pub(super) unanswered_time: Duration,
    pub(super) held: Duration,
    /// The longest wait that the host asked for.
    pub(super) longest_wait: Duration,
    /// The most requests under way.
    pub(super) most_at_once: usize,
}

impl Counts {
    /// Takes in those of another pace of the same host.
    pub(super) fn add(&mut self, other: &Counts) {
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        self.unanswered += other.unanswered;
        self.unanswered_time += other.unanswered_time;
        self.held += other.held;
        self.longest_wait = self.longest_wait.max(other.longest_wait);
        self.most_at_once = self.most_at_once.max(other.most_at_once);
    }
}

/// When a request may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Now,
    At(Instant),
    /// When another one has ended.
    OneEnds,
}

/// What is remembered of a request while it is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    at: Instant,
    number: u64,
    /// What went by before it could be sent.
    setup: Duration,
    /// For how long its answer's body came.
    receiving: Duration,
    /// Requests under way, itself included.
    in_flight: usize,
    was_full: bool,
}

impl Sent {
    /// Finding the host and connecting to it took so long.
    pub(super) fn set_up_in(&mut self, setup: Duration) {
        self.setup = setup;
    }

    pub(super) fn received_for(&mut self, receiving: Duration) {
        self.receiving = receiving;
    }

    pub(super) fn receiving(&self) -> Duration {
        self.receiving
    }

    pub(super) fn took(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.at)
    }
}

impl Pace {
    pub(super) fn new(limits: HostLimits) -> Pace {
        Pace {
            limits,
            window: Window::new(limits.at_once),
            pacing: None,
            held_until: None,
            next_by_rule: None,
            in_flight: 0,
            last: 0,
            jitter: 0.0,
            epoch: Epoch::default(),
            cut_at: 0,
            first_start: None,
            last_start: None,
            silence: 0,
            fruitless: 0,
            probing: None,
            swallowed: (0, 0),
            counts: Counts::default(),
            story: None,
        }
    }

    /// Two starts are so far apart from now on, at least, and the next one is from now.
    pub(super) fn slow_down(&mut self, delay: Duration, now: Instant) {
        self.limits.delay = self.limits.delay.max(delay.min(LONGEST_HOLD));
        self.next_by_rule = self.next_by_rule.max(Some(now + self.limits.delay));
    }

    /// Starts no sooner than the other would: what was asked of it, and the user's rules, go on to hold.
    pub(super) fn heed(&mut self, other: &Pace) {
        self.held_until = self.held_until.max(other.held_until);
        self.next_by_rule = self.next_by_rule.max(other.next_by_rule);
    }

    /// Keeps the story of how the pace is found.
    pub(super) fn tell(&mut self) {
        self.story.get_or_insert_default();
    }

    pub(super) fn story(&self) -> &[(Instant, String)] {
        self.story.as_deref().unwrap_or_default()
    }

    pub(super) fn when(&self, now: Instant) -> When {
        if self.in_flight >= self.window().max(1) {
            return When::OneEnds;
        }
        match self.not_before() {
            Some(time) if time > now => When::At(time),
            _ => When::Now,
        }
    }

    /// The time before which nothing starts, whatever the window.
    pub(super) fn not_before(&self) -> Option<Instant> {
        let pacing = self.pacing.as_ref().map(Pacing::next);
        let probe = self.probing.and_then(|wait| Some(self.last_start? + wait));
        self.held_until.max(self.next_by_rule).max(pacing).max(probe)
    }

    pub(super) fn held_until(&self) -> Option<Instant> {
        self.held_until
    }

    /// When its first request started, which tells it from other paces of the same host.
    pub(super) fn begun(&self) -> Option<Instant> {
        self.first_start
    }

    /// Whether nothing has come of any request yet.
    pub(super) fn is_unknown(&self) -> bool {
        self.counts.accepted + self.counts.rejected + self.counts.unanswered == 0
    }

    /// Requests that may be under way at once, now.
    pub(super) fn window(&self) -> usize {
        let size =
            if self.is_measuring() { self.window.size().min(self.in_flight) } else { self.window.size() };
        (size + self.swallowed.1).min(self.limits.at_once)
    }

    /// How many could start, where one may start now: each start puts off the next one where there is a time between
    /// them.
    pub(super) fn room(&self) -> usize {
        let is_timed = self.pacing.is_some() || self.limits.rate.is_some() || !self.limits.delay.is_zero();
        if is_timed { 1 } else { self.window().max(1).saturating_sub(self.in_flight) }
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// The most that the host takes at once, as far as is known.
    pub(super) fn known_limit(&self) -> f64 {
        self.window.known_limit()
    }

    /// Requests per second that the host takes, if that limits it.
    pub(super) fn rate(&self) -> Option<f64> {
        let found = self.pacing.as_ref().map(Pacing::plateau);
        let ruled = self.limits.rate;
        match (found, ruled) {
            (Some(found), Some(ruled)) => Some(found.min(ruled)),
            (found, ruled) => found.or(ruled),
        }
    }

    /// The usual time that the host takes for an answer, in seconds.
    pub(super) fn usual_time(&self) -> Option<f64> {
        self.window.usual_time()
    }

    /// Seconds that a request takes; a guess as long as nothing is known.
    pub(super) fn time_of_one(&self, guess: f64) -> f64 {
        let of_silence = || match self.counts.unanswered {
            0 => guess,
            count => self.counts.unanswered_time.as_secs_f64() / count as f64,
        };
        self.window.usual_time().unwrap_or_else(of_silence)
    }

    /// Seconds between two starts, on average, if each takes `time` seconds.
    pub(super) fn interval(&self, time: f64) -> f64 {
        let by_window = self.time_of_one(time) / self.window.size() as f64;
        let by_rate = self.pacing.as_ref().map_or(0.0, |pacing| 1.0 / pacing.rate());
        let by_rule = self.limits.rate.map_or(0.0, |rate| 1.0 / rate).max(self.limits.delay.as_secs_f64());
        by_window.max(by_rate).max(by_rule)
    }

    /// Whether something was learnt that the host's next visit should know.
    pub(super) fn is_worth_keeping(&self, now: Instant) -> bool {
        self.counts.rejected > 0 || self.story.is_some() || self.not_before().is_some_and(|time| time > now)
    }

    pub(super) fn started(&mut self, now: Instant) -> Sent {
        self.in_flight += 1;
        self.last += 1;
        self.first_start.get_or_insert(now);
        self.last_start = Some(now);
        self.counts.most_at_once = self.counts.most_at_once.max(self.in_flight);
        if let Some(pacing) = &mut self.pacing {
            pacing.started(now);
        }
        let by_delay = (!self.limits.delay.is_zero()).then(|| now + self.limits.delay);
        let by_rate = self.limits.rate.map(|rate| {
            let earliest = now.checked_sub(SLACK).unwrap_or(now);
            self.next_by_rule.map_or(now, |next| next.max(earliest)) + Duration::from_secs_f64(1.0 / rate)
        });
        self.next_by_rule = by_delay.max(by_rate);
        let was_full = self.in_flight >= self.window.size();
        let (setup, receiving) = (Duration::ZERO, Duration::ZERO);
        Sent { at: now, number: self.last, setup, receiving, in_flight: self.in_flight, was_full }
    }

    pub(super) fn finished(&mut self, sent: Sent, answer: Answer, now: Instant, random: &mut fastrand::Rng) {
        self.in_flight -= 1;
        if sent.number <= self.swallowed.0 {
            self.swallowed.1 = self.swallowed.1.saturating_sub(1);
        }
        match answer {
            Answer::Accepted { wait } => {
                self.accepted(sent, now);
                if let Some(wait) = wait.filter(|wait| !wait.is_zero()) {
                    self.note(now, || format!("the host has no request left for {}", seconds(wait)));
                    self.hold(wait, now);
                }
            }
            Answer::Rejected { wait } => {
                let wait = wait.filter(|wait| !wait.is_zero());
                if sent.number > self.epoch.until {
                    self.jitter = random.f64();
                }
                self.rejected(sent, wait, now);
                if let Some(wait) = wait {
                    self.hold(wait, now);
                }
            }
            Answer::None => {
                self.counts.unanswered += 1;
                self.counts.unanswered_time += sent.took(now);
                self.unanswered(sent.took(now), now);
                if sent.number > self.cut_at {
                    self.cut_at = self.last;
                    self.window.cut(0.7, FIRST);
                    let size = self.window();
                    self.note(now, || format!("no answer: {size} at once"));
                }
            }
            Answer::Lost => {
                // It is one of many, which are as good as many of its own.
                self.silence = self.silence.max(FIRST as u32);
                self.unanswered(sent.took(now), now);
            }
            Answer::NotAsked => {}
        }
        if self.in_flight == 0
            && let EpochKind::Measuring { since, wait } = self.epoch.kind
        {
            self.measured(since, wait, now);
        }
    }

    /// A host that answered before and has fallen silent gets few requests, well apart: those that it swallows are
    /// lost, and the first one that it answers should come soon.
    fn unanswered(&mut self, took: Duration, now: Instant) {
        self.silence = self.silence.saturating_add(1);
        if self.counts.accepted > 0 && f64::from(self.silence) >= FIRST {
            if self.probing.is_none() {
                self.note(now, || "it has fallen silent: a request now and then");
            }
            self.probing = Some((took / 4).clamp(SHORTEST_PROBE, LONGEST_PROBE));
        }
    }

    fn answered(&mut self, now: Instant) {
        self.silence = 0;
        self.fruitless = 0;
        if self.probing.take().is_some() {
            self.note(now, || "it answers again");
            self.window.start_again();
            self.swallowed = (self.last, self.in_flight);
        }
    }

    fn accepted(&mut self, sent: Sent, now: Instant) {
        self.answered(now);
        self.counts.accepted += 1;
        self.epoch.accepted = self.epoch.accepted.saturating_add(1);
        if sent.number > self.epoch.until {
            self.epoch.proven = self.epoch.proven.max(sent.in_flight);
        }
        if let Some(pacing) = &mut self.pacing {
            pacing.accepted(now);
        }
        let before = self.window.size();
        let took = sent.took(now).saturating_sub(sent.setup);
        match self.window.answered(took, sent.in_flight, sent.was_full, sent.number > self.cut_at) {
            Change::Cut => self.cut_at = self.last,
            Change::Anew => self.epoch.proven = 0,
            Change::None => {}
        }
        let size = self.window.size();
        if size < before {
            self.note(now, || format!("answers have slowed down: {size} at once"));
        } else if size > before && size.is_power_of_two() {
            self.note(now, || format!("{size} at once"));
        }
    }

    /// Nothing starts for so long, and a little longer.
    fn hold(&mut self, wait: Duration, now: Instant) {
        let wait = wait.min(LONGEST_HOLD);
        let jitter = (wait / 10).min(LONGEST_JITTER).mul_f64(self.jitter);
        let end = now + wait + jitter;
        let held_until = self.held_until.unwrap_or(now).max(now);
        if end > held_until {
            let longer = end - held_until;
            self.counts.held += longer;
            self.held_until = Some(end);
            if let Some(pacing) = &mut self.pacing {
                pacing.held(longer, end);
            }
            self.note(now, || format!("held for {}", seconds(end - now)));
        }
    }

    fn note<D: Display>(&mut self, now: Instant, text: impl FnOnce() -> D) {
        if let Some(story) = &mut self.story
            && story.len() < LONGEST_STORY
        {
            story.push((now, text().to_string()));
        }
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.3} s", duration.as_secs_f64())
}
