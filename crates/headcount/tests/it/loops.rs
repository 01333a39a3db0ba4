//! Several event loops: each host belongs to one of them, and what they share holds over all.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use headcount::record::Outcome;
use headcount::{Config, Engine, Error, Record, Request, Stop};
use small_web::{Answer, Host, SmallWeb, Temperament};

fn engine(change: impl FnOnce(&mut Config)) -> Engine {
    let mut config = Config::default();
    config.loops = Some(3);
    change(&mut config);
    Engine::new(config).unwrap()
}

/// Hosts that send each page on to the next host, so many times, and note which pages were asked for first.
struct Ring {
    hosts: Vec<Host>,
    asked: Arc<Mutex<HashSet<String>>>,
}

impl Ring {
    fn start(web: &SmallWeb, hosts: usize) -> Ring {
        let urls: Arc<OnceLock<Vec<String>>> = Arc::default();
        let asked: Arc<Mutex<HashSet<String>>> = Arc::default();
        let host = |number: usize| {
            let (urls, asked) = (Arc::clone(&urls), Arc::clone(&asked));
            web.quiet_host(Temperament::scripted(move |request| {
                let path = request.path();
                match path.strip_prefix("/hops/").and_then(|rest| rest.split_once('/')) {
                    Some((hops, page)) => {
                        if hops == "3" {
                            asked.lock().unwrap().insert(page.to_owned());
                        }
                        let urls = urls.get().unwrap();
                        let next = &urls[(number + 1) % urls.len()];
                        let path = match hops {
                            "1" => format!("{next}page/{page}"),
                            _ => format!("{next}hops/{}/{page}", hops.parse::<u32>().unwrap() - 1),
                        };
                        Answer::redirect(302, path).reply(request)
                    }
                    None => Answer::well_behaved(request).reply(request),
                }
            }))
        };
        let hosts: Vec<Host> = (0..hosts).map(host).collect();
        urls.set(hosts.iter().map(|host| host.url("/")).collect()).unwrap();
        Ring { hosts, asked }
    }

    fn urls(&self, count: usize) -> Vec<String> {
        (0..count).map(|page| self.hosts[page % self.hosts.len()].url(&format!("/hops/3/{page}"))).collect()
    }
}

#[test]
fn redirects_lead_from_loop_to_loop() {
    let web = SmallWeb::start().unwrap();
    let ring = Ring::start(&web, 20);
    let records = engine(|_| ()).run(ring.urls(3_000)).unwrap().blocking();
    let mut records: Vec<Record> = records.map(Result::unwrap).collect();
    records.sort_by_key(|record| record.index);
    for (index, record) in records.iter().enumerate() {
        let last = ring.hosts[(index + 3) % 20].url(&format!("/page/{index}"));
        assert_eq!((record.index, record.num_redirects), (index as u64, 3), "{record:?}");
        assert_eq!((record.accepted, record.final_url.as_deref()), (true, Some(last.as_str())));
    }
    assert_eq!(records.len(), 3_000);
}

#[test]
fn what_was_begun_is_ended_before_more_is_begun() {
    let web = SmallWeb::start().unwrap();
    let ring = Ring::start(&web, 20);
    let mut records = engine(|config| config.loops = Some(1)).run(ring.urls(2_000)).unwrap().blocking();
    assert!(records.next().unwrap().unwrap().accepted);
    // A hundred are under way, and as many may wait for their next hop.
    let begun = ring.asked.lock().unwrap().len();
    assert!(begun < 1_000, "{begun} of 2,000 were asked when the first was done");
}

#[test]
fn what_is_on_its_way_between_loops_is_not_lost_by_a_stop() {
    let web = SmallWeb::start().unwrap();
    for (round, grace) in [0, 1, 5, 20, 200].into_iter().enumerate() {
        // Hosts of its own: others may yet read what an earlier run has sent them.
        let ring = Ring::start(&web, 20);
        let run = engine(|_| ()).run(ring.urls(5_000)).unwrap();
        let handle = run.handle();
        let mut records: Vec<Record> = Vec::new();
        for record in run.blocking() {
            records.push(record.unwrap());
            if records.len() == 100 * round + 50 {
                handle.stop(Stop::After(Duration::from_millis(grace)));
            }
        }
        // All may have begun by then, and have their records.
        assert!(records.iter().filter(|record| record.accepted).count() < 5_000, "it was stopped");
        let indices: HashSet<String> = records.iter().map(|record| record.index.to_string()).collect();
        assert_eq!(indices.len(), records.len(), "an input has one record");
        let asked = ring.asked.lock().unwrap();
        let lost: Vec<&String> = asked.difference(&indices).collect();
        assert!(lost.is_empty(), "asked, and without a record: {lost:?}");
        let interrupted = records.iter().filter(|record| record.outcome == Outcome::Interrupted).count();
        assert!(interrupted > 0, "it was stopped");
        assert!(records.iter().filter(|record| record.accepted).count() + interrupted == records.len());
    }
}

#[test]
fn concurrency_holds_over_all_loops_and_is_used() {
    let web = SmallWeb::start().unwrap();
    let takes = Duration::from_millis(30);
    let many = web.many_hosts(Temperament::Gathering { at_once: 50, takes });
    let urls: Vec<String> = (0..1_500).map(|number| many.url(number, "/page/1")).collect();
    let engine = engine(|config| config.concurrency = 60);
    let records: Vec<Record> = engine.run(urls).unwrap().blocking().map(Result::unwrap).collect();
    assert!(records.iter().all(|record| record.accepted));
    assert!((50..=60).contains(&many.most_in_flight()), "{}", many.most_in_flight());
}

#[test]
fn one_host_gets_all_slots_whichever_loop_it_belongs_to() {
    let web = SmallWeb::start().unwrap();
    // Beside answers that take so long, what a busy machine adds to them is nothing.
    let hosts = [(); 4].map(|()| web.quiet_host(Temperament::Slow(Duration::from_millis(400))));
    std::thread::scope(|scope| {
        for host in &hosts {
            scope.spawn(|| {
                let urls: Vec<String> = (0..200).map(|number| host.url(&format!("/page/{number}"))).collect();
                let engine = engine(|config| config.concurrency = 48);
                assert!(engine.run(urls).unwrap().blocking().all(|record| record.unwrap().accepted));
            });
        }
    });
    for host in &hosts {
        assert!(host.most_in_flight() > 16, "{} at once", host.most_in_flight());
    }
}

#[test]
fn a_rate_holds_over_all_loops() {
    let web = SmallWeb::start().unwrap();
    let hosts: Vec<Host> = (0..12).map(|_| web.host(Temperament::Fast)).collect();
    let urls: Vec<String> = (0..120).map(|number| hosts[number % 12].url("/page/1")).collect();
    let engine = engine(|config| config.rate = Some(60.0));
    assert!(engine.run(urls).unwrap().blocking().all(|record| record.unwrap().accepted));
    let mut starts: Vec<Duration> = hosts.iter().flat_map(Host::seen).map(|seen| seen.at).collect();
    starts.sort_unstable();
    let took = (starts[119] - starts[0]).as_secs_f64();
    // The first may be seen late, by as much as a busy machine makes it.
    assert!(took > 118.0 / 60.0 / 2.0, "120 in {took} s");
}

#[test]
fn a_list_that_breaks_off_ends_all_loops_after_their_records() {
    let web = SmallWeb::start().unwrap();
    let hosts: Vec<Host> = (0..10).map(|_| web.quiet_host(Temperament::Fast)).collect();
    let good = (0..500).map(|number: usize| Ok(Request::new(hosts[number % 10].url("/page/1"))));
    let list: Vec<Result<Request, Error>> = good.collect();
    let broken = std::iter::once_with(|| panic!("the list is broken"));
    let mut results: Vec<_> =
        engine(|_| ()).try_run(list.into_iter().chain(broken)).unwrap().blocking().collect();
    assert!(results.pop().unwrap().unwrap_err().is_input());
    assert_eq!(results.len(), 500);
    assert!(results.into_iter().all(|record| record.unwrap().accepted));
}

#[test]
fn a_run_of_few_inputs_ends_with_more_loops_than_it_has_use_for() {
    let web = SmallWeb::start().unwrap();
    let host = web.quiet_host(Temperament::Fast);
    for count in [0, 1, 2] {
        let urls = (0..count).map(|number| host.url(&format!("/page/{number}"))).collect::<Vec<_>>();
        let run = engine(|config| config.loops = Some(6)).run(urls).unwrap();
        assert_eq!(run.blocking().filter(|record| record.as_ref().unwrap().accepted).count(), count);
    }
    let nothing: Vec<String> = vec!["not a URL".to_owned(); 3];
    assert_eq!(engine(|_| ()).run(nothing).unwrap().blocking().count(), 3);
}
