//! A run's event loops: one for each core, on a thread of its own. Each host belongs to one of them, which has its jobs
//! and its connections; what they share is the list, the limits and the way of the records.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::thread::{self, Scope, ScopedJoinHandle};

use headcount_tasks::{Name, Runner, Value};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use super::feed::Inbox;
use super::progress::{Board, Verdict};
use super::records::Stop;
use super::run::{Ended, Run, Shared, limits};
use super::{Engine, parcels};
use crate::scheduler::Allowance;
use crate::transport::{Network, Tls};
use crate::{Config, Error};

/// Slots that a loop should have, at least: with fewer, its hosts would wait for those of others.
const SLOTS_OF_A_LOOP: usize = 16;

/// How many loops a run has.
pub(super) fn count(config: &Config) -> usize {
    // Hosts behind one address can belong to one loop only, and which they are shows late.
    if config.per_ip {
        return 1;
    }
    let cores = || thread::available_parallelism().map_or(1, usize::from);
    let most = config.concurrency_limit.unwrap_or(config.concurrency) / SLOTS_OF_A_LOOP;
    config.loops.unwrap_or_else(cores).clamp(1, most.max(1))
}

impl Shared {
    pub(super) fn new(
        engine: &Engine,
        tls: Tls,
        loops: usize,
        records: parcels::Sender,
        stop: watch::Receiver<Stop>,
    ) -> Shared {
        let config = Arc::clone(&engine.config);
        let lookups = config.max_lookups.min(Semaphore::MAX_PERMITS);
        Shared {
            tls: Arc::new(tls),
            allowance: Allowance::new(config.concurrency, config.rate, loops),
            lookups: Arc::new(Semaphore::new(lookups)),
            idle_places: Arc::new(AtomicUsize::new(config.idle_connections())),
            records,
            intents: engine.intents.clone(),
            stop,
            config,
        }
    }
}

/// Runs all loops to their end, the first on this thread, where `beside` runs too. Whoever takes the records is told what
/// went wrong.
pub(super) fn run<N: Network>(
    shared: &Shared,
    inboxes: Vec<Inbox>,
    board: &Board,
    network: impl Fn(&Config) -> N + Sync,
    beside: impl AsyncFnOnce() + Send + 'static,
) {
    let begun = Instant::now();
    let mut inboxes = inboxes.into_iter();
    let Some(first) = inboxes.next() else { return };
    let ended = thread::scope(|threads| {
        let others: Vec<_> = inboxes.map(|inbox| start(threads, shared, inbox, &network)).collect();
        let mut ended = run_one(shared.clone(), first, network(&shared.config), beside);
        for other in others {
            ended.merge(match other {
                Ok(thread) => thread.join().unwrap_or_else(|_panic| {
                    Ended::failed(Error::runtime("an event loop panicked; please report it"))
                }),
                Err(error) => Ended::failed(error),
            });
        }
        ended
    });
    let explanation = ended.explanation.into_iter();
    let verdict = Verdict {
        ideal: ended.ledger.ideal(&limits(&shared.config), &ended.machine),
        took: begun.elapsed(),
        explanation: explanation.map(|(time, text)| (time.saturating_duration_since(begun), text)).collect(),
    };
    // A run ends once.
    let _ = board.verdict.set(verdict);
    if let Some(error) = ended.error {
        shared.records.blocking_send(Err(error));
    }
}

/// Starts a loop on a thread of its own, where it waits for its first input.
fn start<'scope, N: Network>(
    threads: &'scope Scope<'scope, '_>,
    shared: &Shared,
    inbox: Inbox,
    network: &'scope (impl Fn(&Config) -> N + Sync),
) -> Result<ScopedJoinHandle<'scope, Ended>, Error> {
    let name = format!("headcount-engine-{}", inbox.seat() + 1);
    let shared = shared.clone();
    let work = move || {
        if !inbox.wait_for_first() {
            return Ended::default();
        }
        let network = network(&shared.config);
        run_one(shared, inbox, network, async || ())
    };
    let thread = thread::Builder::new().name(name.clone()).spawn_scoped(threads, work);
    // The inbox went with what could not be started, and so the run ends.
    thread.map_err(|error| Error::runtime(format!("cannot start the thread {name:?}")).because(error))
}

fn run_one<N: Network>(
    shared: Shared,
    inbox: Inbox,
    network: N,
    beside: impl AsyncFnOnce() + 'static,
) -> Ended {
    let tree_signal = shared.config.task_tree_signal;
    let name = Name::numbered("engine", inbox.seat() as u32);
    let main = async move {
        let run = Rc::new(Run::new(shared, network, inbox));
        Value(run.drive(async move { beside().await }).await)
    };
    let ended = Runner::new().name(name).signals(false).tree_signal(tree_signal).run(main);
    ended.unwrap_or_else(|error| Ended::failed(Error::runtime("the engine stopped").because(error)))
}
