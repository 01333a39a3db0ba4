//! One request to a host: over a connection that its lane has, one that another request is making, or a new one; sent
//! again where the host cannot have begun with it.

use std::rc::Rc;
use std::time::Duration;

use headcount_tasks::yield_now;
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, sleep, timeout_at};
use url::Url;

use super::run::{Run, Turn};
use crate::policy::addresses::Reach;
use crate::policy::redirect;
use crate::record::Failure;
use crate::transport::{Broken, KnownAddresses, Network, Outgoing, Trace, Wire};

/// How long a request waits for a connection that another one is making, before it makes its own.
const PATIENCE: Duration = Duration::from_secs(1);

/// One request to the turn's host.
#[expect(
    clippy::too_many_arguments,
    reason = "each is another's affair: the run's, the turn's, the request's"
)]
pub(super) async fn ask_host<N: Network>(
    run: &Run<N>,
    turn: &Turn<N>,
    url: &Url,
    is_idempotent: bool,
    mut lookup: Option<SemaphorePermit<'_>>,
    deadline: Instant,
    request: impl Fn() -> Result<Outgoing, Failure>,
    trace: &mut Trace,
) -> Result<(), Failure> {
    let encrypted = url.scheme() == "https";
    let (mut refusals, mut is_second) = (0, false);
    loop {
        let (wire, is_new) = match existing(turn, encrypted, trace.reach, is_second) {
            Some(wire) => (wire, false),
            None => make(run, turn, url, lookup.take(), deadline, trace).await?,
        };
        let request = request()?;
        if is_new {
            // Whoever else has an answer takes it first, and then the requests go out one right after another.
            yield_now().await;
        }
        match exchange(run, turn, wire, request, trace).await {
            Ok(()) => return Ok(()),
            Err(Broken { is_refused: true, .. }) => {
                sleep(pause(refusals)).await;
                refusals += 1;
            }
            // The peer had closed the connection before it saw the request: RFC 9112, section 9.3.1, lets a client ask
            // again on a new one.
            Err(broken)
                if broken.unanswered
                    && !(is_new && broken.is_first)
                    && (broken.unsent || (is_idempotent && !is_second)) =>
            {
                is_second = true;
            }
            Err(broken) => return Err(broken.failure),
        }
    }
}

/// One request to a host that is not the turn's, over a connection of its own.
pub(super) async fn ask_stranger<N: Network>(
    run: &Run<N>,
    url: &Url,
    deadline: Instant,
    request: impl Fn() -> Result<Outgoing, Failure>,
    trace: &mut Trace,
) -> Result<(), Failure> {
    let deadline = (Instant::now() + run.config.connect_timeout).min(deadline);
    let config = &run.config;
    let wire = run.connector.establish(url, &KnownAddresses::default(), false, None, deadline, trace).await?;
    let result = match wire {
        Wire::Http1(mut connection) => connection.exchange(request()?, config, trace).await.map(drop),
        Wire::Http2(connection) => connection.exchange(request()?, config, trace).await,
    };
    result.map_err(|broken| broken.failure)
}

/// A connection of the lane that can be used now; with `is_new_wanted`, no idle one.
fn existing<N: Network>(
    turn: &Turn<N>,
    encrypted: bool,
    reach: Reach,
    is_new_wanted: bool,
) -> Option<Wire<N::Stream>> {
    if let Some(shared) = turn.lane().connections.share(encrypted, reach) {
        return Some(Wire::Http2(shared));
    }
    if is_new_wanted {
        return None;
    }
    loop {
        let mut idle = turn.lane().connections.take_idle(encrypted, reach)?;
        if idle.is_alive() {
            return Some(Wire::Http1(idle));
        }
    }
}

/// A connection that was not there: a new one or, where it can be shared, one that somebody else has made meanwhile. The
/// answer says whether it is new.
async fn make<N: Network>(
    run: &Run<N>,
    turn: &Turn<N>,
    url: &Url,
    lookup: Option<SemaphorePermit<'_>>,
    deadline: Instant,
    trace: &mut Trace,
) -> Result<(Wire<N::Stream>, bool), Failure> {
    let encrypted = url.scheme() == "https";
    let (making, addresses) = {
        let connections = &turn.lane().connections;
        (Rc::clone(&connections.making), Rc::clone(&connections.addresses))
    };
    let mut maker = None;
    if run.connector.may_speak_http2(url) && !turn.lane().connections.prefers_http1 {
        let patience = (Instant::now() + PATIENCE).min(deadline);
        maker = timeout_at(patience, making.lock()).await.ok();
        if let Some(wire) = existing(turn, encrypted, trace.reach, true) {
            return Ok((wire, false));
        }
    }
    if turn.lane().connections.prefers_http1 {
        // Whoever else waits has learnt it too.
        maker = None;
    }
    let deadline = (Instant::now() + run.config.connect_timeout).min(deadline);
    let only_http1 = turn.lane().connections.wants_http1;
    let wire = run.connector.establish(url, &addresses, only_http1, lookup, deadline, trace).await?;
    let connections = &mut turn.lane().connections;
    match &wire {
        Wire::Http1(_) => connections.prefers_http1 = true,
        Wire::Http2(made) => connections.offer(made.clone()),
    }
    drop(maker);
    Ok((wire, true))
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
