//! Scenario files, their lists and their ideals.

use std::time::Duration;

use simulated_internet::{Caps, Ideal, Scenario, Term};

/// Every file of the folder, by its name without an ending.
fn files() -> Vec<(String, Scenario)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let scenario = Scenario::parse(&std::fs::read_to_string(&path).unwrap());
            (name.clone(), scenario.unwrap_or_else(|reason| panic!("{name}: {reason}")))
        })
        .collect();
    files.sort_by(|one, other| one.0.cmp(&other.0));
    files
}

#[test]
fn ideals_are_as_computed_by_hand() {
    let found: Vec<String> = files()
        .iter()
        .filter(|(name, _)| name.as_bytes()[1] == b'-')
        .map(|(name, scenario)| {
            let ideal = Ideal::of(scenario, 1, &Caps::of(scenario));
            format!("{name} {:.2} s {:?}", ideal.time.as_secs_f64(), ideal.term)
        })
        .collect();
    // (a) 2,000 × 0.1 s / 8; (b) 200 × 0.5 s; (c) 990 / 10; (d) 3,980 / 200; (f) 999,980 / 20; and the rest is one answer
    // and the way to a new host. (g) lost 15 s × 8 slots. (h) its 20 s of work wait for a minute.
    let expected = [
        "a-slots 25.25 s Slots",
        "b-single 100.65 s Slots",
        "c-bucket-10 99.19 s Rate",
        "d-bucket-200 20.09 s Rate",
        "e-zipf",
        "f-sorted 49999.19 s Rate",
        "g-halves 39.00 s Slots",
        "h-dark 80.35 s Slots",
    ];
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}, not {expected}");
    }
}

#[test]
fn a_list_has_each_host_as_often_as_it_should() {
    for (name, scenario) in files() {
        if scenario.url_count() > 200_000 {
            continue;
        }
        let mut counts = vec![0; scenario.host_count()];
        scenario.list(3).for_each(|host| counts[host] += 1);
        let expected: Vec<u64> =
            scenario.hosts.iter().flat_map(|population| population.urls_of_all()).collect();
        assert_eq!(counts, expected, "{name}");
        for host in [0, scenario.host_count() - 1] {
            assert_eq!(scenario.host_named(&scenario.name_of(host)), Some(host));
        }
    }
}

#[test]
fn a_mixed_list_is_mixed_and_a_sorted_one_is_not() {
    let scenario = |order: &str| {
        let text =
            format!("title = \"\"\norder = \"{order}\"\n[[hosts]]\nname = \"a\"\ncount = 10\nurls = 100");
        Scenario::parse(&text).unwrap()
    };
    let changes = |order: &str| {
        let list: Vec<usize> = scenario(order).list(1).collect();
        list.windows(2).filter(|pair| pair[0] != pair[1]).count()
    };
    assert_eq!(changes("by_host"), 9);
    assert!(changes("mixed") > 800, "{}", changes("mixed"));
}

#[test]
fn the_limits_of_who_asks_bind_too() {
    let text = "title = \"\"\nconcurrency = 10\n[[hosts]]\nname = \"a\"\ncount = 10\nurls = 100";
    let scenario = Scenario::parse(text).unwrap();
    let ideal = |concurrency, per_host| {
        let caps = Caps { concurrency, per_host, ..Caps::of(&scenario) };
        Ideal::of(&scenario, 1, &caps).term
    };
    assert_eq!(ideal(10, 64), Term::Concurrency);
    assert_eq!(ideal(1_000, 2), Term::PerHost);
    let silent = format!("{text}\nmodel = {{ faults = {{ connect_silence = 1.0 }} }}");
    let silent = Scenario::parse(&silent).unwrap();
    let ideal = Ideal::of(&silent, 1, &Caps { concurrency: 1_000, ..Caps::of(&silent) });
    assert_eq!((ideal.term, ideal.time), (Term::Silence, Duration::from_secs_f64(100.0 * 15.0 / 64.0)));
    let caps = Caps { concurrency: 1_000, patience: Some(64), ..Caps::of(&silent) };
    assert_eq!(Ideal::of(&silent, 1, &caps).time, Duration::from_secs(5));
}

#[test]
fn what_is_no_scenario_is_refused_with_a_reason() {
    let hosts = "title = \"\"\n[[hosts]]\nname = \"a\"\ncount = 1\nurls = 1\n";
    for (text, reason) in [
        ("title = 3".to_owned(), "title"),
        (format!("{hosts}colour = 3"), "colour"),
        (format!("{hosts}model = {{ slots = 0 }}"), "slot"),
        (format!("{hosts}model = {{ bucket = {{ rate = 0, burst = 1 }} }}"), "rate"),
        (format!("{hosts}model = {{ faults = {{ refused = 2 }} }}"), "share"),
        (format!("{hosts}model = {{ faults = {{ tired = 0.5 }} }}"), "tired"),
        (format!("concurrency = 0\n{hosts}"), "above 0"),
    ] {
        let error = Scenario::parse(&text).unwrap_err().to_string();
        assert!(error.contains(reason), "{text}: {error}");
    }
}
