//! The scheduler as a state machine, driven by random sequences of what can happen to it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use headcount::scheduler::{Answer, HostLimits, Limits, Machine, Next, Refusal, Scheduler, Ticket};
use proptest::prelude::*;
use tokio::time::Instant;

#[derive(Clone, Debug)]
enum Event {
    Push { host: u8 },
    PushDelayed { host: u8, wait: u16 },
    Start,
    Finish { which: usize, again: Option<u16>, answer: Answer },
    Pass { milliseconds: u16 },
    PutAside { host: u8, least: usize },
    Share { which: usize, key: u8 },
    OpenGate { which: usize },
}

fn answers() -> impl Strategy<Value = Answer> {
    let wait = || proptest::option::of((0..5_000_u64).prop_map(Duration::from_millis));
    prop_oneof![
        6 => Just(Answer::Accepted { wait: None }),
        1 => wait().prop_map(|wait| Answer::Accepted { wait }),
        2 => wait().prop_map(|wait| Answer::Rejected { wait }),
        2 => Just(Answer::None),
        1 => Just(Answer::Lost),
        1 => Just(Answer::NotAsked),
    ]
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        8 => (0..12_u8).prop_map(|host| Event::Push { host }),
        2 => (0..12_u8, 0..2_000_u16).prop_map(|(host, wait)| Event::PushDelayed { host, wait }),
        10 => Just(Event::Start),
        8 => (any::<usize>(), proptest::option::weighted(0.3, 0..500_u16), answers())
            .prop_map(|(which, again, answer)| Event::Finish { which, again, answer }),
        2 => (0..1_000_u16).prop_map(|milliseconds| Event::Pass { milliseconds }),
        1 => (0..12_u8, 1..4_usize).prop_map(|(host, least)| Event::PutAside { host, least }),
        1 => (any::<usize>(), 0..2_u8).prop_map(|(which, key)| Event::Share { which, key }),
        2 => any::<usize>().prop_map(|which| Event::OpenGate { which }),
    ];
    // A few hosts with much work, now and then: only they have something to put aside.
    let burst = (0..3_u8, 60..90_usize).prop_map(|(host, count)| vec![Event::Push { host }; count]);
    let events = prop_oneof![40 => event.prop_map(|event| vec![event]), 1 => burst];
    proptest::collection::vec(events, 1..300).prop_map(|events| events.concat())
}

fn limits() -> impl Strategy<Value = Limits> {
    let rate = || proptest::option::weighted(0.3, 1.0..50.0_f64);
    let delay = prop_oneof![Just(0), 0..300_u64];
    let one_first = proptest::bool::weighted(0.3);
    (1..10_usize, rate(), 1..6_usize, rate(), delay, one_first, 1..20_u32).prop_map(
        |(concurrency, rate, at_once, host_rate, delay, one_first, give_up_after)| Limits {
            concurrency,
            rate,
            host: HostLimits { at_once, rate: host_rate, delay: Duration::from_millis(delay), one_first },
            max_hold: Duration::from_secs(3),
            give_up_after,
            retry_share: 0.5,
        },
    )
}

/// A job knows its number, its host, and when it may start.
#[derive(Clone, Copy, Debug)]
struct Job {
    number: usize,
    host: u8,
    not_before: Instant,
}

/// Whose limits a start falls under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Whose {
    Run,
    Host(u8),
    /// Of the hosts that share a pace under this key.
    Group(u8),
}

/// What is under way.
struct Running {
    ticket: Ticket,
    job: Job,
    /// The group that its host was in when it started.
    group: Option<u8>,
}

/// A limit on rate holds over any time, but for one start and what late timers may make up for.
const LATE_TIMERS: f64 = 0.005;

struct World {
    scheduler: Scheduler<Job, ()>,
    limits: Limits,
    now: Instant,
    pushed: usize,
    waiting: HashMap<usize, Job>,
    running: Vec<Running>,
    ended: usize,
    refused: usize,
    aside: HashMap<u64, Vec<Job>>,
    starts: HashMap<Whose, VecDeque<Instant>>,
    /// Who asked to be left alone, and until when.
    held: HashMap<Whose, Instant>,
    /// The hosts with work that share a pace, and their group's key.
    groups: HashMap<u8, u8>,
    /// Hosts whose first job goes alone still.
    gated: HashSet<u8>,
    /// Hosts that have given any answer but a plain one, or have shared a pace: others have a say in how they are asked.
    troubled: HashSet<u8>,
}

impl World {
    fn new(limits: Limits) -> World {
        World {
            scheduler: Scheduler::new(limits, 7),
            limits,
            now: Instant::now(),
            pushed: 0,
            waiting: HashMap::new(),
            running: Vec::new(),
            ended: 0,
            refused: 0,
            aside: HashMap::new(),
            starts: HashMap::new(),
            held: HashMap::new(),
            groups: HashMap::new(),
            gated: HashSet::new(),
            troubled: HashSet::new(),
        }
    }

    fn push(&mut self, number: usize, host: u8, wait: Option<u16>) {
        let not_before = self.now + Duration::from_millis(wait.unwrap_or(0).into());
        let job = Job { number, host, not_before };
        let name = host.to_string();
        if self.limits.host.one_first && self.scheduler.host(&name).is_none() {
            self.gated.insert(host);
        }
        self.waiting.insert(number, job);
        match wait {
            Some(_) => self.scheduler.push_delayed(&name, job, not_before),
            None => self.scheduler.push(&name, job, self.now),
        }
        self.forget_if_gone(host);
    }

    /// A host without work keeps its pace, but is in no group.
    fn forget_if_gone(&mut self, host: u8) {
        if self.scheduler.host(&host.to_string()).is_none() {
            self.groups.remove(&host);
            self.gated.remove(&host);
        }
    }

    fn running(&self, which: impl Fn(&Running) -> bool) -> usize {
        self.running.iter().filter(|running| which(running)).count()
    }

    fn running_on(&self, host: u8) -> usize {
        self.running(|running| running.job.host == host)
    }

    /// How long ago the last start was that falls under these limits.
    fn since_last(&self, whose: Whose) -> Duration {
        let last = self.starts.get(&whose).and_then(|starts| starts.back());
        last.map_or(Duration::MAX, |last| self.now.saturating_duration_since(*last))
    }

    /// Whether a host could be asked, as far as its own pace and the run's rate allow.
    fn could_start(&self) -> bool {
        let rate_allows = self
            .limits
            .rate
            .is_none_or(|rate| self.since_last(Whose::Run).as_secs_f64() > 1.0 / rate + LATE_TIMERS);
        rate_allows
            && self.running.len() < self.limits.concurrency
            && self.waiting.values().any(|job| job.not_before <= self.now && self.could_be_asked(job.host))
    }

    fn could_be_asked(&self, host: u8) -> bool {
        let running = self.running_on(host);
        if running > 0 && self.gated.contains(&host) || running >= self.limits.host.at_once {
            return false;
        }
        if !self.troubled.contains(&host) && running == 0 {
            // Whatever the scheduler believes of it: nothing but the user's own rules can stand in the way.
            let HostLimits { rate, delay, .. } = self.limits.host;
            let rule = delay.as_secs_f64().max(rate.map_or(0.0, |rate| 1.0 / rate + LATE_TIMERS));
            return self.since_last(Whose::Host(host)).as_secs_f64() > rule;
        }
        self.scheduler.host(&host.to_string()).is_some_and(|host| {
            host.in_flight < host.window && host.not_before.is_none_or(|time| time <= self.now)
        })
    }

    fn start(&mut self) {
        loop {
            match self.scheduler.next(self.now) {
                Next::Dispatch(ticket, job) => {
                    self.started(ticket, job);
                    return;
                }
                Next::Refuse(job, refusal) => {
                    assert!(self.waiting.remove(&job.number).is_some(), "a job is refused once");
                    match refusal {
                        Refusal::RateLimited(wait) => assert!(wait > self.limits.max_hold, "{wait:?}"),
                        Refusal::GivenUp(attempts) => assert_eq!(attempts, self.limits.give_up_after),
                    }
                    self.refused += 1;
                    self.forget_if_gone(job.host);
                }
                Next::BringBack(key, place) => {
                    let jobs = self.aside.remove(&key).expect("it was put aside, and not brought back yet");
                    self.scheduler.bring_back(place, jobs, self.now);
                }
                next => {
                    assert!(!self.could_start(), "a host could be asked, but: {next:?}");
                    match next {
                        Next::WaitUntil(time) => assert!(time > self.now),
                        Next::Idle => assert!(self.waiting.is_empty() && self.running.is_empty()),
                        _ => assert!(!self.waiting.is_empty() || !self.running.is_empty()),
                    }
                    return;
                }
            }
        }
    }

    fn started(&mut self, ticket: Ticket, job: Job) {
        assert!(self.waiting.remove(&job.number).is_some(), "a job is started once for each push");
        assert!(job.not_before <= self.now, "no job starts before its time");
        let Job { host, .. } = job;
        let group = self.groups.get(&host).copied();
        self.running.push(Running { ticket, job, group });
        assert!(self.running.len() <= self.limits.concurrency, "more than the run's concurrency");
        assert!(self.running_on(host) <= self.limits.host.at_once, "more at once than a host may get");
        assert!(self.running_on(host) == 1 || !self.gated.contains(&host), "the first job does not go alone");
        if group.is_some() {
            let beside = self.running(|running| running.group == group);
            assert!(beside <= self.limits.host.at_once, "more at once than a group may get");
        }
        self.keeps_rate(Whose::Run, self.limits.rate);
        self.keeps_host_limits(Whose::Host(host));
        if let Some(key) = group {
            self.keeps_host_limits(Whose::Group(key));
        }
    }

    fn keeps_host_limits(&mut self, whose: Whose) {
        let HostLimits { rate, delay, .. } = self.limits.host;
        assert!(self.since_last(whose) >= delay, "{whose:?}: too soon after the last");
        let held = self.held.get(&whose);
        assert!(held.is_none_or(|end| *end <= self.now), "{whose:?}: asked although it asked not to be");
        self.keeps_rate(whose, rate);
    }

    fn keeps_rate(&mut self, whose: Whose, rate: Option<f64>) {
        let starts = self.starts.entry(whose).or_default();
        starts.push_back(self.now);
        let Some(rate) = rate else { return };
        for (number, start) in starts.iter().rev().enumerate() {
            let seconds = self.now.saturating_duration_since(*start).as_secs_f64();
            let most = rate * (seconds + LATE_TIMERS) + 1.0 + 1e-6;
            assert!(
                number as f64 <= most,
                "{whose:?}: {number} more starts in {seconds} s, at {rate} a second"
            );
        }
    }

    fn finish(&mut self, which: usize, again: Option<u16>, answer: Answer) {
        if self.running.is_empty() {
            return;
        }
        let Running { ticket, job, group } = self.running.swap_remove(which % self.running.len());
        match again {
            Some(wait) => self.push(job.number, job.host, Some(wait)),
            None => self.ended += 1,
        }
        if let Answer::Rejected { wait: Some(wait) } | Answer::Accepted { wait: Some(wait) } = answer {
            let group = group.or(self.groups.get(&job.host).copied());
            for whose in [Some(Whose::Host(job.host)), group.map(Whose::Group)].into_iter().flatten() {
                let end = self.held.entry(whose).or_insert(self.now);
                *end = (*end).max(self.now + wait);
            }
        }
        if answer != FINE {
            self.troubled.insert(job.host);
        }
        self.scheduler.finished(ticket, answer, self.now);
        self.forget_if_gone(job.host);
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
            Event::Finish { which, again, answer } => self.finish(which, again, answer),
            Event::Pass { milliseconds } => self.now += Duration::from_millis(milliseconds.into()),
            Event::PutAside { host, least } => {
                if let Some((key, jobs)) = self.scheduler.put_aside(&host.to_string(), least) {
                    assert!(jobs.len() >= least);
                    self.aside.insert(key, jobs);
                }
            }
            Event::Share { which, key } => {
                if !self.running.is_empty() {
                    let Running { ticket, job, .. } = &self.running[which % self.running.len()];
                    self.groups.insert(job.host, key);
                    self.troubled.insert(job.host);
                    self.scheduler.share_pace(ticket, &key.to_string(), self.now);
                }
            }
            Event::OpenGate { which } => {
                if !self.running.is_empty() {
                    let Running { ticket, job, .. } = &self.running[which % self.running.len()];
                    self.gated.remove(&job.host);
                    self.scheduler.open_gate(ticket, self.now);
                }
            }
        }
        assert_eq!(self.scheduler.waiting(), self.waiting.len());
        assert_eq!(self.scheduler.in_flight(), self.running.len());
    }
}

proptest! {
    #[test]
    fn no_job_is_lost_doubled_early_or_over_a_limit(limits in limits(), events in events()) {
        let mut world = World::new(limits);
        for event in &events {
            world.happen(event);
        }
        let mut rounds = 0;
        while world.ended + world.refused < world.pushed {
            rounds += 1;
            prop_assert!(rounds < 100_000, "the run does not end");
            world.now += Duration::from_secs(1);
            while world.could_start() {
                let before = (world.running.len(), world.refused);
                world.start();
                if (world.running.len(), world.refused) == before {
                    break;
                }
            }
            world.start();
            world.finish(0, None, Answer::Accepted { wait: None });
        }
        prop_assert!(matches!(world.scheduler.next(world.now), Next::Idle));
        prop_assert!(world.aside.is_empty());
        prop_assert_eq!(world.scheduler.hosts(), 0);
    }

    /// A host with nothing under way is passed over only so often, however much work the others have.
    #[test]
    fn every_host_gets_its_turn(
        concurrency in 1..6_usize,
        hosts in proptest::collection::vec(1..150_usize, 2..12),
        picks in proptest::collection::vec(any::<usize>(), 1..50),
    ) {
        let mut scheduler = scheduler::<()>(concurrency);
        let mut now = Instant::now();
        for (host, count) in hosts.iter().enumerate() {
            (0..*count).for_each(|_| scheduler.push(&host.to_string(), host, now));
        }
        let (mut left, mut passed_over) = (hosts.clone(), vec![0; hosts.len()]);
        let mut running: Vec<(Ticket, usize)> = Vec::new();
        for pick in picks.iter().cycle() {
            match scheduler.next(now) {
                Next::Dispatch(ticket, host) => {
                    running.push((ticket, host));
                    left[host] -= 1;
                    for other in 0..hosts.len() {
                        let waits = left[other] > 0 && running.iter().all(|(_, running)| *running != other);
                        passed_over[other] = if waits { passed_over[other] + 1 } else { 0 };
                        prop_assert!(
                            passed_over[other] <= 16 * hosts.len(),
                            "host {other} of {hosts:?} was passed over {} times", passed_over[other]
                        );
                    }
                }
                Next::Idle => break,
                _ => {
                    now += Duration::from_millis(50);
                    let (ticket, _) = running.swap_remove(pick % running.len());
                    scheduler.finished(ticket, FINE, now);
                }
            }
        }
    }

    #[test]
    fn draining_gives_back_what_waits_and_nothing_else(events in events()) {
        let mut world = World::new(Limits { concurrency: 5, ..Limits::default() });
        for event in &events {
            world.happen(event);
        }
        let mut drained: Vec<usize> = world.scheduler.drain(world.now).iter().map(|job| job.number).collect();
        let aside = world.aside.values().flatten().map(|job| job.number);
        drained.extend(aside);
        let mut expected: Vec<usize> = world.waiting.drain().map(|(number, _)| number).collect();
        drained.sort_unstable();
        expected.sort_unstable();
        prop_assert_eq!(drained, expected);
        while !world.running.is_empty() {
            world.finish(0, None, Answer::Accepted { wait: None });
        }
        prop_assert!(matches!(world.scheduler.next(world.now), Next::Idle));
    }
}

fn scheduler<C: Default>(concurrency: usize) -> Scheduler<usize, C> {
    Scheduler::new(Limits { concurrency, ..Limits::default() }, 1)
}

const FINE: Answer = Answer::Accepted { wait: None };

#[test]
fn hosts_take_turns_however_the_list_is_sorted() {
    let mut scheduler = scheduler::<()>(1);
    let now = Instant::now();
    for number in 0..100 {
        scheduler.push("big", number, now);
    }
    scheduler.push("small", 100, now);
    let mut started = 0;
    loop {
        started += 1;
        match scheduler.next(now) {
            Next::Dispatch(_, 100) => break,
            Next::Dispatch(ticket, _) => scheduler.finished(ticket, FINE, now),
            next => panic!("{next:?}"),
        }
    }
    assert!(started <= 16, "the small host waited for {started} turns");
}

#[test]
fn the_host_with_the_longest_remaining_time_goes_first() {
    let mut scheduler = scheduler::<()>(4);
    let now = Instant::now();
    for number in 100..200 {
        scheduler.push("big", number, now);
    }
    // A host that has not answered yet is asked once before it is asked twice at a time.
    let Next::Dispatch(ticket, _) = scheduler.next(now) else { panic!() };
    scheduler.finished(ticket, FINE, now + Duration::from_millis(100));
    for number in 0..10 {
        scheduler.push(&format!("small-{number}"), number, now);
    }
    let mut big = 0;
    let mut tickets = Vec::new();
    while let Next::Dispatch(ticket, job) = scheduler.next(now) {
        big += usize::from(job >= 100);
        tickets.push(ticket);
    }
    assert_eq!((big, tickets.len()), (4, 4), "all four slots");
}

#[test]
fn what_this_machine_itself_takes_for_its_answers_slows_no_host_down() {
    let mut scheduler = scheduler::<()>(100);
    let mut now = Instant::now();
    for number in 0..2_000 {
        scheduler.push("near", number, now);
    }
    let (mut under_way, mut most) = (VecDeque::new(), 0);
    loop {
        while let Next::Dispatch(ticket, _) = scheduler.next(now) {
            under_way.push_back(ticket);
        }
        most = most.max(under_way.len());
        let Some(ticket) = under_way.pop_front() else { break };
        // The host takes no time; the answers that are there take some of the loop's, one after another.
        now += Duration::from_micros(50);
        scheduler.finished(ticket, FINE, now);
    }
    assert_eq!(most, 64, "all that a host may get");
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
    let mut scheduler = scheduler::<Option<Counted>>(1);
    let now = Instant::now();
    for host in 0..1_000 {
        scheduler.push(&format!("host-{host}"), 0, now);
        let Next::Dispatch(ticket, _) = scheduler.next(now) else { panic!() };
        *scheduler.carried(&ticket) = Some(Counted(dropped.clone()));
        scheduler.finished(ticket, FINE, now);
        assert_eq!(dropped.get(), host + 1);
    }
}

/// Asks until nothing is left, and gets no answer: how many requests were made, and how many were refused since their host
/// had been given up.
fn ask_in_vain(scheduler: &mut Scheduler<usize, ()>, now: Instant) -> (usize, usize) {
    let (mut asked, mut refused) = (0, 0);
    loop {
        match scheduler.next(now) {
            Next::Dispatch(ticket, _) => {
                asked += 1;
                scheduler.finished(ticket, Answer::None, now);
            }
            Next::Refuse(_, Refusal::GivenUp(100)) => refused += 1,
            Next::Idle => return (asked, refused),
            next => panic!("{next:?}"),
        }
    }
}

#[test]
fn a_host_that_never_answers_is_given_up_and_tried_again_now_and_then() {
    let mut scheduler = scheduler::<()>(1);
    let mut now = Instant::now();
    for number in 0..300 {
        scheduler.push("dead", number, now);
    }
    assert_eq!(ask_in_vain(&mut scheduler, now), (100, 200));
    scheduler.push("dead", 300, now);
    assert!(matches!(scheduler.next(now), Next::Refuse(300, _)), "it is remembered");
    now += Duration::from_secs(31);
    scheduler.push("dead", 301, now);
    let Next::Dispatch(ticket, 301) = scheduler.next(now) else { panic!("it is tried again") };
    scheduler.finished(ticket, FINE, now);
    scheduler.push("dead", 302, now);
    assert!(matches!(scheduler.next(now), Next::Dispatch(_, 302)), "it is back");
}

#[test]
fn an_attempt_that_did_not_ask_a_host_leaves_it_given_up() {
    for answer in [Answer::NotAsked, Answer::Lost] {
        let mut scheduler = scheduler::<()>(1);
        let mut now = Instant::now();
        for number in 0..100 {
            scheduler.push("dead", number, now);
        }
        while let Next::Dispatch(ticket, _) = scheduler.next(now) {
            scheduler.finished(ticket, Answer::None, now);
        }
        now += Duration::from_secs(31);
        scheduler.push("dead", 100, now);
        let Next::Dispatch(ticket, 100) = scheduler.next(now) else { panic!("it is tried again") };
        scheduler.push_delayed("dead", 101, now);
        scheduler.finished(ticket, answer, now);
        let next = scheduler.next(now);
        assert!(matches!(next, Next::Refuse(101, Refusal::GivenUp(100))), "{answer:?}: {next:?}");
    }
}

#[test]
fn a_dead_host_takes_nobodys_place_in_memory_however_often_it_comes() {
    let mut scheduler = scheduler::<()>(1);
    let now = Instant::now();
    let minute = Duration::from_secs(60);
    scheduler.push("held", 0, now);
    let Next::Dispatch(ticket, _) = scheduler.next(now) else { panic!() };
    scheduler.finished(ticket, Answer::Rejected { wait: Some(minute) }, now);
    let (mut asked, mut refused) = (0, 0);
    for number in 0..30_000 {
        scheduler.push("dead", number, now);
        // The first hundred wait for each other. Once the host is given up, each comes alone.
        if number < 99 {
            continue;
        }
        let counts = ask_in_vain(&mut scheduler, now);
        (asked, refused) = (asked + counts.0, refused + counts.1);
    }
    assert_eq!((asked, refused), (100, 29_900));
    scheduler.push("held", 1, now);
    let next = scheduler.next(now);
    assert!(matches!(next, Next::WaitUntil(time) if time >= now + minute), "{next:?}");
}

#[test]
fn the_visits_of_a_host_are_counted_together() {
    let mut scheduler = scheduler::<()>(1);
    let mut now = Instant::now();
    let second = Duration::from_secs(1);
    let mut visit = |answer| {
        scheduler.push("host", 0, now);
        let Next::Dispatch(ticket, _) = scheduler.next(now) else { panic!() };
        now += second;
        scheduler.finished(ticket, answer, now);
        assert_eq!(scheduler.hosts(), 0);
        now += 60 * second;
        let limits = Limits { concurrency: 1, ..Limits::default() };
        let ideal = scheduler.ledger().ideal(&limits, &Machine::default());
        let [host] = &ideal.hosts[..] else { panic!("{ideal:?}") };
        (host.answered, host.rejected, host.unanswered, host.ideal.round() as u64)
    };
    assert_eq!(visit(FINE), (1, 0, 0, 1));
    assert_eq!(visit(FINE), (2, 0, 0, 2));
    assert_eq!(visit(Answer::None), (2, 0, 1, 3));
    // A pace that turned somebody away is remembered, with its counts.
    let (.., rejected, _, _) = visit(Answer::Rejected { wait: None });
    assert_eq!(rejected, 1);
    let (answered, rejected, unanswered, _) = visit(FINE);
    assert_eq!((answered, rejected, unanswered), (3, 1, 1));
}

#[test]
fn a_host_with_bad_pages_is_not_given_up() {
    let mut scheduler = scheduler::<()>(1);
    let now = Instant::now();
    for number in 0..10_000 {
        scheduler.push("half dead", number, now);
        let Next::Dispatch(ticket, _) = scheduler.next(now) else { panic!("{number}") };
        scheduler.finished(ticket, if number % 90 == 0 { FINE } else { Answer::None }, now);
    }
}

#[test]
fn who_asks_for_too_long_a_wait_is_not_waited_for() {
    let mut scheduler = scheduler::<()>(100);
    let now = Instant::now();
    for number in 0..50 {
        scheduler.push("strict", number, now);
    }
    let Next::Dispatch(ticket, _) = scheduler.next(now) else { panic!() };
    let hour = Duration::from_secs(3_600);
    scheduler.finished(ticket, Answer::Rejected { wait: Some(hour) }, now);
    let mut refused = 0;
    while let Next::Refuse(_, refusal) = scheduler.next(now) {
        assert!(matches!(refusal, Refusal::RateLimited(wait) if wait >= hour));
        refused += 1;
    }
    assert_eq!(refused, 49);
}

#[test]
fn a_gate_lets_one_job_go_first() {
    let mut limits = Limits::default();
    limits.host.one_first = true;
    let mut scheduler = Scheduler::<usize, ()>::new(limits, 1);
    let now = Instant::now();
    for number in 0..5 {
        scheduler.push("host", number, now);
    }
    let Next::Dispatch(first, 0) = scheduler.next(now) else { panic!() };
    assert!(matches!(scheduler.next(now), Next::Wait));
    scheduler.open_gate(&first, now);
    assert!(matches!(scheduler.next(now), Next::Dispatch(_, 1)));
}

#[test]
fn retries_beyond_the_reserve_are_a_share_of_the_requests() {
    let mut scheduler = scheduler::<()>(1);
    let now = Instant::now();
    let mut allowed = 0;
    for number in 0..1_000 {
        scheduler.push("failing", number, now);
        let Next::Dispatch(ticket, _) = scheduler.next(now) else { panic!() };
        allowed += u32::from(scheduler.may_retry(&ticket));
        // So that the lane, which counts, stays.
        scheduler.push("failing", number, now);
        scheduler.finished(ticket, FINE, now);
        let Next::Dispatch(ticket, _) = scheduler.next(now) else { panic!() };
        scheduler.push_delayed("failing", number, now + Duration::from_secs(1_000_000));
        scheduler.finished(ticket, FINE, now);
    }
    assert!((500..1_000).contains(&allowed), "{allowed}");
}

#[test]
fn what_an_end_costs_does_not_grow_with_the_hosts_behind_an_address() {
    const ENDS: usize = 1_000;
    let looks_for_an_end = |hosts: usize, delay: Duration| {
        let host = HostLimits { at_once: 4, delay, ..Limits::default().host };
        let mut scheduler: Scheduler<usize, ()> =
            Scheduler::new(Limits { concurrency: usize::MAX, host, ..Limits::default() }, 1);
        let mut now = Instant::now();
        let mut tickets = Vec::new();
        for number in 0..hosts {
            let host = format!("host-{number}");
            scheduler.push(&host, number, now);
            scheduler.push(&host, number, now);
            let Next::Dispatch(ticket, _) = scheduler.next(now) else { panic!("{number}") };
            scheduler.share_pace(&ticket, "192.0.2.1", now);
            tickets.push(ticket);
        }
        for ticket in tickets {
            scheduler.finished(ticket, FINE, now);
        }
        let before = scheduler.looks();
        for number in 0..ENDS {
            let ticket = loop {
                match scheduler.next(now) {
                    Next::Dispatch(ticket, _) => break ticket,
                    Next::WaitUntil(time) => now = time,
                    next => panic!("{number}: {next:?}"),
                }
            };
            now += Duration::from_millis(1);
            scheduler.finished(ticket, FINE, now);
        }
        (scheduler.looks() - before) / ENDS as u64
    };
    for (hosts, delay) in [(1_000_000, Duration::ZERO), (50_000, Duration::from_millis(30))] {
        let looks = looks_for_an_end(hosts, delay);
        assert!(looks < 50, "{looks} looks for each end, with a delay of {delay:?}");
    }
}

#[test]
fn a_long_line_is_put_aside_in_pieces_and_comes_back_in_order() {
    let now = Instant::now();
    let mut scheduler: Scheduler<usize, ()> = Scheduler::new(Limits::default(), 1);
    for job in 0..5_000 {
        scheduler.push("a:80", job, now);
    }
    let mut aside: HashMap<u64, Vec<usize>> = HashMap::new();
    while let Some((key, jobs)) = scheduler.put_aside("a:80", 256) {
        // A piece that alone fills the memory would have to go again as soon as it is back.
        assert!(jobs.len() <= 1_024, "{} at once", jobs.len());
        aside.insert(key, jobs);
    }
    assert!(aside.len() >= 4);
    let mut done = Vec::new();
    loop {
        match scheduler.next(now) {
            Next::Dispatch(ticket, job) => {
                done.push(job);
                scheduler.finished(ticket, Answer::Accepted { wait: None }, now);
            }
            Next::BringBack(key, place) => {
                scheduler.bring_back(place, aside.remove(&key).unwrap(), now);
            }
            _ => break,
        }
    }
    assert_eq!(done, (0..5_000).collect::<Vec<_>>());
}
