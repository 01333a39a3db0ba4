//! Redirects: which method and body they keep, who gets what on the way, and where they end.

use headcount::record::{Kind, Outcome, Phase};
use headcount::{Config, Engine, Record, Request};
use http::{HeaderMap, HeaderValue, Method, header};
use small_web::{Answer, Host, Seen, SmallWeb, Temperament};

fn ask(request: Request, change: impl FnOnce(&mut Config)) -> Record {
    ask_all(vec![request], change).remove(0)
}

fn ask_all(requests: Vec<Request>, change: impl FnOnce(&mut Config)) -> Vec<Record> {
    let mut config = Config::default();
    change(&mut config);
    let records = Engine::new(config).unwrap().run(requests).unwrap();
    let mut records: Vec<Record> = records.blocking().map(Result::unwrap).collect();
    records.sort_by_key(|record| record.index);
    records
}

/// A host that answers with what it was asked: method, body and type of the body in the title. `/302?to=URL` redirects.
fn mirror(web: &SmallWeb) -> Host {
    web.host(Temperament::scripted(|request| {
        let answer = match (request.path()[1..].parse(), request.query("to")) {
            (Ok(status), Some(to)) => Answer::redirect(status, to),
            _ => {
                let body = String::from_utf8_lossy(&request.body);
                let kind = request.header("content-type").unwrap_or("-");
                Answer::page(200, &format!("{} {body:?} {kind}", request.method))
            }
        };
        answer.reply(request)
    }))
}

fn post(url: String) -> Request {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    Request::new(url).method(Method::POST).headers(headers).body("secret")
}

fn denied(record: &Record) -> bool {
    let error = record.error.as_ref().map(|error| (error.phase, error.kind));
    record.outcome == Outcome::Failed && error == Some((Phase::Redirect, Kind::Denied))
}

fn field<'a>(seen: &'a Seen, name: &str) -> Option<&'a str> {
    seen.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

#[test]
fn method_and_body_are_kept_as_browsers_keep_them() {
    let web = SmallWeb::start().unwrap();
    let host = mirror(&web);
    let (whole, gone) = (r#""secret" text/plain"#, r#""" -"#);
    let cases = [
        (301, Method::POST, "GET", gone),
        (302, Method::POST, "GET", gone),
        (303, Method::POST, "GET", gone),
        (307, Method::POST, "POST", whole),
        (308, Method::POST, "POST", whole),
        (301, Method::PUT, "PUT", whole),
        (302, Method::PATCH, "PATCH", whole),
        (303, Method::PUT, "GET", gone),
        (303, Method::DELETE, "GET", gone),
        (308, Method::DELETE, "DELETE", whole),
    ];
    let requests = cases
        .iter()
        .map(|(status, method, ..)| post(host.url(&format!("/{status}?to=/end"))).method(method.clone()));
    let records = ask_all(requests.collect(), |_| ());
    for ((status, method, method_then, rest), record) in cases.iter().zip(&records) {
        assert_eq!(record.title, Some(format!("{method_then} {rest}")), "{status} after {method}");
        assert_eq!((record.method.as_str(), record.num_redirects), (method.as_str(), 1));
    }
}

#[test]
fn the_record_has_every_step_of_the_way_and_costs_nothing_without_one() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let record = ask(Request::new(host.url("/redirect/2#top")), |_| ());
    let urls = ["/redirect/2", "/redirect/1", "/page/0"].map(|path| host.url(path));
    assert_eq!(record.chain_urls.as_deref(), Some(&urls[..]));
    assert_eq!(record.chain_status_codes, [302, 302, 200]);
    for path in ["/page/1", "/redirect-to?url=http://[", "/redirect-to?url=/redirect-to"] {
        let record = ask(Request::new(host.url(path)), |config| config.max_redirects = 0);
        assert_eq!(record.chain_urls, None, "{path}");
        assert!(!serde_json::to_string(&record).unwrap().contains("chain_urls"));
    }
    let record = ask(Request::new(host.url("/redirect-to?url=http://[")), |_| ());
    assert_eq!((record.chain_urls, record.num_redirects), (None, 0));
}

#[test]
fn another_origin_gets_neither_fields_nor_body() {
    let web = SmallWeb::start().unwrap();
    let (home, stranger) = (mirror(&web), mirror(&web));
    let record = ask(post(home.url(&format!("/302?to={}", stranger.url("/x")))), |config| {
        config.headers.insert("x-key", HeaderValue::from_static("secret"));
    });
    assert_eq!(record.title.as_deref(), Some(r#"GET "" -"#));
    let seen = &stranger.seen()[0];
    assert_eq!((field(seen, "x-key"), field(seen, "content-length")), (None, None));
    assert_eq!(field(&home.seen()[0], "x-key"), Some("secret"));
}

#[test]
fn what_cannot_be_sent_without_its_body_is_not_sent_to_another_origin() {
    let web = SmallWeb::start().unwrap();
    let (home, stranger) = (mirror(&web), mirror(&web));
    for (status, method) in [(307, Method::POST), (308, Method::PUT), (301, Method::PUT), (302, Method::GET)]
    {
        let url = home.url(&format!("/{status}?to={}", stranger.url("/x")));
        let record = ask(post(url.clone()).method(method.clone()), |_| ());
        assert!(denied(&record), "{status} after {method}: {record:#?}");
        assert_eq!((record.final_url, record.status_code), (Some(url), Some(status)));
    }
    assert_eq!(stranger.requests(), 0);
    let url = home.url(&format!("/307?to={}", stranger.url("/x")));
    let without_body = ask(Request::new(url).method(Method::POST), |_| ());
    assert_eq!(without_body.title.as_deref(), Some(r#"POST "" -"#));
}

#[test]
fn who_comes_home_again_is_known_there() {
    let web = SmallWeb::start().unwrap();
    let (home, stranger) = (mirror(&web), mirror(&web));
    let back = stranger.url(&format!("/302?to={}", home.url("/end")));
    let url: String = url_encoded(&back);
    let record = ask(Request::new(home.url(&format!("/302?to={url}"))), |config| {
        config.headers.insert("x-key", HeaderValue::from_static("secret"));
    });
    assert_eq!(record.num_redirects, 2);
    assert_eq!(field(&stranger.seen()[0], "x-key"), None);
    assert_eq!(field(&home.seen()[1], "x-key"), Some("secret"));
}

fn url_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
fn cookies_go_along_the_chain_that_set_them_and_nowhere_else() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let url = host.url("/set-cookie-and-redirect");
    // One after the other, so that a jar of the host or the run would show.
    for _ in 0..2 {
        let record = ask(Request::new(&url), |_| ());
        assert_eq!((record.title.as_deref(), record.num_redirects), (Some("Been here"), 1));
    }
    let records = ask_all(vec![Request::new(&url), Request::new(host.url("/headers"))], |config| {
        config.headers.insert("cookie", HeaderValue::from_static("own=1"));
    });
    assert!(records.iter().all(|record| record.accepted));
    let seen = host.seen();
    let cookies = |path: &str| -> Vec<Option<&str>> {
        seen.iter().filter(|seen| seen.target == path).map(|seen| field(seen, "cookie")).collect()
    };
    let (alone, both, own) = (Some("been=here"), Some("own=1; been=here"), Some("own=1"));
    assert_eq!(cookies("/set-cookie-and-redirect"), [None, alone, None, alone, own, both]);
    assert_eq!(cookies("/headers"), [own]);
}

#[test]
fn cookies_stay_with_the_host_that_set_them() {
    let web = SmallWeb::start().unwrap();
    let stranger = web.host(Temperament::Fast);
    let to = stranger.url_by_name("/page/1");
    let home = web.host(Temperament::scripted(move |request| {
        Answer::redirect(302, to.clone()).field("Set-Cookie", "k=secret; Path=/").reply(request)
    }));
    assert_eq!(ask(Request::new(home.url("/")), |_| ()).title.as_deref(), Some("Page 1"));
    assert_eq!(field(&stranger.seen()[0], "cookie"), None);
}

#[test]
fn a_circle_is_one_only_if_the_cookies_are_the_same() {
    let web = SmallWeb::start().unwrap();
    // Counts in a cookie, and lets in who has come five times.
    let host = web.host(Temperament::scripted(|request| {
        let count = request.header("cookie").and_then(|cookie| cookie.strip_prefix("count=")?.parse().ok());
        match count.unwrap_or(0_u32) {
            5 => Answer::page(200, "Come in").reply(request),
            count => Answer::redirect(302, request.target.clone())
                .field("Set-Cookie", format!("count={}", count + 1))
                .reply(request),
        }
    }));
    let record = ask(Request::new(host.url("/")), |_| ());
    assert_eq!((record.title.as_deref(), record.num_redirects), (Some("Come in"), 5));
    let kind = |change: fn(&mut Config), temperament| {
        let record = ask(Request::new(web.host(temperament).url("/")), change);
        record.error.unwrap().kind
    };
    let same_cookie = || {
        Temperament::scripted(|request| {
            Answer::redirect(302, request.target.clone()).field("Set-Cookie", "k=v").reply(request)
        })
    };
    assert_eq!(kind(|_| (), same_cookie()), Kind::Loop);
    assert_eq!(kind(|_| (), Temperament::RedirectLoop), Kind::Loop);
    let another_each_time = Temperament::scripted(|request| {
        Answer::redirect(302, "/").field("Set-Cookie", format!("k={}", request.number)).reply(request)
    });
    assert_eq!(kind(|_| (), another_each_time), Kind::TooMany);
}

#[test]
fn names_and_passwords_of_a_location_are_sent_there_and_shown_nowhere() {
    let web = SmallWeb::start().unwrap();
    let stranger = web.host(Temperament::Fast);
    let to = stranger.url("/redirect/1").replace("//", "//me:hunter2@");
    let home = web.host(Temperament::scripted(move |request| Answer::redirect(302, &to).reply(request)));
    let record = ask(Request::new(home.url("/")), |_| ());
    assert!(record.accepted && !format!("{record:?}").contains("hunter2"), "{record:#?}");
    let sent: Vec<Option<String>> =
        stranger.seen().iter().map(|seen| field(seen, "authorization").map(str::to_owned)).collect();
    assert_eq!(sent, [Some("Basic bWU6aHVudGVyMg==".to_owned()), None]);
    let bad = web.host(Temperament::scripted(|request| {
        Answer::redirect(302, "http://me:hunter2@[bad/").reply(request)
    }));
    let record = ask(Request::new(bad.url("/")), |_| ());
    assert!(record.failed && !format!("{record:?}").contains("hunter2"), "{record:#?}");
}
