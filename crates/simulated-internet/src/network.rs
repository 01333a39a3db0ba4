//! The engine's network in memory: names, connections and HTTP/1.1 as the scenario's hosts have them. No task and no thread
//! stands behind it, so that nothing but the run itself decides what comes first.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use headcount::record::{Failure, Kind, Phase};
use headcount::simulation::{Addresses, Network};
use tokio::time::{Instant, sleep_until};

use crate::host::{Host, Trouble};
use crate::model::Fault;
use crate::scenario::Scenario;
use crate::stream::SimulatedStream;
use crate::trace::{Event, Trace, What};

/// A scenario's hosts, reachable by name. Clones share them.
#[derive(Clone)]
pub struct SimulatedNetwork(pub(crate) Rc<State>);

pub(crate) struct State {
    scenario: Rc<Scenario>,
    seed: u64,
    /// Set by the first question: the clock is the run's.
    started: std::cell::OnceCell<Instant>,
    hosts: RefCell<BTreeMap<usize, Host>>,
    trace: RefCell<Trace>,
}

impl SimulatedNetwork {
    /// All hosts at rest.
    pub fn new(scenario: &Rc<Scenario>, seed: u64) -> SimulatedNetwork {
        SimulatedNetwork(Rc::new(State {
            scenario: Rc::clone(scenario),
            seed,
            started: std::cell::OnceCell::new(),
            hosts: RefCell::default(),
            trace: RefCell::new(Trace::new(scenario.host_count())),
        }))
    }

    /// What happened so far, out of the network's hands.
    pub fn take_trace(&self) -> Trace {
        self.0.trace.replace(Trace::new(0))
    }
}

impl State {
    pub(crate) fn now(&self) -> Duration {
        self.started.get_or_init(Instant::now).elapsed()
    }

    pub(crate) fn instant(&self, at: Duration) -> Instant {
        *self.started.get_or_init(Instant::now) + at
    }

    pub(crate) fn note(&self, host: usize, what: What) {
        let event = Event { at: self.now(), host, what };
        self.trace.borrow_mut().note(event);
    }

    pub(crate) fn name_of(&self, host: usize) -> String {
        self.scenario.name_of(host)
    }

    pub(crate) fn with_host<T>(&self, host: usize, act: impl FnOnce(&mut Host, Duration) -> T) -> T {
        let now = self.now();
        let mut hosts = self.hosts.borrow_mut();
        act(hosts.entry(host).or_insert_with(|| self.scenario.host(host, self.seed)), now)
    }

    /// Waits until the trouble shows, for ever if it never does.
    async fn show(&self, host: usize, trouble: Trouble) -> Fault {
        if trouble.fault.is_silence() {
            std::future::pending::<()>().await;
        }
        sleep_until(self.instant(trouble.at)).await;
        self.note(host, What::Failed(trouble.fault));
        trouble.fault
    }
}

impl Network for SimulatedNetwork {
    type Stream = SimulatedStream;

    async fn resolve(&self, name: &str) -> Result<Addresses, Failure> {
        let failure = |kind, message: String| Failure { phase: Phase::Dns, kind, reason: None, message };
        let Some(host) = self.0.scenario.host_named(name) else {
            return Err(failure(Kind::NotFound, format!("the name {name} does not exist")));
        };
        self.0.note(host, What::Resolve);
        match self.0.with_host(host, Host::look_up) {
            Ok(at) => {
                sleep_until(self.0.instant(at)).await;
                Ok(Addresses { list: vec![address_of(host)], valid_until: None })
            }
            Err(trouble) => match self.0.show(host, trouble).await {
                Fault::NameNotFound => {
                    Err(failure(Kind::NotFound, format!("the name {name} does not exist")))
                }
                _ => Err(failure(Kind::ServerFailure, format!("the name server failed for {name}"))),
            },
        }
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<SimulatedStream> {
        let host = host_at(address.ip()).ok_or(io::ErrorKind::HostUnreachable)?;
        self.0.note(host, What::Connect);
        match self.0.with_host(host, Host::connect) {
            Ok(at) => {
                sleep_until(self.0.instant(at)).await;
                Ok(SimulatedStream::new(Rc::clone(&self.0), host))
            }
            Err(trouble) => match self.0.show(host, trouble).await {
                Fault::Refused => Err(io::ErrorKind::ConnectionRefused.into()),
                _ => Err(io::ErrorKind::ConnectionReset.into()),
            },
        }
    }
}

/// A host's address is its number within 10.0.0.0/8.
fn address_of(host: usize) -> IpAddr {
    let number = u32::try_from(host).ok().filter(|number| *number < 1 << 24);
    Ipv4Addr::from_bits(0x0a00_0000 | number.expect("a network has at most 2^24 hosts")).into()
}

fn host_at(address: IpAddr) -> Option<usize> {
    match address {
        IpAddr::V4(address) if address.octets()[0] == 10 => Some((address.to_bits() & 0x00ff_ffff) as usize),
        _ => None,
    }
}
