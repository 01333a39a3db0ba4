//! The engine: built once, given requests, it yields a record for each as it ends.

mod aside;
mod asking;
mod attempt;
mod connections;
mod feed;
mod intent;
mod job;
mod known_robots;
mod loops;
mod outbox;
mod outgoing;
mod parcels;
mod processor;
mod progress;
mod reading;
mod records;
mod robots;
mod run;
#[cfg(feature = "simulation")]
pub mod simulation;
mod waiting;
mod worker;

use std::sync::Arc;

use futures_core::Stream;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use tokio::sync::{mpsc, watch};

pub use intent::Intent;
pub use progress::{Progress, Verdict};
pub use records::{Records, RunHandle, Stop};

use progress::Board;
use run::Shared;

use crate::transport::{Internet, Network, Tls, parse_certificates, parse_identity};
use crate::{Config, Error, Request};

/// Intents that may wait for consent in the channel; more wait beside it.
const INTENTS_OUT: usize = 1_024;

/// Asks very many URLs, within the limits of a [`Config`]. Cheap to clone; every run has its own connections.
#[derive(Clone, Debug)]
pub struct Engine {
    config: Arc<Config>,
    extra_roots: Arc<[CertificateDer<'static>]>,
    identity: Option<Arc<CertifiedKey>>,
    intents: Option<mpsc::Sender<Intent>>,
}

impl Engine {
    /// # Errors
    /// A limit that would let nothing through, or a certificate that cannot be read
    /// ([`Error::is_configuration`]).
    pub fn new(config: Config) -> Result<Engine, Error> {
        config.validate()?;
        let mut extra_roots = Vec::new();
        for pem in &config.extra_certificates {
            extra_roots.extend(parse_certificates(pem)?);
        }
        let identity = config.client_certificate.as_ref().map(parse_identity).transpose()?;
        Ok(Engine { config: Arc::new(config), extra_roots: extra_roots.into(), identity, intents: None })
    }

    /// What its runs may do.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Asks before a request is first sent whose method is not safe (POST, PUT, DELETE …), so that it can be noted that
    /// it was: each such request waits until its [`Intent`] is allowed, which is not charged to its deadlines. If the
    /// receiver is gone, none is sent any more. `None` comes when the engine, its clones and its runs are gone.
    #[must_use]
    pub fn ask_before_sending(mut self) -> (Engine, mpsc::Receiver<Intent>) {
        let (intents, receiver) = mpsc::channel(self.config.concurrency.min(INTENTS_OUT));
        self.intents = Some(intents);
        (self, receiver)
    }

    /// Starts a run over an iterator, which is read on a thread of its own, no further ahead than the engine needs;
    /// it may block. Must the run end before the list, the iterator is dropped when it next returns.
    ///
    /// # Errors
    /// The operating system refuses a thread ([`Error::is_runtime`]).
    pub fn run<I>(&self, requests: I) -> Result<Records, Error>
    where
        I: IntoIterator,
        I::IntoIter: Send + 'static,
        I::Item: Into<Request>,
    {
        self.try_run(requests.into_iter().map(|request| Ok(request.into())))
    }

    /// The same for a list that can break off: an error ends the run, after the records of what was read before.
    ///
    /// # Errors
    /// As for [`Engine::run`].
    pub fn try_run<I>(&self, requests: I) -> Result<Records, Error>
    where
        I: IntoIterator<Item = Result<Request, Error>>,
        I::IntoIter: Send + 'static,
    {
        self.start_over(Internet::new, self.tls(), requests.into_iter())
    }

    /// The same over such networks, one for each loop.
    fn start_over<N: Network>(
        &self,
        network: impl Fn(&Config) -> N + Send + Sync + 'static,
        tls: Tls,
        requests: impl Iterator<Item = Result<Request, Error>> + Send + 'static,
    ) -> Result<Records, Error> {
        let board = Board::new(loops::count(&self.config));
        let (sender, inboxes) = feed::channel(Arc::clone(&board));
        spawn_thread("headcount-list", move || reading::from_iterator(requests, sender))?;
        self.start_with(board, inboxes, network, tls, async || ())
    }

    /// Starts a run over a stream, which is polled on the engine's thread; it must not block.
    ///
    /// # Errors
    /// As for [`Engine::run`].
    pub fn run_stream<S>(&self, requests: S) -> Result<Records, Error>
    where
        S: Stream + Send + 'static,
        S::Item: Into<Request>,
    {
        let board = Board::new(loops::count(&self.config));
        let (sender, inboxes) = feed::channel(Arc::clone(&board));
        self.start_with(board, inboxes, Internet::new, self.tls(), async move || {
            reading::from_stream(requests, sender).await;
        })
    }

    fn tls(&self) -> Tls {
        Tls::new(&self.config, Arc::clone(&self.extra_roots), self.identity.clone())
    }

    /// Starts the loops, and `beside` on the thread of the first.
    fn start_with<N: Network>(
        &self,
        board: Arc<Board>,
        inboxes: Vec<feed::Inbox>,
        network: impl Fn(&Config) -> N + Send + Sync + 'static,
        tls: Tls,
        beside: impl AsyncFnOnce() + Send + 'static,
    ) -> Result<Records, Error> {
        let (records, taker) = parcels::channel();
        let (stop, stopped) = watch::channel(Stop::No);
        let shared = Shared::new(self, tls, inboxes.len(), records, stopped);
        let of_run = Arc::clone(&board);
        spawn_thread("headcount-engine", move || {
            loops::run(&shared, inboxes, &of_run, network, beside);
        })?;
        Ok(Records::new(taker, stop, board))
    }
}

fn spawn_thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    match std::thread::Builder::new().name(name.to_owned()).spawn(work) {
        // Detached, but not lost: it ends when its channels close, and says all it has to say through them.
        Ok(_detached) => Ok(()),
        Err(error) => Err(Error::runtime(format!("cannot start the thread {name:?}")).because(error)),
    }
}
