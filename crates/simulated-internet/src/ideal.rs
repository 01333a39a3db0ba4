//! The ideal: how fast a scenario could be done by somebody who knew every host's numbers in advance and never asked in
//! vain. No run can be faster, up to chance in service times.

use std::time::Duration;

use crate::capacity;
use crate::model::{Fault, Model};
use crate::scenario::{Population, Scenario};

/// How many hosts of a population are looked at where their outages differ.
const HOSTS_LOOKED_AT: usize = 1_000;

/// The limits that whoever asks sets himself.
#[derive(Clone, Copy, Debug)]
pub struct Caps {
    /// Requests under way at once.
    pub concurrency: usize,
    /// The same for one host.
    pub per_host: usize,
    /// How long an attempt may take.
    pub timeout: Duration,
    /// How long it may take until a connection stands.
    pub connect_timeout: Duration,
    /// Further attempts at a host that is silent.
    pub retries: u32,
    /// Attempts in a row without an answer after which a host is given up with the rest of its URLs.
    pub patience: Option<u64>,
}

impl Caps {
    /// Those that the scenario names.
    pub fn of(scenario: &Scenario) -> Caps {
        Caps {
            concurrency: scenario.concurrency,
            per_host: scenario.per_host,
            timeout: scenario.timeout(),
            connect_timeout: scenario.connect_timeout(),
            retries: scenario.retries,
            patience: None,
        }
    }
}

/// The least time for a scenario, and what keeps it from being less.
#[derive(Clone, Debug, PartialEq)]
pub struct Ideal {
    /// T*.
    pub time: Duration,
    /// What binds.
    pub term: Term,
    /// The population of the host that binds, if one does.
    pub population: Option<String>,
}

/// What keeps a run from being faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Term {
    /// A host's bucket.
    Rate,
    /// A host's slots.
    Slots,
    /// The limit of requests to one host at once.
    PerHost,
    /// Silence, which has to be waited out.
    Silence,
    /// The limit of requests at once.
    Concurrency,
}

impl Ideal {
    /// The ideal of a scenario under these limits: T* = max(max T_h, Σ n·s / C).
    pub fn of(scenario: &Scenario, seed: u64, caps: &Caps) -> Ideal {
        let mut slot_seconds = 0.0;
        let mut best = Ideal { time: Duration::ZERO, term: Term::Concurrency, population: None };
        let mut first_host = 0;
        for population in &scenario.hosts {
            slot_seconds +=
                population.urls_of_all().map(|urls| under_way(population, urls, caps)).sum::<f64>();
            let differ = population.model.outages.iter().any(|outage| outage.spread_s > 0.0);
            // The first host of a population has the most URLs.
            let looked_at =
                if differ { population.count.min(HOSTS_LOOKED_AT) } else { population.count.min(1) };
            for (number, urls) in population.urls_of_all().take(looked_at).enumerate() {
                let late = scenario.host(first_host + number, seed).late();
                let (seconds, term) = host(population, urls, late, caps);
                let time = Duration::from_secs_f64(seconds);
                if time > best.time {
                    best = Ideal { time, term, population: Some(population.name.clone()) };
                }
            }
            first_host += population.count;
        }
        let time = Duration::from_secs_f64(slot_seconds / caps.concurrency as f64);
        if time > best.time { Ideal { time, term: Term::Concurrency, population: None } } else { best }
    }
}

/// How long an answer takes, all in all.
fn answer(model: &Model) -> f64 {
    model.service.mean_ms / 1e3 + model.round_trip().as_secs_f64() + model.transfer().as_secs_f64()
}

/// The silence that meets every request, if no answer will ever come.
fn silence(model: &Model) -> Option<Fault> {
    let certain = model.faults.iter().find(|(fault, share)| fault.is_silence() && **share >= 1.0);
    certain.map(|(fault, _)| *fault)
}

/// How long requests to a host are under way, one after the other.
fn under_way(population: &Population, urls: u64, caps: &Caps) -> f64 {
    let Some(fault) = silence(&population.model) else {
        return urls as f64 * answer(&population.model).min(caps.timeout.as_secs_f64());
    };
    let timeout = if fault.is_of_connecting() { caps.connect_timeout } else { caps.timeout };
    let attempts = urls * u64::from(1 + caps.retries);
    caps.patience.map_or(attempts, |patience| attempts.min(patience)) as f64 * timeout.as_secs_f64()
}

/// T_h = max((n−b)/r, n·s/k, n·(s + round trip)/cap) + s, stretched by what the host is not there for.
fn host(population: &Population, urls: u64, late: f64, caps: &Caps) -> (f64, Term) {
    let model = &population.model;
    let per_host = under_way(population, urls, caps) / caps.per_host as f64;
    if silence(model).is_some() {
        return (per_host, Term::Silence);
    }
    let urls = urls as f64;
    let rate = model.bucket.as_ref().map_or(0.0, |bucket| (urls - bucket.burst).max(0.0) / bucket.rate);
    let slots = urls * model.service.mean_ms / 1e3 / model.slots as f64;
    let terms = [
        (capacity::time_for(model, late, rate, false), Term::Rate),
        (capacity::time_for(model, late, slots, true), Term::Slots),
        (capacity::time_for(model, late, per_host, false), Term::PerHost),
    ];
    let (seconds, term) =
        terms.into_iter().max_by(|one, other| one.0.total_cmp(&other.0)).expect("three terms");
    // A new host costs a question for its name and one for a connection.
    (seconds + answer(model) + 2.0 * model.round_trip().as_secs_f64(), term)
}
