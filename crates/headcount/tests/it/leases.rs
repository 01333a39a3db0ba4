//! Several schedulers that share a run's slots and rate, driven by random sequences of what can happen to them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use headcount::scheduler::{Allowance, Answer, HostLimits, Limits, Next, Scheduler, Ticket};
use proptest::prelude::*;
use tokio::time::Instant;

#[derive(Clone, Debug)]
enum Event {
    Push { host: usize, count: usize },
    Finish { which: usize },
    Pass { milliseconds: u16 },
    SetConcurrency { concurrency: usize },
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => (0..12_usize, 1..6_usize).prop_map(|(host, count)| Event::Push { host, count }),
        8 => any::<usize>().prop_map(|which| Event::Finish { which }),
        2 => (0..500_u16).prop_map(|milliseconds| Event::Pass { milliseconds }),
        1 => (1..30_usize).prop_map(|concurrency| Event::SetConcurrency { concurrency }),
    ];
    proptest::collection::vec(event, 1..300)
}

/// A limit on rate holds over any time, but for one start and what late timers may make up for.
const LATE_TIMERS: f64 = 0.005;

struct World {
    allowance: Arc<Allowance>,
    loops: Vec<Scheduler<usize, ()>>,
    concurrency: usize,
    rate: Option<f64>,
    now: Instant,
    /// When each loop wants to be asked again.
    due: Vec<Option<Instant>>,
    running: Vec<(usize, Ticket, usize)>,
    starts: VecDeque<Instant>,
    pushed: usize,
    ended: usize,
}

impl World {
    fn new(loops: usize, concurrency: usize, rate: Option<f64>) -> World {
        let limits = Limits {
            concurrency,
            rate,
            host: HostLimits { at_once: 64, rate: None, delay: Duration::ZERO, one_first: false },
            ..Limits::default()
        };
        let allowance = Allowance::new(concurrency, rate, loops);
        World {
            loops: (0..loops).map(|seat| Scheduler::sharing(limits, allowance.lease(seat), 7)).collect(),
            allowance,
            concurrency,
            rate,
            now: Instant::now(),
            due: vec![None; loops],
            running: Vec::new(),
            starts: VecDeque::new(),
            pushed: 0,
            ended: 0,
        }
    }

    /// Every loop belongs to the one that `host` leaves as a rest.
    fn home(&self, host: usize) -> usize {
        host % self.loops.len()
    }

    fn happen(&mut self, event: &Event) {
        let mut touched = vec![false; self.loops.len()];
        match event {
            Event::Push { host, count } => {
                let home = self.home(*host);
                for _ in 0..*count {
                    self.loops[home].push(&host.to_string(), *host, self.now);
                    self.pushed += 1;
                }
                touched[home] = true;
            }
            Event::Finish { which } if !self.running.is_empty() => {
                let (home, ticket, _) = self.running.swap_remove(which % self.running.len());
                self.loops[home].finished(ticket, Answer::Accepted { wait: None }, self.now);
                self.ended += 1;
                touched[home] = true;
            }
            Event::Finish { .. } => {}
            Event::Pass { milliseconds } => {
                let until = self.now + Duration::from_millis((*milliseconds).into());
                while let Some(due) = self.due.iter().flatten().min().copied().filter(|due| *due <= until) {
                    self.now = self.now.max(due);
                    let woken = self.due.iter().map(|due| due.is_some_and(|due| due <= self.now)).collect();
                    self.work(woken);
                }
                self.now = until;
            }
            Event::SetConcurrency { concurrency } => {
                self.concurrency = *concurrency;
                self.allowance.set_concurrency(*concurrency);
            }
        }
        self.work(touched);
    }

    /// Asks the loops that something has happened to, and those that are woken by it, until none is.
    fn work(&mut self, mut touched: Vec<bool>) {
        loop {
            for (seat, touched) in touched.iter_mut().enumerate() {
                *touched |= self.allowance.changed(seat).now_or_never().is_some();
            }
            let Some(seat) = touched.iter().position(|touched| *touched) else { break };
            touched[seat] = false;
            loop {
                match self.loops[seat].next(self.now) {
                    Next::Dispatch(ticket, host) => self.started(seat, ticket, host),
                    next => {
                        self.due[seat] = match next {
                            Next::WaitUntil(time) => Some(time),
                            _ => None,
                        };
                        break;
                    }
                }
            }
        }
        self.is_nobody_idle();
    }

    fn started(&mut self, seat: usize, ticket: Ticket, host: usize) {
        assert_eq!(seat, self.home(host));
        assert!(self.running.len() < self.concurrency, "{} are under way already", self.running.len());
        self.running.push((seat, ticket, host));
        self.starts.push_back(self.now);
        let Some(rate) = self.rate else { return };
        for (count, start) in self.starts.iter().rev().enumerate() {
            let seconds = self.now.saturating_duration_since(*start).as_secs_f64();
            assert!(count as f64 <= (seconds + LATE_TIMERS) * rate + 0.01, "{count} in {seconds} s");
        }
    }

    /// No slot is free while a host could be asked.
    fn is_nobody_idle(&self) {
        if self.running.len() >= self.concurrency || self.rate.is_some() {
            return;
        }
        for host in 0..12_usize {
            let state = self.loops[self.home(host)].host(&host.to_string());
            let under_way = self.running.iter().filter(|(.., running)| *running == host).count();
            let is_waiting = |state: &headcount::scheduler::HostState| {
                state.in_flight < state.window && state.not_before.is_none_or(|time| time <= self.now)
            };
            if state.as_ref().is_some_and(is_waiting) {
                let waits = self.loops[self.home(host)].waiting_for(&host.to_string());
                assert_eq!(
                    waits, 0,
                    "host {host} could be asked, with {under_way} under way, and a slot is free"
                );
            }
        }
    }
}

proptest! {
    #[test]
    fn limits_hold_over_all_loops_and_no_slot_is_idle(
        loops in 1..5_usize,
        concurrency in 1..30_usize,
        rate in proptest::option::weighted(0.4, 1.0..2_000.0_f64),
        events in events(),
    ) {
        let mut world = World::new(loops, concurrency, rate);
        for event in &events {
            world.happen(event);
        }
        // All ends in time.
        for _ in 0..100_000 {
            if world.ended == world.pushed {
                break;
            }
            world.happen(&Event::Finish { which: 0 });
            world.happen(&Event::Pass { milliseconds: 200 });
        }
        prop_assert_eq!(world.ended, world.pushed);
    }
}

#[test]
fn a_loop_that_comes_late_gets_its_share_as_soon_as_others_end() {
    let mut world = World::new(2, 40, None);
    for host in (0..12).step_by(2) {
        world.happen(&Event::Push { host, count: 50 });
    }
    // Their windows have grown by then, and one loop has every slot.
    for which in 0..100 {
        world.happen(&Event::Finish { which });
    }
    assert_eq!(world.running.len(), 40);
    for host in (1..12).step_by(2) {
        world.happen(&Event::Push { host, count: 50 });
    }
    for _ in 0..20 {
        let first = world.running.iter().position(|(seat, ..)| *seat == 0).unwrap();
        world.happen(&Event::Finish { which: first });
        assert_eq!(world.running.len(), 40);
    }
    assert_eq!(world.running.iter().filter(|(seat, ..)| *seat == 1).count(), 20);
}

#[test]
fn a_rate_is_used_up_by_two_loops_together() {
    for rate in [1.0, 20.0, 1_000.0] {
        let mut world = World::new(2, 1_000, Some(rate));
        for host in 0..12 {
            world.happen(&Event::Push { host, count: 400 });
        }
        let begun = world.now;
        let mut passed = 0.0;
        while world.ended < 400 && passed < 1_000.0 {
            while !world.running.is_empty() {
                world.happen(&Event::Finish { which: 0 });
            }
            world.happen(&Event::Pass { milliseconds: 5 });
            passed = world.now.duration_since(begun).as_secs_f64();
        }
        assert!(passed * rate < 400.0 * 1.05 + 0.02 * rate, "400 took {passed} s at {rate} a second");
    }
}
