//! Policies driven event by event.

use std::time::Duration;

use simulated_internet::discrete::{Job, Next, Options, Outcome, Policy, Report, run};
use simulated_internet::policies::{AdaptiveConcurrency, AutoThrottle, Controller, Fixed, PerHost};
use simulated_internet::{Caps, Ideal, Scenario};

const OPTIONS: Options = Options { seed: 1, read_ahead: usize::MAX, longest: Duration::MAX };

fn scenario(hosts: &str) -> Scenario {
    Scenario::parse(&format!("title = \"\"\nconcurrency = 50\n{hosts}")).unwrap()
}

fn with<C: Controller>(scenario: &Scenario, options: &Options) -> Report {
    run(scenario, &mut PerHost::<C>::new(scenario.concurrency, scenario.per_host), options)
}

/// A scenario whose hosts do all that hosts do, and its URLs.
fn troubled() -> (Scenario, u64) {
    let scenario = Scenario::parse(include_str!("../../scenarios/mixed-faults.toml")).unwrap();
    let urls = scenario.url_count();
    (scenario, urls)
}

#[test]
fn every_policy_brings_every_url_to_its_end_within_the_limits() {
    let (scenario, urls) = troubled();
    for seed in 0..50 {
        for run in [with::<Fixed<8>>, with::<AutoThrottle>, with::<AdaptiveConcurrency>] {
            let report = run(&scenario, &Options { seed, ..OPTIONS });
            assert!(report.is_whole && report.answered + report.failed == urls, "{seed}: {report:?}");
            assert!(report.peak <= scenario.concurrency, "{report:?}");
            assert!(report.peak_of_a_host <= scenario.per_host, "{report:?}");
            assert_eq!(report, run(&scenario, &Options { seed, ..OPTIONS }), "seed {seed} again");
        }
    }
}

#[test]
fn nothing_beats_the_ideal() {
    for file in [
        include_str!("../../scenarios/a-slots.toml"),
        include_str!("../../scenarios/b-single.toml"),
        include_str!("../../scenarios/c-bucket-10.toml"),
    ] {
        let scenario = Scenario::parse(file).unwrap();
        let ideal = Ideal::of(&scenario, 1, &Caps::of(&scenario)).time;
        for run in [with::<Fixed<8>>, with::<Fixed<64>>, with::<AdaptiveConcurrency>] {
            let ratio = run(&scenario, &OPTIONS).took.as_secs_f64() / ideal.as_secs_f64();
            assert!((0.995..6.0).contains(&ratio), "{}: {ratio}", scenario.title);
        }
    }
}

#[test]
fn a_fixed_limit_is_as_fast_as_arithmetic_says() {
    // Eight at once, each 150 ms with its round trip, on hosts that could take them all.
    let model = "model = { service = { mean_ms = 100 } }";
    let scenario = scenario(&format!("[[hosts]]\nname = \"a\"\ncount = 5\nurls = 800\n{model}"));
    let report = with::<Fixed<8>>(&scenario, &OPTIONS);
    let seconds = report.took.as_secs_f64();
    assert!((15.0..15.3).contains(&seconds), "{report:?}");
    assert_eq!((report.answered, report.rejected, report.peak), (4_000, 0, 40));
}

#[test]
fn a_throttled_crawler_asks_one_at_a_time() {
    let scenario =
        scenario("[[hosts]]\nname = \"a\"\ncount = 1\nurls = 1000\nmodel = { service = { mean_ms = 50 } }");
    let seconds = with::<AutoThrottle>(&scenario, &OPTIONS).took.as_secs_f64();
    // A thousand times the latency of 100 ms, after the five seconds that it begins with.
    assert!((98.0..118.0).contains(&seconds), "{seconds}");
}

#[test]
fn an_adaptive_limit_finds_the_slots() {
    let hosts = "[[hosts]]\nname = \"a\"\ncount = 1\nurls = 4000\nmodel = { slots = 8, queue = 16, service = { mean_ms = 100 } }";
    let scenario = scenario(hosts);
    let ideal = Ideal::of(&scenario, 1, &Caps::of(&scenario)).time;
    let ratio = with::<AdaptiveConcurrency>(&scenario, &OPTIONS).took.as_secs_f64() / ideal.as_secs_f64();
    assert!(ratio < 1.2, "{ratio}");
}

#[test]
fn memory_goes_with_what_is_read_ahead() {
    let scenario = scenario("[[hosts]]\nname = \"a\"\ncount = 20_000\nurls = 3");
    let report = with::<Fixed<8>>(&scenario, &Options { read_ahead: 500, ..OPTIONS });
    assert_eq!(report.answered, 60_000);
    assert!(report.hosts_at_once < 2_000, "{report:?}");
}

/// Gives up whatever it is given.
struct Discouraged(Vec<Job>);

impl Policy for Discouraged {
    type Ticket = ();

    fn push(&mut self, job: Job, _now: Duration) {
        self.0.push(job);
    }

    fn next(&mut self, _now: Duration) -> Next<()> {
        self.0.pop().map_or(Next::Idle, Next::GiveUp)
    }

    fn finished(&mut self, _: (), _: &Outcome, _: Option<(Job, Duration)>, _: Duration) {}

    fn waiting(&self) -> usize {
        self.0.len()
    }
}

#[test]
fn what_is_given_up_is_counted() {
    let scenario = scenario("[[hosts]]\nname = \"a\"\ncount = 3\nurls = 5");
    let report = run(&scenario, &mut Discouraged(Vec::new()), &Options { read_ahead: 4, ..OPTIONS });
    assert_eq!(report, Report { given_up: 15, is_whole: true, ..Report::default() });
}

/// Never starts what it was given.
struct Lazy(usize);

impl Policy for Lazy {
    type Ticket = ();

    fn push(&mut self, _job: Job, _now: Duration) {
        self.0 += 1;
    }

    fn next(&mut self, _now: Duration) -> Next<()> {
        Next::Wait
    }

    fn finished(&mut self, _: (), _: &Outcome, _: Option<(Job, Duration)>, _: Duration) {}

    fn waiting(&self) -> usize {
        self.0
    }
}

#[test]
#[should_panic(expected = "waits for nothing")]
fn a_policy_that_forgets_its_jobs_is_found_out() {
    run(&scenario("[[hosts]]\nname = \"a\"\ncount = 1\nurls = 3"), &mut Lazy(0), &OPTIONS);
}
