//! Flags about the pace of hosts, and what they ask of their guests.

use std::time::Duration;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use headcount::Config;

use super::values::{at_least_one, duration, rate};

/// A host is a name with its port. Headcount finds each host's pace from its answers; these flags set bounds.
#[derive(Args, Debug)]
#[command(next_help_heading = "Politeness")]
pub(crate) struct PolitenessFlags {
    /// Most requests at once to one host [default: found from its answers, up to 64]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    per_host: Option<usize>,
    /// Most requests per second over all hosts: 50, 0.5, 100/m
    #[arg(long, value_name = "RATE", value_parser = rate)]
    rate: Option<f64>,
    /// Most requests per second to one host
    #[arg(long, value_name = "RATE", value_parser = rate)]
    host_rate: Option<f64>,
    /// Least time between two requests to one host
    #[arg(long, value_name = "TIME", value_parser = duration)]
    delay: Option<Duration>,
    /// Pace hosts that share an IP address as if they were one
    #[arg(long)]
    per_ip: bool,
    /// Fetch each host's robots.txt first, and obey it
    #[arg(long)]
    robots: bool,
    /// Longest total wait per URL for a host that asks for a pause (429, 503)
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = duration)]
    max_hold: Duration,
    /// At the end, explain how the pace of this host (name, or name:port) was found
    #[arg(long, value_name = "HOST", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) explain: Option<String>,
}

impl PolitenessFlags {
    pub(super) fn set(&self, config: &mut Config) {
        config.per_host = self.per_host.unwrap_or(config.per_host);
        config.rate = self.rate;
        config.host_rate = self.host_rate;
        config.delay = self.delay.unwrap_or_default();
        config.per_ip = self.per_ip;
        config.robots = self.robots;
        config.max_hold = self.max_hold;
        config.explain = self.explain.as_deref().map(host_with_port);
    }
}

/// The engine's name for a host: `example.com` means its port for https.
fn host_with_port(text: &str) -> String {
    let text = text.trim().trim_end_matches('/');
    match text.split_once("://") {
        Some((scheme, host)) => {
            let port = if scheme.eq_ignore_ascii_case("http") { 80 } else { 443 };
            with_port(host, port)
        }
        None => with_port(text, 443),
    }
}

fn with_port(host: &str, port: u16) -> String {
    let has_port = host.rsplit_once(':').is_some_and(|(name, port)| {
        !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit()) && !name.ends_with(':')
    });
    let host = host.to_ascii_lowercase();
    if has_port { host } else { format!("{host}:{port}") }
}
