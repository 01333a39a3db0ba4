//! Certificates as rustls sees them, and handshakes that fail.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use small_web::{Certificate, Host, SmallWeb, Temperament};

/// Asks for `/page/1`, trusting the web's authority.
fn ask(web: &SmallWeb, host: &Host, name: &'static str) -> std::io::Result<String> {
    ask_within(Duration::from_secs(20), web, host, name)
}

/// The same with a host that may be silent for so long.
fn ask_within(
    patience: Duration,
    web: &SmallWeb,
    host: &Host,
    name: &'static str,
) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(web.authority_pem().as_bytes()).unwrap()).unwrap();
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = ClientConnection::new(Arc::new(config), ServerName::try_from(name).unwrap()).unwrap();
    let socket = TcpStream::connect(host.address())?;
    socket.set_read_timeout(Some(patience))?;
    let mut stream = StreamOwned::new(client, socket);
    stream.write_all(b"GET /page/1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn a_good_certificate_is_good_by_name_and_by_address() {
    let web = SmallWeb::start().unwrap();
    for host in [
        web.tls_host(Temperament::Fast, Certificate::Good),
        web.quiet_tls_host(Temperament::Fast, Certificate::Good),
    ] {
        for name in ["localhost", "127.0.0.1", "any.small-web.test"] {
            assert!(ask(&web, &host, name).unwrap().contains("<title>Page 1</title>"));
        }
    }
}

#[test]
fn each_bad_certificate_is_bad_in_its_own_way() {
    let web = SmallWeb::start().unwrap();
    for (certificate, reason) in [
        (Certificate::Expired, "expired"),
        (Certificate::NotYetValid, "not valid yet"),
        (Certificate::WrongName, "not valid for name"),
        (Certificate::SelfSigned, "UnknownIssuer"),
    ] {
        let host = web.tls_host(Temperament::Fast, certificate);
        let error = ask(&web, &host, "localhost").unwrap_err().to_string();
        assert!(error.contains(reason), "{certificate:?}: {error}");
    }
}

#[test]
fn handshakes_fail_each_in_its_own_way() {
    let web = SmallWeb::start().unwrap();
    let fail = |temperament: Temperament| {
        let host = web.tls_host(temperament, Certificate::Good);
        ask(&web, &host, "localhost").unwrap_err()
    };
    for temperament in [Temperament::HandshakeSilent, Temperament::SilentAfterConnect] {
        let host = web.tls_host(temperament, Certificate::Good);
        let silence = ask_within(Duration::from_secs(1), &web, &host, "localhost").unwrap_err();
        assert_eq!(silence.kind(), ErrorKind::WouldBlock);
    }
    assert_eq!(fail(Temperament::HandshakeReset).kind(), ErrorKind::ConnectionReset);
    assert_eq!(fail(Temperament::HandshakeClose).kind(), ErrorKind::UnexpectedEof);
    let plain = fail(Temperament::PlainHttpOnTlsPort);
    assert!(plain.to_string().contains("corrupt message"), "{plain}");
    let alert = fail(Temperament::AlertOnHandshake);
    assert!(alert.to_string().contains("HandshakeFailure"), "{alert}");
}

#[test]
fn temperaments_work_within_tls() {
    let web = SmallWeb::start().unwrap();
    let ask =
        |temperament: Temperament| ask(&web, &web.tls_host(temperament, Certificate::Good), "localhost");
    assert_eq!(ask(Temperament::ResetInBody).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(ask(Temperament::CloseInHeaders).unwrap().ends_with("Content-Ty"));
    let silent = web.tls_host(Temperament::Silent, Certificate::Good);
    let silence = ask_within(Duration::from_secs(2), &web, &silent, "localhost").unwrap_err();
    assert_eq!(silence.kind(), ErrorKind::WouldBlock);
}

#[cfg(target_os = "linux")]
#[test]
fn many_hosts_speak_tls_too() {
    let web = SmallWeb::start().unwrap();
    let hosts = web.many_tls_hosts(Temperament::Fast, Certificate::Good);
    assert!(hosts.url(7, "/").starts_with("https://127.0.1.7:"));
    let mut stream = TcpStream::connect(hosts.address(7)).unwrap();
    stream.write_all(b"no handshake").unwrap();
    let mut alert = [0; 1];
    stream.read_exact(&mut alert).unwrap();
    assert_eq!(alert, [21]);
}
