//! Flags about connections: how long they may take, and what is spoken over them.

use std::time::Duration;

use clap::Args;
use headcount::{Config, HttpVersion};

use super::values::some_time;

#[derive(Args, Debug)]
#[command(next_help_heading = "Connections")]
pub(crate) struct ConnectionFlags {
    /// Time limit for one attempt with its redirects, not counting time in the queue: 10, 10s, 500ms, 2m
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = some_time)]
    timeout: Duration,
    /// Time limit for resolving, connecting and the TLS handshake together
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = some_time)]
    connect_timeout: Duration,
    /// Speak HTTP/1.1 only; otherwise hosts that prefer HTTP/2 get HTTP/2
    #[arg(long, conflicts_with = "http2")]
    http1: bool,
    /// Speak HTTP/2 only, also without TLS
    #[arg(long)]
    http2: bool,
}

impl ConnectionFlags {
    pub(super) fn set(&self, config: &mut Config) {
        config.timeout = self.timeout;
        config.connect_timeout = self.connect_timeout;
        config.http_version = match (self.http1, self.http2) {
            (true, _) => HttpVersion::Http1,
            (_, true) => HttpVersion::Http2,
            _ => HttpVersion::Negotiated,
        };
    }
}
