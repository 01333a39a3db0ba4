//! The small web: servers on loopback, each with a temperament, for tests, benchmarks and the demo.
//!
//! A well-behaved host is quick and correct, so that a benchmark measures the client. Every other one
//! misbehaves in a single, documented way: it stays silent, resets in the middle of a header, lies about a
//! length, bombs, redirects in circles. What a client should record stands at each [`Temperament`].
//!
//! ```
//! use small_web::{Certificate, SmallWeb, Temperament};
//!
//! let web = SmallWeb::start()?;
//! let fast = web.host(Temperament::Fast);
//! let expired = web.tls_host(Temperament::Fast, Certificate::Expired);
//! assert!(fast.url("/page/7").starts_with("http://127.0.0.1:"));
//! assert!(expired.url("/page/7").starts_with("https://127.0.0.1:"));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! All servers of one web share one thread, with a tokio runtime of their own; dropping the [`SmallWeb`]
//! stops every one of them, whatever it is waiting for, and joins the thread. A host is a name with its
//! port, so each has a listener of its own, on an address of 127/8. Nothing leaves loopback.
//!
//! # Paths
//!
//! A well-behaved host answers these, and so does every host that only adds something to an answer (a wait,
//! a limit):
//!
//! | path | answer |
//! |-|-|
//! |`/`, `/page/N`|a page, titled `Small web`, `Page N`|
//! |`/get`, `/ip`, `/user-agent`, `/headers`|JSON shaped like httpbin's|
//! |`/delay/N`|the JSON of `/get` after N seconds, fractions allowed|
//! |`/status/N`|that status, with no body; 3xx lead to `/redirect/1`, 401 asks for basic authentication|
//! |`/redirect/N`|N hops down to `/page/0`|
//! |`/redirect-to?url=U&status_code=N`|a redirect to U, as it stands; 302 unless told|
//! |`/set-cookie-and-redirect`|redirects to itself with a cookie until the cookie comes back|
//! |`/bytes/N`|N bytes, at most 64 MiB|
//! |`/chunked`|a page in three chunks, with a trailer field|
//! |`/gzip`, `/deflate`|a page in that content coding|
//! |`/gzip-corrupt`|a page whose gzip stream is damaged halfway|
//! |`/charset/NAME`|a page with the title [`charset_title`] in that encoding; `?by=` says how it is declared: `header`, `meta`, `bom` or `nothing`|
//! |`/robots.txt`|keeps everybody out of `/private/`|
//! |`/echo`|method, target, headers and body of the request as JSON|
//! |anything else|404 and a page titled `Not found`|

mod answer;
mod behave;
mod certificates;
mod charset;
mod connection;
mod host;
mod http2;
mod limits;
mod listen;
mod name_server;
mod pages;
mod proxy;
mod reply;
mod request;
mod site;
mod temperament;
mod web;
mod wire;
mod wire_bytes;

pub use answer::Answer;
pub use certificates::Certificate;
pub use charset::charset_title;
pub use host::{Host, ManyHosts, Seen};
pub use http2::{Http2Manners, Http2Reply};
pub use name_server::{NameAnswer, NameServer};
pub use proxy::{Proxy, ProxyManners};
pub use reply::Reply;
pub use request::Request;
pub use site::Tally;
pub use temperament::{KeepAliveEnd, Script, Temperament};
pub use web::{SmallWeb, unreachable_url};
