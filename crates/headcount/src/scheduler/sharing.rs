//! Paces that several lanes share, as hosts behind one address may: which of the lanes goes when there is room.
//!
//! Lanes wait in a line of the pace's own, and only as many leave it as could start. So what a start or an end costs does
//! not grow with the lanes.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use tokio::time::Instant;

use super::lane::{Breaker, Standing};
use super::pace::{Pace, When};
use super::ready::Ready;
use super::{HostLimits, Scheduler, Ticket, Timed};

/// A pace, with who goes by it.
pub(super) struct SharedPace {
    pub(super) pace: Pace,
    /// Lanes that go by it.
    pub(super) lanes: usize,
    /// There is one where lanes may share it.
    pub(super) group: Option<Box<Group>>,
}

/// The lanes of a pace that is shared.
pub(super) struct Group {
    /// What the pace is shared by.
    pub(super) key: Arc<str>,
    /// Lanes that wait for room.
    line: Ready,
    waiting: usize,
    /// Lanes that have left the line, and stand among all others that are ready.
    called: usize,
    /// When the group is looked at, if it waits for a time; with the stamp of its entry.
    pub(super) timed: Option<(Instant, u64)>,
}

impl SharedPace {
    pub(super) fn of_one(pace: Pace) -> SharedPace {
        SharedPace { pace, lanes: 1, group: None }
    }

    /// The pace that one of its lanes would have alone. What was found out is the group's; what was asked of one is asked
    /// of each.
    pub(super) fn pace_of_one(&self, limits: HostLimits) -> Cow<'_, Pace> {
        if self.group.is_none() {
            return Cow::Borrowed(&self.pace);
        }
        let mut pace = Pace::new(limits);
        pace.heed(&self.pace);
        Cow::Owned(pace)
    }

    /// Of whoever gives this key; nobody has yet.
    fn of_group(pace: Pace, key: Arc<str>) -> SharedPace {
        let group = Group { key, line: Ready::default(), waiting: 0, called: 0, timed: None };
        SharedPace { pace, lanes: 0, group: Some(Box::new(group)) }
    }
}

impl Group {
    /// One of those called stands among the ready no longer.
    pub(super) fn uncall(&mut self) {
        self.called -= 1;
    }

    /// One of those in line stands there no longer.
    pub(super) fn step_out(&mut self) {
        self.waiting -= 1;
    }

    /// Nobody stands anywhere any more.
    pub(super) fn dissolve(&mut self) {
        self.line.clear();
        (self.waiting, self.called, self.timed) = (0, 0, None);
    }
}

impl<J, C: Default> Scheduler<J, C> {
    /// Lets the job's host share its pace with all that give the same key, as hosts behind one address may.
    pub fn share_pace(&mut self, ticket: &Ticket, key: &str, now: Instant) {
        let lane = ticket.lane;
        let from = self.lanes[lane].pace;
        if self.paces[from].group.as_ref().is_some_and(|group| &*group.key == key) {
            return;
        }
        let key: Arc<str> = key.into();
        let to = match self.shared.entry(Arc::clone(&key)) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                let known = self.rest_of_groups.take(&key);
                let pace = known.map_or_else(|| Pace::new(self.limits.host), |(pace, _)| pace);
                *entry.insert(self.paces.insert(SharedPace::of_group(pace, key)))
            }
        };
        self.step_out(lane);
        if let Some((from, to)) = self.paces.get2_mut(from, to) {
            to.pace.heed(&from.pace);
            to.lanes += 1;
        }
        self.lanes[lane].pace = to;
        self.leave_pace(from, now);
        self.stand(lane, now);
        self.call_up(from, now);
    }

    /// Puts a lane that stands nowhere in the line of its pace, if that is shared.
    pub(super) fn join_group(&mut self, lane: usize) -> bool {
        let pace = self.lanes[lane].pace;
        if self.paces[pace].group.is_none() {
            return false;
        }
        let (rank, remaining, is_spare) = (self.rank(lane), self.remaining(lane), self.is_spare(lane));
        let stamp = self.stamp();
        self.lanes[lane].standing = Standing::Behind(stamp);
        if let Some(group) = &mut self.paces[pace].group {
            group.waiting += 1;
            if is_spare {
                group.line.push_spare(lane, stamp);
            } else {
                group.line.push(lane, stamp, rank, remaining);
            }
        }
        true
    }

    /// Lets as many lanes of a shared pace be ready as could start.
    pub(super) fn call_up(&mut self, pace: usize, now: Instant) {
        loop {
            let Some(shared) = self.paces.get_mut(pace) else { return };
            let Some(group) = &mut shared.group else { return };
            if group.waiting == 0 {
                return;
            }
            match shared.pace.when(now) {
                When::OneEnds => return,
                When::At(time) => {
                    if group.timed.is_none_or(|(earlier, _)| time < earlier) {
                        self.stamp += 1;
                        group.timed = Some((time, self.stamp));
                        self.timed.push(Reverse((time, self.stamp, Timed::Group(pace))));
                    }
                    return;
                }
                When::Now if group.called >= shared.pace.room() => return,
                When::Now => {}
            }
            let (lanes, looks) = (&self.lanes, &self.looks);
            let holds = |lane: usize, stamp: u64| {
                looks.set(looks.get() + 1);
                lanes.get(lane).is_some_and(|line| line.standing == Standing::Behind(stamp))
            };
            group.line.tidy(group.waiting, holds);
            let lane = group.line.pop(holds).expect("a lane that waits has its entry in the line");
            group.waiting -= 1;
            group.called += 1;
            self.get_ready(lane);
        }
    }

    pub(super) fn leave_pace(&mut self, pace: usize, now: Instant) {
        self.paces[pace].lanes -= 1;
        self.forget_pace_if_unused(pace, now);
    }

    pub(super) fn forget_pace_if_unused(&mut self, pace: usize, now: Instant) {
        let Some(shared) = self.paces.get(pace) else { return };
        if shared.lanes == 0 && shared.pace.in_flight() == 0 {
            let shared = self.paces.remove(pace);
            if let Some(group) = shared.group {
                self.shared.remove(&group.key);
                if shared.pace.is_worth_keeping(now) {
                    self.rest_of_groups.put(group.key, shared.pace, Breaker::default());
                }
            }
        }
    }
}
