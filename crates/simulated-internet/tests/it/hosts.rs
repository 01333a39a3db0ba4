//! Single hosts, told when requests arrive.

use std::rc::Rc;
use std::time::Duration;

use proptest::prelude::*;
use simulated_internet::{End, Fate, Fault, Host, Scenario};

/// A host of one kind, in the words of a scenario's `hosts.model`.
fn host(model: &str, seed: u64) -> Host {
    let text =
        format!("title = \"\"\n[[hosts]]\nname = \"host\"\ncount = 1\nurls = 1\n[hosts.model]\n{model}");
    let scenario = Scenario::parse(&text).unwrap();
    Host::new(&Rc::clone(&scenario.hosts[0].model), seed, "host-0.example")
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn ends(fates: &[Fate]) -> String {
    let letter = |fate: &Fate| match fate.end {
        End::Answered => 'a',
        End::Rejected { .. } => 'r',
        End::Failed(_) => 'f',
    };
    fates.iter().map(letter).collect()
}

#[test]
fn slots_serve_in_order_and_a_full_queue_rejects() {
    let mut host = host("round_trip_ms = 10\nslots = 2\nqueue = 1\nservice = { mean_ms = 100 }", 1);
    let fates: Vec<Fate> = (0..4).map(|_| host.arrive(ms(0))).collect();
    assert_eq!(ends(&fates), "aaar");
    assert_eq!(fates.iter().map(|fate| fate.at).collect::<Vec<_>>(), [ms(110), ms(110), ms(210), ms(10)]);
    assert_eq!(fates[3].end, End::Rejected { status: 503, retry_after: None });
    assert_eq!(host.arrive(ms(100)).at, ms(210), "a slot is free again, and so is the queue");
}

#[test]
fn a_bucket_gives_its_burst_and_then_its_rate() {
    let mut host = host("bucket = { rate = 10, burst = 3, retry_after_s = 1 }", 1);
    let fates: Vec<Fate> = (0..5).map(|_| host.arrive(ms(0))).collect();
    assert_eq!(ends(&fates), "aaarr");
    assert_eq!(fates[4].end, End::Rejected { status: 429, retry_after: Some(Duration::from_secs(1)) });
    let later: Vec<Fate> = (1..=10).map(|step| host.arrive(ms(step * 50))).collect();
    assert_eq!(ends(&later), "rararararara"[..10], "one in a tenth of a second");
}

#[test]
fn an_outage_takes_what_arrives_and_what_is_under_way() {
    let outage = |kind: &str| {
        let model = format!(
            "round_trip_ms = 10\nservice = {{ mean_ms = 100 }}\n\
             outages = [{{ from_s = 1, lasts_s = 2, every_s = 10, kind = \"{kind}\" }}]"
        );
        host(&model, 1)
    };
    let mut silent = outage("silent");
    assert_eq!(ends(&[500, 950, 1_500, 3_000, 10_500, 11_500].map(|at| silent.arrive(ms(at)))), "affaaf");
    assert_eq!(outage("silent").connect(ms(1_500)).unwrap_err().fault, Fault::ConnectSilence);
    assert_eq!(outage("refused").connect(ms(1_500)).unwrap_err().fault, Fault::Refused);
    assert_eq!(outage("unavailable").connect(ms(1_500)), Ok(ms(1_510)));
    assert_eq!(ends(&[outage("unavailable").arrive(ms(1_500))]), "r");
}

#[test]
fn capacity_halves_and_comes_back() {
    let mut host = host(
        "slots = 4\nqueue = 0\nservice = { mean_ms = 100 }\n\
         capacity = [{ at_s = 10, factor = 0.5 }, { at_s = 20, factor = 1 }]",
        1,
    );
    let mut served = |at: u64| ends(&[0; 6].map(|_| host.arrive(ms(at)))).matches('a').count();
    assert_eq!([served(0), served(10_000), served(20_000)], [4, 2, 4]);
}

#[test]
fn faults_come_as_often_as_they_should() {
    let mut host = host("faults = { refused = 0.25, headers_reset = 0.1 }", 7);
    let refused = (0..10_000).filter(|at| host.connect(ms(*at)).is_err()).count();
    let reset = (0..10_000).filter(|at| ends(&[host.arrive(ms(*at * 1_000))]) == "f").count();
    assert!((2_300..2_700).contains(&refused), "{refused}");
    assert!((850..1_150).contains(&reset), "{reset}");
    assert!(host.look_up(ms(0)).is_ok());
}

#[test]
fn tails_keep_their_mean() {
    for tail in ["", ", log_normal = 0.8", ", pareto = 3.0"] {
        let mut host = host(&format!("round_trip_ms = 0\nservice = {{ mean_ms = 100{tail} }}"), 3);
        let mut longest = Duration::ZERO;
        let total: Duration = (0..50_000_u64)
            .map(|number| {
                let now = Duration::from_secs(number * 10_000);
                let took = host.arrive(now).at - now;
                longest = longest.max(took);
                took
            })
            .sum();
        let mean = total.as_secs_f64() / 50_000.0;
        assert!((0.095..0.105).contains(&mean), "{tail}: {mean}");
        assert_eq!(longest > ms(400), !tail.is_empty(), "{tail}: {longest:?}");
    }
}

proptest! {
    /// Same seed, name and arrivals: same fates. And nothing is answered before it arrived, or beyond the slots.
    #[test]
    fn fates_repeat_and_slots_are_kept(
        seed in any::<u64>(),
        slots in 1..5_usize,
        queue in 0..5_usize,
        gaps in proptest::collection::vec(0..80_u64, 1..200),
    ) {
        let model = format!(
            "round_trip_ms = 0\nslots = {slots}\nqueue = {queue}\nservice = {{ mean_ms = 100, log_normal = 1.0 }}\n\
             faults = {{ refused = 0.1, headers_closed = 0.2 }}"
        );
        let (mut one, mut other) = (host(&model, seed), host(&model, seed));
        let mut now = Duration::ZERO;
        let mut ends_at: Vec<Duration> = Vec::new();
        for gap in gaps {
            now += ms(gap);
            let fate = one.arrive(now);
            prop_assert_eq!(fate, other.arrive(now));
            prop_assert!(fate.at >= now);
            ends_at.retain(|end| *end > now);
            if !matches!(fate.end, End::Rejected { .. }) {
                prop_assert!(ends_at.len() < slots + queue);
                ends_at.push(fate.at);
            } else {
                prop_assert_eq!(ends_at.len(), slots + queue);
            }
        }
        prop_assert!(one.is_at_rest(now + Duration::from_secs(100_000)));
    }
}
