//! Flags about connections: how long they may take.

use std::time::Duration;

use clap::Args;
use headcount::Config;

use super::values::some_time;

#[derive(Args, Debug)]
#[command(next_help_heading = "Connections")]
pub(crate) struct ConnectionFlags {
    /// Limit of one attempt, redirects included, waiting for a turn not: 10, 10s, 500ms, 2m
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = some_time)]
    timeout: Duration,
    /// Limit of resolving, connecting and the TLS handshake together
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = some_time)]
    connect_timeout: Duration,
}

impl ConnectionFlags {
    pub(super) fn set(&self, config: &mut Config) {
        config.timeout = self.timeout;
        config.connect_timeout = self.connect_timeout;
    }
}
