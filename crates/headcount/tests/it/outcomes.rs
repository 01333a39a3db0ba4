//! Each temperament of the small web gets its right outcome, phase and kind.

use std::time::Duration;

use headcount::record::Outcome;
use headcount::{Config, Engine, Record};
use small_web::{Answer, Certificate, KeepAliveEnd, Reply, SmallWeb, Temperament};

/// How long is waited for those that never answer.
const SILENCE: Duration = Duration::from_secs(2);

/// One attempt at each URL, with all the time that a busy machine may take.
fn ask_all(urls: &[String], change: impl FnOnce(&mut Config)) -> Vec<Record> {
    let mut config = Config::default();
    config.retries = 0;
    config.timeout = Duration::from_secs(60);
    change(&mut config);
    let run = Engine::new(config).unwrap().run(urls.to_vec()).unwrap();
    let mut records: Vec<Record> = run.blocking().map(Result::unwrap).collect();
    records.sort_by_key(|record| record.index);
    assert_eq!(records.len(), urls.len());
    records
}

fn ask(url: String, change: impl FnOnce(&mut Config)) -> Record {
    ask_all(&[url], change).remove(0)
}

/// The end in a word or two: `200`, `200 truncated`, `headers/timeout`.
fn end(record: &Record) -> String {
    match (&record.error, record.status_code) {
        (Some(error), _) => format!("{}/{}", error.phase, error.kind),
        (None, Some(status)) if record.truncated => format!("{status} truncated"),
        (None, Some(status)) => status.to_string(),
        (None, None) => format!("{:?}", record.outcome),
    }
}

/// Asks for what has to end in one of these ways; only those that have to outlast the timeout are given a short one, and
/// they do not wait beside the rest.
fn ask_for_ends(cases: &[(String, &[&str])], change: impl Fn(&mut Config)) -> Vec<Record> {
    let (silent, others): (Vec<_>, Vec<_>) =
        cases.iter().partition(|(_, ends)| ends.iter().any(|end| end.ends_with("/timeout")));
    let mut all = Vec::new();
    for (cases, timeout) in [(others, None), (silent, Some(SILENCE))] {
        let urls: Vec<String> = cases.iter().map(|(url, _)| url.clone()).collect();
        let records = ask_all(&urls, |config| {
            config.timeout = timeout.unwrap_or(config.timeout);
            change(config);
        });
        for ((_, ends), record) in cases.iter().zip(&records) {
            assert!(ends.contains(&end(record).as_str()), "{ends:?}: {record:#?}");
        }
        all.extend(records);
    }
    all
}

#[test]
fn plain_http() {
    use Temperament::*;
    let tick = Duration::from_millis(100);
    let cases: &[(Temperament, &[&str])] = &[
        (Fast, &["200"]),
        (Slow(tick), &["200"]),
        (Slow(Duration::from_secs(60)), &["headers/timeout"]),
        (Status(404), &["404"]),
        (Status(503), &["503"]),
        (Silent, &["headers/timeout"]),
        (SilentAfterConnect, &["headers/timeout"]),
        (ResetOnAccept, &["connect/reset", "send/reset", "send/closed", "headers/reset"]),
        (CloseOnAccept, &["headers/closed", "send/closed", "headers/reset", "send/reset"]),
        (ResetAfterRequest, &["headers/reset"]),
        (CloseAfterRequest, &["headers/closed"]),
        (ResetInHeaders, &["headers/reset"]),
        (CloseInHeaders, &["headers/closed"]),
        (ResetInBody, &["body/reset"]),
        (ShortBody, &["body/closed"]),
        (ResetInChunked, &["body/reset"]),
        (CloseInChunked, &["body/closed"]),
        (BadChunk, &["body/malformed"]),
        (MalformedStatusLine, &["headers/malformed"]),
        (SshBanner, &["headers/malformed"]),
        (WrongHttpVersion, &["headers/malformed"]),
        (MalformedHeader, &["headers/malformed"]),
        (TwoContentLengths, &["headers/malformed"]),
        (BadContentLength, &["headers/malformed"]),
        (LengthAndChunked, &["headers/malformed", "200"]),
        (EndlessHeaders, &["headers/too_large"]),
        (HeaderBomb, &["headers/too_large"]),
        (EndlessBody, &["200 truncated"]),
        (DripHeaders(tick), &["headers/timeout"]),
        (DripBody(tick), &["body/timeout"]),
        (RedirectLoop, &["redirect/loop"]),
        (RedirectForever, &["redirect/too_many"]),
        (RedirectToBadUrl, &["redirect/invalid_url"]),
        (RedirectToOtherScheme("ftp://127.0.0.1/"), &["redirect/unsupported_scheme"]),
        (RedirectToOtherScheme("mailto:someone@example.com"), &["redirect/unsupported_scheme"]),
        (RedirectToNowhere, &["302"]),
        (NoContent, &["204"]),
        (InformationalFirst, &["200"]),
        (Http10, &["200"]),
        (HugeTitle, &["200 truncated"]),
        (EscapesInTitle, &["200"]),
        (EscapesInHeader, &["headers/malformed"]),
    ];
    let web = SmallWeb::start().unwrap();
    let cases = cases.iter().map(|(temperament, ends)| (web.host(temperament.clone()).url("/page/1"), *ends));
    for record in ask_for_ends(&cases.collect::<Vec<_>>(), |_| ()) {
        let outcome = if record.error.is_some() { Outcome::Failed } else { Outcome::Answered };
        assert_eq!(record.outcome, outcome);
        assert_eq!(record.failed, outcome == Outcome::Failed);
        assert_eq!(record.accepted, end(&record).starts_with('2'), "{record:#?}");
    }
}

#[test]
fn tls() {
    use Temperament::*;
    let web = SmallWeb::start().unwrap();
    let cases: Vec<(String, &[&str])> = vec![
        (web.tls_host(Fast, Certificate::Good).url("/page/1"), &["200"]),
        (web.tls_host(Fast, Certificate::Expired).url("/"), &["tls/certificate"]),
        (web.tls_host(Fast, Certificate::NotYetValid).url("/"), &["tls/certificate"]),
        (web.tls_host(Fast, Certificate::WrongName).url("/"), &["tls/certificate"]),
        (web.tls_host(Fast, Certificate::SelfSigned).url("/"), &["tls/certificate"]),
        (web.tls_host(HandshakeSilent, Certificate::Good).url("/"), &["tls/timeout"]),
        (web.tls_host(HandshakeReset, Certificate::Good).url("/"), &["tls/reset"]),
        (web.tls_host(HandshakeClose, Certificate::Good).url("/"), &["tls/closed"]),
        (web.tls_host(PlainHttpOnTlsPort, Certificate::Good).url("/"), &["tls/handshake"]),
        (web.tls_host(AlertOnHandshake, Certificate::Good).url("/"), &["tls/handshake"]),
        (web.tls_host(ShortBody, Certificate::Good).url("/"), &["body/closed"]),
        (web.tls_host(CloseAfterRequest, Certificate::Good).url("/"), &["headers/closed"]),
        (web.tls_host(Silent, Certificate::Good).url("/"), &["headers/timeout"]),
    ];
    let authority = web.authority_pem().as_bytes().to_vec();
    ask_for_ends(&cases, |config| config.extra_certificates = vec![authority.clone()]);

    let good = web.tls_host(Fast, Certificate::Good).url("/page/1");
    let record = ask(good, |_| ());
    assert_eq!(end(&record), "tls/certificate", "an authority that nobody named is not believed");
    for (url, _) in &cases[..5] {
        let record = ask(url.clone(), |config| config.insecure = true);
        assert_eq!((end(&record).as_str(), record.insecure), ("200", true));
    }
}

#[test]
fn addresses_and_names() {
    let web = SmallWeb::start().unwrap();
    let refused = ask(format!("http://{}/", web.refused_address()), |_| ());
    assert_eq!(end(&refused), "connect/refused");
    let port = web.host(Temperament::Fast).address().port();
    assert_eq!(end(&ask(format!("http://localhost:{port}/page/1"), |_| ())), "200");
    assert_eq!(end(&ask(format!("http://a.localhost:{port}/page/1"), |_| ())), "200");
    if cfg!(target_os = "linux") {
        assert_eq!(end(&ask(small_web::unreachable_url().to_owned(), |_| ())), "connect/unreachable");
        let unanswered = format!("http://{}/", web.unanswered_address());
        let record = ask(unanswered, |config| config.connect_timeout = Duration::from_millis(200));
        assert_eq!(end(&record), "connect/timeout");
    }
}

#[test]
fn a_record_tells_how_it_came_about() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let record = ask(host.url("/redirect/2#part"), |_| ());
    assert_eq!(record.url.as_deref(), Some(host.url("/redirect/2#part").as_str()));
    assert_eq!(record.final_url.as_deref(), Some(host.url("/page/0").as_str()));
    assert_eq!(record.chain_status_codes, [302, 302, 200]);
    assert_eq!((record.num_redirects, record.num_retries), (2, 0));
    assert_eq!(record.title.as_deref(), Some("Page 0"));
    assert_eq!(record.host_ip, Some(host.address().ip()));
    assert_eq!(record.http_version.as_deref(), Some("HTTP/1.1"));
    assert_eq!(record.body_bytes, record.content_length);
    assert!(record.content_type.as_deref().is_some_and(|value| value.starts_with("text/html")));
    assert!(
        record.time_namelookup <= record.time_connect && record.time_connect <= record.time_starttransfer
    );
    assert!(record.time_starttransfer <= record.time_total);
    assert_eq!(record.time_appconnect, None);

    let failed = ask(host.url("/redirect/3"), |config| config.max_redirects = 2);
    assert_eq!((end(&failed).as_str(), failed.status_code), ("redirect/too_many", Some(302)));
    let unfollowed = ask(host.url("/redirect/3"), |config| config.max_redirects = 0);
    assert_eq!((end(&unfollowed).as_str(), unfollowed.num_redirects), ("302", 0));
}

#[test]
fn retries_are_for_what_may_pass_and_for_methods_that_may_be_repeated() {
    let web = SmallWeb::start().unwrap();
    let ask_with = |temperament: Temperament, method: http::Method| {
        let host = web.host(temperament);
        let mut config = Config::default();
        config.retry_delay = Duration::from_millis(1);
        let request = headcount::Request::new(host.url("/")).method(method);
        let record = Engine::new(config).unwrap().run([request]).unwrap().blocking().next().unwrap().unwrap();
        (end(&record), record.num_retries, host.requests().max(host.connections()))
    };
    let closed = || "headers/closed".to_owned();
    assert_eq!(ask_with(Temperament::CloseAfterRequest, http::Method::GET), (closed(), 2, 3));
    assert_eq!(ask_with(Temperament::CloseAfterRequest, http::Method::POST), (closed(), 0, 1));
    assert_eq!(ask_with(Temperament::Status(503), http::Method::HEAD), ("503".to_owned(), 2, 3));
    assert_eq!(ask_with(Temperament::Status(404), http::Method::GET), ("404".to_owned(), 0, 1));
    assert_eq!(
        ask_with(Temperament::MalformedHeader, http::Method::GET),
        ("headers/malformed".to_owned(), 0, 1)
    );
    let refused = format!("http://{}/", web.refused_address());
    let record = ask(refused, |config| {
        (config.retries, config.retry_delay) = (2, Duration::from_millis(1));
    });
    assert_eq!((end(&record).as_str(), record.num_retries), ("connect/refused", 2));
}

#[test]
fn a_connection_closed_under_us_is_made_again_in_silence() {
    for end_of_connection in
        [KeepAliveEnd::AfterAnswers(3), KeepAliveEnd::OnNextRequest(2), KeepAliveEnd::ResetOnNextRequest(2)]
    {
        let web = SmallWeb::start().unwrap();
        let host = web.host(Temperament::ClosesKeepAlive(end_of_connection));
        let urls: Vec<String> = (0..60).map(|number| host.url(&format!("/page/{number}"))).collect();
        for record in ask_all(&urls, |config| config.per_host = 2) {
            assert_eq!((end(&record).as_str(), record.num_retries), ("200", 0), "{end_of_connection:?}");
        }
        assert!(host.connections() > 2, "the host did not close anything");
    }
}

#[test]
fn a_connection_closed_while_its_host_waits_for_a_turn_is_made_again_in_silence() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::ClosesKeepAlive(KeepAliveEnd::AfterIdle(Duration::from_millis(1))));
    let urls: Vec<String> = (0..10).map(|number| host.url(&format!("/page/{number}"))).collect();
    for record in ask_all(&urls, |config| config.delay = Duration::from_millis(30)) {
        assert_eq!((end(&record).as_str(), record.num_retries), ("200", 0));
    }
    assert!(host.connections() > 5, "the host did not close anything");
}

#[test]
fn redirects_on_one_host_share_a_connection() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    assert_eq!(end(&ask(host.url("/redirect/5"), |_| ())), "200");
    assert_eq!(host.connections(), 1);
}

#[test]
fn a_host_that_only_thinks_before_it_hangs_up_does_not_use_up_the_time_to_connect() {
    let web = SmallWeb::start().unwrap();
    // The first connection answers once; the second request on it is taken, and after a while dropped.
    let host =
        web.host(Temperament::scripted(|request| match (request.connection, request.answered_before) {
            (0, 1..) => Reply::new().wait(Duration::from_millis(1_500)).close(),
            _ => Answer::page(200, "Well").reply(request),
        }));
    let urls = [host.url("/1"), host.url("/2")];
    let records = ask_all(&urls, |config| {
        (config.per_host, config.connect_timeout) = (1, Duration::from_secs(1));
    });
    assert_eq!(records.iter().map(end).collect::<Vec<_>>(), ["200", "200"]);
}

#[test]
fn a_post_that_may_have_been_seen_is_not_repeated() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::ClosesKeepAlive(KeepAliveEnd::OnNextRequest(1)));
    let mut config = Config::default();
    config.per_host = 1;
    let requests: Vec<_> =
        (0..6).map(|_| headcount::Request::new(host.url("/echo")).method(http::Method::POST)).collect();
    let run = Engine::new(config).unwrap().run(requests).unwrap();
    let records: Vec<Record> = run.blocking().map(Result::unwrap).collect();
    assert_eq!(records.len(), 6);
    assert_eq!(host.requests(), 6, "each was sent once");
    assert!(records.iter().any(|record| end(record) == "headers/closed"));
}

#[test]
fn a_timeout_spans_the_redirects_of_an_attempt() {
    let web = SmallWeb::start().unwrap();
    let slow = web.host(Temperament::Slow(Duration::from_millis(300)));
    let record = ask(slow.url("/redirect/10"), |config| config.timeout = Duration::from_millis(2_000));
    assert_eq!(end(&record), "headers/timeout");
    assert!((1..10).contains(&record.num_redirects), "{record:#?}");
}

#[test]
fn time_in_the_queue_is_reported_and_not_charged() {
    let web = SmallWeb::start().unwrap();
    let slow = web.host(Temperament::Slow(Duration::from_millis(450)));
    let urls: Vec<String> = (0..8).map(|number| slow.url(&format!("/page/{number}"))).collect();
    let records = ask_all(&urls, |config| {
        (config.per_host, config.timeout) = (1, Duration::from_millis(2_700));
    });
    assert!(records.iter().all(|record| record.accepted));
    assert!(records[7].time_queued > 2.7, "{} s queued behind seven others", records[7].time_queued);
    assert!(records[7].time_total < Some(2.7));
}

#[test]
fn secrets_stay_with_their_origin() {
    let web = SmallWeb::start().unwrap();
    let (home, stranger) = (web.host(Temperament::Fast), web.host(Temperament::Fast));
    let away = home.url(&format!("/redirect-to?url={}", stranger.url("/headers")));
    let within = home.url("/redirect/1");
    let records = ask_all(&[away, within], |config| {
        config.headers.insert("authorization", http::HeaderValue::from_static("Bearer secret"));
    });
    assert!(records.iter().all(|record| record.accepted), "{records:#?}");
    let carries_secret = |seen: &small_web::Seen| {
        seen.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"))
    };
    assert!(home.seen().iter().all(carries_secret), "{:?}", home.seen());
    assert_eq!(stranger.seen().len(), 1);
    assert!(!stranger.seen().iter().any(carries_secret));
}

#[test]
fn a_body_is_read_to_its_limit() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let urls = ["/bytes/1000", "/bytes/1001", "/bytes/0"].map(|path| host.url(path));
    let records = ask_all(&urls, |config| config.max_body = 1_000);
    let found: Vec<_> = records.iter().map(|record| (record.body_bytes, record.truncated)).collect();
    assert_eq!(found, [(Some(1_000), false), (Some(1_000), true), (Some(0), false)]);
    assert_eq!(records[1].content_length, Some(1_001));
}

#[test]
fn titles_are_right_in_every_charset() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    for name in
        ["utf-8", "utf-16le", "utf-16be", "gbk", "big5", "shift_jis", "euc-jp", "euc-kr", "windows-1251"]
    {
        for by in ["", "?by=header", "?by=meta"] {
            if name.starts_with("utf-16") && by == "?by=meta" {
                continue; // A meta element that can be read as ASCII is not in UTF-16.
            }
            let record = ask(host.url(&format!("/charset/{name}{by}")), |_| ());
            assert_eq!(record.title.as_deref(), small_web::charset_title(name), "{name}{by}");
        }
    }
}
