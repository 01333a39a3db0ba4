//! One loop's part of a run, or all of it: the scheduler, the lanes with what they carry, and the workers, on one thread.

mod concurrency;
mod ending;
mod frontier;
mod idle;
mod refused;
mod turn;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use headcount_tasks::{Scope, TaskHandle, scope};
use http::HeaderMap;
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep_until};

pub(super) use idle::IdlePlace;
pub(super) use turn::Turn;

use idle::IdlePlaces;

use super::aside::Aside;
use super::connections::Connections;
use super::feed::Inbox;
use super::intent::{self, Intent};
use super::job::{Job, host, in_doubt, skipped};
use super::known_robots::KnownRobots;
use super::outbox::Outbox;
use super::outgoing::usual_fields;
use super::parcels;
use super::processor;
use super::progress::add;
use super::records::Stop;
use super::waiting::{Packer, Waiting};
use super::worker::work;
use crate::policy::blame::Blame;
use crate::policy::robots::Access;
use crate::record::{Failure, Record};
use crate::scheduler::{Allowance, HostLimits, Ledger, Limits, Machine, Next, Refusal, Scheduler};
use crate::transport::{Connection, Connector, Network, Tls};
use crate::{Config, Error};

/// A clock that is asked for a later time might overflow.
const LONGEST_GRACE: Duration = Duration::from_secs(366 * 24 * 3_600);

/// Jobs that are not to be asked and wait for their records, about; beyond them nothing starts.
const MOST_REFUSED: usize = 1_000;

/// What a run's loops share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) config: Arc<Config>,
    pub(super) tls: Arc<Tls>,
    pub(super) allowance: Arc<Allowance>,
    /// Names that may be resolved at once.
    pub(super) lookups: Arc<Semaphore>,
    /// Idle connections that there may be.
    pub(super) idle_places: Arc<AtomicUsize>,
    pub(super) records: parcels::Sender,
    /// Whoever is asked before a request that is not safe is sent.
    pub(super) intents: Option<mpsc::Sender<Intent>>,
    pub(super) stop: watch::Receiver<Stop>,
}

/// How a run went, as far as one loop knows.
#[derive(Default)]
pub(super) struct Ended {
    pub(super) ledger: Ledger,
    pub(super) machine: Machine,
    /// How the pace of the host to explain was found.
    pub(super) explanation: Vec<(Instant, String)>,
    /// Why it could not go on.
    pub(super) error: Option<Error>,
}

/// What workers share.
pub(super) struct Run<N: Network> {
    pub(super) config: Arc<Config>,
    pub(super) connector: Connector<N>,
    pub(super) usual_fields: HeaderMap,
    pub(super) random: RefCell<fastrand::Rng>,
    scheduler: RefCell<Scheduler<Waiting, Lane<N>>>,
    allowance: Arc<Allowance>,
    /// Bytes that the waiting jobs take, about.
    memory: Cell<usize>,
    packer: RefCell<Packer>,
    aside: RefCell<Aside>,
    /// The temporary files cannot be written: what does not fit in memory is not read.
    is_aside_full: Cell<bool>,
    /// Jobs that are not to be asked.
    refused: RefCell<VecDeque<(Waiting, Refusal)>>,
    has_refused: Notify,
    blame: RefCell<Blame>,
    /// Jobs whose worker was dropped in mid-request.
    broken_off: RefCell<Vec<Job>>,
    /// For connections over all lanes.
    idle_places: IdlePlaces,
    /// Connections to be closed.
    unused: RefCell<Vec<Box<Connection<N::Stream>>>>,
    course: Cell<Course>,
    /// From where inputs come.
    inbox: Inbox,
    /// What the list's reader was told last.
    has_enough: Cell<bool>,
    /// When whoever attends looks again, at the latest.
    next_look: Cell<Option<Instant>>,
    /// A job was pushed, a worker or the list has ended: look again.
    changed: Notify,
    /// Workers that have not ended.
    workers: Cell<usize>,
    pub(super) lookups: Arc<Semaphore>,
    pub(super) known_robots: RefCell<KnownRobots>,
    outbox: Outbox,
    intents: Option<mpsc::Sender<Intent>>,
    stop: watch::Receiver<Stop>,
    part: Part,
}

/// Which way a run goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Course {
    GoesOn,
    /// No new request starts.
    Stops,
    /// Neither does one go on: this loop, or another, could not.
    Broken,
}

/// This loop's part of what the run may use.
struct Part {
    memory: usize,
    read_ahead: usize,
}

/// What a host at work carries. It goes with the lane, connections and all.
pub(super) struct Lane<N: Network> {
    pub(super) connections: Connections<N::Stream>,
    /// Workers that have their turn and will want a connection in a moment.
    pub(super) about_to_ask: usize,
    pub(super) robots: Option<Rc<Access>>,
}

impl<N: Network> Run<N> {
    pub(super) fn new(shared: Shared, network: N, inbox: Inbox) -> Run<N> {
        let Shared { config, tls, allowance, lookups, idle_places, records, intents, stop } = shared;
        let (seat, loops) = (inbox.seat(), inbox.loops());
        let seed = config.seed.map(|seed| seed.wrapping_add(seat as u64));
        let mut random = seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        let mut scheduler = Scheduler::sharing(limits(&config), allowance.lease(seat), random.u64(..));
        if let Some(host) = &config.explain {
            scheduler.explain(host);
        }
        let most = config.concurrency_limit.unwrap_or(config.concurrency);
        Run {
            random: RefCell::new(random),
            memory: Cell::new(0),
            packer: RefCell::new(Packer::new(Instant::now())),
            aside: RefCell::new(Aside::new(config.disk / loops as u64)),
            is_aside_full: Cell::new(false),
            refused: RefCell::default(),
            has_refused: Notify::new(),
            blame: RefCell::new(Blame::new(most, config.local_wait)),
            usual_fields: usual_fields(&config),
            connector: Connector::new(network, tls, Arc::clone(&config)),
            scheduler: RefCell::new(scheduler),
            allowance,
            broken_off: RefCell::default(),
            idle_places: IdlePlaces::new(idle_places, loops),
            unused: RefCell::default(),
            course: Cell::new(Course::GoesOn),
            inbox,
            has_enough: Cell::new(false),
            next_look: Cell::new(None),
            changed: Notify::new(),
            workers: Cell::new(0),
            lookups,
            known_robots: RefCell::new(KnownRobots::new(loops)),
            outbox: Outbox::new(records),
            intents,
            stop,
            part: Part { memory: config.memory / loops, read_ahead: config.read_ahead.div_ceil(loops) },
            config,
        }
    }

    /// The whole run as far as it is this loop's, from the first input to the last record.
    pub(super) async fn drive(self: Rc<Self>, beside: impl Future<Output = ()> + 'static) -> Ended {
        let run = Rc::clone(&self);
        let cpu_before = processor::time_of_this_thread();
        let worked = scope(async move |tasks| {
            let reading = tasks.spawn("list", Rc::clone(&run).read());
            tasks.spawn("list, asynchronous", beside);
            let flushing = Rc::clone(&run);
            tasks.spawn("outbox", async move { flushing.outbox.flush_in_time().await });
            tasks.spawn("refused", Rc::clone(&run).end_refused());
            if let Some(most) = run.config.concurrency_limit
                && run.inbox.seat() == 0
            {
                tasks.spawn("concurrency", Rc::clone(&run).find_concurrency(most));
            }
            run.attend(tasks, &reading).await;
            // What is still under way is dropped where it waits; each turn leaves its job with the run.
            tasks.cancel_children();
        })
        .await;
        if let Err(error) = worked {
            let panicked = Error::runtime("a task of the engine panicked; please report it");
            self.inbox.break_off(panicked.because(error));
        }
        let mut ended = self.ended(processor::time_of_this_thread().saturating_sub(cpu_before));
        self.begin_to_stop();
        self.end_all_refused().await;
        self.interrupt_what_broke_off().await;
        self.outbox.flush().await;
        ended.error = self.inbox.take_error();
        ended
    }

    /// Starts workers for what may start, until all is done, the grace after a stop has passed, or nobody takes the
    /// records any more.
    async fn attend(self: &Rc<Self>, tasks: &Scope, reading: &TaskHandle<()>) {
        let mut abandoned = pin!(self.outbox.abandoned());
        let mut stop = self.stop.clone();
        let mut grace_ends = None;
        loop {
            let next_due = self.start_workers(tasks);
            self.next_look.set(next_due);
            if self.workers.get() == 0 && next_due.is_none() && self.refused.borrow().is_empty() {
                if reading.is_ended() || grace_ends.is_some() {
                    return;
                }
                self.inbox.shut_if_over();
            }
            if self.course.get() == Course::Broken {
                return;
            }
            tokio::select! {
                biased;
                () = &mut abandoned => return,
                () = until(grace_ends), if grace_ends.is_some() => return,
                Ok(()) = stop.changed() => {
                    if let Stop::After(grace) = *stop.borrow_and_update() {
                        self.begin_to_stop();
                        self.inbox.shut();
                        reading.cancel();
                        // A later call may only bring the end nearer.
                        let ends = Instant::now() + grace.min(LONGEST_GRACE);
                        grace_ends = Some(grace_ends.map_or(ends, |earlier: Instant| earlier.min(ends)));
                    }
                }
                () = self.changed.notified() => {}
                () = self.allowance.changed(self.inbox.seat()) => {}
                () = until(next_due), if next_due.is_some() => {}
            }
        }
    }

    /// No new request is to start.
    pub(super) fn is_stopping(&self) -> bool {
        self.course.get() >= Course::Stops
    }

    /// It may get worse only.
    fn set_course(&self, course: Course) {
        self.course.set(self.course.get().max(course));
    }

    /// Waits until a request that is not safe may be sent.
    pub(super) async fn wait_for_consent(&self, job: &mut Job) -> Result<(), Failure> {
        if let Some(intents) = &self.intents
            && !job.may_be_sent
        {
            intent::ask(intents, job.index).await?;
            job.may_be_sent = true;
        }
        Ok(())
    }

    /// A place for one more idle connection, if there is one.
    pub(super) fn idle_place(&self) -> Option<IdlePlace> {
        self.idle_places.take()
    }

    /// Leaves a connection to be closed when the worker goes on, with others.
    pub(super) fn part_with(&self, connection: Option<Box<Connection<N::Stream>>>) {
        self.unused.borrow_mut().extend(connection);
    }

    pub(super) fn close_unused(&self) {
        self.unused.borrow_mut().clear();
    }

    fn start_workers(self: &Rc<Self>, tasks: &Scope) -> Option<Instant> {
        loop {
            match self.next(Instant::now()) {
                Next::Dispatch(ticket, job) => {
                    let turn = self.turn(ticket, job);
                    self.workers.set(self.workers.get() + 1);
                    tasks.spawn("worker", Rc::clone(self).work(turn));
                }
                Next::WaitUntil(time) => return Some(time),
                _ => return None,
            }
        }
    }

    async fn work(self: Rc<Self>, first: Turn<N>) {
        work(&self, first).await;
        self.workers.set(self.workers.get() - 1);
        self.changed.notify_one();
    }

    fn next(&self, now: Instant) -> Next<Waiting> {
        let mut scheduler = self.scheduler.borrow_mut();
        let next = loop {
            if self.is_stopping() || self.refused.borrow().len() >= MOST_REFUSED {
                return Next::Wait;
            }
            if let Some(time) = self.blame.borrow().next_start().filter(|time| *time > now) {
                return Next::WaitUntil(time);
            }
            match scheduler.next(now) {
                Next::Refuse(job, refusal) => {
                    self.memory.set(self.memory.get().saturating_sub(job.weight()));
                    self.refused.borrow_mut().push_back((job, refusal));
                    self.has_refused.notify_one();
                }
                Next::BringBack(key, place) => {
                    let jobs = self.take_from_aside(key);
                    scheduler.bring_back(place, jobs, now);
                }
                Next::Dispatch(ticket, job) => {
                    self.memory.set(self.memory.get().saturating_sub(job.weight()));
                    self.blame.borrow_mut().started(now);
                    break Next::Dispatch(ticket, job);
                }
                next => break next,
            }
        };
        self.count_in_flight(&scheduler);
        self.say_appetite(&scheduler);
        next
    }

    fn put(&self, record: Record, now: Instant) -> impl Future<Output = ()> {
        let counters = self.inbox.counters();
        add(&counters.done, 1);
        add(&counters.failed, u64::from(record.failed));
        self.outbox.put(record, now)
    }

    fn count_in_flight(&self, scheduler: &Scheduler<Waiting, Lane<N>>) {
        self.inbox.counters().in_flight.store(scheduler.in_flight() as u64, Relaxed);
    }
}

impl<N: Network> Default for Lane<N> {
    fn default() -> Lane<N> {
        Lane { connections: Connections::default(), about_to_ask: 0, robots: None }
    }
}

pub(super) fn limits(config: &Config) -> Limits {
    Limits {
        concurrency: config.concurrency,
        rate: config.rate,
        host: HostLimits {
            at_once: config.per_host,
            rate: config.host_rate,
            delay: config.delay,
            one_first: config.robots,
        },
        max_hold: config.max_hold,
        give_up_after: config.give_up_after,
        retry_share: config.retry_share,
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
