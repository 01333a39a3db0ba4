//! Flags about the answers: how much of them is read, and what of them counts.

use clap::Args;
use headcount::{AcceptedStatuses, Config};

use super::values::{at_least_one, bytes, count};

#[derive(Args, Debug)]
#[command(next_help_heading = "Answers")]
pub(crate) struct AnswerFlags {
    /// Statuses that count as accepted, such as 200..=299,404
    #[arg(long, value_name = "STATUSES", default_value = "200..=299", value_parser = statuses)]
    accept: AcceptedStatuses,
    /// Redirects to follow; with 0 a redirect is the answer
    #[arg(long, value_name = "N", default_value = "10", value_parser = count)]
    max_redirects: u32,
    /// Follow redirects from public addresses to private ones
    ///
    /// Private means this machine, the networks behind it, and a cloud's metadata service. Otherwise whoever runs a
    /// public host could make this machine send requests to them. URLs on the list may be private without this flag.
    #[arg(long)]
    allow_private_redirects: bool,
    /// Bytes of each body to read (1048576, 64k, 1M); a longer body is cut and flagged
    #[arg(long, value_name = "BYTES", default_value = "1M", value_parser = bytes)]
    max_body: u64,
    /// Highest decompression ratio for bodies over 1M; what unpacks to more is cut and flagged
    #[arg(long, value_name = "N", default_value = "200", value_parser = at_least_one)]
    max_ratio: usize,
}

impl AnswerFlags {
    pub(super) fn set(&self, config: &mut Config) {
        config.accept = self.accept.clone();
        config.max_redirects = self.max_redirects;
        config.allow_private_redirects = self.allow_private_redirects;
        config.max_body = self.max_body;
        config.max_ratio = u32::try_from(self.max_ratio).unwrap_or(u32::MAX);
    }
}

fn statuses(text: &str) -> Result<AcceptedStatuses, String> {
    text.parse()
}
