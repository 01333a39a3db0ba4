//! Whole runs of the shipping engine over a scenario. Same seed, same trace.

use std::rc::Rc;

use headcount::simulation::{Circumstances, Simulated};
use headcount::{Config, Error, Request};

use crate::network::SimulatedNetwork;
use crate::scenario::Scenario;
use crate::trace::Trace;

/// What the scenario asks of an engine.
pub fn config(scenario: &Scenario) -> Config {
    let mut config = Config::default();
    config.concurrency = scenario.concurrency;
    config.per_host = scenario.per_host;
    config.timeout = scenario.timeout();
    config.connect_timeout = scenario.connect_timeout();
    config.retries = scenario.retries;
    config
}

/// The list of the scenario, a URL for each place.
pub fn requests(scenario: &Rc<Scenario>, seed: u64) -> impl Iterator<Item = Request> + use<> {
    let list = scenario.list(seed);
    let scenario = Rc::clone(scenario);
    list.zip(0_u64..).map(move |(host, place)| {
        let scheme = if scenario.population_of(host).0.encrypted { "https" } else { "http" };
        Request::new(format!("{scheme}://{}/{place}", scenario.name_of(host)))
    })
}

/// Runs the engine over all of the scenario.
///
/// # Errors
/// The configuration cannot be used, or the engine panicked.
pub fn run(
    scenario: &Rc<Scenario>,
    config: Config,
    circumstances: Circumstances,
) -> Result<(Simulated, Trace), Error> {
    let network = SimulatedNetwork::new(scenario, circumstances.seed);
    let list = requests(scenario, circumstances.seed);
    let simulated = headcount::simulation::run(config, network.clone(), list, circumstances)?;
    Ok((simulated, network.take_trace()))
}
