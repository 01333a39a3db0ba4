//! An attempt: the walk from an input's URL along its redirects, and what may be sent where on the way.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method};
use tokio::time::Instant;
use url::Url;

use crate::policy::addresses::Reach;
use crate::policy::cookies::Cookies;
use crate::policy::redirect::{self, Target};
use crate::record::{Failure, Kind, Phase};
use crate::transport::{Head, Trace};
use crate::{Config, Request};

/// A walk from the input's URL along its redirects.
pub(super) struct Attempt {
    /// Shared with the task tree, which shows what each worker asks.
    pub(super) url: Arc<Url>,
    pub(super) method: Method,
    /// What is left of the attempt's time.
    pub(super) left: Duration,
    pub(super) spent: Duration,
    /// The status of each answer.
    pub(super) chain: Vec<u16>,
    /// There once a redirect was followed.
    trail: Option<Box<Trail>>,
}

/// What a walk has gathered.
#[derive(Default)]
struct Trail {
    left_behind: Vec<Hop>,
    cookies: Cookies,
    /// What the next request carries of the cookies.
    cookie: Option<HeaderValue>,
    /// The name and password that stood in the URL of the last redirect.
    authorization: Option<HeaderValue>,
    reach: Reach,
}

/// A request that was answered with a redirect.
struct Hop {
    url: Arc<Url>,
    method: Method,
    cookie: Option<HeaderValue>,
}

impl Attempt {
    pub(super) fn new(mut url: Url, method: Method, timeout: Duration) -> Attempt {
        // It is not sent, and two URLs that differ in it only are one to the host.
        url.set_fragment(None);
        Attempt {
            url: Arc::new(url),
            method,
            left: timeout,
            spent: Duration::ZERO,
            chain: Vec::new(),
            trail: None,
        }
    }

    /// Takes in a request that has ended, whichever way.
    pub(super) fn took(&mut self, trace: &Trace, now: Instant) {
        let took = now.saturating_duration_since(trace.started);
        self.spent += took;
        self.left = self.left.saturating_sub(took);
        self.chain.extend(trace.status().map(|status| status.as_u16()));
    }

    pub(super) fn is_first_hop(&self) -> bool {
        self.trail.is_none()
    }

    /// Redirects that were followed.
    pub(super) fn redirects(&self) -> usize {
        self.trail.as_ref().map_or(0, |trail| trail.left_behind.len())
    }

    /// The URL of every request, if there was a redirect.
    pub(super) fn urls(&self) -> Option<Vec<String>> {
        let hops = self.trail.as_ref()?.left_behind.iter().map(|hop| &hop.url);
        if hops.len() == 0 {
            return None;
        }
        Some(hops.chain([&self.url]).map(|url| url.as_str().to_owned()).collect())
    }

    /// The cookies that the next request carries.
    pub(super) fn cookie(&self) -> Option<&HeaderValue> {
        self.trail.as_ref()?.cookie.as_ref()
    }

    /// The name and password of the next request, if a redirect has given them.
    pub(super) fn authorization(&self) -> Option<&HeaderValue> {
        self.trail.as_ref()?.authorization.as_ref()
    }

    /// Where the next request may connect to.
    pub(super) fn reach(&self) -> Reach {
        self.trail.as_ref().map_or(Reach::Anywhere, |trail| trail.reach)
    }

    /// Whether the next request goes to the origin that the user named.
    pub(super) fn is_at_home(&self, request: &Request) -> bool {
        self.is_first_hop() || request.url().is_ok_and(|url| url.origin() == self.url.origin())
    }

    /// The body of the next request. What asks with another method than the user did has none, and another origin
    /// gets none.
    pub(super) fn body<'r>(&self, request: &'r Request, config: &'r Config) -> Option<&'r Bytes> {
        let is_wanted = self.is_at_home(request) && self.method == request.method;
        request.body.as_deref().or(config.body.as_ref()).filter(|_| is_wanted)
    }

    /// Goes on to where the last answer sends, if it does. `Ok(false)`: the answer is the final one.
    pub(super) fn follow(
        &mut self,
        trace: &Trace,
        request: &Request,
        config: &Config,
    ) -> Result<bool, Failure> {
        let Some(head) = trace.head.as_ref().filter(|head| head.sends_elsewhere(config)) else {
            return Ok(false);
        };
        let Some(location) = &head.location else { return Ok(false) };
        let Target { url, authorization } = redirect::target(&self.url, location.as_bytes())?;
        let method = redirect::method(head.status, &self.method);
        self.refuse_to_carry_the_body(&url, &method, head, request, config)?;
        let trail = self.trail.get_or_insert_default();
        trail.cookies.take_in(&head.set_cookies, &self.url);
        let cookie = trail.cookies.field(&url);
        let left = Hop {
            url: Arc::clone(&self.url),
            method: self.method.clone(),
            cookie: std::mem::replace(&mut trail.cookie, cookie),
        };
        trail.left_behind.push(left);
        // With other cookies the same page may be another answer.
        let comes_again = |hop: &Hop| (&*hop.url, &hop.method, &hop.cookie) == (&url, &method, &trail.cookie);
        let problem = if trail.left_behind.iter().any(comes_again) {
            Some((Kind::Loop, format!("the redirects go in a circle: {url} comes again")))
        } else if trail.left_behind.len() > config.max_redirects as usize {
            Some((Kind::TooMany, format!("more than {} redirects", config.max_redirects)))
        } else {
            None
        };
        if let Some((kind, message)) = problem {
            trail.left_behind.pop();
            return Err(Failure::new(Phase::Redirect, kind, message));
        }
        trail.authorization = authorization;
        if !config.allow_private_redirects {
            trail.reach = trail.reach.after(trace.peer);
        }
        (self.url, self.method) = (Arc::new(url), method);
        Ok(true)
    }

    /// What would have to be sent again with its body, but not there, is not sent.
    fn refuse_to_carry_the_body(
        &self,
        url: &Url,
        method: &Method,
        head: &Head,
        request: &Request,
        config: &Config,
    ) -> Result<(), Failure> {
        let is_sent_again = self.body(request, config).is_some() && *method == self.method;
        if !is_sent_again || url.origin() == self.url.origin() {
            return Ok(());
        }
        let message = format!(
            "the {} asks to send the body to another origin, {}",
            head.status.as_u16(),
            url.origin().ascii_serialization()
        );
        Err(Failure::new(Phase::Redirect, Kind::Denied, message))
    }
}
