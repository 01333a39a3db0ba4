//! What is sent, as nginx hears it: bodies, names and passwords, rows that say how to ask; and what is learnt of answers.

use crate::harness::{Desk, end_of};
use crate::http::desk;
use crate::nginx::Nginx;

#[test]
fn bodies_of_flags_and_rows_arrive() {
    let nginx = Nginx::start();
    let desk = desk(&nginx);
    desk.write("body", "b=2");
    for (base, row) in [(nginx.plain("/post"), 1), (nginx.encrypted("/post"), 2)] {
        let check = |arguments: &[&str]| {
            let ended = desk.run(&[&["check", &base, "--cacert", "ca.pem"], arguments].concat());
            assert_eq!(end_of(&ended.record()), "200");
            nginx.seen().iter().rfind(|line| line.contains(" /post ")).unwrap().clone()
        };
        let form = "application/x-www-form-urlencoded";
        assert!(
            check(&["-d", "a=1", "-d", "@body"]).ends_with(&format!("type={form} length=7 body=a=1&b=2"))
        );
        assert!(check(&["--json", "[1]"]).ends_with("type=application/json length=3 body=[1]"));
        assert!(check(&["-X", "PUT", "-d", "x"]).contains(" PUT /post "));
        let list = format!(
            r#"{{"url": "{base}", "method": "PATCH", "headers": {{"X-Key": "k{row}"}}, "body": {{"a": 1}}, "id": 7}}"#
        );
        let record = desk.check_stdin("- --cacert ca.pem --list-format jsonl", &list).record();
        assert_eq!((end_of(&record).as_str(), &record["input_fields"]["id"]), ("200", &7.into()), "{record}");
        let line = nginx.seen().iter().rfind(|line| line.contains(" /post ")).unwrap().clone();
        assert!(line.contains(" PATCH /post ") && line.contains(&format!("key=k{row} ")), "{line}");
        assert!(line.ends_with(r#"type=application/json length=8 body={\"a\": 1}"#), "{line}");
    }
}

#[test]
fn basic_authentication_lets_in_whom_nginx_knows() {
    let nginx = Nginx::start();
    let end = |url: String, words: &str| {
        let ended = desk(&nginx).check(&format!("{url} --cacert ca.pem --retries 0 -v {words}"));
        assert!(!(ended.stdout.clone() + &ended.stderr).contains("s3cret"), "{}", ended.stdout);
        end_of(&ended.record())
    };
    for url in [nginx.plain("/private"), nginx.encrypted("/private")] {
        assert_eq!(end(url.clone(), ""), "401");
        assert_eq!(end(url.clone(), "--user me:wrong"), "401");
        assert_eq!(end(url.clone(), "--user me:s3cret"), "200");
        assert_eq!(end(url.replace("://", "://me:s3cret@"), ""), "200");
    }
}

#[test]
fn what_nginx_sends_is_learnt_as_it_was_asked_for() {
    let nginx = Nginx::start();
    let arguments =
        ["check", &nginx.plain("/fields"), "--header-field", "x-cache", "--header-field", "server"];
    let extraction = [
        "--extract",
        "version=/version/number",
        "--extract",
        r"digit=re:number.: (\d)",
        "--hash",
        "sha256",
        "--body-dir",
        "bodies",
    ];
    let desk = Desk::new();
    let record = desk.run(&[&arguments[..], &extraction].concat()).record();
    let body = r#"{"version": {"number": 7}}"#;
    assert_eq!(
        (&record["extracted"]["version"], &record["extracted"]["digit"]),
        (&7.into(), &"7".into()),
        "{record}"
    );
    assert!(record["header_fields"]["server"].as_str().unwrap().starts_with("nginx/"), "{record}");
    assert_eq!(record["header_fields"]["x-cache"], serde_json::json!(["HIT", "SECOND"]), "{record}");
    use sha2::Digest;
    let hash: String = sha2::Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(record["body_sha256"], hash.as_str());
    assert_eq!(desk.read(record["body_file"].as_str().unwrap()), body);
    let css = desk.check(&format!("{} --extract heading=title", nginx.plain("/page.html"))).record();
    assert_eq!(css["extracted"]["heading"], "A page", "{css}");
}
