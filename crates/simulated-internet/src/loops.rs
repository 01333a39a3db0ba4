//! What event loops are worth: a run in real time over hosts in memory, which answer at once.

use std::error::Error;
use std::io::Write;
use std::rc::Rc;
use std::time::Duration;

use headcount::{Config, Request};
use tokio::time::Instant;

use crate::network::SimulatedNetwork;
use crate::scenario::Scenario;

/// URLs of each host.
const URLS_OF_A_HOST: u64 = 200;

/// Asks so many URLs with so many loops, and says how long that took.
///
/// # Errors
/// Not everything was answered, or a thread could not be started.
pub fn run(out: &mut impl Write, loops: usize, urls: u64) -> Result<(), Box<dyn Error>> {
    let mut config = Config::default();
    config.loops = Some(loops);
    config.concurrency = 256;
    config.timeout = Duration::from_secs(60);
    let hosts = urls.div_ceil(URLS_OF_A_HOST);
    let requests = move |place: u64| Request::new(format!("http://host-{}.example/{place}", place % hosts));
    let began = Instant::now();
    let network = move || SimulatedNetwork::new(&Rc::new(scenario(hosts)), 0);
    let records = headcount::simulation::run_in_real_time(config, network, (0..urls).map(requests))?;
    let mut accepted = 0;
    for record in records.blocking() {
        accepted += u64::from(record?.accepted);
    }
    let seconds = began.elapsed().as_secs_f64();
    if accepted != urls {
        return Err(format!("{accepted} of {urls} were answered").into());
    }
    writeln!(out, "{loops} loops: {urls} URLs in {seconds:.3} s, {:.0} a second", urls as f64 / seconds)?;
    Ok(())
}

fn scenario(hosts: u64) -> Scenario {
    let text = format!(
        "title = \"loops\"\nconcurrency = 256\n[[hosts]]\nname = \"host\"\ncount = {hosts}\nurls = {URLS_OF_A_HOST}\n\
         model = {{ round_trip_ms = 0, service = {{ mean_ms = 0 }}, slots = 64, body = 1024 }}"
    );
    Scenario::parse(&text).expect("a scenario of ours is one")
}
