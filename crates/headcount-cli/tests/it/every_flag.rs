//! Every flag of `check` is shown by a test through the binary, and says what is wrong with a wrong value.

use std::fs;
use std::path::Path;

use crate::harness::Desk;
use crate::usage::flags;

/// A flag and its short name, the test that shows what it does, and wrong lines with what is said of each.
type Shown = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// No value of it is wrong, or it takes none: what is said then is the same for all.
const NONE: &[(&str, &str)] = &[];

const A_TIME: &str = "it takes a time such as 10, 10s, 500ms or 2m";
const A_COUNT: &str = "it takes a whole number from 1 on";
const A_RATE: &str = "it takes requests a second, such as 50, 0.5, 100/m or 1000/h";
const BYTES: &str = "it takes a number of bytes such as 65536, 64k or 1M";

#[rustfmt::skip]
const FLAGS: &[Shown] = &[
    ("--config", "config::a_file_says_what_flags_would", &[("--config missing.toml", "cannot read missing.toml: ")]),
    ("--list -l", "lists::lists_and_urls_can_be_named_for_what_they_are", &[("-l missing.txt", "cannot open missing.txt: ")]),
    // What is no URL gets a record that says so.
    ("--url -u", "lists::lists_and_urls_can_be_named_for_what_they_are", NONE),
    ("--list-format", "lists::a_pipe_says_what_it_is_in_its_first_line_or_is_told", &[("--list-format xml", "it takes auto, lines, csv, tsv, jsonl")]),
    ("--column", "lists::the_column_has_the_name_that_it_is_given", &[("--column=", "--column needs a value")]),

    ("--method -X", "flags::the_request_is_as_it_was_asked_for", &[("-X TWO,WORDS", "a method is a single word"), ("-X CONNECT", "asks for a tunnel")]),
    ("--header -H", "flags::the_request_is_as_it_was_asked_for", &[("-H no-colon", "it has no colon"), ("-H @missing", "cannot read missing: ")]),
    ("--data -d", "requests::a_body_is_sent_as_it_was_given", &[("-d @missing", "cannot read missing: ")]),
    ("--json", "requests::a_body_is_sent_as_it_was_given", &[("--json {x", "--json holds no JSON")]),
    ("--user", "requests::name_and_password_are_sent_home_and_shown_nowhere", &[("--user me", "--user has no password")]),
    ("--user-agent -A", "flags::the_request_is_as_it_was_asked_for", &[("-A \u{1}", "it holds control characters")]),

    ("--accept", "flags::accept_decides_what_is_well", &[("--accept ok", "\"ok\" is not a status"), ("--accept 200..=99", "\"99\" is not a status")]),
    ("--max-redirects", "flags::redirects_are_followed_as_far_as_said", &[("--max-redirects ten", "it takes a whole number from 0 on")]),
    ("--allow-private-redirects", "proxies::who_is_reached_through_a_proxy_sends_nobody_inside", NONE),
    ("--max-body", "flags::a_long_body_is_cut_and_said_to_be", &[("--max-body 1T", BYTES)]),
    ("--max-ratio", "flags::what_unpacks_to_more_than_it_may_is_cut", &[("--max-ratio 0", A_COUNT)]),

    ("--header-field", "learning::fields_of_the_header_come_as_text_as_several_or_as_null", &[("--header-field a:b", "it is no name of a header field")]),
    ("--extract", "learning::what_is_extracted_stands_under_its_name", &[("--extract price", "it is written name=SELECTOR")]),
    ("--hash", "learning::the_hash_is_that_of_the_body_as_far_as_it_was_read", &[("--hash md6", "it takes sha256")]),
    ("--body-dir", "learning::bodies_are_kept_under_names_that_are_theirs", &[("--body-dir urls.txt/bodies", "cannot make the folder urls.txt/bodies: ")]),

    ("--timeout", "flags::deadlines_end_what_does_not_end_by_itself", &[("--timeout 0", "it must be longer than zero"), ("--timeout soon", A_TIME), ("--timeout -5", A_TIME)]),
    ("--connect-timeout", "flags::deadlines_end_what_does_not_end_by_itself", &[("--connect-timeout 5x", A_TIME)]),
    ("--http1", "http2::http1_and_http2_can_be_insisted_on", &[("--http1 --http2", "cannot be used with --http2")]),
    ("--http2", "http2::a_header_beyond_the_limit_is_too_large_and_one_requests_affair", NONE),

    ("--dns-server", "names::the_name_server_that_was_named_is_asked_and_a_name_of_any_script_is_found", &[("--dns-server ns.example", "it takes an IP address")]),
    ("--resolve", "names::resolve_says_where_a_host_is", &[("--resolve a.example", "it takes host:port:address")]),
    ("--ipv4 -4", "names::a_family_can_be_insisted_on", &[("-4 -6", "--ipv4 cannot be used with --ipv6")]),
    ("--ipv6 -6", "names::a_family_can_be_insisted_on", NONE),

    ("--proxy -x", "proxies::an_http_proxy_fetches_plain_urls_and_tunnels_the_others", &[("-x ftp://a.example", "proxies of kind \"ftp\" are not spoken")]),
    ("--noproxy", "proxies::the_environment_names_proxies_and_exceptions", &[("--noproxy http://a.example", "a host is a name or an address"), ("--noproxy a.example,10.0.0.0/33", "\"10.0.0.0/33\" is neither host nor network")]),

    ("--insecure -k", "flags::certificates_are_verified_unless_told_otherwise", NONE),
    ("--cacert", "flags::certificates_are_verified_unless_told_otherwise", &[("--cacert missing.pem", "cannot read missing.pem: "), ("--cacert urls.txt", "holds no certificate in PEM")]),
    ("--cert", "tls::a_client_certificate_lets_in_whom_the_host_wants", &[("--cert missing.pem", "cannot read missing.pem: "), ("--cert urls.txt", "urls.txt with urls.txt cannot be used: ")]),
    ("--key", "tls::a_client_certificate_lets_in_whom_the_host_wants", &[("--key key.pem", "--cert <FILE> is missing")]),
    ("--tls-info", "tls::tls_info_keeps_what_certificates_say_of_every_request", NONE),

    ("--per-host", "flags::concurrency_and_per_host_hold", &[("--per-host 0", A_COUNT)]),
    ("--rate", "politeness::rates_and_delays_are_kept", &[("--rate 0", A_RATE), ("--rate 1/d", A_RATE)]),
    ("--host-rate", "politeness::rates_and_delays_are_kept", &[("--host-rate fast", A_RATE)]),
    ("--delay", "politeness::rates_and_delays_are_kept", &[("--delay long", A_TIME)]),
    ("--per-ip", "politeness::hosts_behind_one_address_can_share_a_pace", NONE),
    ("--robots", "politeness::robots_txt_is_kept_to_on_request", NONE),
    ("--max-hold", "politeness::who_asks_for_longer_than_the_run_waits_is_left_alone_at_once", &[("--max-hold never", A_TIME)]),
    ("--explain", "politeness::how_a_pace_was_found_is_explained", &[("--explain=", "--explain needs a value")]),

    ("--retries", "flags::retries_are_as_many_as_said", &[("--retries -1", "it takes a whole number from 0 on")]),
    ("--retry-delay", "flags::a_retry_waits", &[("--retry-delay 1y", A_TIME)]),
    ("--retry-max-time", "flags::no_retry_begins_too_late", &[("--retry-max-time x", A_TIME)]),

    ("--concurrency -c", "flags::concurrency_and_per_host_hold", &[("-c 0", "it takes a whole number from 1 on, or auto"), ("--concurrency many", A_COUNT)]),
    ("--loops", "scale::there_are_as_many_event_loops_as_were_asked_for", &[("--loops 0", A_COUNT)]),
    ("--memory", "scale::what_is_read_ahead_fits_into_the_memory_and_the_disk_that_it_may_take", &[("--memory much", BYTES)]),
    ("--disk", "scale::what_is_read_ahead_fits_into_the_memory_and_the_disk_that_it_may_take", &[("--disk -1", BYTES)]),
    ("--grace", "interruption::the_end_comes_with_the_end_of_the_grace", &[("--grace never", A_TIME)]),

    ("--output -o", "outputs::a_json_file_is_an_array_in_the_order_of_the_list", &[("-o report.xyz", "does not say a format"), ("-o missing/report.json", "cannot write missing/report.json: ")]),
    ("--format -f", "outputs::a_jsonl_file_and_standard_output_get_a_line_for_each", &[("-f yaml", "it takes table, json, jsonl")]),
    ("--jsonl -j", "outputs::a_jsonl_file_and_standard_output_get_a_line_for_each", &[("-f json -j", "--format cannot be used with --jsonl")]),
    ("--fields", "several_outputs::fields_and_records_are_chosen_for_every_output", &[("--fields nothing", "there is no field nothing")]),
    ("--where", "several_outputs::fields_and_records_are_chosen_for_every_output", &[("--where nothing", "there is no field nothing")]),
    ("--raw-csv", "flags::reports_have_the_title_and_the_rows_that_were_asked_for", NONE),
    ("--html-rows", "flags::reports_have_the_title_and_the_rows_that_were_asked_for", &[("--html-rows 0", A_COUNT)]),
    ("--title", "flags::reports_have_the_title_and_the_rows_that_were_asked_for", NONE),
    ("--quiet -q", "flags::quiet_verbose_and_the_summary", NONE),
    ("--verbose -v", "flags::quiet_verbose_and_the_summary", &[("-q -v", "--quiet cannot be used with --verbose")]),
    ("--no-progress", "terminal::there_are_a_table_and_a_line_of_progress", NONE),
    ("--color", "flags::colour_is_for_terminals_or_on_request", &[("--color blue", "it takes auto, always, never")]),

    ("--resume", "disk::a_failed_sync_ends_the_run_and_leaves_what_can_be_gone_on_with", &[("--resume", "--resume needs an output that has a journal")]),
    ("--restart", "resume::an_unfinished_journal_is_neither_overwritten_nor_forgotten", &[("--restart", "--restart needs an output that has a journal")]),
    ("--retry-failed", "resume::what_failed_is_asked_again_and_merged", &[("--retry-failed=weather", "\"weather\" is none of all, interrupted, input, dns")]),
    ("--no-journal", "resume::flags_of_the_journal_need_one", &[("--no-journal --resume", "cannot be used with")]),
    ("--resend-in-doubt", "resume::what_may_have_been_sent_is_not_sent_again_unless_it_may_be", NONE),
    ("--durable", "resume::a_durable_run_is_as_any_other", &[("--durable", "--durable needs an output that has a journal")]),
    ("--local-wait", "blame::no_host_is_to_blame_for_a_name_server_that_says_nothing", &[("--local-wait x", A_TIME)]),
];

/// The tests' own source, from the test of this name to its end.
fn source(test: &str) -> String {
    let (file, name) = test.split_once("::").unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/{file}.rs"));
    let text = fs::read_to_string(path).unwrap();
    let (_, body) =
        text.split_once(&format!("#[test]\nfn {name}() {{\n")).unwrap_or_else(|| panic!("no test {test}"));
    body.split_once("\n}\n").unwrap().0.to_owned()
}

#[test]
fn each_is_shown_by_a_test() {
    let mut known = flags(&Desk::new().run(&["completions", "bash"]).stdout, "check");
    known.retain(|flag| flag != "--help");
    known.sort();
    let mut shown: Vec<&str> = FLAGS.iter().map(|(flag, ..)| flag.split(' ').next().unwrap()).collect();
    shown.sort_unstable();
    assert_eq!(known, shown);
    for (names, test, _) in FLAGS {
        let body = source(test);
        let mut words = body.split(|character: char| !(character.is_alphanumeric() || character == '-'));
        assert!(words.any(|word| names.split(' ').any(|name| name == word)), "{test} has no {names}");
    }
}

#[test]
fn each_says_what_is_wrong_with_a_wrong_value() {
    let desk = Desk::new();
    desk.write("urls.txt", "http://127.0.0.1:1/\n");
    let complaint = |words: &str| {
        let ended = desk.check(&format!("urls.txt {words}"));
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""), "{words}: {}", ended.stderr);
        assert!(ended.stderr.starts_with("error: ") && ended.stderr.contains("\nhint: "), "{}", ended.stderr);
        ended.stderr
    };
    let help = desk.run(&["check", "--help"]).stdout;
    for (names, _, wrong) in FLAGS {
        let flag = names.split(' ').next().unwrap();
        for (words, expected) in *wrong {
            let said = complaint(words);
            assert!(said.contains(expected), "{words}: {said}");
        }
        let takes_value = [" <", "[="].iter().any(|sign| help.contains(&format!("{flag}{sign}")));
        if !takes_value {
            assert!(complaint(&format!("{flag}=value")).contains(&format!("error: {flag} takes no value\n")));
        }
        let may_be_any_text = ["--url", "--title"].contains(&flag);
        assert_eq!(takes_value && wrong.is_empty(), may_be_any_text, "{flag} has no wrong value here");
    }
    assert_eq!(desk.names(), ["urls.txt"], "nothing was made");
}
