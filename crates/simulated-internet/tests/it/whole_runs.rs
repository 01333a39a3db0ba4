//! Whole runs of the shipping engine, in memory, under many seeds.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use headcount::Stop;
use headcount::record::{Kind, Outcome, Phase};
use headcount::simulation::{Circumstances, Simulated};
use simulated_internet::{Caps, Ideal, Scenario, Trace, What, whole_run};

/// Seeds that a run of the tests tries, unless `HEADCOUNT_SEEDS` says otherwise.
const SEEDS: u64 = 100;

fn mixed_faults() -> Rc<Scenario> {
    Rc::new(Scenario::parse(include_str!("../../scenarios/mixed-faults.toml")).unwrap())
}

fn run(scenario: &Rc<Scenario>, circumstances: Circumstances) -> (Simulated, Trace) {
    whole_run::run(scenario, whole_run::config(scenario), circumstances).unwrap()
}

/// Tries a test under many seeds, or under `HEADCOUNT_SEED` alone. A failure names its seed and how to repeat it.
fn for_each_seed(test: &str, check: impl Fn(u64)) {
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let seeds = match number("HEADCOUNT_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("HEADCOUNT_SEEDS").unwrap_or(SEEDS),
    };
    for seed in seeds {
        if let Err(reason) = catch_unwind(AssertUnwindSafe(|| check(seed))) {
            let reason = reason.downcast_ref::<String>().map_or("it panicked", String::as_str);
            panic!(
                "seed {seed}: {reason}\nrepeat it with: \
                 HEADCOUNT_SEED={seed} cargo test -p simulated-internet --test it {test}"
            );
        }
    }
}

/// Two runs under the same seed are the same run: what hosts saw and what records say, to the microsecond.
fn assert_repeats(scenario: &Rc<Scenario>, circumstances: Circumstances) -> (Simulated, Trace) {
    let (one, other) = (run(scenario, circumstances), run(scenario, circumstances));
    for (first, second) in one.1.events().iter().zip(other.1.events()) {
        assert!(first == second, "the first run had `{first}` where the second had `{second}`");
    }
    assert!(one.1 == other.1, "one run went on when the other had ended");
    let lines = |run: &Simulated| -> Vec<String> {
        run.records.iter().map(|record| serde_json::to_string(record).unwrap()).collect()
    };
    for (first, second) in lines(&one.0).iter().zip(&lines(&other.0)) {
        assert!(first == second, "the first run had the record\n{first}\nwhere the second had\n{second}");
    }
    assert_eq!(one.0.took, other.0.took);
    one
}

fn assert_limits(scenario: &Scenario, simulated: &Simulated, trace: &Trace) {
    assert!(simulated.error.is_none(), "{:?}", simulated.error);
    assert_eq!(simulated.progress.in_flight, 0, "slots were not given back");
    assert_eq!(trace.under_way(), 0, "requests outlived the run");
    assert!(trace.peak() <= scenario.concurrency, "{} at once", trace.peak());
    assert!(trace.peak_of_a_host() <= scenario.per_host, "{} at one host", trace.peak_of_a_host());
    assert_eq!(simulated.progress.done, simulated.records.len() as u64);
}

#[test]
fn a_seed_decides_a_run() {
    let scenario = mixed_faults();
    for_each_seed("a_seed_decides_a_run", |seed| {
        let (simulated, trace) = assert_repeats(&scenario, Circumstances { seed, stop: None });
        assert_limits(&scenario, &simulated, &trace);
        let ideal = Ideal::of(&scenario, seed, &Caps::of(&scenario)).time;
        // Service times are a matter of chance, and the ideal counts on their mean.
        assert!(simulated.took >= ideal.mul_f64(0.9), "{:?}, where {ideal:?} is ideal", simulated.took);
        let mut indices: Vec<u64> = simulated.records.iter().map(|record| record.index).collect();
        indices.sort_unstable();
        assert!(indices.into_iter().eq(0..scenario.url_count()), "not one record for each input");
        for record in &simulated.records {
            let is_sound = match record.outcome {
                Outcome::Answered => record.error.is_none() && record.status_code.is_some(),
                Outcome::Failed => record.error.is_some(),
                Outcome::Skipped | Outcome::Interrupted => false,
            };
            assert!(is_sound, "{record:?}");
        }
    });
}

#[test]
fn a_run_that_is_stopped_loses_nothing_that_had_begun() {
    let scenario = mixed_faults();
    for_each_seed("a_run_that_is_stopped_loses_nothing_that_had_begun", |seed| {
        let grace = Duration::from_millis(seed % 7 * 150);
        let when = Duration::from_millis(20 + seed * 97 % 12_000);
        let circumstances = Circumstances { seed, stop: Some((when, Stop::After(grace))) };
        let (simulated, trace) = assert_repeats(&scenario, circumstances);
        assert_limits(&scenario, &simulated, &trace);
        assert!(
            simulated.took <= when + grace + Duration::from_millis(5),
            "it went on until {:?}",
            simulated.took
        );
        let recorded: BTreeSet<u64> = simulated.records.iter().map(|record| record.index).collect();
        assert_eq!(recorded.len(), simulated.records.len(), "an input has two records");
        for event in trace.events() {
            if let What::Request { place } = event.what {
                assert!(recorded.contains(&place.unwrap()), "`{event}` has no record");
            }
        }
    });
}

#[test]
fn other_seeds_are_other_runs() {
    let scenario = mixed_faults();
    let trace = |seed| run(&scenario, Circumstances { seed, stop: None }).1;
    assert!(trace(1) != trace(2));
}

#[test]
fn every_fault_is_told_from_the_others() {
    let fault = |fault: &str, encrypted: bool| {
        let text = format!(
            "title = \"\"\nretries = 0\ntimeout_s = 3\n[[hosts]]\nname = \"a\"\ncount = 1\nurls = 1\nencrypted = {encrypted}\n\
             model = {{ faults = {{ {fault} = 1.0 }} }}"
        );
        let (simulated, _) = run(&Rc::new(Scenario::parse(&text).unwrap()), Circumstances::default());
        let error = simulated.records[0].error.as_ref().unwrap_or_else(|| panic!("{fault}: no error"));
        (error.phase, error.kind)
    };
    for (name, phase, kind) in [
        ("name_not_found", Phase::Dns, Kind::NotFound),
        ("name_server_failure", Phase::Dns, Kind::ServerFailure),
        ("name_silence", Phase::Dns, Kind::Timeout),
        ("refused", Phase::Connect, Kind::Refused),
        ("connect_reset", Phase::Connect, Kind::Reset),
        ("connect_silence", Phase::Connect, Kind::Timeout),
        ("headers_reset", Phase::Headers, Kind::Reset),
        ("headers_closed", Phase::Headers, Kind::Closed),
        ("malformed", Phase::Headers, Kind::Malformed),
        ("headers_silence", Phase::Headers, Kind::Timeout),
        ("body_reset", Phase::Body, Kind::Reset),
        ("body_closed", Phase::Body, Kind::Closed),
        ("body_silence", Phase::Body, Kind::Timeout),
    ] {
        assert_eq!(fault(name, false), (phase, kind), "{name}");
    }
    assert_eq!(fault("tls_reset", true), (Phase::Tls, Kind::Reset));
    assert_eq!(fault("tls_silence", true), (Phase::Tls, Kind::Timeout));
}

#[test]
fn a_host_of_this_kind_is_seen_as_it_is() {
    let text = "title = \"\"\nper_host = 8\n[[hosts]]\nname = \"a\"\ncount = 1\nurls = 40\n\
                model = { round_trip_ms = 10, slots = 2, service = { mean_ms = 100 } }";
    let scenario = Rc::new(Scenario::parse(text).unwrap());
    let (simulated, trace) = run(&scenario, Circumstances::default());
    assert!(simulated.records.iter().all(|record| record.accepted && record.body_bytes == Some(512)));
    assert!(simulated.records.iter().all(|record| record.title.as_deref() == Some("a-0.example")));
    // Forty requests of 100 ms through two slots are two seconds, whatever pace is found.
    assert!((2.0..3.0).contains(&simulated.took.as_secs_f64()), "{:?}", simulated.took);
    let connections = trace.events().iter().filter(|event| event.what == What::Connect).count();
    assert!((2..=8).contains(&trace.peak_of_a_host()), "{} at once", trace.peak_of_a_host());
    assert!(connections <= 8, "{connections} connections for forty requests");
}
