//! A worker: takes a job, asks one host once, and says what comes of it, for as long as there are jobs.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use headcount_tasks::{label, yield_now};
use http::StatusCode;
use tokio::time::Instant;

use super::asking::Asking;
use super::attempt::Attempt;
use super::job::Job;
use super::outgoing::request;
use super::robots;
use super::run::{Run, Turn};
use crate::policy::blame::{Consequence, Sign};
use crate::policy::retry;
use crate::record::{Failure, Kind, Outcome, Phase};
use crate::scheduler::Answer;
use crate::transport::{Network, Trace};

/// Works until there is nothing left to start. Dropped in mid-request, it leaves the job with the run.
pub(super) async fn work<N: Network>(run: &Rc<Run<N>>, first: Turn<N>) {
    let mut turn = Some(first);
    while let Some(mut current) = turn.take() {
        label(Arc::clone(&current.peek().attempt.url));
        let (trace, result) = ask(run, &mut current).await;
        if run.config.per_ip
            && let Some(peer) = trace.peer
        {
            let (mut scheduler, ticket) = current.scheduler();
            scheduler.share_pace(ticket, &peer.to_string(), Instant::now());
        }
        let now = Instant::now();
        current.note_times(&trace, now);
        current.job().took(trace, now);
        decide(run, current, result).await;
        turn = run.next_turn();
        if let Some(next) = &turn {
            // Whoever else has an answer takes it first, and then the requests go out one right after another. To send
            // each as soon as an answer is done with would wake a host for every single one.
            next.lane().about_to_ask += 1;
            yield_now().await;
            next.lane().about_to_ask -= 1;
        }
        run.close_unused();
    }
}

/// One request, with its deadline.
async fn ask<N: Network>(run: &Run<N>, turn: &mut Turn<N>) -> (Box<Trace>, Result<(), Failure>) {
    if run.config.robots
        && let Err(failure) = robots::obey(run, turn).await
    {
        return (Box::new(Trace::new(Instant::now())), Err(failure));
    }
    if let Err(failure) = run.wait_for_consent(turn.job()).await {
        return (Box::new(Trace::new(Instant::now())), Err(failure));
    }
    let mut trace = Box::new(Trace::new(Instant::now()));
    trace.reach = turn.peek().attempt.reach();
    let mut watched = Watched { turn, trace: Some(trace) };
    let (turn, trace) = watched.parts();
    let job = turn.peek();
    let Attempt { url, method, left, .. } = &job.attempt;
    let asking = Asking { run, turn, url, left: *left };
    let request = || request(&run.usual_fields, &run.config, job);
    let result = asking.ask_host(method.is_idempotent(), request, trace).await;
    (watched.end(), result)
}

/// A request under way. Dropped before its end, it leaves what was learnt with the turn.
struct Watched<'t, N: Network> {
    turn: &'t Turn<N>,
    trace: Option<Box<Trace>>,
}

impl<N: Network> Watched<'_, N> {
    fn parts(&mut self) -> (&Turn<N>, &mut Trace) {
        (self.turn, self.trace.as_mut().expect("the trace is there until the end"))
    }

    fn end(mut self) -> Box<Trace> {
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

/// What follows from how the request ended.
async fn decide<N: Network>(run: &Rc<Run<N>>, mut turn: Turn<N>, result: Result<(), Failure>) {
    let now = Instant::now();
    let config = &run.config;
    let job = turn.peek();
    let mut answer = answer(job, result.as_ref().err());
    let mut result = result;
    let consequence = match sign(&turn, answer, result.as_ref().err()) {
        Some(sign) => run.observe(sign, now),
        None => Consequence::None,
    };
    match (consequence, &result) {
        (Consequence::AskAgain(pause), Err(failure)) if may_send_again(turn.peek(), failure) => {
            turn.job().wait_for_retry(Some(failure.clone()), false, now);
            let answer = if answer == Answer::None { Answer::Lost } else { Answer::NotAsked };
            run.go_on(turn, now + pause, answer, now);
            return;
        }
        (Consequence::Record(kind), Err(failure)) if failure.phase != Phase::Local => {
            result = Err(Failure::new(Phase::Local, kind, failure.message.clone()));
            answer = Answer::NotAsked;
        }
        _ => {}
    }
    if let Answer::Rejected { wait } = answer {
        turned_away(run, turn, wait, now).await;
        return;
    }
    let followed = match result {
        Ok(()) => turn.job().follow_redirect(config),
        Err(failure) => Err(failure),
    };
    let (outcome, failure) = match followed {
        Ok(true) => {
            turn.job().wait_again(now);
            run.go_on(turn, now, answer, now);
            return;
        }
        Ok(false) => (Outcome::Answered, None),
        Err(failure) => (Outcome::Failed, Some(failure)),
    };
    let is_transient = match &failure {
        Some(failure) => retry::is_transient(failure),
        None => turn.peek().last_status().is_some_and(retry::is_transient_status),
    };
    if is_transient && turn.peek().request.method.is_idempotent() {
        retry(run, turn, outcome, failure, answer, now).await;
    } else {
        run.end(turn, outcome, failure, answer, now).await;
    }
}

/// What the request says of its host.
fn answer(job: &Job, failure: Option<&Failure>) -> Answer {
    let Some(failure) = failure else {
        let wait = job.wait_asked();
        return match job.last_status() {
            Some(status) if retry::is_rejection(status) => Answer::Rejected { wait },
            _ => Answer::Accepted { wait },
        };
    };
    match (failure.phase, failure.kind) {
        // A redirect that fails here was not asked for; one that is not followed was an answer.
        (Phase::Local | Phase::Input | Phase::Policy | Phase::Redirect, _) | (Phase::Dns, Kind::NotFound) => {
            Answer::NotAsked
        }
        // It is there, whatever it sent.
        (Phase::Body, _)
        | (Phase::Headers, Kind::Malformed | Kind::TooLarge)
        | (Phase::Tls, Kind::Certificate | Kind::Handshake) => Answer::Accepted { wait: None },
        _ => Answer::None,
    }
}

/// What the request says of this machine.
fn sign<'t, N: Network>(turn: &'t Turn<N>, answer: Answer, failure: Option<&Failure>) -> Option<Sign<'t>> {
    let host = turn.peek().attempt.url.host_str().unwrap_or_default();
    match (answer, failure.map(|failure| (failure.phase, failure.kind))) {
        (Answer::Accepted { .. } | Answer::Rejected { .. }, _) => Some(Sign::Answer),
        // It is whoever keeps the journal that minds the disk.
        (_, Some((Phase::Local, Kind::Disk))) => None,
        (_, Some((Phase::Local, kind))) => Some(Sign::Failed(kind)),
        (_, Some((Phase::Dns, Kind::Timeout))) => Some(Sign::Silence(host, Kind::Resolver)),
        (_, Some((Phase::Connect, Kind::Unreachable))) => Some(Sign::Silence(host, Kind::Network)),
        (Answer::None, _) => {
            let (scheduler, ticket) = turn.scheduler();
            scheduler.has_accepted(ticket).then_some(Sign::Silence(host, Kind::Network))
        }
        (Answer::Lost | Answer::NotAsked, _) => None,
    }
}

/// Whether a request that failed may be sent once more whatever its method: the host cannot have seen it.
fn may_send_again(job: &Job, failure: &Failure) -> bool {
    job.request.method.is_idempotent() || matches!(failure.phase, Phase::Local | Phase::Dns | Phase::Connect)
}

/// The host does not take the request now.
async fn turned_away<N: Network>(run: &Rc<Run<N>>, mut turn: Turn<N>, wait: Option<Duration>, now: Instant) {
    let config = &run.config;
    let wait = wait.filter(|wait| !wait.is_zero());
    let answer = Answer::Rejected { wait };
    let has_accepted = {
        let (scheduler, ticket) = turn.scheduler();
        scheduler.has_accepted(ticket)
    };
    let job = turn.job();
    // A request that was refused for its rate was not done; of one that met a 503 that is not certain.
    let may_repeat =
        job.request.method.is_idempotent() || job.last_status() == Some(StatusCode::TOO_MANY_REQUESTS);
    if !may_repeat || run.is_stopping() {
        run.end(turn, Outcome::Answered, None, answer, now).await;
        return;
    }
    if wait.is_none() && !has_accepted {
        retry(run, turn, Outcome::Answered, None, answer, now).await;
        return;
    }
    job.rejections += 1;
    // Others are let through: it is this page that is not available.
    let is_its_own = wait.is_none() && job.rejections > 2;
    let pause = match wait {
        // Its host is held.
        Some(wait) => wait,
        None => {
            let rejections = job.rejections - 1;
            retry::delay(config.retry_delay, rejections, &mut run.random.borrow_mut())
        }
    };
    let since = *job.rejected_since.get_or_insert(now);
    if (now + pause).saturating_duration_since(since) > config.max_hold {
        run.end(turn, Outcome::Answered, None, answer, now).await;
        return;
    }
    job.wait_for_host(now, config);
    let answer = if is_its_own { Answer::Accepted { wait: None } } else { answer };
    let time = if is_its_own { now + pause } else { now };
    run.go_on(turn, time, answer, now);
}

/// Asks once more after a while, if that is allowed; else this is the end.
async fn retry<N: Network>(
    run: &Rc<Run<N>>,
    mut turn: Turn<N>,
    outcome: Outcome,
    failure: Option<Failure>,
    answer: Answer,
    now: Instant,
) {
    let config = &run.config;
    let job = turn.job();
    let delay = retry::delay(config.retry_delay, job.retries, &mut run.random.borrow_mut());
    let is_in_time = match (config.retry_max_time, job.started) {
        (Some(most), Some(started)) => (now + delay).saturating_duration_since(started) <= most,
        _ => true,
    };
    let may = job.retries < config.retries && is_in_time && !run.is_stopping() && {
        let (mut scheduler, ticket) = turn.scheduler();
        scheduler.may_retry(ticket)
    };
    if !may {
        run.end(turn, outcome, failure, answer, now).await;
        return;
    }
    turn.job().wait_for_retry(failure, true, now);
    run.go_on(turn, now + delay, answer, now);
}
