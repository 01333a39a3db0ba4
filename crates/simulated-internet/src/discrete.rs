//! Scheduling alone: any policy driven against the hosts of a scenario, event by event, with no runtime and no bytes. Memory
//! goes with what is read ahead and under way, not with the list.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use crate::host::{End, Fate, Host};
use crate::model::Fault;
use crate::scenario::Scenario;

/// The first wait before a URL without an answer is asked again; it doubles with each.
const RETRY_DELAY: Duration = Duration::from_millis(500);

/// Who decides what is asked when. It is told the time, which begins at zero.
pub trait Policy {
    /// A job's place among those under way.
    type Ticket;

    /// A URL of the list.
    fn push(&mut self, job: Job, now: Duration);

    /// What to do now.
    fn next(&mut self, now: Duration) -> Next<Self::Ticket>;

    /// How a job ended. `again` is the same job if it has to be asked again, and the time before which it may not be:
    /// rejected jobs come back at once, and it is for the policy to hold them or their host.
    fn finished(
        &mut self,
        ticket: Self::Ticket,
        outcome: &Outcome,
        again: Option<(Job, Duration)>,
        now: Duration,
    );

    /// Whether a job that got no answer may be asked again, as far as the policy is concerned.
    fn may_retry(&mut self, _ticket: &Self::Ticket) -> bool {
        true
    }

    /// Jobs that are not under way.
    fn waiting(&self) -> usize;
}

/// A URL to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// The number of its host.
    pub host: u32,
    /// How often it got no answer.
    pub failures: u32,
}

/// What a policy says.
#[derive(Debug)]
pub enum Next<T> {
    /// Ask this.
    Dispatch(T, Job),
    /// Ask this no more: its host has been given up.
    GiveUp(Job),
    /// Nothing before this time, unless a job is pushed or ends.
    WaitUntil(Duration),
    /// Nothing until a job is pushed or ends.
    Wait,
    /// There are no jobs, waiting or under way.
    Idle,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How long it took.
    pub took: Duration,
    /// What came.
    pub kind: OutcomeKind,
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutcomeKind {
    /// An answer that is none of the following.
    Answered,
    /// A 429 or 503.
    Rejected {
        /// What Retry-After says.
        wait: Option<Duration>,
    },
    /// No whole answer.
    NoResponse,
}

/// What is given besides the scenario.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Decides hosts and list.
    pub seed: u64,
    /// How many jobs the policy may hold that are not under way.
    pub read_ahead: usize,
    /// When to stop looking; a run that was stopped says so.
    pub longest: Duration,
}

/// What a run came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Report {
    /// When the last job had ended.
    pub took: Duration,
    /// URLs that were answered.
    pub answered: u64,
    /// Requests that were rejected.
    pub rejected: u64,
    /// URLs that never got an answer.
    pub failed: u64,
    /// URLs that were not asked, or not to their last attempt.
    pub given_up: u64,
    /// The most requests under way at once.
    pub peak: usize,
    /// The same over the single hosts.
    pub peak_of_a_host: usize,
    /// The most hosts that had to be remembered at once.
    pub hosts_at_once: usize,
    /// All of the list was done.
    pub is_whole: bool,
}

impl Report {
    /// Rejections for each hundred answers.
    pub fn rejections_per_100(&self) -> f64 {
        self.rejected as f64 * 100.0 / self.answered.max(1) as f64
    }
}

/// Runs a scenario under a policy.
///
/// # Panics
/// The policy breaks its word: it waits while nothing can happen any more, or is idle while it holds jobs.
pub fn run<P: Policy>(scenario: &Scenario, policy: &mut P, options: &Options) -> Report {
    let mut world = World::new(scenario, options.seed);
    let mut list = scenario.list(options.seed).peekable();
    let mut now = Duration::ZERO;
    let mut report = Report::default();
    loop {
        while policy.waiting() < options.read_ahead
            && let Some(host) = list.next()
        {
            let host = u32::try_from(host).expect("fewer than 2^32 hosts");
            policy.push(Job { host, failures: 0 }, now);
        }
        let wake_at = match policy.next(now) {
            Next::Dispatch(ticket, job) => {
                let at_its_host = world.dispatch(ticket, job, now);
                report.peak = report.peak.max(world.under_way.len());
                report.peak_of_a_host = report.peak_of_a_host.max(at_its_host);
                continue;
            }
            Next::GiveUp(_job) => {
                report.given_up += 1;
                continue;
            }
            Next::WaitUntil(time) => Some(time),
            Next::Wait => None,
            Next::Idle => {
                assert!(
                    world.under_way.is_empty() && policy.waiting() == 0,
                    "a policy is idle that has jobs"
                );
                if list.peek().is_none() {
                    report.is_whole = true;
                    break;
                }
                None
            }
        };
        let ends_at = world.under_way.peek().map(|Reverse(first)| first.at);
        let Some(next) = wake_at.into_iter().chain(ends_at).min() else {
            panic!("a policy waits for nothing at {now:?}, with {} jobs", policy.waiting());
        };
        assert!(next > now || ends_at == Some(next), "a policy waits for the past at {now:?}");
        now = next;
        if now > options.longest {
            break;
        }
        while let Some(ended) = world.pop_ended(now) {
            world.settle(ended, policy, &mut report, now);
        }
    }
    report.took = now;
    report.hosts_at_once = world.hosts_at_once;
    report
}

/// The hosts, and what is under way.
struct World<'s, T> {
    scenario: &'s Scenario,
    seed: u64,
    timeout: Duration,
    connect_timeout: Duration,
    hosts: HashMap<u32, Known>,
    /// Hosts are looked through for those at rest when there are so many.
    look_through_at: usize,
    hosts_at_once: usize,
    under_way: BinaryHeap<Reverse<UnderWay<T>>>,
    dispatched: u64,
}

/// A host that shows signs of what was asked of it.
struct Known {
    host: Host,
    /// It has answered, so its address is known.
    is_found: bool,
    /// Open connections on which nothing is under way.
    idle: u32,
    under_way: u32,
}

struct UnderWay<T> {
    at: Duration,
    /// Among equals, in the order in which they began.
    number: u64,
    ticket: T,
    job: Job,
    outcome: Outcome,
}

impl<'s, T> World<'s, T> {
    fn new(scenario: &'s Scenario, seed: u64) -> World<'s, T> {
        World {
            scenario,
            seed,
            timeout: scenario.timeout(),
            connect_timeout: scenario.connect_timeout(),
            hosts: HashMap::new(),
            look_through_at: 1_000,
            hosts_at_once: 0,
            under_way: BinaryHeap::new(),
            dispatched: 0,
        }
    }

    /// Sends a request; how many are under way to its host now.
    fn dispatch(&mut self, ticket: T, job: Job, now: Duration) -> usize {
        self.forget_hosts_at_rest(now);
        let (scenario, seed) = (self.scenario, self.seed);
        let known = self.hosts.entry(job.host).or_insert_with(|| Known {
            host: scenario.host_at(job.host as usize, seed, now),
            is_found: false,
            idle: 0,
            under_way: 0,
        });
        known.under_way += 1;
        let at_its_host = known.under_way as usize;
        let fate = if known.idle > 0 {
            known.idle -= 1;
            known.host.arrive(now)
        } else {
            known.host.attempt(now, known.is_found)
        };
        let (at, kind) = outcome(fate, now + self.connect_timeout, now + self.timeout);
        self.dispatched += 1;
        let outcome = Outcome { took: at - now, kind };
        self.under_way.push(Reverse(UnderWay { at, number: self.dispatched, ticket, job, outcome }));
        self.hosts_at_once = self.hosts_at_once.max(self.hosts.len());
        at_its_host
    }

    fn pop_ended(&mut self, now: Duration) -> Option<UnderWay<T>> {
        let is_due = self.under_way.peek().is_some_and(|Reverse(first)| first.at <= now);
        if is_due { self.under_way.pop().map(|Reverse(first)| first) } else { None }
    }

    fn settle<P: Policy<Ticket = T>>(
        &mut self,
        ended: UnderWay<T>,
        policy: &mut P,
        report: &mut Report,
        now: Duration,
    ) {
        let UnderWay { ticket, mut job, outcome, .. } = ended;
        if let Some(known) = self.hosts.get_mut(&job.host) {
            known.under_way -= 1;
            if outcome.kind != OutcomeKind::NoResponse {
                known.is_found = true;
                known.idle += 1;
            }
        }
        let again = match outcome.kind {
            OutcomeKind::Answered => {
                report.answered += 1;
                None
            }
            OutcomeKind::Rejected { .. } => {
                report.rejected += 1;
                Some((job, now))
            }
            OutcomeKind::NoResponse if job.failures < self.scenario.retries && policy.may_retry(&ticket) => {
                job.failures += 1;
                Some((job, now + RETRY_DELAY * 2_u32.pow(job.failures - 1)))
            }
            OutcomeKind::NoResponse => {
                report.failed += 1;
                None
            }
        };
        policy.finished(ticket, &outcome, again, now);
    }

    /// Each look costs no more than the requests since the last one.
    fn forget_hosts_at_rest(&mut self, now: Duration) {
        if self.hosts.len() >= self.look_through_at {
            self.hosts.retain(|_, known| known.under_way > 0 || !known.host.is_at_rest(now));
            self.hosts.shrink_to(self.hosts.len() * 2);
            self.look_through_at = (self.hosts.len() * 2).max(1_000);
        }
    }
}

/// What the sender learns, and when. It gives up connecting at one time and waiting for an answer at another.
fn outcome(fate: Fate, connected_by: Duration, deadline: Duration) -> (Duration, OutcomeKind) {
    match fate.end {
        End::Failed(fault) if fault.is_silence() && fault.is_of_connecting() => {
            (connected_by, OutcomeKind::NoResponse)
        }
        End::Failed(fault) if fault.is_silence() => (deadline, OutcomeKind::NoResponse),
        _ if fate.at > deadline => (deadline, OutcomeKind::NoResponse),
        End::Failed(Fault::ServerError) | End::Answered => (fate.at, OutcomeKind::Answered),
        End::Rejected { retry_after, .. } => (fate.at, OutcomeKind::Rejected { wait: retry_after }),
        End::Failed(_) => (fate.at, OutcomeKind::NoResponse),
    }
}

impl<T> Ord for UnderWay<T> {
    fn cmp(&self, other: &UnderWay<T>) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl<T> PartialOrd for UnderWay<T> {
    fn partial_cmp(&self, other: &UnderWay<T>) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for UnderWay<T> {
    fn eq(&self, other: &UnderWay<T>) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for UnderWay<T> {}
