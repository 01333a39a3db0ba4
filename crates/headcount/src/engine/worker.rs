//! A worker: takes a job, asks one host once, and says what comes of it, for as long as there are jobs.

use std::rc::Rc;

use bytes::Bytes;
use headcount_tasks::label;
use http::header::{ACCEPT, CONTENT_LENGTH, HOST, USER_AGENT};
use http::{HeaderValue, Method, Request as HttpRequest, Uri, Version};
use http_body_util::Empty;
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::job::Job;
use super::run::{Run, Turn};
use crate::policy::{redirect, retry};
use crate::record::{Failure, Kind, Outcome, Phase};
use crate::transport::{Connection, Network, Trace, establish, is_alive};

/// Works until there is nothing left to start. Dropped in mid-request, it leaves the job with the run.
pub(super) async fn work<N: Network>(run: &Rc<Run<N>>, first: Turn<N>) {
    let mut turn = Some(first);
    while let Some(mut current) = turn.take() {
        label(Rc::clone(&current.peek().attempt.url));
        let (trace, result) = ask(run, &mut current).await;
        current.job().took(trace, Instant::now());
        decide(run, current, result).await;
        turn = run.next_turn();
    }
}

/// One request, with its deadline.
async fn ask<N: Network>(run: &Run<N>, turn: &mut Turn<N>) -> (Trace, Result<(), Failure>) {
    if let Err(failure) = run.wait_for_consent(turn.job()).await {
        return (Trace::new(Instant::now()), Err(failure));
    }
    let lookup = lookup_permit(run, turn).await;
    let started = Instant::now();
    let left = turn.peek().attempt.left;
    let mut watched = Watched { turn, trace: Some(Trace::new(started)) };
    let (turn, trace) = watched.parts();
    let result = match timeout_at(started + left, ask_without_deadline(run, turn, lookup, trace)).await {
        Ok(result) => result,
        Err(_) => {
            let seconds = run.config.timeout.as_secs_f64();
            let message = format!("no complete answer within {seconds:.3} s ({} was under way)", trace.phase);
            Err(Failure::new(trace.phase, Kind::Timeout, message))
        }
    };
    (watched.end(), result)
}

/// A turn to resolve a name, before the clock of the request starts.
async fn lookup_permit<'r, N: Network>(run: &'r Run<N>, turn: &mut Turn<N>) -> Option<SemaphorePermit<'r>> {
    if turn.peek().attempt.url.domain().is_none() || turn.lane().addresses.is_some() {
        return None;
    }
    turn.job().wait_again(Instant::now());
    // The semaphore is never closed.
    let permit = run.lookups.acquire().await.ok();
    turn.job().has_waited(Instant::now());
    permit
}

/// A request under way. Dropped before its end, it leaves what was learnt with the turn.
struct Watched<'t, N: Network> {
    turn: &'t Turn<N>,
    trace: Option<Trace>,
}

impl<N: Network> Watched<'_, N> {
    fn parts(&mut self) -> (&Turn<N>, &mut Trace) {
        (self.turn, self.trace.as_mut().expect("the trace is there until the end"))
    }

    fn end(mut self) -> Trace {
        self.trace.take().expect("a request ends once")
    }
}

impl<N: Network> Drop for Watched<'_, N> {
    fn drop(&mut self) {
        if let Some(trace) = self.trace.take() {
            self.turn.break_off(trace);
        }
    }
}

async fn ask_without_deadline<N: Network>(
    run: &Run<N>,
    turn: &Turn<N>,
    lookup: Option<SemaphorePermit<'_>>,
    trace: &mut Trace,
) -> Result<(), Failure> {
    let job = turn.peek();
    let url = &job.attempt.url;
    let max_body = run.config.max_body;
    if let Some(mut connection) = idle_connection(turn, url.scheme() == "https").await {
        match connection.exchange(request(run, job)?, max_body, trace).await {
            Ok(reusable) => {
                keep(run, turn, connection, reusable, trace);
                return Ok(());
            }
            // The peer had closed the connection before it saw the request: RFC 9112, section 9.3.1, lets a client
            // ask again on a new one.
            Err(broken) if broken.unanswered && (broken.unsent || job.attempt.method.is_idempotent()) => {}
            Err(broken) => return Err(broken.failure),
        }
    }
    let deadline = (Instant::now() + run.config.connect_timeout).min(trace.started + job.attempt.left);
    let mut addresses = turn.lane().addresses.take();
    let result = establish(&run.network, &run.tls, url, &mut addresses, lookup, deadline, trace).await;
    if result.is_ok() {
        // Only addresses that answered are kept: the next attempt may find others.
        turn.lane().addresses = addresses;
    }
    let mut connection = result?;
    let reusable =
        connection.exchange(request(run, job)?, max_body, trace).await.map_err(|broken| broken.failure)?;
    keep(run, turn, connection, reusable, trace);
    Ok(())
}

/// An open connection of the job's lane.
async fn idle_connection<N: Network>(turn: &Turn<N>, encrypted: bool) -> Option<Connection<N::Stream>> {
    loop {
        let (mut connection, _place) = {
            let mut lane = turn.lane();
            let position = lane.idle.iter().rposition(|(idle, _)| idle.is_encrypted() == encrypted)?;
            lane.idle.swap_remove(position)
        };
        if is_alive(&mut connection).await {
            return Some(connection);
        }
    }
}

/// Leaves the connection with its lane, if the lane has a use for it.
fn keep<N: Network>(
    run: &Run<N>,
    turn: &Turn<N>,
    connection: Connection<N::Stream>,
    reusable: bool,
    trace: &Trace,
) {
    if !reusable {
        return;
    }
    // Most redirects come back to the host that sent them.
    let is_redirect = trace.status().is_some_and(redirect::is_redirect);
    let waiting = turn.waiting_behind() + usize::from(is_redirect);
    let mut lane = turn.lane();
    if lane.idle.len() < waiting
        && let Some(place) = run.idle_place()
    {
        lane.idle.push((connection, place));
    }
}

/// What follows from how the request ended.
async fn decide<N: Network>(run: &Rc<Run<N>>, mut turn: Turn<N>, result: Result<(), Failure>) {
    let now = Instant::now();
    let config = &run.config;
    let followed = match result {
        Ok(()) => turn.job().follow_redirect(config),
        Err(failure) => Err(failure),
    };
    let (outcome, failure) = match followed {
        Ok(true) => {
            turn.job().wait_again(now);
            run.go_on(turn, None);
            return;
        }
        Ok(false) => (Outcome::Answered, None),
        Err(failure) => (Outcome::Failed, Some(failure)),
    };
    let job = turn.job();
    let is_transient = match &failure {
        Some(failure) => retry::is_transient(failure),
        None => job.last_status().is_some_and(retry::is_transient_status),
    };
    let may_repeat = job.retries < config.retries && job.request.method.is_idempotent();
    if is_transient && may_repeat && !run.is_stopping() {
        let delay = retry::delay(config.retry_delay, job.retries, &mut run.random.borrow_mut());
        job.wait_for_retry(now);
        run.go_on(turn, Some(now + delay));
        return;
    }
    run.end(turn, outcome, failure, now).await;
}

fn request<N: Network>(run: &Run<N>, job: &Job) -> Result<HttpRequest<Empty<Bytes>>, Failure> {
    let url = &job.attempt.url;
    let unusable = |reason: &dyn std::fmt::Display| {
        let phase = if job.is_first_hop() { Phase::Input } else { Phase::Redirect };
        Failure::new(phase, Kind::InvalidUrl, format!("{url} cannot be sent in HTTP: {reason}"))
    };
    let mut request = HttpRequest::new(Empty::new());
    *request.version_mut() = Version::HTTP_11;
    *request.method_mut() = job.attempt.method.clone();
    *request.uri_mut() = Uri::try_from(&url[url::Position::BeforePath..url::Position::AfterQuery])
        .map_err(|reason| unusable(&reason))?;
    let headers = request.headers_mut();
    headers.insert(HOST, host_value(url).map_err(|reason| unusable(&reason))?);
    headers.insert(USER_AGENT, run.config.user_agent.clone());
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    // RFC 9110, section 8.6: where a body is expected, its absence is said.
    if matches!(job.attempt.method, Method::POST | Method::PUT | Method::PATCH) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    // Whatever the user adds may be a secret, and a secret belongs to the origin it was given for.
    if job.is_at_home() {
        for fields in [Some(&run.config.headers), job.request.headers.as_deref()].into_iter().flatten() {
            for name in fields.keys() {
                headers.remove(name);
                for value in fields.get_all(name) {
                    headers.append(name.clone(), value.clone());
                }
            }
        }
    }
    Ok(request)
}

fn host_value(url: &Url) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    HeaderValue::from_str(&url[url::Position::BeforeHost..url::Position::AfterPort])
}
