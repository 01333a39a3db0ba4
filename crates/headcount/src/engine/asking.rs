//! One request to a host: over a connection that its lane has, one that another request is making, or a new one; sent
//! again where the host cannot have begun with it.

use std::rc::Rc;
use std::time::Duration;

use headcount_tasks::yield_now;
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use url::Url;

use super::run::{Run, Turn};
use crate::policy::addresses::Reach;
use crate::policy::redirect;
use crate::record::{Failure, Kind};
use crate::transport::{Broken, KnownAddresses, Network, Outgoing, Trace, Wire};

/// How long a request waits for a connection that another one is making, before it makes its own.
const PATIENCE: Duration = Duration::from_secs(1);

/// A request that is to be made in this turn.
pub(super) struct Asking<'a, N: Network> {
    pub(super) run: &'a Run<N>,
    pub(super) turn: &'a Turn<N>,
    pub(super) url: &'a Url,
    /// How long it may take from its start.
    pub(super) left: Duration,
}

impl<'a, N: Network> Asking<'a, N> {
    /// Asks the turn's host. Dropped before the end, it leaves what was learnt in `trace`.
    pub(super) async fn ask_host(
        &self,
        is_idempotent: bool,
        request: impl Fn() -> Result<Outgoing, Failure>,
        trace: &mut Trace,
    ) -> Result<(), Failure> {
        let (mut refusals, mut is_second) = (0, false);
        loop {
            let (wire, is_new) = match self.existing(trace.reach, is_second) {
                Some(wire) => (wire, false),
                None => self.make(trace).await?,
            };
            let request = request()?;
            if is_new {
                // Whoever else has an answer takes it first, and then the requests go out one right after another.
                yield_now().await;
            }
            let deadline = self.deadline(trace);
            let result = timeout_at(deadline, exchange(self.run, self.turn, wire, request, trace)).await;
            match result {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(Broken { is_refused: true, failure, .. })) => {
                    sleep_until((Instant::now() + pause(refusals)).min(deadline)).await;
                    if Instant::now() >= deadline {
                        return Err(failure);
                    }
                    refusals += 1;
                }
                // The peer had closed the connection before it saw the request: RFC 9112, section 9.3.1, lets a client
                // ask again on a new one.
                Ok(Err(broken))
                    if broken.unanswered
                        && !(is_new && broken.is_first)
                        && (broken.unsent || (is_idempotent && !is_second)) =>
                {
                    is_second = true;
                }
                Ok(Err(broken)) => return Err(broken.failure),
                Err(_elapsed) => return Err(self.late(trace)),
            }
        }
    }

    /// Asks a host that is not the turn's, over a connection of its own.
    pub(super) async fn ask_stranger(
        &self,
        request: impl Fn() -> Result<Outgoing, Failure>,
        trace: &mut Trace,
    ) -> Result<(), Failure> {
        let (config, known) = (&self.run.config, KnownAddresses::default());
        let lookup = self.lookup_permit(&known, trace).await;
        let wire = self.establish(&known, false, lookup, trace).await?;
        let (request, deadline) = (request()?, self.deadline(trace));
        let exchanged = match wire {
            Wire::Http1(mut connection) => {
                let exchange = connection.exchange(request, config, trace);
                timeout_at(deadline, exchange).await.map(|result| result.map(drop))
            }
            Wire::Http2(connection) => {
                timeout_at(deadline, connection.exchange(request, config, trace)).await
            }
        };
        exchanged.map_err(|_elapsed| self.late(trace))?.map_err(|broken| broken.failure)
    }

    fn deadline(&self, trace: &Trace) -> Instant {
        trace.started + self.left
    }

    fn late(&self, trace: &Trace) -> Failure {
        let seconds = self.run.config.timeout.as_secs_f64();
        let message = format!("no complete answer within {seconds:.3} s ({} was under way)", trace.phase);
        Failure::new(trace.phase, Kind::Timeout, message)
    }

    /// A connection of the lane that can be used now; with `is_new_wanted`, no idle one.
    fn existing(&self, reach: Reach, is_new_wanted: bool) -> Option<Wire<N::Stream>> {
        let encrypted = self.url.scheme() == "https";
        if let Some(shared) = self.turn.lane().connections.share(encrypted, reach) {
            return Some(Wire::Http2(shared));
        }
        if is_new_wanted {
            return None;
        }
        loop {
            let mut idle = self.turn.lane().connections.take_idle(encrypted, reach)?;
            if idle.is_alive() {
                return Some(Wire::Http1(idle));
            }
        }
    }

    /// A connection that was not there: a new one or, where it can be shared, one that somebody else has made meanwhile.
    /// The answer says whether it is new.
    async fn make(&self, trace: &mut Trace) -> Result<(Wire<N::Stream>, bool), Failure> {
        let Asking { run, turn, url, .. } = self;
        let (making, addresses) = {
            let connections = &turn.lane().connections;
            (Rc::clone(&connections.making), Rc::clone(&connections.addresses))
        };
        // Before there is anybody who waits for this connection.
        let lookup = self.lookup_permit(&addresses, trace).await;
        let mut maker = None;
        if run.connector.may_speak_http2(url) && !turn.lane().connections.prefers_http1 {
            maker = {
                let _in_line = InLine { since: Instant::now(), trace: &mut *trace };
                timeout(PATIENCE, making.lock()).await.ok()
            };
            if let Some(wire) = self.existing(trace.reach, true) {
                return Ok((wire, false));
            }
        }
        if turn.lane().connections.prefers_http1 {
            // Whoever else waits has learnt it too.
            maker = None;
        }
        let only_http1 = turn.lane().connections.wants_http1;
        let wire = self.establish(&addresses, only_http1, lookup, trace).await?;
        let connections = &mut turn.lane().connections;
        match &wire {
            Wire::Http1(_) => connections.prefers_http1 = true,
            Wire::Http2(made) => connections.offer(made.clone()),
        }
        drop(maker);
        Ok((wire, true))
    }

    async fn establish(
        &self,
        known: &KnownAddresses,
        only_http1: bool,
        lookup: Option<SemaphorePermit<'_>>,
        trace: &mut Trace,
    ) -> Result<Wire<N::Stream>, Failure> {
        let Run { config, connector, .. } = self.run;
        let deadline = (Instant::now() + config.connect_timeout).min(self.deadline(trace));
        connector.establish(self.url, known, only_http1, lookup, deadline, trace).await
    }

    /// A turn to resolve the URL's name, unless its addresses are known.
    async fn lookup_permit(&self, known: &KnownAddresses, trace: &mut Trace) -> Option<SemaphorePermit<'a>> {
        if self.url.domain().is_none() || known.get().is_some() {
            return None;
        }
        let _in_line = InLine { since: Instant::now(), trace };
        // The semaphore is never closed.
        self.run.lookups.acquire().await.ok()
    }
}

/// A request in line for something of this machine's, or of another request. Until this is dropped, no clock of the
/// request runs.
struct InLine<'t> {
    since: Instant,
    trace: &'t mut Trace,
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        let waited = self.since.elapsed();
        self.trace.started += waited;
        self.trace.queued += waited;
    }
}

/// One request over this connection, which is left with the lane if that has a use for it.
async fn exchange<N: Network>(
    run: &Run<N>,
    turn: &Turn<N>,
    wire: Wire<N::Stream>,
    request: Outgoing,
    trace: &mut Trace,
) -> Result<(), Broken> {
    let config = &run.config;
    match wire {
        Wire::Http1(mut connection) => {
            if connection.exchange(request, config, trace).await? {
                let waiting = in_need(turn, trace);
                let unused = turn.lane().connections.keep(connection, waiting, || run.idle_place());
                run.part_with(unused);
            }
            Ok(())
        }
        Wire::Http2(connection) => {
            let result = connection.exchange(request, config, trace).await;
            let waiting = in_need(turn, trace);
            let connections = &mut turn.lane().connections;
            if connection.wants_http1() {
                (connections.wants_http1, connections.prefers_http1) = (true, true);
            }
            connections.tidy(waiting, || run.idle_place());
            result
        }
    }
}

/// How many jobs could use a connection of the lane next.
fn in_need<N: Network>(turn: &Turn<N>, trace: &Trace) -> usize {
    // Most redirects come back to the host that sent them.
    let is_redirect = trace.status().is_some_and(redirect::is_redirect);
    turn.waiting_behind() + turn.lane().about_to_ask + usize::from(is_redirect)
}

/// How long to wait before a refused request is sent again. Who closes a connection in order refuses what had been sent
/// meanwhile, which is nothing to wait for; who refuses on and on is given time.
fn pause(refusals: u32) -> Duration {
    match refusals {
        0 | 1 => Duration::ZERO,
        more => Duration::from_millis(10 << (more - 2).min(7)),
    }
}
