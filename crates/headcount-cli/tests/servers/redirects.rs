//! Redirects as nginx sends them: methods, chains, circles, cookies, and what goes to another origin.

use serde_json::Value;

use crate::harness::{Desk, end_of};
use crate::nginx::Nginx;

fn check(url: &str, arguments: &[&str]) -> Value {
    Desk::new().run(&[&["check", url, "--retries", "0"], arguments].concat()).record()
}

/// Method and body of the request that came through, as the server behind nginx's own proxy was asked for it.
fn arrived(nginx: &Nginx) -> (String, String) {
    let seen = nginx.seen();
    let line = seen.iter().rfind(|line| line.contains(" /post ")).unwrap();
    (line.split(' ').nth(2).unwrap().to_owned(), line.split(" body=").nth(1).unwrap().to_owned())
}

#[test]
fn methods_change_and_bodies_go_as_browsers_have_it() {
    let nginx = Nginx::start();
    for (status, method, body) in
        [(301, "GET", ""), (302, "GET", ""), (303, "GET", ""), (307, "POST", "a=1"), (308, "POST", "a=1")]
    {
        for url in
            [nginx.plain(&format!("/redirect/{status}")), nginx.plain(&format!("/redirect/{status}?x"))]
        {
            let record = check(&url, &["-d", "a=1"]);
            assert_eq!((end_of(&record).as_str(), &record["title"]), ("200", &"Done".into()), "{record}");
            assert_eq!(record["chain_status_codes"], serde_json::json!([status, 200]), "{record}");
            assert_eq!(arrived(&nginx), (method.to_owned(), body.to_owned()), "{status}");
        }
    }
}

#[test]
fn chains_end_where_they_lead_or_at_the_limit() {
    let nginx = Nginx::start();
    let ten = check(&nginx.plain("/chain/10"), &[]);
    assert_eq!((end_of(&ten).as_str(), &ten["num_redirects"]), ("200", &10.into()));
    assert_eq!(ten["final_url"], nginx.plain("/done"));
    assert_eq!(end_of(&check(&nginx.plain("/chain/11"), &[])), "redirect/too_many");
    assert_eq!(end_of(&check(&nginx.plain("/chain/3"), &["--max-redirects", "2"])), "redirect/too_many");
    assert_eq!(end_of(&check(&nginx.plain("/chain/3"), &["--max-redirects", "0"])), "302");
    assert_eq!(end_of(&check(&nginx.plain("/loop"), &[])), "redirect/loop");
}

#[test]
fn a_cookie_is_sent_along_its_chain() {
    let nginx = Nginx::start();
    for url in [nginx.plain("/cookies/wanted"), nginx.plain("/cookies/set")] {
        let record = check(&url, &[]);
        assert_eq!((end_of(&record).as_str(), &record["title"]), ("200", &"Cookie".into()), "{record}");
    }
}

#[test]
fn another_origin_gets_neither_fields_nor_the_body() {
    let nginx = Nginx::start();
    let secrets = ["-H", "X-Key: s3cret", "--user", "me:s3cret"];
    let record = check(&nginx.plain("/elsewhere"), &secrets);
    assert_eq!((end_of(&record).as_str(), &record["title"]), ("200", &"Done".into()));
    let seen = nginx.seen();
    assert!(seen[0].contains("key=s3cret auth=Basic"), "{seen:?}");
    assert!(seen[1].contains(" localhost:") && seen[1].contains("key= auth= "), "{seen:?}");
    for status in [307, 308] {
        let url = nginx.plain(&format!("/elsewhere/{status}"));
        assert_eq!(end_of(&check(&url, &["-d", "a=1"])), "redirect/denied");
        assert_eq!(end_of(&check(&url, &[])), "200", "without a body there is nothing to give away");
    }
}
