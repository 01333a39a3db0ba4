//! Runs as a whole: every input counted, lists read lazily, stopping, limits.

use std::pin::pin;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use headcount::list::{List, ListOptions};
use headcount::record::{Kind, Outcome, Phase};
use headcount::{Config, Engine, Record, Request, Stop};
use small_web::{Answer, Host, NameAnswer, SmallWeb, Temperament};
use tokio::time::Instant;

fn engine(change: impl FnOnce(&mut Config)) -> Engine {
    let mut config = Config::default();
    change(&mut config);
    Engine::new(config).unwrap()
}

fn check(engine: &Engine, urls: Vec<String>) -> Vec<Record> {
    let mut records: Vec<Record> = engine.run(urls).unwrap().blocking().map(Result::unwrap).collect();
    records.sort_by_key(|record| record.index);
    records
}

/// Waits as long as something holds that the engine brings to an end, and leaves it the processor meanwhile.
#[track_caller]
fn wait_while(mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "it still holds after 60 s");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

#[test]
fn every_input_gets_one_record() {
    let web = SmallWeb::start().unwrap();
    let (good, bad) = (web.host(Temperament::Fast), web.host(Temperament::CloseAfterRequest));
    let urls: Vec<String> = (0..3_000)
        .map(|number| match number % 4 {
            0 | 1 => good.url(&format!("/page/{number}")),
            2 => bad.url("/"),
            _ => format!("ftp://example.com/{number}"),
        })
        .collect();
    let records = check(
        &engine(|config| {
            config.retry_delay = Duration::ZERO;
            config.give_up_after = 10_000;
        }),
        urls.clone(),
    );
    assert_eq!(records.len(), urls.len());
    for (number, record) in records.iter().enumerate() {
        assert_eq!((record.index, &record.input), (number as u64, &urls[number]));
        let expected = match number % 4 {
            0 | 1 => (Outcome::Answered, Some(format!("Page {number}")), None),
            2 => (Outcome::Failed, None, Some((Phase::Headers, Kind::Closed))),
            _ => (Outcome::Skipped, None, Some((Phase::Input, Kind::UnsupportedScheme))),
        };
        let error = record.error.as_ref().map(|error| (error.phase, error.kind));
        assert_eq!((record.outcome, record.title.clone(), error), expected, "{record:?}");
    }
}

/// A connection is kept only for what waits: this answers nothing before the whole list does.
#[derive(Default)]
struct Gate(Arc<Mutex<()>>);

impl Gate {
    fn temperament(&self) -> Temperament {
        let gate = Arc::clone(&self.0);
        Temperament::scripted(move |request| {
            drop(gate.lock().unwrap());
            Answer::well_behaved(request).reply(request)
        })
    }

    fn check(&self, engine: &Engine, urls: Vec<String>) -> Vec<Record> {
        let closed = self.0.lock().unwrap();
        let records = engine.run(urls).unwrap();
        wait_while(|| !records.handle().progress().read_all);
        drop(closed);
        records.blocking().map(Result::unwrap).collect()
    }
}

#[test]
fn connections_are_used_again() {
    let web = SmallWeb::start().unwrap();
    let gate = Gate::default();
    let host = web.host(gate.temperament());
    let urls: Vec<String> = (0..1_000).map(|number| host.url(&format!("/page/{number}"))).collect();
    let records = gate.check(&engine(|config| config.per_host = 8), urls);
    assert!(records.iter().all(|record| record.accepted));
    assert!(
        host.connections() <= 8,
        "{} connections for 1,000 requests, eight at a time",
        host.connections()
    );
}

#[test]
fn as_many_connections_are_kept_as_requests_are_made_at_once() {
    let web = SmallWeb::start().unwrap();
    let connections = |kept: Option<usize>| {
        let gate = Gate::default();
        let hosts = web.many_hosts(gate.temperament());
        // Between its two requests each host's connection waits.
        let urls = (0..300).map(|number| hosts.url(number % 150, "/page/1")).collect();
        let engine = engine(|config| {
            config.concurrency = 150;
            config.delay = Duration::from_secs(1);
            config.max_idle_connections = kept;
            config.loops = Some(1);
        });
        assert!(gate.check(&engine, urls).iter().all(|record| record.accepted));
        hosts.connections()
    };
    // Each loop may have a place or two more than it needs.
    let needed = connections(None);
    assert!((150..160).contains(&needed), "{needed}");
    assert_eq!(connections(Some(0)), 300);
}

#[test]
fn no_host_sees_more_than_its_limit_nor_the_run_more_than_its_own() {
    let web = SmallWeb::start().unwrap();
    let takes = Duration::from_millis(20);
    let engine = engine(|config| (config.concurrency, config.per_host) = (5, 3));
    let one = web.host(Temperament::Gathering { at_once: 3, takes });
    let pages = (0..40).map(|number| one.url(&format!("/page/{number}"))).collect();
    assert!(check(&engine, pages).iter().all(|record| record.accepted));
    assert_eq!(one.most_in_flight(), 3);
    // They are counted together, and are hosts of their own to the engine.
    let many = web.many_hosts(Temperament::Gathering { at_once: 5, takes });
    let pages = (0..80).map(|number| many.url(number % 4, &format!("/page/{number}"))).collect();
    assert!(check(&engine, pages).iter().all(|record| record.accepted));
    assert_eq!(many.most_in_flight(), 5);
}

#[test]
fn a_silent_host_holds_up_nobody_but_itself() {
    let web = SmallWeb::start().unwrap();
    let (silent, good) = (web.host(Temperament::Silent), web.host(Temperament::Fast));
    let mut urls = vec![silent.url("/"); 20];
    urls.extend((0..100).map(|number| good.url(&format!("/page/{number}"))));
    let engine = engine(|config| {
        (config.concurrency, config.per_host, config.retries) = (10, 4, 0);
        config.timeout = Duration::from_secs(60);
    });
    let mut records = engine.run(urls).unwrap().blocking();
    // The hundred come although the silent host's twenty stood first and none of them ended.
    for _ in 0..100 {
        assert!(records.next().unwrap().unwrap().accepted);
    }
}

#[test]
fn the_list_is_read_no_further_than_needed() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Silent);
    let (counted, count) = mpsc::sync_channel(1_000_000);
    let url = host.url("/");
    let endless = std::iter::repeat_with(move || {
        counted.send(()).unwrap();
        url.clone()
    });
    let engine = engine(|config| {
        (config.read_ahead, config.timeout) = (100, Duration::from_secs(60));
        config.concurrency = 4;
    });
    let records = engine.run(endless).unwrap();
    wait_while(|| records.handle().progress().in_flight < 4);
    let read = count.try_iter().count();
    assert!(read < 2_000, "{read} inputs were read for a queue of 100");
}

#[test]
fn records_come_before_the_list_ends() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let (sender, receiver) = mpsc::sync_channel::<String>(1);
    let mut records = engine(|_| ()).run(receiver).unwrap().blocking();
    for number in 0..3 {
        sender.send(host.url(&format!("/page/{number}"))).unwrap();
        assert_eq!(records.next().unwrap().unwrap().index, number);
    }
    drop(sender);
    assert!(records.next().is_none());
}

#[tokio::test]
async fn a_stream_gives_a_stream() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let urls: Vec<String> = (0..50).map(|number| host.url(&format!("/page/{number}"))).collect();
    let records = engine(|_| ()).run_stream(stream::iter(urls)).unwrap();
    let titles: Vec<_> = records.map(|record| record.unwrap().title.unwrap()).collect().await;
    assert_eq!(titles.len(), 50);
}

#[test]
fn dropping_the_records_stops_the_work() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Silent);
    let records = engine(|config| config.timeout = Duration::from_secs(600)).run([host.url("/")]).unwrap();
    wait_while(|| host.open_connections() == 0);
    drop(records);
    wait_while(|| host.open_connections() > 0);
}

#[test]
fn stopping_lets_the_answers_under_way_come() {
    let web = SmallWeb::start().unwrap();
    let (slow, silent) =
        (web.host(Temperament::Slow(Duration::from_millis(300))), web.host(Temperament::Silent));
    let mut urls = vec![slow.url("/page/1"), silent.url("/"), silent.url("/")];
    urls.extend((0..500).map(|_| silent.url("/")));
    let records = engine(|config| config.timeout = Duration::from_secs(60)).run(urls).unwrap();
    let handle = records.handle();
    // A host that has not answered yet gets four.
    wait_while(|| handle.progress().in_flight < 5);
    handle.stop(Stop::After(Duration::from_secs(5)));
    let mut records: Vec<Record> = records.blocking().map(Result::unwrap).collect();
    records.sort_by_key(|record| record.index);
    assert_eq!(records.len(), 5, "one for each input that had begun");
    assert_eq!((records[0].outcome, records[0].title.as_deref()), (Outcome::Answered, Some("Page 1")));
    assert!(records[1..].iter().all(|record| record.outcome == Outcome::Interrupted));
    assert_eq!(handle.progress().done, 5);
}

#[test]
fn what_ends_within_the_grace_is_what_it_was_and_the_rest_is_told_as_far_as_it_went() {
    let web = SmallWeb::start().unwrap();
    let busy = web.host(Temperament::scripted(|request| {
        small_web::Answer::page(503, "Busy").after(Duration::from_millis(300)).reply(request)
    }));
    let silent = web.host(Temperament::Silent);
    let records = engine(|config| config.timeout = Duration::from_secs(60));
    let records = records.run([busy.url("/"), silent.url("/")]).unwrap();
    let handle = records.handle();
    wait_while(|| handle.progress().in_flight < 2 || silent.requests() == 0);
    handle.stop(Stop::After(Duration::from_secs(3)));
    let mut records: Vec<Record> = records.blocking().map(Result::unwrap).collect();
    records.sort_by_key(|record| record.index);
    let [answered, broken_off] = &records[..] else { panic!("{records:#?}") };
    assert_eq!(
        (answered.outcome, answered.status_code, answered.num_retries),
        (Outcome::Answered, Some(503), 0)
    );
    assert_eq!((broken_off.outcome, broken_off.host_ip), (Outcome::Interrupted, Some(silent.address().ip())));
    assert!(broken_off.time_total > Some(0.5), "{broken_off:#?}");
}

#[test]
fn a_later_stop_brings_the_end_nearer_and_never_puts_it_off() {
    let web = SmallWeb::start().unwrap();
    let silent = web.host(Temperament::Silent);
    let records = engine(|config| config.timeout = Duration::from_secs(600)).run([silent.url("/")]).unwrap();
    let handle = records.handle();
    wait_while(|| silent.requests() == 0);
    handle.stop(Stop::After(Duration::MAX));
    handle.stop(Stop::NOW);
    handle.stop(Stop::After(Duration::from_secs(600)));
    assert_eq!(records.blocking().count(), 1);
}

#[test]
fn a_list_that_panics_is_an_error_and_not_the_end_of_the_list() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let list = (0..5).map(move |number| {
        assert!(number < 3, "thrown by the test");
        host.url(&format!("/page/{number}"))
    });
    let results: Vec<_> = engine(|_| ()).run(list).unwrap().blocking().collect();
    assert_eq!(results.len(), 4);
    assert!(results[..3].iter().all(Result::is_ok));
    assert!(results[3].as_ref().unwrap_err().is_input());
}

#[test]
fn a_list_that_is_not_taken_to_its_end_is_not_said_to_be_read() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let (more, lines) = mpsc::sync_channel::<String>(1);
    let (gone, is_gone) = mpsc::sync_channel::<()>(0);
    let list = lines.into_iter().inspect(move |_| _ = &gone);
    let records = engine(|_| ()).run(list).unwrap();
    let handle = records.handle();
    more.send(host.url("/page/1")).unwrap();
    let mut records = records.blocking();
    assert_eq!(records.next().unwrap().unwrap().title.as_deref(), Some("Page 1"));
    handle.stop(Stop::NOW);
    assert!(records.next().is_none());
    // What comes now is for nobody, and there would be more.
    more.send(host.url("/page/2")).unwrap();
    assert!(is_gone.recv().is_err());
    let progress = handle.progress();
    assert_eq!((progress.read, progress.done, progress.read_all), (1, 1, false));
}

#[test]
fn nothing_is_held_back_from_an_engine_that_was_behind() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let (sender, receiver) = mpsc::sync_channel::<String>(0);
    let mut records = engine(|_| ()).run(receiver).unwrap().blocking();
    for round in 0..3 {
        for number in 0..777 {
            sender.send(host.url(&format!("/page/{round}-{number}"))).unwrap();
        }
        // All of them come before the list says another word.
        assert_eq!(records.by_ref().take(777).filter(Result::is_ok).count(), 777);
    }
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a user's own runtime may do as it likes")]
async fn what_was_taken_as_a_stream_can_be_finished_blocking() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let mut records =
        engine(|_| ()).run((0..100).map(move |number| host.url(&format!("/page/{number}")))).unwrap();
    records.next().await.unwrap().unwrap();
    let rest = tokio::task::spawn_blocking(move || records.blocking().count()).await.unwrap();
    assert_eq!(rest, 99);
}

#[test]
fn what_waits_for_another_attempt_is_interrupted_not_lost() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::CloseAfterRequest);
    let records = engine(|config| config.retry_delay = Duration::from_secs(60)).run([host.url("/")]).unwrap();
    let handle = records.handle();
    wait_while(|| host.requests() == 0 || handle.progress().in_flight > 0);
    handle.stop(Stop::NOW);
    let records: Vec<Record> = records.blocking().map(Result::unwrap).collect();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].outcome, Outcome::Interrupted);
}

#[test]
fn a_list_that_breaks_off_ends_the_run_after_its_records() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    struct Broken(Vec<u8>);
    impl std::io::Read for Broken {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.0.is_empty() {
                return Err(std::io::Error::other("the cable was cut"));
            }
            let count = self.0.len().min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0.drain(..count);
            Ok(count)
        }
    }
    let list = format!("{}\n{}\n", host.url("/page/1"), host.url("/page/2"));
    let lines = List::new(Broken(list.into_bytes()), "urls.txt", ListOptions::default());
    let results: Vec<_> = engine(|_| ()).try_run(lines).unwrap().blocking().collect();
    assert_eq!(results.len(), 3);
    assert!(results[..2].iter().all(|result| result.as_ref().is_ok_and(|record| record.accepted)));
    let error = results[2].as_ref().unwrap_err();
    assert!(error.is_input());
    assert_eq!(error.to_string(), "cannot read urls.txt at line 3");
}

#[test]
fn limits_that_let_nothing_through_are_refused() {
    let mut config = Config::default();
    config.concurrency = 0;
    let error = Engine::new(config).unwrap_err();
    assert!(error.is_configuration());
    let mut config = Config::default();
    config.timeout = Duration::MAX;
    assert!(Engine::new(config).unwrap_err().is_configuration());
    let mut config = Config::default();
    config.extra_certificates = vec![b"no PEM at all".to_vec()];
    assert!(Engine::new(config).unwrap_err().is_configuration());
}

#[tokio::test]
async fn requests_have_their_own_method_and_headers() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let mut headers = http::HeaderMap::new();
    headers.insert("x-mine", http::HeaderValue::from_static("1"));
    let request = Request::new(host.url("/echo")).method(http::Method::PUT).headers(headers);
    let mut records = pin!(engine(|_| ()).run([request]).unwrap());
    let record = records.next().await.unwrap().unwrap();
    assert_eq!((record.method.as_str(), record.status_code), ("PUT", Some(200)));
    let seen = host.seen();
    assert_eq!(seen[0].method, "PUT");
    assert!(seen[0].headers.iter().any(|(name, value)| name == "x-mine" && value == "1"));
}

#[test]
fn a_request_can_bring_its_index() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let requests = [7, 3].map(|index| Request::new(host.url(&format!("/page/{index}"))).index(index));
    let records: Vec<Record> = engine(|_| ()).run(requests).unwrap().blocking().map(Result::unwrap).collect();
    for record in &records {
        assert_eq!(record.title, Some(format!("Page {}", record.index)));
    }
    assert_eq!(records.len(), 2);
}

#[test]
fn what_is_in_doubt_is_not_sent() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let request = Request::new(host.url("/page/1")).method(http::Method::POST).in_doubt();
    let records: Vec<Record> =
        engine(|_| ()).run([request]).unwrap().blocking().map(Result::unwrap).collect();
    let error = records[0].error.as_ref().map(|error| (error.phase, error.kind));
    assert_eq!((records[0].outcome, error), (Outcome::Failed, Some((Phase::Policy, Kind::InDoubt))));
    assert!(records[0].failed && host.requests() == 0);
}

#[test]
fn unsafe_requests_wait_for_consent() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let url = host.url("/page/1");
    let methods = [http::Method::POST, http::Method::GET, http::Method::DELETE];
    let (engine, mut intents) = engine(|_| ()).ask_before_sending();
    let requests = methods.map(|method| Request::new(&url).method(method));
    let mut records = engine.run(requests).unwrap().blocking();
    drop(engine);
    // Only the GET is sent unasked.
    assert_eq!(records.next().unwrap().unwrap().index, 1);
    assert_eq!(host.requests(), 1);
    let mut waiting: Vec<_> = (0..2).map(|_| intents.blocking_recv().unwrap()).collect();
    waiting.sort_by_key(headcount::Intent::index);
    let refused = waiting.pop().unwrap();
    assert_eq!((waiting[0].index(), refused.index()), (0, 2));
    waiting.pop().unwrap().allow();
    assert_eq!(records.next().unwrap().unwrap().index, 0);
    assert_eq!(host.seen().last().unwrap().method, "POST");
    drop((refused, intents));
    let last = records.next().unwrap().unwrap();
    assert_eq!(last.error.map(|error| (error.phase, error.kind)), Some((Phase::Local, Kind::Disk)));
    assert_eq!(host.requests(), 2);
}

#[test]
fn no_run_takes_less_than_its_ideal() {
    let web = SmallWeb::start().unwrap();
    let silent = web.host(Temperament::Silent);
    for count in [1, 2, 4] {
        let records = engine(|config| (config.timeout, config.retries) = (Duration::from_millis(300), 0));
        let records = records.run(vec![silent.url("/"); count]).unwrap();
        let handle = records.handle();
        assert_eq!(records.blocking().count(), count);
        let verdict = handle.verdict().unwrap();
        let ideal = Duration::from_secs_f64(verdict.ideal.seconds);
        assert!(ideal <= verdict.took, "{count}: {verdict:#?}");
    }
}

#[test]
fn a_robots_txt_is_fetched_once_however_often_its_host_comes_again() {
    let web = SmallWeb::start().unwrap();
    let answer = |request: &small_web::Request| match request.target.as_str() {
        "/robots.txt" => Answer::status(200).body("User-agent: *\nDisallow: /private\n").reply(request),
        _ => Answer::well_behaved(request).reply(request),
    };
    let hosts: Vec<Host> = (0..2).map(|_| web.host(Temperament::scripted(answer))).collect();
    // Each input comes when the one before it has ended: a host has no work left, and comes again.
    let (sender, urls) = mpsc::sync_channel::<String>(1);
    let mut records = engine(|config| config.robots = true).run(urls).unwrap().blocking();
    for number in 0..10 {
        let path = if number % 4 < 2 { "/private" } else { "/page/1" };
        sender.send(hosts[number % 2].url(path)).unwrap();
        let record = records.next().unwrap().unwrap();
        let is_refused = record.error.is_some_and(|failure| failure.kind == Kind::Robots);
        assert_eq!(is_refused, path == "/private", "{number}");
    }
    for host in &hosts {
        let targets: Vec<String> = host.seen().into_iter().map(|seen| seen.target).collect();
        assert_eq!(targets, ["/robots.txt", "/page/1", "/page/1"]);
    }
}

/// Each of these names takes 300 ms, and only one is looked for at a time.
#[test]
fn names_wait_for_their_turn_to_be_resolved_and_no_deadline_runs_meanwhile() {
    let web = SmallWeb::start().unwrap();
    let server = web.name_server(|_name| NameAnswer::Silence);
    for robots in [false, true] {
        let engine = engine(|config| {
            config.name_servers = vec![server.address()];
            config.max_lookups = 1;
            config.connect_timeout = Duration::from_millis(300);
            config.timeout = Duration::from_millis(1_200);
            (config.retries, config.robots) = (0, robots);
        });
        let urls = (0..6).map(|number| format!("http://host-{number}.example/")).collect();
        let begun = Instant::now();
        for record in check(&engine, urls) {
            let failure = record.error.as_ref().unwrap();
            assert_eq!((failure.phase, failure.kind), (Phase::Dns, Kind::Timeout));
            assert!(!failure.message.contains("within 0.000 s"), "{}", failure.message);
        }
        assert!(begun.elapsed() >= Duration::from_millis(6 * 300), "several names at once; robots: {robots}");
    }
}

fn who_takes_the_records_need_not_wait_for_an_engine_that_does_not_end() {
    let (release, released) = mpsc::sync_channel::<()>(1);
    // A stream that blocks, which it must not, holds up the loop that polls it.
    let stuck = stream::poll_fn(move |_| {
        let _ = released.recv();
        std::task::Poll::Ready(None::<String>)
    });
    let records = engine(|config| config.loops = Some(1)).run_stream(stuck).unwrap();
    records.handle().stop(Stop::NOW);
    records.handle().give_up();
    let mut records = records.blocking();
    assert!(records.next().unwrap().unwrap_err().is_runtime());
    release.send(()).unwrap();
    let rest: Vec<_> = records.collect();
    assert!(rest.is_empty(), "{rest:?}");
}

#[test]
fn a_stream_that_is_waited_for_is_no_error_of_a_run_that_is_stopped() {
    let web = SmallWeb::start().unwrap();
    let url = web.host(Temperament::Fast).url("/page/1");
    let endless = stream::iter([url]).chain(stream::pending());
    let records = engine(|_| ()).run_stream(endless).unwrap();
    let handle = records.handle();
    let mut records = records.blocking();
    assert!(records.next().unwrap().unwrap().accepted);
    handle.stop(Stop::NOW);
    assert!(records.next().is_none());
}
