//! Proxies: through which one a request goes, what it is asked for, and whose fault it is when that fails.

use small_web::{
    Answer, Certificate, Host, Http2Manners, Http2Reply, Proxy, ProxyManners, SmallWeb, Temperament,
};

use crate::harness::{Desk, Ended, end_of};

const OPEN: ProxyManners = ProxyManners { credentials: None, refuses: false, is_silent: false };

/// The page under a name that only the proxy knows.
fn inside(host: &Host, scheme: &str) -> String {
    format!("{scheme}://inside.small-web.test:{}/page/1", host.address().port())
}

fn check(words: &str) -> Ended {
    Desk::new().check(&format!("{words} --retries 0"))
}

fn end(words: &str) -> String {
    end_of(&check(words).record())
}

#[test]
fn an_http_proxy_fetches_plain_urls_and_tunnels_the_others() {
    let web = SmallWeb::start().unwrap();
    let (plain, encrypted) =
        (web.host(Temperament::Fast), web.tls_host(Temperament::Fast, Certificate::Good));
    let proxy = web.proxy(OPEN);
    let desk = Desk::new();
    desk.write("ca.pem", web.authority_pem());
    desk.write("urls.txt", format!("{}\n{}\n", inside(&plain, "http"), inside(&encrypted, "https")));
    let words = format!("urls.txt --cacert ca.pem -x http://{} -c 1", proxy.address());
    for record in desk.check(&words).records() {
        assert_eq!((end_of(&record).as_str(), &record["title"]), ("200", &"Page 1".into()));
        assert_eq!(record["host_ip"], serde_json::Value::Null, "only the proxy knows it");
    }
    let mut seen = proxy.seen();
    seen.sort();
    let tunnel = format!("CONNECT inside.small-web.test:{}", encrypted.address().port());
    assert_eq!(seen, [tunnel, format!("GET {}", inside(&plain, "http"))]);
    let host = &plain.seen()[0];
    let field = host.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host")).unwrap();
    assert_eq!(field.1, format!("inside.small-web.test:{}", plain.address().port()));
}

#[test]
fn socks_resolves_names_there_or_here() {
    let web = SmallWeb::start().unwrap();
    let host = web.tls_host(Temperament::Fast, Certificate::Good);
    let proxy = web.proxy(OPEN);
    let url = inside(&host, "https");
    let port = host.address().port();
    assert_eq!(end(&format!("{url} -k -x socks5h://{}", proxy.address())), "200");
    let known_here = format!("--resolve inside.small-web.test:{port}:127.0.0.9");
    assert_eq!(end(&format!("{url} -k -x socks5://{} {known_here}", proxy.address())), "200");
    assert_eq!(
        proxy.seen(),
        [format!("SOCKS inside.small-web.test:{port}"), format!("SOCKS 127.0.0.9:{port}")]
    );
    let plain = web.host(Temperament::Fast);
    assert_eq!(end(&format!("{} -x socks5h://{}", inside(&plain, "http"), proxy.address())), "200");
}

#[test]
fn socks4_resolves_names_there_or_here_and_has_no_ipv6() {
    let web = SmallWeb::start().unwrap();
    let proxy = web.proxy(ProxyManners { credentials: Some(("me", "")), ..OPEN });
    for host in [web.host(Temperament::Fast), web.tls_host(Temperament::Fast, Certificate::Good)] {
        let scheme = if host.url("").starts_with("https") { "https" } else { "http" };
        let (url, port) = (inside(&host, scheme), host.address().port());
        let before = proxy.seen().len();
        assert_eq!(end(&format!("{url} -k -x socks4a://me@{}", proxy.address())), "200");
        let known_here = format!("--resolve inside.small-web.test:{port}:::1,127.0.0.9");
        assert_eq!(end(&format!("{url} -k -x socks4://me@{} {known_here}", proxy.address())), "200");
        let seen = [format!("SOCKS4 inside.small-web.test:{port}"), format!("SOCKS4 127.0.0.9:{port}")];
        assert_eq!(proxy.seen()[before..], seen);
        let only_6 = format!("--resolve inside.small-web.test:{port}:::1");
        assert_eq!(end(&format!("{url} -k -x socks4://me@{} {only_6}", proxy.address())), "connect/proxy");
        assert_eq!(end(&format!("{url} -k -x socks4a://you@{}", proxy.address())), "connect/proxy");
    }
}

/// Only the proxy knows where a name leads, which may be out into the world.
#[test]
fn who_is_reached_through_a_proxy_sends_nobody_inside() {
    let web = SmallWeb::start().unwrap();
    let (host, home) = (web.host(Temperament::Fast), web.host(Temperament::Fast));
    let proxy = web.proxy(OPEN);
    let redirect = |from: &str, to: &str| format!("{from}/redirect-to?url={to}");
    let outside = inside(&host, "http").replace("/page/1", "");
    let end = |url: &str, kind: &str, words: &str| {
        end(&format!("{url} -x {kind}://{} --noproxy 127.0.0.0/9 {words}", proxy.address()))
    };
    let (beside, behind) = (home.url("/page/1"), home.url("/page/1").replace("127.0.0.1", "127.128.0.1"));
    for to in [&beside, &behind] {
        for kind in ["http", "socks4a", "socks5h"] {
            assert_eq!(end(&redirect(&outside, to), kind, ""), "redirect/denied", "{kind} {to}");
            assert_eq!(home.requests(), 0);
        }
    }
    assert_eq!(end(&redirect(&outside, &beside), "http", "--allow-private-redirects"), "200");
    assert_eq!(end(&redirect(&outside, &behind), "http", "--allow-private-redirects"), "200");
    // What the user has named, or is found here, is known not to be public.
    let named = host.url("").replace("127.0.0.1", "127.128.0.1");
    let found = format!("--resolve inside.small-web.test:{}:127.128.0.1", host.address().port());
    for to in [&beside, &behind] {
        assert_eq!(end(&redirect(&named, to), "http", ""), "200");
        assert_eq!(end(&redirect(&outside, to), "socks5", &found), "200");
    }
}

#[test]
fn a_proxy_may_be_spoken_to_in_tls() {
    let web = SmallWeb::start().unwrap();
    let desk = Desk::new();
    desk.write("ca.pem", web.authority_pem());
    let hosts = [
        ("http", web.host(Temperament::Fast)),
        ("https", web.tls_host(Temperament::Fast, Certificate::Good)),
        (
            "https",
            web.http2_host(Some(Certificate::Good), Http2Manners::default(), |request| {
                Http2Reply::Answer(Answer::well_behaved(request))
            }),
        ),
    ];
    let proxy =
        web.tls_proxy(ProxyManners { credentials: Some(("me", "s3cret")), ..OPEN }, Certificate::Good);
    let end = |url: &str, proxy: &Proxy, words: &str| {
        let through = format!("-x https://me:s3cret@{} --retries 0 {words}", proxy.address());
        end_of(&desk.check(&format!("{url} {through}")).record())
    };
    for (scheme, host) in &hosts {
        assert_eq!(end(&inside(host, scheme), &proxy, "--cacert ca.pem"), "200", "{scheme}");
    }
    let url = inside(&hosts[1].1, "https");
    // The proxy hears a password: not to look at hosts' certificates is not to look at its own.
    let before = proxy.seen().len();
    assert_eq!(end(&url, &proxy, "-k"), "connect/proxy");
    for certificate in [Certificate::Expired, Certificate::WrongName, Certificate::SelfSigned] {
        assert_eq!(end(&url, &web.tls_proxy(OPEN, certificate), "--cacert ca.pem"), "connect/proxy");
    }
    assert_eq!(end(&url, &web.proxy(OPEN), "--cacert ca.pem"), "connect/proxy", "it has no TLS");
    assert_eq!(proxy.seen().len(), before);
    // What is behind it is the host's again.
    let expired = web.tls_host(Temperament::Fast, Certificate::Expired);
    assert_eq!(end(&inside(&expired, "https"), &proxy, "--cacert ca.pem"), "tls/certificate");
}

#[test]
fn a_name_that_socks_cannot_say_is_not_said() {
    let web = SmallWeb::start().unwrap();
    let proxy = web.proxy(OPEN);
    // 300 bytes, of which a byte's worth would be another host's name.
    for length in [300, 600] {
        let name = "a.example.".repeat(length / 10);
        for kind in ["socks4a", "socks5h"] {
            assert_eq!(end(&format!("http://{name}/ -x {kind}://{}", proxy.address())), "connect/proxy");
        }
    }
    assert_eq!(proxy.seen(), [""; 0]);
}

#[test]
fn a_proxy_that_wants_a_password_gets_it_and_nobody_else_sees_it() {
    let web = SmallWeb::start().unwrap();
    let (plain, encrypted) =
        (web.host(Temperament::Fast), web.tls_host(Temperament::Fast, Certificate::Good));
    let proxy = web.proxy(ProxyManners { credentials: Some(("me", "s3cret@")), ..OPEN });
    for (host, scheme) in [(&plain, "http"), (&encrypted, "https")] {
        for kind in ["http", "socks5h"] {
            let url = inside(host, scheme);
            let good = check(&format!("{url} -k -x {kind}://me:s3cret%40@{} -v", proxy.address()));
            assert_eq!(end_of(&good.record()), "200", "{kind} {scheme}");
            let bad = check(&format!("{url} -k -x {kind}://me:wr0ng@{} -v", proxy.address()));
            // What an HTTP proxy says of a plain URL is an answer.
            let expected = if (kind, scheme) == ("http", "http") { "407" } else { "connect/proxy" };
            assert_eq!(end_of(&bad.record()), expected, "{kind} {scheme}");
            for text in [good.stdout, good.stderr, bad.stdout, bad.stderr] {
                assert!(!text.contains("s3cret") && !text.contains("wr0ng"), "{text}");
            }
        }
    }
    for seen in plain.seen().iter().chain(&encrypted.seen()) {
        let is_for_proxy = |(name, _): &(String, String)| name.to_lowercase().starts_with("proxy-");
        assert!(!seen.headers.iter().any(is_for_proxy), "{seen:?}");
    }
    let ended = check(&format!("{} -x ftp://me:s3cret@127.0.0.1", plain.url("/")));
    assert_eq!(ended.code, Some(3));
    assert!(
        ended.stderr.starts_with("error: --proxy") && !ended.stderr.contains("s3cret"),
        "{}",
        ended.stderr
    );
}

#[test]
fn what_a_proxy_does_not_do_is_the_proxys_failure() {
    let web = SmallWeb::start().unwrap();
    let host = web.tls_host(Temperament::Fast, Certificate::Good);
    let url = inside(&host, "https");
    let refusing = web.proxy(ProxyManners { refuses: true, ..OPEN });
    let silent = web.proxy(ProxyManners { is_silent: true, ..OPEN });
    for kind in ["http", "socks5h"] {
        let end = |address: String| end(&format!("{url} -x {kind}://{address}"));
        assert_eq!(end(refusing.address().to_string()), "connect/proxy");
        assert_eq!(end(format!("{} --connect-timeout 1s", silent.address())), "connect/proxy");
        assert_eq!(end(web.refused_address().to_string()), "connect/proxy");
        assert_eq!(end(web.host(Temperament::SshBanner).address().to_string()), "connect/proxy");
        assert_eq!(end(web.host(Temperament::CloseOnAccept).address().to_string()), "connect/proxy");
    }
    // Behind the tunnel it is the host again.
    let proxy = web.proxy(OPEN);
    assert_eq!(end(&format!("{url} -x http://{}", proxy.address())), "tls/certificate");
}

#[test]
fn the_environment_names_proxies_and_exceptions() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    let proxy = web.proxy(OPEN);
    let goes_through = |variables: &[(&str, &str)], words: &str, proxy: &Proxy| {
        let before = proxy.seen().len();
        let desk = Desk::new();
        let url = host.url("/page/1");
        let mut arguments = vec!["check", &url];
        arguments.extend(words.split_whitespace().map(|word| if word == "''" { "" } else { word }));
        let output = desk.command(&arguments).envs(variables.iter().copied()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        proxy.seen().len() > before
    };
    let address = proxy.address().to_string();
    assert!(goes_through(&[("http_proxy", &address)], "", &proxy));
    assert!(goes_through(&[("ALL_PROXY", &address)], "", &proxy));
    assert!(!goes_through(&[("HTTP_PROXY", &address)], "", &proxy));
    assert!(!goes_through(&[("HTTPS_PROXY", &address)], "", &proxy));
    assert!(!goes_through(&[("http_proxy", &address)], "-x ''", &proxy));
    assert!(!goes_through(&[("http_proxy", &address), ("NO_PROXY", "127.0.0.0/8")], "", &proxy));
    assert!(!goes_through(&[("http_proxy", &address)], "--noproxy localhost,127.0.0.1", &proxy));
    assert!(goes_through(&[("no_proxy", "*")], &format!("-x {address} --noproxy example.com"), &proxy));
}
