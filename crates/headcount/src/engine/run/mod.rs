//! One run: the scheduler, the lanes with what they carry, and the workers, on one thread.

mod frontier;
mod refused;
mod turn;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use headcount_tasks::{Scope, TaskHandle, scope};
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

pub(super) use turn::Turn;

use super::aside::Aside;
use super::connections::Connections;
use super::feed;
use super::intent::{self, Intent};
use super::job::{Job, host, in_doubt, skipped};
use super::outbox::Outbox;
use super::progress::{Counters, Verdict, add};
use super::records::{Parcel, Stop};
use super::waiting::{Packer, Waiting};
use super::worker::work;
use crate::policy::blame::{Blame, Consequence, Sign};
use crate::policy::growth::Growth;
use crate::policy::robots::Access;
use crate::record::{Failure, Outcome, Record};
use crate::scheduler::{Allowance, Answer, HostLimits, Limits, Next, Refusal, Scheduler, Ticket};
use crate::transport::{Connector, Network, Tls};
use crate::{Config, Error};

/// A clock that is asked for a later time might overflow.
const LONGEST_GRACE: Duration = Duration::from_secs(366 * 24 * 3_600);

/// Jobs that are not to be asked and wait for their records, about; beyond them nothing starts.
const MOST_REFUSED: usize = 1_000;

/// What workers share.
pub(super) struct Run<N: Network> {
    pub(super) config: Arc<Config>,
    pub(super) connector: Connector<N>,
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
    /// Idle connections over all lanes.
    idle: Rc<Cell<usize>>,
    /// No new request starts.
    is_stopping: Cell<bool>,
    /// The list broke off, and why.
    list_error: RefCell<Option<Error>>,
    /// When whoever attends looks again, at the latest.
    next_look: Cell<Option<Instant>>,
    /// A job was pushed, a worker or the list has ended: look again.
    changed: Notify,
    /// Workers that have not ended.
    workers: Cell<usize>,
    /// The queue has room for more of the list.
    has_room: Notify,
    /// Names that may be resolved at once.
    pub(super) lookups: Semaphore,
    outbox: Outbox,
    counters: Arc<Counters>,
    /// Whoever is asked before a request that is not safe is sent.
    intents: Option<mpsc::Sender<Intent>>,
}

/// What a host at work carries. It goes with the lane, connections and all.
pub(super) struct Lane<N: Network> {
    pub(super) connections: Connections<N::Stream>,
    /// Workers that have their turn and will want a connection in a moment.
    pub(super) about_to_ask: usize,
    pub(super) robots: Option<Rc<Access>>,
}

/// One of the idle connections that a run may have.
pub(super) struct IdlePlace(Rc<Cell<usize>>);

impl<N: Network> Run<N> {
    pub(super) fn new(
        config: Arc<Config>,
        network: N,
        tls: Tls,
        counters: Arc<Counters>,
        records: mpsc::Sender<Parcel>,
        intents: Option<mpsc::Sender<Intent>>,
    ) -> Run<N> {
        let lookups = config.max_lookups.min(Semaphore::MAX_PERMITS);
        let mut random = config.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        let allowance = Allowance::new(config.concurrency, config.rate, 1);
        let mut scheduler = Scheduler::sharing(limits(&config), allowance.lease(0), random.u64(..));
        if let Some(host) = &config.explain {
            scheduler.explain(host);
        }
        Run {
            random: RefCell::new(random),
            memory: Cell::new(0),
            packer: RefCell::new(Packer::new(Instant::now())),
            aside: RefCell::new(Aside::new(config.disk)),
            is_aside_full: Cell::new(false),
            refused: RefCell::default(),
            has_refused: Notify::new(),
            blame: RefCell::new(Blame::new(
                config.concurrency_limit.unwrap_or(config.concurrency),
                config.local_wait,
            )),
            connector: Connector::new(network, tls, Arc::clone(&config)),
            config,
            scheduler: RefCell::new(scheduler),
            allowance,
            broken_off: RefCell::default(),
            idle: Rc::default(),
            is_stopping: Cell::new(false),
            list_error: RefCell::default(),
            next_look: Cell::new(None),
            changed: Notify::new(),
            workers: Cell::new(0),
            has_room: Notify::new(),
            lookups: Semaphore::new(lookups),
            outbox: Outbox::new(records),
            counters,
            intents,
        }
    }

    /// The whole run, from the first input to the last record.
    ///
    /// # Errors
    /// A task of the run panicked.
    pub(super) async fn drive(
        self: Rc<Self>,
        feed: feed::Receiver,
        stop: watch::Receiver<Stop>,
        beside: impl Future<Output = ()> + 'static,
    ) -> Result<(), Error> {
        let run = Rc::clone(&self);
        let begun = Instant::now();
        let worked = scope(async move |tasks| {
            let reading = tasks.spawn("list", Rc::clone(&run).read(feed));
            tasks.spawn("list, asynchronous", beside);
            tasks.spawn("outbox", Rc::clone(&run).flush_in_time());
            tasks.spawn("refused", Rc::clone(&run).end_refused());
            if let Some(most) = run.config.concurrency_limit {
                tasks.spawn("concurrency", Rc::clone(&run).find_concurrency(most));
            }
            run.attend(tasks, &reading, stop).await;
            // What is still under way is dropped where it waits; each turn leaves its job with the run.
            tasks.cancel_children();
        })
        .await;
        worked.map_err(|error| {
            Error::runtime("a task of the engine panicked; please report it").because(error)
        })?;
        self.judge(begun);
        self.begin_to_stop();
        self.end_all_refused().await;
        self.interrupt_what_broke_off().await;
        self.outbox.flush().await;
        if let Some(error) = self.list_error.take() {
            self.outbox.fail(error).await;
        }
        Ok(())
    }

    /// Starts workers for what may start, until all is done, the grace after a stop has passed, or nobody takes the
    /// records any more.
    async fn attend(
        self: &Rc<Self>,
        tasks: &Scope,
        reading: &TaskHandle<()>,
        mut stop: watch::Receiver<Stop>,
    ) {
        let mut abandoned = pin!(self.outbox.abandoned());
        let mut grace_ends = None;
        loop {
            let next_due = self.start_workers(tasks);
            self.next_look.set(next_due);
            let is_idle = self.workers.get() == 0 && next_due.is_none() && self.refused.borrow().is_empty();
            if is_idle && (reading.is_ended() || grace_ends.is_some()) {
                return;
            }
            tokio::select! {
                biased;
                () = &mut abandoned => return,
                () = until(grace_ends), if grace_ends.is_some() => return,
                Ok(()) = stop.changed() => {
                    if let Stop::After(grace) = *stop.borrow_and_update() {
                        self.begin_to_stop();
                        reading.cancel();
                        // A later call may only bring the end nearer.
                        let ends = Instant::now() + grace.min(LONGEST_GRACE);
                        grace_ends = Some(grace_ends.map_or(ends, |earlier: Instant| earlier.min(ends)));
                    }
                }
                () = self.changed.notified() => {}
                () = until(next_due), if next_due.is_some() => {}
            }
        }
    }

    async fn flush_in_time(self: Rc<Self>) {
        self.outbox.flush_in_time().await;
    }

    /// The next job that may start now. `None`: not now.
    pub(super) fn next_turn(self: &Rc<Self>) -> Option<Turn<N>> {
        match self.next(Instant::now()) {
            Next::Dispatch(ticket, job) => {
                if self.scheduler.borrow().has_ready() {
                    self.changed.notify_one();
                }
                Some(self.turn(ticket, job))
            }
            _ => None,
        }
    }

    /// Puts a job back in line, to start at `time` at the soonest, or when it may. `answer`: what came of its request.
    pub(super) fn go_on(&self, turn: Turn<N>, time: Option<Instant>, answer: Answer, now: Instant) {
        let (ticket, job) = turn.take();
        let host = job.host();
        let job = Waiting::Begun(job);
        self.memory.set(self.memory.get() + job.weight());
        let mut scheduler = self.scheduler.borrow_mut();
        match time {
            Some(time) => scheduler.push_delayed(&host, job, time),
            None => scheduler.push(&host, job, now),
        }
        scheduler.finished(ticket, answer, now);
        self.count_in_flight(&scheduler);
        self.changed.notify_one();
    }

    /// Ends a job with its record. The job keeps its place until the record is handed over, so that a slow taker
    /// slows the run.
    pub(super) async fn end(
        &self,
        turn: Turn<N>,
        outcome: Outcome,
        failure: Option<Failure>,
        answer: Answer,
        now: Instant,
    ) {
        let (ticket, job) = turn.take();
        let busy = job.busy();
        self.put(job.into_record(outcome, failure, &self.config), now).await;
        let mut scheduler = self.scheduler.borrow_mut();
        scheduler.input_took(busy);
        scheduler.finished(ticket, answer, now);
        // The worker takes one job more itself. Others are for whoever attends: a window that has grown, a host that is
        // to be looked at sooner.
        let is_sooner =
            scheduler.next_due().is_some_and(|due| self.next_look.get().is_none_or(|look| due < look));
        if is_sooner {
            self.changed.notify_one();
        }
        self.count_in_flight(&scheduler);
    }

    /// No new request is to start.
    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.get()
    }

    /// Whose fault the end of a request was, and what follows.
    pub(super) fn observe(&self, sign: Sign<'_>, now: Instant) -> Consequence {
        let mut blame = self.blame.borrow_mut();
        let mut scheduler = self.scheduler.borrow_mut();
        let (limit, kind) = (blame.limit(), blame.kind());
        let consequence = blame.observe(sign, scheduler.in_flight(), now);
        if blame.limit() != limit {
            scheduler.set_most_in_flight(blame.limit());
            self.changed.notify_one();
        }
        if blame.kind() != kind {
            self.counters.set_lacks(blame.kind());
        }
        consequence
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
        (self.idle.get() < self.config.max_idle_connections).then(|| {
            self.idle.set(self.idle.get() + 1);
            IdlePlace(Rc::clone(&self.idle))
        })
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
            if self.is_stopping.get() || self.refused.borrow().len() >= MOST_REFUSED {
                return Next::Wait;
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
                    break Next::Dispatch(ticket, job);
                }
                next => break next,
            }
        };
        self.count_in_flight(&scheduler);
        if self.has_room_for_more(&scheduler) {
            self.has_room.notify_one();
        }
        next
    }

    /// Finds how many requests at once make the run fastest.
    async fn find_concurrency(self: Rc<Self>, most: usize) {
        let mut growth = Growth::new(self.config.concurrency, most);
        let (mut done, mut concurrency) = (0, self.config.concurrency);
        loop {
            sleep(Duration::from_secs(1)).await;
            let now_done = self.counters.done.load(Relaxed);
            let answers = (now_done - done) as f64;
            done = now_done;
            // A loop may hold a few slots for what it starts next.
            let was_full = 10 * self.scheduler.borrow().in_flight() >= 9 * concurrency;
            concurrency = growth.second(answers, was_full);
            self.allowance.set_concurrency(concurrency);
            self.changed.notify_one();
        }
    }

    /// Leaves word of how the run went.
    fn judge(&self, begun: Instant) {
        let scheduler = self.scheduler.borrow();
        let explanation = scheduler.explanation().iter();
        let verdict = Verdict {
            ideal: scheduler.ideal(),
            took: begun.elapsed(),
            explanation: explanation
                .map(|(time, text)| (time.saturating_duration_since(begun), text.clone()))
                .collect(),
        };
        // A run ends once.
        let _ = self.counters.verdict.set(verdict);
    }

    fn turn(self: &Rc<Self>, ticket: Ticket, waiting: Waiting) -> Turn<N> {
        let mut job = self.unpacked(waiting);
        job.begin(&self.config, Instant::now());
        Turn { run: Rc::clone(self), held: Some((ticket, job)), broken_off: Cell::new(None) }
    }

    fn unpacked(&self, waiting: Waiting) -> Box<Job> {
        match waiting {
            Waiting::Fresh(packed) => self.packer.borrow().unpack(&packed, &self.config),
            Waiting::Begun(job) => job,
        }
    }

    /// From now on nothing starts. What had begun and waits for its next request is broken off.
    fn begin_to_stop(&self) {
        self.is_stopping.set(true);
        let now = Instant::now();
        self.memory.set(0);
        let waiting = self.scheduler.borrow_mut().drain();
        for waiting in waiting {
            if let Waiting::Begun(mut job) = waiting {
                job.has_waited(now);
                self.broken_off.borrow_mut().push(*job);
            }
        }
    }

    async fn interrupt_what_broke_off(&self) {
        let mut jobs = self.broken_off.take();
        jobs.sort_by_key(|job| job.index);
        for job in jobs {
            let record = Box::new(job).into_record(Outcome::Interrupted, None, &self.config);
            self.put(record, Instant::now()).await;
        }
    }

    fn put(&self, record: Record, now: Instant) -> impl Future<Output = ()> {
        add(&self.counters.done, 1);
        add(&self.counters.failed, u64::from(record.failed));
        self.outbox.put(record, now)
    }

    fn count_in_flight(&self, scheduler: &Scheduler<Waiting, Lane<N>>) {
        self.counters.in_flight.store(scheduler.in_flight() as u64, Relaxed);
    }
}

impl<N: Network> Default for Lane<N> {
    fn default() -> Lane<N> {
        Lane { connections: Connections::default(), about_to_ask: 0, robots: None }
    }
}

impl Drop for IdlePlace {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

fn limits(config: &Config) -> Limits {
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
