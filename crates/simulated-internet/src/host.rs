//! A host: told when a request arrives, it says what becomes of it and when. It never waits, and whoever drives it decides
//! what time is.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use fastrand::Rng;

use crate::capacity;
use crate::model::{Fault, Model, OutageKind};
use crate::random;

/// A host with what it has under way. The same seed, name and arrivals give the same fates.
#[derive(Clone, Debug)]
pub struct Host {
    model: Rc<Model>,
    random: Rng,
    /// When each slot is free again.
    free_at: Vec<Duration>,
    /// When those in the queue begin, the next first.
    starts: VecDeque<Duration>,
    /// When the bucket is full again.
    full_at: Duration,
    /// How late its outages are, as a share of their spread.
    late: f64,
}

/// What becomes of a request, and when its sender learns of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fate {
    /// When the end of it arrives; after a silence nothing does.
    pub at: Duration,
    /// What it is.
    pub end: End,
}

/// How a request ends for its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// A whole answer.
    Answered,
    /// A status that says no: the host is full, or asked too often.
    Rejected {
        /// The status.
        status: u16,
        /// What Retry-After says.
        retry_after: Option<Duration>,
    },
    /// Something breaks.
    Failed(Fault),
}

/// A name that is not found or a connection that is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// When it shows; after a silence it never does.
    pub at: Duration,
    /// What it is.
    pub fault: Fault,
}

impl Host {
    /// A host at rest.
    pub fn new(model: &Rc<Model>, seed: u64, name: &str) -> Host {
        let mut random = random::source(seed, name);
        let late = random.f64();
        Host {
            model: Rc::clone(model),
            random,
            free_at: Vec::new(),
            starts: VecDeque::new(),
            full_at: Duration::ZERO,
            late,
        }
    }

    /// The same host, with chances of its own from a time on: one that was forgotten and made anew must not repeat what
    /// it did before.
    pub(crate) fn anew(mut self, seed: u64, name: &str, now: Duration) -> Host {
        self.random = random::source(seed.wrapping_add(now.as_nanos() as u64), name);
        self
    }

    /// What the host is like.
    pub fn model(&self) -> &Rc<Model> {
        &self.model
    }

    /// Its name is asked for: when the address is there.
    ///
    /// # Errors
    /// What a name server says or does not say instead.
    pub fn look_up(&mut self, now: Duration) -> Result<Duration, Trouble> {
        self.meet(now, Fault::is_of_name)
    }

    /// A connection is asked for: when it stands.
    ///
    /// # Errors
    /// What comes instead.
    pub fn connect(&mut self, now: Duration) -> Result<Duration, Trouble> {
        match self.outage(now) {
            Some(OutageKind::Silent) => Err(Trouble { at: now, fault: Fault::ConnectSilence }),
            Some(OutageKind::Refused) => {
                Err(Trouble { at: now + self.model.round_trip(), fault: Fault::Refused })
            }
            _ => self.meet(now, Fault::is_of_connection),
        }
    }

    /// A TLS handshake begins. Hosts have no certificates: unless it meets a fault of its own, it is broken off.
    pub fn shake_hands(&mut self, now: Duration) -> Trouble {
        match self.meet(now, Fault::is_of_tls) {
            Ok(at) => Trouble { at, fault: Fault::TlsReset },
            Err(trouble) => trouble,
        }
    }

    /// A request arrives over a connection.
    pub fn arrive(&mut self, now: Duration) -> Fate {
        let model = Rc::clone(&self.model);
        let soon = now + model.round_trip();
        match self.outage(now) {
            Some(OutageKind::Silent) => return Fate { at: soon, end: End::Failed(Fault::HeadersSilence) },
            Some(OutageKind::Refused) => return Fate { at: soon, end: End::Failed(Fault::HeadersReset) },
            Some(OutageKind::Unavailable) => {
                return Fate { at: soon, end: End::Rejected { status: 503, retry_after: None } };
            }
            None => {}
        }
        if let Some(bucket) = &model.bucket
            && !self.take_token(bucket.rate, bucket.burst, now)
        {
            let retry_after = bucket.retry_after_s.map(Duration::from_secs);
            return Fate { at: soon, end: End::Rejected { status: 429, retry_after } };
        }
        let Some(served_at) = self.serve(now) else {
            return Fate { at: soon, end: End::Rejected { status: model.full, retry_after: None } };
        };
        let at = served_at + model.round_trip() + model.transfer();
        let is_of_answer = |fault: Fault| !fault.is_of_connecting();
        match self.meet(now, is_of_answer) {
            Err(Trouble { fault, .. }) => Fate { at, end: End::Failed(fault) },
            // Its work is lost with the host.
            Ok(_) if self.outage(at).is_some() => Fate { at, end: End::Failed(Fault::HeadersSilence) },
            Ok(_) => Fate { at, end: End::Answered },
        }
    }

    /// All that comes before a request over a new connection, and the request.
    pub fn attempt(&mut self, now: Duration, is_known: bool) -> Fate {
        let found = if is_known { Ok(now) } else { self.look_up(now) };
        match found.and_then(|at| self.connect(at)) {
            Ok(at) => self.arrive(at),
            Err(Trouble { at, fault }) => Fate { at, end: End::Failed(fault) },
        }
    }

    /// A share of the answers redirect; whether this one does.
    pub fn redirects(&mut self) -> bool {
        self.model.redirects > 0.0 && self.random.f64() < self.model.redirects
    }

    /// Whether nothing that was asked of it still shows: forgotten and made anew, it would do the same.
    pub fn is_at_rest(&self, now: Duration) -> bool {
        self.full_at <= now && self.free_at.iter().all(|free_at| *free_at <= now)
    }

    /// How late the host's outages are, as a share of their spread.
    pub(crate) fn late(&self) -> f64 {
        self.late
    }

    fn outage(&self, now: Duration) -> Option<OutageKind> {
        capacity::outage(&self.model, self.late, now.as_secs_f64())
    }

    /// A fault of those that `concerns` picks, or the end of a round trip.
    fn meet(&mut self, now: Duration, concerns: impl Fn(Fault) -> bool) -> Result<Duration, Trouble> {
        let at = now + self.model.round_trip();
        let faults = self.model.faults.iter().filter(|(fault, _)| concerns(**fault));
        for (fault, share) in faults {
            if self.random.f64() < *share {
                return Err(Trouble { at, fault: *fault });
            }
        }
        Ok(at)
    }

    /// The bucket as a clock: each token moves the time at which it is full again.
    fn take_token(&mut self, rate: f64, burst: f64, now: Duration) -> bool {
        let full_at = self.full_at.max(now) + Duration::from_secs_f64(1.0 / rate);
        let may = full_at <= now + Duration::from_secs_f64(burst / rate);
        if may {
            self.full_at = full_at;
        }
        may
    }

    /// First come, first served: when it is done, or `None` when there is no room to wait.
    fn serve(&mut self, now: Duration) -> Option<Duration> {
        let slots = capacity::slots(&self.model, now);
        while self.starts.front().is_some_and(|start| *start <= now) {
            self.starts.pop_front();
        }
        // Slots are made when they are first needed; most hosts are never full.
        let made = self.free_at.len().min(slots);
        let soonest = (0..made).min_by_key(|slot| self.free_at[*slot]);
        let slot = match soonest {
            Some(slot) if self.free_at[slot] <= now || made == slots => slot,
            _ => {
                self.free_at.push(now);
                self.free_at.len() - 1
            }
        };
        let start = self.free_at[slot].max(now);
        if start > now {
            if self.starts.len() >= self.model.queue {
                return None;
            }
            self.starts.push_back(start);
        }
        let done = start + random::service_time(&self.model.service, &mut self.random);
        self.free_at[slot] = done;
        Some(done)
    }
}
