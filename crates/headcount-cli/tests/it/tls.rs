//! TLS: why a certificate was refused, what it says, and the client's own.

use small_web::{Certificate, Http2Manners, Http2Reply, SmallWeb, Temperament};

use crate::harness::{Desk, end_of};

#[test]
fn a_record_says_why_a_certificate_was_refused() {
    let web = SmallWeb::start().unwrap();
    let desk = Desk::new();
    desk.write("ca.pem", web.authority_pem());
    let reason = |certificate, words: &str| {
        let host = web.tls_host(Temperament::Fast, certificate);
        let record = desk.check(&format!("{} --retries 0 {words}", host.url("/"))).record();
        assert_eq!(end_of(&record), "tls/certificate");
        let message = record["error"]["message"].as_str().unwrap();
        assert!(!message.contains("Error(") && !message.contains(" {"), "not for people: {message}");
        record["error"]["reason"].as_str().unwrap().to_owned()
    };
    for words in ["--cacert ca.pem", "--cacert ca.pem --tls-info"] {
        assert_eq!(reason(Certificate::Expired, words), "expired");
        assert_eq!(reason(Certificate::NotYetValid, words), "not_yet_valid");
        assert_eq!(reason(Certificate::WrongName, words), "wrong_name");
        assert_eq!(reason(Certificate::SelfSigned, words), "self_signed");
    }
    assert_eq!(reason(Certificate::Good, ""), "unknown_issuer");
    let other = desk.check(&format!("{} --retries 0", web.host(Temperament::Silent).url("/"))).record();
    assert!(other["error"].get("reason").is_none(), "{other}");
}

#[test]
fn a_certificate_that_is_its_own_authority_is_believed_where_it_was_named() {
    let web = SmallWeb::start().unwrap();
    let desk = Desk::new();
    desk.write("ca.pem", web.authority_pem());
    desk.write("own.pem", web.own_authority_pem());
    let host = web.tls_host(Temperament::Fast, Certificate::OwnAuthority);
    let record = |words: &str| desk.check(&format!("{} --retries 0 {words}", host.url("/page/1"))).record();
    assert_eq!(end_of(&record("--cacert own.pem")), "200");
    assert_eq!(end_of(&record("--cacert ca.pem --cacert own.pem --tls-info")), "200");
    let refused = record("--cacert ca.pem");
    assert_eq!(
        (end_of(&refused), &refused["error"]["reason"]),
        ("tls/certificate".to_owned(), &"self_signed".into())
    );
    let port = host.address().port();
    let other =
        format!("https://other.example:{port}/ --resolve other.example:{port}:127.0.0.1 --cacert own.pem");
    let other = desk.check(&format!("{other} --retries 0")).record();
    assert_eq!(
        (end_of(&other), &other["error"]["reason"]),
        ("tls/certificate".to_owned(), &"wrong_name".into())
    );
}

#[test]
fn tls_info_keeps_what_certificates_say_of_every_request() {
    let web = SmallWeb::start().unwrap();
    let desk = Desk::new();
    desk.write("ca.pem", web.authority_pem());
    let one = web.tls_host(Temperament::Fast, Certificate::Good);
    let two = web.http2_host(Some(Certificate::Good), Http2Manners::default(), |request| {
        Http2Reply::Answer(small_web::Answer::well_behaved(request))
    });
    let list: String =
        (0..6).flat_map(|number| [&one, &two].map(|host| host.url(&format!("/page/{number}\n")))).collect();
    for record in desk.check_stdin("- --cacert ca.pem --tls-info", &list).records() {
        let facts = &record["certificate"];
        assert_eq!(facts["issuer"], "CN=Small web authority", "{record}");
        assert_eq!(facts["subject"], "CN=localhost");
        assert_eq!(facts["names"], serde_json::json!(["localhost", "127.0.0.1", "::1", "*.small-web.test"]));
        assert!(facts["not_after"].as_str().unwrap().ends_with('Z'), "{facts}");
        assert_eq!(facts["fingerprint_sha256"].as_str().unwrap().len(), 64);
    }
    // Also of one that was refused, or that nobody verified; and of none unless it is asked for.
    let expired = web.tls_host(Temperament::Fast, Certificate::Expired).url("/");
    for words in ["--cacert ca.pem", "--insecure"] {
        let record = desk.check(&format!("{expired} --tls-info --retries 0 {words}")).record();
        assert_eq!(record["certificate"]["not_after"], "2021-01-01T00:00:00Z", "{record}");
    }
    assert!(desk.check(&format!("{expired} -k")).record().get("certificate").is_none());
    let plain = web.host(Temperament::Fast).url("/");
    assert!(desk.check(&format!("{plain} --tls-info")).record().get("certificate").is_none());
    desk.check(&format!("{expired} -k --tls-info -o facts.csv -q"));
    assert!(desk.read("facts.csv").contains("2021-01-01T00:00:00Z"));
}

#[test]
fn a_client_certificate_lets_in_whom_the_host_wants() {
    let web = SmallWeb::start().unwrap();
    let desk = Desk::new();
    let (certificate, key) = web.member_pem();
    desk.write("me.pem", certificate);
    desk.write("me.key", key);
    desk.write("both.pem", [certificate, key].concat());
    desk.write("other.key", SmallWeb::start().unwrap().member_pem().1);
    let url = web.members_host(Temperament::Fast).url("/page/1");
    let end = |words: &str| end_of(&desk.check(&format!("{url} -k --retries 0 {words}")).record());
    assert_eq!(end("--cert me.pem --key me.key"), "200");
    assert_eq!(end("--cert both.pem"), "200");
    assert_eq!(end(""), "tls/handshake");
    for wrong in
        ["--cert me.pem", "--cert me.key", "--cert me.pem --key other.key", "--cert no.pem", "--key me.key"]
    {
        let ended = desk.check(&format!("{url} -k {wrong}"));
        assert_eq!(ended.code, Some(3), "{wrong}: {}", ended.stderr);
        assert!(ended.stderr.starts_with("error: ") && ended.stderr.contains("hint: "), "{}", ended.stderr);
    }
}

#[test]
fn diff_tells_another_certificate_and_one_that_runs_out() {
    let web = SmallWeb::start().unwrap();
    let desk = Desk::new();
    let url = web.tls_host(Temperament::Fast, Certificate::Good).url("/page/1");
    desk.check(&format!("{url} -k --tls-info -o old.jsonl -q"));
    let old = desk.read("old.jsonl");
    let record: serde_json::Value = serde_json::from_str(old.trim()).unwrap();
    let facts = &record["certificate"];
    let with = |field: &str, value: &str| old.replace(facts[field].as_str().unwrap(), value);
    desk.write("same.jsonl", &old);
    desk.write("other.jsonl", with("fingerprint_sha256", &"0".repeat(64)));
    // As if the same one had been seen nine days before its end.
    let soon = record["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap()
        + jiff::SignedDuration::from_hours(9 * 24 + 1);
    desk.write("soon.jsonl", with("not_after", &soon.to_string()));
    let diff = |new: &str| desk.run(&["diff", "old.jsonl", new]);
    assert_eq!(diff("same.jsonl").code, Some(0));
    let other = diff("other.jsonl");
    assert!(
        other.stdout.contains("certificate") && other.stdout.contains("CN=localhost"),
        "{}",
        other.stdout
    );
    let soon = diff("soon.jsonl");
    assert!(soon.stdout.contains("9 days left"), "{}", soon.stdout);
}
