//! Apache, which wants HTTP/1.1 for pages that need a client's certificate.

use crate::certificates::Certificates;
use crate::harness::{Desk, end_of};
use crate::server::{Place, free_port, program};

#[test]
fn what_apache_does_not_give_over_http2_is_asked_for_over_http1() {
    let (place, port, certificates) = (Place::new(), free_port(), Certificates::new());
    place.write("ca.pem", &certificates.authority);
    place.write("server.pem", &certificates.server.certificate);
    place.write("server.key", &certificates.server.key);
    place.write("pages/open.html", "<title>Open</title>");
    place.write("pages/private/closed.html", "<title>Closed</title>");
    let modules = ["mpm_event", "authz_core", "socache_shmcb", "ssl", "http2"]
        .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"));
    let folder = place.path("");
    let file = place.write(
        "httpd.conf",
        format!(
            "{}ServerRoot {folder}\nDefaultRuntimeDir {folder}\nPidFile pid\nErrorLog error.log\nMutex posixsem\n\
             User www-data\nGroup www-data\nServerName localhost\nListen 127.0.0.1:{port}\nDocumentRoot pages\n\
             Protocols h2 http/1.1\nSSLEngine on\nSSLCertificateFile server.pem\nSSLCertificateKeyFile server.key\n\
             SSLCACertificateFile ca.pem\nSSLSessionCache none\n\
             <Location /private>\nSSLVerifyClient require\n</Location>\n",
            modules.concat(),
            folder = folder.display()
        ),
    );
    let mut command = program("apache2");
    let server = place.start(command.arg("-f").arg(file).arg("-DFOREGROUND"), port);
    let desk = Desk::new();
    desk.write("ca.pem", &certificates.authority);
    let url = |path: &str| format!("https://{}{path}\n", server.address);
    let list: String = (0..20).map(|_| url("/open.html")).collect::<String>() + &url("/private/closed.html");
    let records = desk.check_stdin("- --cacert ca.pem --retries 0 --per-host 1 -X POST", &list).records();
    for record in &records[..20] {
        assert_eq!((end_of(record).as_str(), &record["http_version"]), ("200", &"HTTP/2".into()), "{record}");
    }
    // It asks for a certificate after the handshake then, which nobody has here.
    let closed = &records[20];
    assert_eq!((end_of(closed).as_str(), &closed["http_version"]), ("403", &"HTTP/1.1".into()), "{closed}");
    let insisting =
        desk.check(&format!("{} --cacert ca.pem --retries 0 --http2", url("/private/closed.html").trim()));
    assert_eq!(end_of(&insisting.record()), "headers/reset");
}
