//! Flags about what a run may take of this machine, and how it ends.

use std::time::Duration;

use clap::Args;
use headcount::Config;

use super::values::{at_least_one, bytes, duration};

/// As many requests at once as `-c auto` may come to.
const MOST_AT_ONCE: usize = 10_000;

#[derive(Args, Debug)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitFlags {
    /// Requests under way at once, over all hosts; `auto` grows from 100 while that makes the run faster
    #[arg(short, long, value_name = "N", default_value = "100", value_parser = concurrency)]
    concurrency: Concurrency,
    /// Event loops, each on its own thread; every host belongs to one. At most one per 16 concurrent requests. Default: one per core
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    loops: Option<usize>,
    /// Memory for the part of the list that is read ahead (64M, 1G); the rest of it goes to temporary files
    #[arg(long, value_name = "BYTES", default_value = "256M", value_parser = bytes)]
    memory: u64,
    /// Disk space for those temporary files, which are made in TMPDIR; when it is used up, reading ahead stops
    #[arg(long, value_name = "BYTES", default_value = "16G", value_parser = bytes)]
    disk: u64,
    /// After Ctrl+C, time for the requests in progress to finish
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    pub(crate) grace: Duration,
}

/// How many requests at once.
#[derive(Clone, Copy, Debug)]
enum Concurrency {
    Fixed(usize),
    /// From the engine's default up, as far as it helps.
    Auto,
}

impl LimitFlags {
    pub(super) fn set(&self, config: &mut Config) {
        match self.concurrency {
            Concurrency::Fixed(concurrency) => config.concurrency = concurrency,
            Concurrency::Auto => config.concurrency_limit = Some(MOST_AT_ONCE),
        }
        config.loops = self.loops;
        config.memory = usize::try_from(self.memory).unwrap_or(usize::MAX);
        config.disk = self.disk;
    }
}

fn concurrency(text: &str) -> Result<Concurrency, String> {
    match text {
        "auto" => Ok(Concurrency::Auto),
        _ => match at_least_one(text) {
            Ok(number) => Ok(Concurrency::Fixed(number)),
            Err(_) => Err("it takes a whole number from 1 on, or auto".to_owned()),
        },
    }
}
