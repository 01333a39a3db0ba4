//! Names as a real resolver gives them: Unbound, with a zone of its own.

use crate::harness::{Desk, Ended, end_of};
use crate::nginx::Nginx;
use crate::server::{Place, Server, free_port, program};

/// Unbound, for names below `headcount.test` and nothing else.
fn unbound() -> Server {
    let place = Place::new();
    let port = free_port();
    // More addresses than an answer over UDP can hold.
    let many: String = (1..=120)
        .map(|number| format!("local-data: \"many.headcount.test. 300 IN A 127.0.0.{number}\"\n"))
        .collect();
    let file = place.write(
        "unbound.conf",
        format!(
            r#"server:
                interface: 127.0.0.1@{port}
                do-ip6: no
                do-daemonize: no
                use-syslog: no
                username: ""
                chroot: ""
                directory: "."
                pidfile: "unbound.pid"
                module-config: "iterator"
                max-udp-size: 512
                log-queries: yes
                verbosity: 1
                local-zone: "headcount.test." static
                local-data: "a.headcount.test. 300 IN A 127.0.0.1"
                local-data: "brief.headcount.test. 0 IN A 127.0.0.1"
                local-data: "both.headcount.test. 300 IN A 127.0.0.1"
                local-data: "both.headcount.test. 300 IN AAAA ::1"
                local-data: "six.headcount.test. 300 IN AAAA ::1"
                local-data: "xn--bcher-kva.headcount.test. 300 IN A 127.0.0.1"
                local-data: "text.headcount.test. 300 IN TXT words"
                {many}
            # Whom it never asks.
            forward-zone:
                name: "broken.example."
                forward-addr: 127.0.0.1
            remote-control:
                control-enable: no
            "#
        ),
    );
    place.start(program("unbound").arg("-c").arg(file), port)
}

/// How often Unbound was asked for the addresses of a name, of both families.
fn questions(unbound: &Server, name: &str) -> usize {
    let asked =
        |line: &str| line.contains(&format!(" {name}. A IN")) || line.contains(&format!(" {name}. AAAA IN"));
    unbound.place.read("said").lines().filter(|line| asked(line)).count()
}

fn check(nginx: &Nginx, unbound: &Server, name: &str, words: &str) -> Ended {
    let words = format!(
        "http://{name}:{}/done --dns-server {} --retries 0 {words}",
        nginx.plain_port(),
        unbound.address
    );
    Desk::new().check(&words)
}

#[test]
fn names_are_found_or_not_as_the_resolver_says() {
    let (nginx, unbound) = (Nginx::start(), unbound());
    let end = |name: &str, words: &str| end_of(&check(&nginx, &unbound, name, words).record());
    assert_eq!(end("a.headcount.test", ""), "200");
    assert_eq!(end("A.Headcount.TEST", ""), "200");
    assert_eq!(end("bücher.headcount.test", ""), "200");
    assert_eq!(end("missing.headcount.test", ""), "dns/not_found", "NXDOMAIN");
    assert_eq!(end("text.headcount.test", ""), "dns/not_found", "a name without addresses");
    assert_eq!(end("a.broken.example", ""), "dns/server_failure", "SERVFAIL");
    assert_eq!(end("a.headcount.test", "-6"), "dns/not_found");
    assert_eq!(end("six.headcount.test", "-4"), "dns/not_found");
    assert_eq!(end("six.headcount.test", "-6"), "connect/refused", "nginx has no IPv6 here");
}

#[test]
fn both_families_are_tried_and_what_is_fixed_is_not_asked_for() {
    let (nginx, unbound) = (Nginx::start(), unbound());
    let both = check(&nginx, &unbound, "both.headcount.test", "").record();
    assert_eq!((end_of(&both).as_str(), &both["host_ip"]), ("200", &"127.0.0.1".into()));
    assert_eq!(questions(&unbound, "both.headcount.test"), 2);
    let fixed = format!("--resolve other.headcount.test:{}:127.0.0.1", nginx.plain_port());
    assert_eq!(end_of(&check(&nginx, &unbound, "other.headcount.test", &fixed).record()), "200");
    assert_eq!(questions(&unbound, "other.headcount.test"), 0);
}

#[test]
fn an_answer_too_long_for_a_datagram_is_asked_for_again_over_tcp() {
    let (nginx, unbound) = (Nginx::start(), unbound());
    assert_eq!(end_of(&check(&nginx, &unbound, "many.headcount.test", "-4").record()), "200");
}

#[test]
fn addresses_are_kept_for_as_long_as_the_resolver_says() {
    let (nginx, unbound) = (Nginx::start(), unbound());
    // Each request makes a connection of its own.
    let run = |name: &str| {
        let urls: String =
            (0..8).map(|number| format!("http://{name}:{}/close?{number}\n", nginx.plain_port())).collect();
        let words = format!("- -4 --per-host 1 --dns-server {}", unbound.address);
        let records = Desk::new().check_stdin(&words, &urls).records();
        assert!(records.iter().all(|record| end_of(record) == "200"), "{records:?}");
        questions(&unbound, name)
    };
    assert_eq!(run("a.headcount.test"), 1);
    assert_eq!(run("brief.headcount.test"), 8);
}
