//! What users of the command can rely on, against servers that are not ours, as Debian has them: nginx, Apache, Unbound,
//! Dante, microsocks and Tinyproxy; and the completions in the shells themselves. `.ci/servers` installs them and runs this.

#[expect(dead_code, reason = "it is shared with tests/it, which needs more of it")]
#[path = "../it/harness.rs"]
mod harness;

mod apache;
mod certificates;
mod codings;
mod http;
mod names;
mod nginx;
mod proxies;
mod redirects;
mod requests;
mod server;
mod shells;
mod tls;
