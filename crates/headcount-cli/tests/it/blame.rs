//! Whose fault a failure is: this machine's, when hosts that have nothing to do with each other fail alike, and else theirs.

use std::time::Duration;

use small_web::{NameAnswer, SmallWeb, Temperament};

use crate::harness::{Desk, end_of};

#[test]
fn no_host_is_to_blame_for_a_name_server_that_says_nothing() {
    let web = SmallWeb::start().unwrap();
    let server = web.name_server(|_name| NameAnswer::Silence);
    let list: String = (0..60).map(|number| format!("http://host-{number}.example/\n")).collect();
    let words = format!(
        "- -j -c 20 --dns-server {} --connect-timeout 300ms --local-wait 2s --retries 0",
        server.address()
    );
    let ended = Desk::new().check_stdin(&words, &list);
    assert!(ended.stderr.contains("no name server answers; asking again"), "{}", ended.stderr);
    let ends: Vec<String> = ended.records().iter().map(end_of).collect();
    // The first of them could not know yet.
    let (early, local): (Vec<&String>, Vec<&String>) = ends.iter().partition(|end| *end == "dns/timeout");
    assert!(early.len() < 24 && local.iter().all(|end| *end == "local/resolver"), "{ends:?}");
    assert_eq!(ends.len(), 60);
}

#[test]
fn a_list_of_dead_links_is_no_outage() {
    let web = SmallWeb::start().unwrap();
    let mut list: String = (0..60).map(|_| format!("http://{}/\n", web.refused_address())).collect();
    for _ in 0..30 {
        list += &web.host(Temperament::Silent).url("/\n");
    }
    let ended = Desk::new().check_stdin("- -j --timeout 500ms --retries 0", &list);
    let ends: Vec<String> = ended.records().iter().map(end_of).collect();
    assert!(ends[..60].iter().all(|end| end == "connect/refused"), "{ends:?}");
    assert!(ends[60..].iter().all(|end| end == "headers/timeout"), "{ends:?}");
    assert!(!ended.stderr.contains("warning"), "{}", ended.stderr);
}

#[test]
fn a_run_finds_how_many_requests_at_once_make_it_fastest() {
    let web = SmallWeb::start().unwrap();
    let hosts = web.many_hosts(Temperament::Slow(Duration::from_millis(250)));
    let list: String = (0..2_500).map(|number| hosts.url(number, "/page/1\n")).collect();
    let ended = Desk::new().check_stdin("- -c auto", &list);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(hosts.most_in_flight() > 120, "{} at once", hosts.most_in_flight());
}
