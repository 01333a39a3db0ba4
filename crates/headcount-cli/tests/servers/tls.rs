//! TLS with nginx, whose OpenSSL is another implementation than ours.

use crate::harness::end_of;
use crate::http::desk;
use crate::nginx::Nginx;

#[test]
fn a_certificate_is_believed_refused_and_described() {
    let nginx = Nginx::start();
    let desk = desk(&nginx);
    let url = nginx.encrypted("/done");
    let check = |url: &str, words: &str| desk.check(&format!("{url} --retries 0 {words}")).record();
    let good = check(&url, "--cacert ca.pem --tls-info");
    assert_eq!(end_of(&good), "200");
    let facts = &good["certificate"];
    assert_eq!((&facts["issuer"], &facts["subject"]), (&"CN=Headcount's tests".into(), &"CN=nginx".into()));
    assert_eq!(facts["names"], serde_json::json!(["localhost", "127.0.0.1", "*.headcount.test"]));
    let unknown = check(&url, "");
    assert_eq!(
        (end_of(&unknown).as_str(), &unknown["error"]["reason"]),
        ("tls/certificate", &"unknown_issuer".into())
    );
    assert_eq!(end_of(&check(&url, "-k")), "200");
    assert_eq!(end_of(&check(&nginx.narrow("/done"), "--cacert ca.pem")), "200", "TLS 1.2");
    // What the system believes is believed, too.
    let mut with_system = desk.command(&["check", &url, "--retries", "0"]);
    let output = with_system.env("SSL_CERT_FILE", desk.path("ca.pem")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let resolve = format!("--resolve other.test:{}:127.0.0.1", nginx.encrypted_port());
    let other = check(&url.replace("127.0.0.1", "other.test"), &format!("--cacert ca.pem {resolve}"));
    assert_eq!(other["error"]["reason"], "wrong_name", "{other}");
    let on_plain = check(&nginx.plain("/done").replace("http:", "https:"), "--cacert ca.pem");
    assert_eq!(end_of(&on_plain), "tls/handshake");
    // To TLS's own port without TLS: nginx says so.
    assert_eq!(end_of(&check(&url.replace("https:", "http:"), "")), "400");
}

#[test]
fn a_client_certificate_lets_in_whom_nginx_wants() {
    let nginx = Nginx::start();
    let desk = desk(&nginx);
    let member = &nginx.certificates().member;
    desk.write("me.pem", &member.certificate);
    desk.write("me.key", &member.key);
    let end = |words: &str| {
        let words = format!("{} --cacert ca.pem --retries 0 {words}", nginx.members("/done"));
        end_of(&desk.check(&words).record())
    };
    assert_eq!(end("--cert me.pem --key me.key"), "200");
    // nginx does not refuse the handshake, but answers that it wanted a certificate.
    assert_eq!(end(""), "400");
}
