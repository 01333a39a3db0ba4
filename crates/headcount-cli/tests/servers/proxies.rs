//! Proxies that people use: Tinyproxy for HTTP, with TLS before it by nginx; microsocks and Dante for SOCKS. Names are known
//! to the proxies alone.

use std::fs;
use std::process::Command;

use crate::certificates::Certificates;
use crate::harness::{Desk, end_of};
use crate::nginx::Nginx;
use crate::server::{Place, Server, free_port, program};

/// A name that nobody knows but who has this in the place of /etc/hosts.
const INSIDE: &str = "inside.headcount.test";

/// Makes a server believe in hosts of its own.
fn knowing_inside(mut command: Command, place: &Place) -> Command {
    let hosts = place.write("hosts", format!("127.0.0.1 {INSIDE} localhost\n"));
    let library = ["x86_64", "aarch64"]
        .map(|machine| format!("/usr/lib/{machine}-linux-gnu/libnss_wrapper.so"))
        .into_iter()
        .find(|path| fs::exists(path).unwrap())
        .expect("libnss-wrapper is installed");
    command.env("LD_PRELOAD", library).env("NSS_WRAPPER_HOSTS", hosts);
    command
}

fn tinyproxy(credentials: Option<(&str, &str)>) -> Server {
    let (place, port) = (Place::new(), free_port());
    let login =
        credentials.map(|(name, password)| format!("BasicAuth {name} {password}\n")).unwrap_or_default();
    let file = place.write(
        "tinyproxy.conf",
        format!("Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 100\nAllow 127.0.0.1\nLogLevel Connect\n{login}"),
    );
    let mut command = knowing_inside(program("tinyproxy"), &place);
    place.start(command.arg("-d").arg("-c").arg(file), port)
}

/// nginx before a proxy: TLS to it, and bytes through.
fn with_tls(proxy: &Server, certificates: &Certificates, is_for_members: bool) -> Server {
    let (place, port) = (Place::new(), free_port());
    place.write("server.pem", &certificates.server.certificate);
    place.write("server.key", &certificates.server.key);
    place.write("ca.pem", &certificates.authority);
    let clients = if is_for_members { "ssl_client_certificate ca.pem; ssl_verify_client on;" } else { "" };
    let file = place.write(
        "nginx.conf",
        format!(
            "daemon off; master_process off; pid nginx.pid; error_log error.log;
            load_module /usr/lib/nginx/modules/ngx_stream_module.so;
            events {{ }}
            stream {{ server {{
                listen 127.0.0.1:{port} ssl; ssl_certificate server.pem; ssl_certificate_key server.key;
                {clients} proxy_pass {};
            }} }}",
            proxy.address
        ),
    );
    let mut command = program("nginx");
    command.arg("-p").arg(place.path("")).arg("-c").arg(file).args(["-e", "error.log"]);
    place.start(&mut command, port)
}

fn microsocks(credentials: Option<(&str, &str)>) -> Server {
    let (place, port) = (Place::new(), free_port());
    let mut command = knowing_inside(program("microsocks"), &place);
    command.args(["-i", "127.0.0.1", "-p", &port.to_string()]);
    if let Some((name, password)) = credentials {
        command.args(["-u", name, "-P", password]);
    }
    place.start(&mut command, port)
}

/// Dante, which knows SOCKS4 as well, though not the names of its extension 4A.
fn dante() -> Server {
    let (place, port) = (Place::new(), free_port());
    let file = place.write(
        "danted.conf",
        format!(
            "logoutput: stderr\ninternal: 127.0.0.1 port = {port}\nexternal: 127.0.0.1\nclientmethod: none\nsocksmethod: none\n\
             client pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}\nsocks pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 log: connect }}\n"
        ),
    );
    let mut command = knowing_inside(program("danted"), &place);
    place.start(command.arg("-f").arg(file), port)
}

struct Sites {
    nginx: Nginx,
    desk: Desk,
}

impl Sites {
    fn start() -> Sites {
        let nginx = Nginx::start();
        let desk = crate::http::desk(&nginx);
        Sites { nginx, desk }
    }

    /// The page under a name that only the proxies know: without TLS, and with it.
    fn inside(&self) -> [String; 2] {
        [
            format!("http://{INSIDE}:{}/done", self.nginx.plain_port()),
            format!("https://{INSIDE}:{}/done", self.nginx.encrypted_port()),
        ]
    }

    fn end(&self, url: &str, proxy: &str, words: &str) -> String {
        let ended = self.desk.check(&format!("{url} --cacert ca.pem --retries 0 -v -x {proxy} {words}"));
        assert!(!(ended.stdout.clone() + &ended.stderr).contains("s3cret"), "{}", ended.stdout);
        end_of(&ended.record())
    }
}

#[test]
fn an_http_proxy_fetches_tunnels_and_knows_the_names() {
    let (sites, proxy) = (Sites::start(), tinyproxy(None));
    for url in sites.inside() {
        assert_eq!(sites.end(&url, &format!("http://{}", proxy.address), ""), "200");
        assert_eq!(
            sites.end(&url, &format!("http://{}", proxy.address), "--noproxy *.test"),
            "dns/not_found"
        );
    }
    let said = proxy.place.read("said");
    assert!(
        said.contains(&format!("CONNECT {INSIDE}:")) && said.contains(&format!("GET http://{INSIDE}:")),
        "{said}"
    );
    // Many at once, kept and not kept.
    let urls: String = (0..60).map(|number| format!("{}?{number}\n", sites.inside()[number % 2])).collect();
    let words = format!("- --cacert ca.pem -x {} --per-host 8", proxy.address);
    let records = sites.desk.check_stdin(&words, &urls).records();
    assert!(records.len() == 60 && records.iter().all(|record| end_of(record) == "200"), "{records:?}");
    // The same by the environment.
    for (url, variable) in sites.inside().iter().zip(["http_proxy", "HTTPS_PROXY"]) {
        let mut command = sites.desk.command(&["check", url, "--cacert", "ca.pem", "--retries", "0"]);
        let through = command.env(variable, proxy.address.to_string()).output().unwrap();
        assert_eq!(through.status.code(), Some(0), "{variable}");
        let past = command.env("NO_PROXY", ".headcount.test").output().unwrap();
        assert_eq!(past.status.code(), Some(2), "{variable}");
    }
    let nobody = format!("https://{INSIDE}:{}/", free_port());
    assert_eq!(sites.end(&nobody, &format!("http://{}", proxy.address), ""), "connect/proxy");
}

#[test]
fn an_http_proxy_lets_in_who_has_its_password() {
    let (sites, proxy) = (Sites::start(), tinyproxy(Some(("me", "s3cret"))));
    let [plain, encrypted] = sites.inside();
    for url in [&plain, &encrypted] {
        assert_eq!(sites.end(url, &format!("http://me:s3cret@{}", proxy.address), ""), "200");
    }
    // Tinyproxy's own words, for none and for a wrong one.
    for (wrong, answer) in [("", "407"), ("me:s3cretive@", "401")] {
        assert_eq!(sites.end(&plain, &format!("http://{wrong}{}", proxy.address), ""), answer);
        assert_eq!(sites.end(&encrypted, &format!("http://{wrong}{}", proxy.address), ""), "connect/proxy");
    }
}

#[test]
fn a_proxy_can_be_spoken_to_in_tls() {
    let (sites, proxy) = (Sites::start(), tinyproxy(Some(("me", "s3cret"))));
    let front = with_tls(&proxy, sites.nginx.certificates(), false);
    let for_members = with_tls(&proxy, sites.nginx.certificates(), true);
    let member = &sites.nginx.certificates().member;
    sites.desk.write("me.pem", [member.certificate.as_str(), &member.key].concat());
    for url in sites.inside() {
        assert_eq!(sites.end(&url, &format!("https://me:s3cret@{}", front.address), ""), "200");
        // It says so after the handshake, and is not shown what is for hosts.
        let member = format!("-x https://{} --cert me.pem", for_members.address);
        let refused = sites.desk.check(&format!("{url} --cacert ca.pem --retries 0 {member}")).record();
        // Its alert may be lost where it closes at once, and a connection that is closed names nobody.
        let end = end_of(&refused);
        assert!(end == "connect/proxy" || (end == "headers/closed" && url.starts_with("http:")), "{refused}");
        // --insecure is about hosts: a proxy hears the password.
        let unbelieved = format!("{url} -k --retries 0 -x https://me:s3cret@{}", front.address);
        assert_eq!(end_of(&sites.desk.check(&unbelieved).record()), "connect/proxy");
    }
    let version = sites.desk.check(&format!(
        "{} --cacert ca.pem --http2 -x https://me:s3cret@{}",
        sites.inside()[1],
        front.address
    ));
    assert_eq!(version.record()["http_version"], "HTTP/2");
    assert_eq!(
        sites.end(&sites.inside()[0], &format!("https://{}", proxy.address), ""),
        "connect/proxy",
        "no TLS there"
    );
}

#[test]
fn socks5_resolves_there_or_here_with_a_password_or_without() {
    let (sites, open, closed) = (Sites::start(), microsocks(None), microsocks(Some(("me", "s3cret"))));
    for url in sites.inside() {
        assert_eq!(sites.end(&url, &format!("socks5h://{}", open.address), ""), "200");
        assert_eq!(sites.end(&url, &format!("socks5://{}", open.address), ""), "dns/not_found");
        assert_eq!(
            sites.end(&url.replace(INSIDE, "localhost"), &format!("socks5://{}", open.address), ""),
            "200"
        );
        assert_eq!(sites.end(&url, &format!("socks5h://me:s3cret@{}", closed.address), ""), "200");
        assert_eq!(
            sites.end(&url, &format!("socks5h://me:s3cretive@{}", closed.address), ""),
            "connect/proxy"
        );
        assert_eq!(sites.end(&url, &format!("socks5h://{}", closed.address), ""), "connect/proxy");
        let missing = url.replace(INSIDE, "missing.headcount.test");
        assert_eq!(sites.end(&missing, &format!("socks5h://{}", open.address), ""), "connect/proxy");
    }
}

#[test]
fn socks4_and_socks5_go_through_dante() {
    let (sites, proxy) = (Sites::start(), dante());
    for url in sites.inside() {
        assert_eq!(sites.end(&url, &format!("socks5h://{}", proxy.address), ""), "200");
        assert_eq!(sites.end(&url, &format!("socks4a://{}", proxy.address), ""), "connect/proxy");
        for kind in ["socks4", "socks5"] {
            let local = url.replace(INSIDE, "localhost");
            assert_eq!(sites.end(&local, &format!("{kind}://{}", proxy.address), ""), "200", "{kind}");
            assert_eq!(
                sites.end(&url, &format!("{kind}://{}", proxy.address), ""),
                "dns/not_found",
                "{kind}"
            );
        }
    }
    let nobody = format!("http://127.0.0.1:{}/", free_port());
    assert_eq!(sites.end(&nobody, &format!("socks4://{}", proxy.address), ""), "connect/proxy");
}
