//! nginx with the sites that the tests need.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use crate::certificates::Certificates;
use crate::server::{Place, Server, free_port, program};

/// Statuses that the site answers with when it is asked for them.
pub(crate) const STATUSES: [u16; 17] =
    [200, 201, 202, 204, 400, 401, 403, 404, 405, 410, 418, 451, 500, 501, 502, 504, 507];

/// Bytes of the page that is long enough to be worth a coding.
pub(crate) const LONG: usize = 40_000;

pub(crate) struct Nginx {
    pub(crate) server: Server,
    plain: u16,
    encrypted: u16,
    plain_http2: u16,
    hasty: u16,
    hasty_http1: u16,
    members: u16,
    narrow: u16,
    certificates: Certificates,
}

impl Nginx {
    pub(crate) fn start() -> Nginx {
        let place = Place::new();
        let certificates = Certificates::new();
        place.write("ca.pem", &certificates.authority);
        place.write("server.pem", &certificates.server.certificate);
        place.write("server.key", &certificates.server.key);
        place.write("passwords", "me:{PLAIN}s3cret\n");
        write_pages(&place);
        let [plain, encrypted, plain_http2, hasty, hasty_http1, members, narrow] =
            [(); 7].map(|()| free_port());
        let configuration = format!(
            r#"daemon off; master_process off; pid nginx.pid; error_log error.log;
            load_module /usr/lib/nginx/modules/ngx_http_brotli_filter_module.so;
            events {{ worker_connections 2000; }}
            http {{
                default_type text/html;
                log_format all escape=json '$server_protocol $connection $request_method $request_uri $http_host '
                    'key=$http_x_key auth=$http_authorization type=$content_type length=$content_length body=$request_body';
                access_log access.log all; error_log error.log;
                client_body_temp_path bodies; proxy_temp_path proxied; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
                ssl_certificate server.pem; ssl_certificate_key server.key;
                gzip on; gzip_min_length 1000; gzip_types *; brotli on; brotli_min_length 1000; brotli_types *;
                server {{ listen 127.0.0.1:{plain}; {site} }}
                server {{ listen 127.0.0.1:{encrypted} ssl http2; {site} }}
                server {{ listen 127.0.0.1:{plain_http2} http2; {site} }}
                server {{ listen 127.0.0.1:{hasty} ssl http2; keepalive_requests 7; {site} }}
                server {{ listen 127.0.0.1:{hasty_http1}; keepalive_requests 3; {site} }}
                server {{ listen 127.0.0.1:{narrow} ssl http2; http2_max_concurrent_streams 3; ssl_protocols TLSv1.2; {site} }}
                server {{ listen 127.0.0.1:{members} ssl; ssl_client_certificate ca.pem; ssl_verify_client on; {site} }}
            }}"#,
            site = site(plain),
        );
        let file = place.write("nginx.conf", configuration);
        let mut command = program("nginx");
        command.arg("-p").arg(place.path("")).arg("-c").arg(file).args(["-e", "error.log"]);
        let server = place.start(&mut command, plain);
        Nginx { server, plain, encrypted, plain_http2, hasty, hasty_http1, members, narrow, certificates }
    }

    pub(crate) fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// Where a page is without TLS.
    pub(crate) fn plain(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.plain)
    }

    /// The same with TLS, where HTTP/2 is spoken to whoever offers it.
    pub(crate) fn encrypted(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.encrypted)
    }

    /// HTTP/2 without TLS, for whoever knows.
    pub(crate) fn plain_http2(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.plain_http2)
    }

    /// Closes an HTTP/2 connection in order after seven requests.
    pub(crate) fn hasty(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.hasty)
    }

    /// Closes an HTTP/1.1 connection after three.
    pub(crate) fn hasty_http1(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.hasty_http1)
    }

    /// Takes three requests at once over HTTP/2, and knows no TLS but 1.2.
    pub(crate) fn narrow(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.narrow)
    }

    /// Wants a certificate of its clients.
    pub(crate) fn members(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.members)
    }

    pub(crate) fn plain_port(&self) -> u16 {
        self.plain
    }

    pub(crate) fn encrypted_port(&self) -> u16 {
        self.encrypted
    }

    /// A line for each request that it has answered. nginx writes one before the last byte of the answer goes out, or a
    /// moment later.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.server.place.read("access.log").lines().map(str::to_owned).collect()
    }
}

/// What each server of it has.
fn site(plain: u16) -> String {
    let mut site = String::from(
        r#"root pages;
        location / { }
        location = /done { return 200 "<title>Done</title>"; }
        location = /post { proxy_pass http://127.0.0.1:PLAIN/done; }
        location = /private { auth_basic "members"; auth_basic_user_file passwords; try_files /page.html =404; }
        location = /drip.html { limit_rate 2000; gzip off; brotli off; }
        location = /close { keepalive_timeout 0; return 200 "<title>Closed</title>"; }
        location = /trailers { add_trailer X-Sum 1234; proxy_pass http://127.0.0.1:PLAIN/long.html; }
        location = /fields { add_header X-Cache HIT; add_header X-Cache SECOND; return 200 "{\"version\": {\"number\": 7}}"; }
        location /coded/ { gzip off; brotli off;
            location ~ \.gz$ { add_header Content-Encoding gzip; }
            location ~ \.br$ { add_header Content-Encoding br; }
            location ~ \.zst$ { add_header Content-Encoding zstd; }
            location ~ \.deflate$ { add_header Content-Encoding deflate; }
            location ~ \.both$ { add_header Content-Encoding "gzip, br"; }
        }
        location = /cookies/set { add_header Set-Cookie "seen=1; Path=/cookies"; return 302 /cookies/wanted; }
        location = /cookies/wanted { if ($cookie_seen = "1") { return 200 "<title>Cookie</title>"; } return 302 /cookies/set; }
        location = /loop { return 302 /loop; }
        location = /elsewhere { return 302 http://localhost:PLAIN/done; }
        location = /elsewhere/307 { return 307 http://localhost:PLAIN/done; }
        location = /elsewhere/308 { return 308 http://localhost:PLAIN/done; }
        "#,
    );
    for status in STATUSES {
        site += &format!("location = /status/{status} {{ return {status}; }}\n");
    }
    for status in [301, 302, 303, 307, 308] {
        // A body is read only where it is handed on.
        site += &format!("location = /redirect/{status} {{ return {status} /post; }}\n");
    }
    for length in 1..=12 {
        let next = if length == 1 { "/done".to_owned() } else { format!("/chain/{}", length - 1) };
        site += &format!("location = /chain/{length} {{ return 302 {next}; }}\n");
    }
    // More than 64 KiB of them.
    let fields: String =
        (0..30).map(|number| format!("add_header X-{number} {};", "x".repeat(3_000))).collect();
    site += &format!("location = /big-header {{ {fields} return 200 ''; }}\n");
    site.replace("PLAIN", &plain.to_string())
}

fn write_pages(place: &Place) {
    let page = "<!doctype html><title>A page</title><p>of nginx.";
    place.write("pages/page.html", page);
    for number in 0..60 {
        place.write(&format!("pages/{number}.html"), format!("<title>Page {number}</title>"));
    }
    place.write("pages/long.html", long_page());
    place.write("pages/drip.html", format!("<title>Drip</title>{}", "x".repeat(100_000)));
    let gzip = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let brotli = |mut bytes: &[u8]| {
        let mut coded = Vec::new();
        brotli::BrotliCompress(&mut bytes, &mut coded, &brotli::enc::BrotliEncoderParams::default()).unwrap();
        coded
    };
    let page = long_page().into_bytes();
    place.write("pages/coded/page.gz", gzip(&page));
    place.write("pages/coded/page.br", brotli(&page));
    place.write("pages/coded/page.zst", zstd::encode_all(&page[..], 3).unwrap());
    place.write("pages/coded/page.both", brotli(&gzip(&page)));
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
    zlib.write_all(&page).unwrap();
    place.write("pages/coded/zlib.deflate", zlib.finish().unwrap());
    let mut raw = DeflateEncoder::new(Vec::new(), Compression::best());
    raw.write_all(&page).unwrap();
    place.write("pages/coded/raw.deflate", raw.finish().unwrap());
    place.write("pages/coded/bomb.gz", gzip(&vec![0; 64 << 20]));
    place.write("pages/coded/cut.gz", &gzip(&page)[..200]);
    place.write("pages/coded/none.gz", &page);
}

pub(crate) fn long_page() -> String {
    let mut page = String::from("<!doctype html><title>A long page</title>");
    let mut number = 0;
    while page.len() < LONG {
        page += &format!("<p>{number}");
        number += 1;
    }
    page.truncate(LONG);
    page
}
