//! The scheduler as a state machine, driven by random sequences of what can happen to it.

use std::collections::HashMap;
use std::time::Duration;

use headcount::scheduler::{Limits, Next, Scheduler, Ticket};
use proptest::prelude::*;
use tokio::time::Instant;

#[derive(Clone, Debug)]
enum Event {
    Push { host: u8 },
    PushDelayed { host: u8, wait: u16 },
    Start,
    Finish { which: usize, again: Option<u16> },
    Pass { milliseconds: u16 },
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => (0..12_u8).prop_map(|host| Event::Push { host }),
        1 => (0..12_u8, 0..2_000_u16).prop_map(|(host, wait)| Event::PushDelayed { host, wait }),
        5 => Just(Event::Start),
        4 => (any::<usize>(), proptest::option::weighted(0.3, 0..500_u16))
            .prop_map(|(which, again)| Event::Finish { which, again }),
        1 => (0..1_000_u16).prop_map(|milliseconds| Event::Pass { milliseconds }),
    ];
    proptest::collection::vec(event, 1..300)
}

/// A job knows its number, its host, and when it may start.
#[derive(Clone, Copy, Debug)]
struct Job {
    number: usize,
    host: u8,
    not_before: Instant,
}

struct World {
    scheduler: Scheduler<Job, ()>,
    limits: Limits,
    now: Instant,
    pushed: usize,
    waiting: HashMap<usize, Job>,
    running: Vec<(Ticket, Job)>,
    ended: usize,
}

impl World {
    fn new(limits: Limits) -> World {
        World {
            scheduler: Scheduler::new(limits),
            limits,
            now: Instant::now(),
            pushed: 0,
            waiting: HashMap::new(),
            running: Vec::new(),
            ended: 0,
        }
    }

    fn push(&mut self, number: usize, host: u8, wait: Option<u16>) {
        let not_before = self.now + Duration::from_millis(wait.unwrap_or(0).into());
        let job = Job { number, host, not_before };
        self.waiting.insert(number, job);
        match wait {
            Some(_) => self.scheduler.push_delayed(&host.to_string(), job, not_before),
            None => self.scheduler.push(&host.to_string(), job),
        }
    }

    fn running_on(&self, host: u8) -> usize {
        self.running.iter().filter(|(_, job)| job.host == host).count()
    }

    fn could_start(&self) -> bool {
        self.running.len() < self.limits.concurrency
            && self
                .waiting
                .values()
                .any(|job| job.not_before <= self.now && self.running_on(job.host) < self.limits.per_host)
    }

    fn start(&mut self) {
        let could_start = self.could_start();
        match self.scheduler.next(self.now) {
            Next::Dispatch(ticket, job) => {
                assert!(self.waiting.remove(&job.number).is_some(), "a job is started once for each push");
                assert!(job.not_before <= self.now, "no job starts before its time");
                self.running.push((ticket, job));
                assert!(self.running.len() <= self.limits.concurrency);
                assert!(self.running_on(job.host) <= self.limits.per_host);
            }
            next => {
                assert!(!could_start, "a host could be asked, but: {next:?}");
                match next {
                    Next::WaitUntil(time) => {
                        assert!(time > self.now);
                        assert!(self.waiting.values().any(|job| job.not_before == time));
                    }
                    Next::Idle => assert!(self.waiting.is_empty() && self.running.is_empty()),
                    _ => assert!(!self.waiting.is_empty() || !self.running.is_empty()),
                }
            }
        }
    }

    fn finish(&mut self, which: usize, again: Option<u16>) {
        if self.running.is_empty() {
            return;
        }
        let (ticket, job) = self.running.swap_remove(which % self.running.len());
        match again {
            Some(wait) => self.push(job.number, job.host, Some(wait)),
            None => self.ended += 1,
        }
        self.scheduler.finished(ticket);
    }

    fn happen(&mut self, event: &Event) {
        match *event {
            Event::Push { host } => {
                self.push(self.pushed, host, None);
                self.pushed += 1;
            }
            Event::PushDelayed { host, wait } => {
                self.push(self.pushed, host, Some(wait));
                self.pushed += 1;
            }
            Event::Start => self.start(),
            Event::Finish { which, again } => self.finish(which, again),
            Event::Pass { milliseconds } => self.now += Duration::from_millis(milliseconds.into()),
        }
        assert_eq!(self.scheduler.waiting(), self.waiting.len());
        assert_eq!(self.scheduler.in_flight(), self.running.len());
    }
}

proptest! {
    #[test]
    fn no_job_is_lost_doubled_early_or_over_a_limit(
        concurrency in 1..10_usize,
        per_host in 1..4_usize,
        events in events(),
    ) {
        let mut world = World::new(Limits { concurrency, per_host });
        for event in &events {
            world.happen(event);
        }
        while world.ended < world.pushed {
            world.now += Duration::from_secs(10);
            while world.could_start() {
                world.start();
            }
            world.finish(0, None);
        }
        prop_assert!(matches!(world.scheduler.next(world.now), Next::Idle));
    }

    #[test]
    fn draining_gives_back_what_waits_and_nothing_else(events in events()) {
        let mut world = World::new(Limits { concurrency: 5, per_host: 2 });
        for event in &events {
            world.happen(event);
        }
        let mut drained: Vec<usize> = world.scheduler.drain().iter().map(|job| job.number).collect();
        let mut expected: Vec<usize> = world.waiting.drain().map(|(number, _)| number).collect();
        drained.sort_unstable();
        expected.sort_unstable();
        prop_assert_eq!(drained, expected);
        while !world.running.is_empty() {
            world.finish(0, None);
        }
        prop_assert!(matches!(world.scheduler.next(world.now), Next::Idle));
    }
}

#[test]
fn hosts_take_turns_however_the_list_is_sorted() {
    let mut scheduler = Scheduler::<usize, ()>::new(Limits { concurrency: 1, per_host: 8 });
    for number in 0..100 {
        scheduler.push("big", number);
    }
    scheduler.push("small", 100);
    let now = Instant::now();
    let mut started = 0;
    loop {
        started += 1;
        match scheduler.next(now) {
            Next::Dispatch(_, 100) => break,
            Next::Dispatch(ticket, _) => scheduler.finished(ticket),
            next => panic!("{next:?}"),
        }
    }
    assert!(started <= 2, "the small host waited for {started} turns");
}

#[test]
fn a_host_that_has_ended_leaves_nothing_behind() {
    struct Counted(std::rc::Rc<std::cell::Cell<i32>>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let dropped = std::rc::Rc::new(std::cell::Cell::new(0));
    let mut scheduler = Scheduler::<(), Option<Counted>>::new(Limits { concurrency: 1, per_host: 1 });
    for host in 0..1_000 {
        scheduler.push(&format!("host-{host}"), ());
        let Next::Dispatch(ticket, ()) = scheduler.next(Instant::now()) else { panic!() };
        *scheduler.carried(&ticket) = Some(Counted(dropped.clone()));
        scheduler.finished(ticket);
        assert_eq!(dropped.get(), host + 1);
    }
}
