//! Asks a host for its robots.txt before anything else, and keeps to it.

use std::rc::Rc;
use std::sync::Arc;

use headcount_tasks::label;
use tokio::time::Instant;

use super::asking::Asking;
use super::outgoing::plain_request;
use super::run::{Run, Turn};
use crate::policy::redirect;
use crate::policy::robots::Access;
use crate::record::{Failure, Kind, Phase};
use crate::transport::{Network, Trace};

/// RFC 9309, section 2.3.1.2, asks for five hops at least.
const MOST_REDIRECTS: usize = 5;
const PATH: &str = "/robots.txt";

/// Whether the job's URL may be asked; if its host's robots.txt is not known yet, it is fetched first, and no other
/// request to the host starts meanwhile. A host that gives no answer fails as it would have for the URL itself.
pub(super) async fn obey<N: Network>(run: &Run<N>, turn: &Turn<N>) -> Result<(), Failure> {
    let known = turn.lane().robots.clone();
    let access = match known {
        Some(access) => access,
        None => {
            let host = turn.peek().host();
            let remembered = run.known_robots.borrow().get(&host, Instant::now());
            let access = match remembered {
                Some(access) => access,
                None => {
                    let access = fetch(run, turn).await?;
                    run.known_robots.borrow_mut().put(&host, &access, Instant::now());
                    access
                }
            };
            turn.lane().robots = Some(Rc::clone(&access));
            go_on(turn, &access);
            access
        }
    };
    let url = &turn.peek().attempt.url;
    if access.allows(&url[url::Position::BeforePath..url::Position::AfterQuery]) {
        return Ok(());
    }
    let message = match &*access {
        Access::NothingYet => "the host could not give its robots.txt, so nothing may be asked (RFC 9309)",
        _ => "the host's robots.txt forbids it",
    };
    Err(Failure::new(Phase::Policy, Kind::Robots, message))
}

/// The rest of the host's jobs may start, as far apart as it asks.
fn go_on<N: Network>(turn: &Turn<N>, access: &Access) {
    let (now, (mut scheduler, ticket)) = (Instant::now(), turn.scheduler());
    if let Access::Rules(robots) = access
        && let Some(delay) = robots.crawl_delay()
    {
        scheduler.slow_down(ticket, delay, now);
    }
    scheduler.open_gate(ticket, now);
}

async fn fetch<N: Network>(run: &Run<N>, turn: &Turn<N>) -> Result<Rc<Access>, Failure> {
    let mut left = run.config.timeout;
    let own = &turn.peek().attempt.url;
    let mut url = Arc::clone(own);
    if let Ok(robots) = url.join(PATH) {
        url = Arc::new(robots);
    }
    let mut reach = turn.peek().attempt.reach();
    let mut status = None;
    let mut body = Vec::new();
    for _ in 0..=MOST_REDIRECTS {
        label(Arc::clone(&url));
        let mut trace = Trace::new(Instant::now());
        (trace.kept_body, trace.reach) = (Some(Vec::new()), reach);
        let asking = Asking { run, turn, url: &url, left };
        let request = || plain_request(&run.usual_fields, &url);
        if url.origin() == own.origin() {
            asking.ask_host(true, request, &mut trace).await?;
        } else {
            asking.ask_stranger(request, &mut trace).await?;
        }
        left = left.saturating_sub(trace.elapsed());
        if !run.config.allow_private_redirects {
            reach = reach.after(trace.peer);
        }
        status = trace.status();
        body = trace.kept_body.take().unwrap_or_default();
        let next = trace
            .head
            .as_ref()
            .and_then(|head| redirect::target(&url, head.location.as_ref()?.as_bytes()).ok());
        match next {
            Some(next) => url = Arc::new(next.url),
            None => break,
        }
    }
    Ok(Rc::new(Access::from_answer(status, &body, agent(run))))
}

/// The product token that groups of rules are addressed to.
fn agent<N: Network>(run: &Run<N>) -> &str {
    let agent = run.config.user_agent.to_str().unwrap_or_default();
    agent.split(['/', ' ']).next().unwrap_or_default()
}
