//! Flags about retries.

use std::time::Duration;

use clap::Args;
use headcount::Config;

use super::values::{count, duration};

#[derive(Args, Debug)]
#[command(next_help_heading = "Retries")]
pub(crate) struct RetryFlags {
    /// Further attempts after a failure or a 408, 429, 500, 502, 503 or 504; unless idempotent, after a 429 only
    ///
    /// What is idempotent, such as GET, PUT and DELETE, comes to the same however often it is done. A 429 says that nothing
    /// was done, and so a POST is repeated after it too.
    #[arg(long, value_name = "N", default_value = "2", value_parser = count)]
    retries: u32,
    /// Longest wait before the first retry, doubled for each further one up to a minute; the actual wait is random below it
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = duration)]
    retry_delay: Duration,
    /// No retry of a URL begins later than this after its first request [default: no limit]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    retry_max_time: Option<Duration>,
}

impl RetryFlags {
    pub(super) fn set(&self, config: &mut Config) {
        config.retries = self.retries;
        config.retry_delay = self.retry_delay;
        config.retry_max_time = self.retry_max_time;
    }
}
