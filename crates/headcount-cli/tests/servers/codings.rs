//! Codings as nginx makes them, and as it serves what others have made.

use serde_json::Value;

use crate::harness::{Desk, end_of};
use crate::nginx::{LONG, Nginx};

fn check(nginx: &Nginx, path: &str, arguments: &[&str]) -> Value {
    let url = nginx.plain(path);
    Desk::new().run(&[&["check", url.as_str(), "--retries", "0"], arguments].concat()).record()
}

#[test]
fn what_nginx_codes_is_decoded() {
    let nginx = Nginx::start();
    for coding in ["gzip", "br", "identity"] {
        let accept = format!("Accept-Encoding: {coding}");
        let record = check(&nginx, "/long.html", &["-H", &accept, "--header-field", "content-encoding"]);
        assert_eq!((end_of(&record).as_str(), &record["body_bytes"]), ("200", &LONG.into()), "{coding}");
        assert_eq!(record["title"], "A long page");
        let field = record["header_fields"]["content-encoding"].as_str();
        assert_eq!(field.unwrap_or("identity"), coding, "{record}");
    }
}

#[test]
fn files_in_every_coding_are_decoded() {
    let nginx = Nginx::start();
    for name in ["page.gz", "page.br", "page.zst", "zlib.deflate", "raw.deflate", "page.both"] {
        let record = check(&nginx, &format!("/coded/{name}"), &["--hash", "sha256"]);
        assert_eq!((end_of(&record).as_str(), &record["body_bytes"]), ("200", &LONG.into()), "{name}");
        assert_eq!(record["title"], "A long page", "{name}");
    }
}

#[test]
fn a_bomb_is_cut_and_a_broken_coding_is_a_failure() {
    let nginx = Nginx::start();
    let bomb = check(&nginx, "/coded/bomb.gz", &[]);
    assert_eq!((end_of(&bomb).as_str(), &bomb["truncated"]), ("200", &true.into()), "{bomb}");
    assert!(bomb["body_bytes"].as_u64().unwrap() <= 1 << 20, "{bomb}");
    assert_eq!(end_of(&check(&nginx, "/coded/cut.gz", &[])), "body/malformed");
    assert_eq!(end_of(&check(&nginx, "/coded/none.gz", &[])), "body/malformed");
}
